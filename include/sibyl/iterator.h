// Iterator: the records of one tree in key order, in both directions.

#ifndef SIBYL_ITERATOR_H_
#define SIBYL_ITERATOR_H_

#include <string_view>

#include "sibyl/result.h"

namespace sibyl {

// Sees one consistent state: the snapshot it was given, or the moment it was created. An iterator
// of a Transaction also sees that transaction's own writes, including those made after the
// iterator was created, from its next movement on.
//
// Starts invalid: position it first. One thread at a time. Must not outlive its database (nor its
// transaction). While it lives it keeps the memory and the files of the state it sees.
class Iterator {
 public:
  virtual ~Iterator() = default;

  // True if positioned at a record. False before the first positioning, past either end, and
  // after an error: see status().
  virtual bool Valid() const = 0;

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view target) = 0;         // first key >= target
  virtual void SeekForPrev(std::string_view target) = 0;  // last key <= target

  // Precondition: Valid().
  virtual void Next() = 0;
  virtual void Prev() = 0;

  // Precondition: Valid(). The bytes are valid until the iterator moves or is destroyed.
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;

  // Errors: kIo, kCorruption met while moving. An iterator with an error is not Valid().
  virtual Status status() const = 0;
};

}  // namespace sibyl

#endif  // SIBYL_ITERATOR_H_
