// Cursor: one sorted source of records, as readers and compactions see it.
//
// Generations, segments, levels and overlays all offer this; MergingCursor makes one of many.
// Unlike the public Iterator, a cursor works on internal keys and shows tombstones.

#ifndef SIBYL_ENGINE_CURSOR_H_
#define SIBYL_ENGINE_CURSOR_H_

#include <cstdint>
#include <string_view>

#include "sibyl/result.h"
#include "storage/segment_writer.h"

namespace sibyl::engine {

using storage::RecordType;

// One record per key: the newest version that the source may show, in key order. One thread at a
// time. Starts invalid.
class ForwardCursor {
 public:
  virtual ~ForwardCursor() = default;

  virtual bool Valid() const = 0;
  virtual void SeekToFirst() = 0;

  // Precondition of the next four: Valid().
  virtual void Next() = 0;
  virtual std::string_view key() const = 0;  // valid until the cursor moves
  virtual RecordType type() const = 0;

  // How many times Next() will lead to a valid record whose key is below `key`, as far as the
  // cursor can tell at once: 0 says nothing. So a reader need not look at every key, which a
  // segment would have to put together. Writes beside the cursor can only bring more such records.
  virtual uint64_t StepsBelow(std::string_view) const { return 0; }

  // Valid until the cursor moves. May read an out-of-line value: an error there makes the cursor
  // invalid, sets status() and yields an empty value.
  virtual std::string_view value() = 0;

  // Errors: kIo, kCorruption met since the last positioning call (SeekToFirst, and the three of
  // Cursor); the cursor is then invalid.
  virtual Status status() const = 0;
};

// The same, in both directions and from anywhere.
class Cursor : public ForwardCursor {
 public:
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view target) = 0;         // first key >= target

  // Asks for what Seek(target) will read first, so that the cache misses of several cursors overlap.
  // A hint: moves nothing, and may do nothing.
  virtual void PrefetchSeek(std::string_view) const {}
  virtual void SeekForPrev(std::string_view target) = 0;  // last key <= target
  virtual void Prev() = 0;                                // precondition: Valid()
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_CURSOR_H_
