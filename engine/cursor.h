// Cursor: one sorted source of records, as readers and compactions see it.
//
// Generations, segments, levels and overlays all offer this; MergingCursor makes one of many.
// Unlike the public Iterator, a cursor works on internal keys and shows tombstones.

#ifndef SIBYL_ENGINE_CURSOR_H_
#define SIBYL_ENGINE_CURSOR_H_

#include <cstdint>
#include <string_view>

#include "sibyl/result.h"
#include "storage/block.h"
#include "storage/segment_writer.h"

namespace sibyl::engine {

using storage::RecordType;

// Records of one block that a cursor will show one after the other, none of them a tombstone and
// all values in line: who knows them need not ask the cursor for each.
struct CursorRun {
  storage::BlockView block;
  uint32_t slot = 0;     // of the record that the cursor shows
  uint32_t records = 0;  // that one included; 0: nothing is known

  // If not null: nothing is known any more once the counter is not `version`.
  const uint64_t* version_counter = nullptr;
  uint64_t version = 0;
};

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

  // The run that begins with the current record, as far as the cursor can tell at once; its bytes
  // live until the cursor leaves it. Precondition: Valid(), and the last movement was not backward.
  virtual CursorRun Run() const { return {}; }

  // As Next() so many times. Precondition: they stay within the run, which Run() has told since the
  // last movement.
  virtual void Skip(uint32_t records) {
    while (records-- > 0) Next();
  }

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
