// Cursor: one sorted source of records, as readers and compactions see it.
//
// Generations, segments, levels and overlays all offer this; MergingCursor makes one of many.
// Unlike the public Iterator, a cursor works on internal keys and shows tombstones.

#ifndef SIBYL_ENGINE_CURSOR_H_
#define SIBYL_ENGINE_CURSOR_H_

#include <array>
#include <cstdint>
#include <cstring>
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

// Records that a cursor would show one after the other: some of a block, and between those others
// that a newer source has. None is a tombstone, all values are in line.
struct CursorBatch {
  static constexpr size_t kMostSpans = 16;

  // Records of the block from `slot` on; or, if there are none, one record of another source.
  struct Span {
    uint32_t slot;
    uint32_t records;
    const char* key_bytes;
    const char* value_bytes;
    uint32_t key_size;
    uint32_t value_size;

    std::string_view key() const { return {key_bytes, key_size}; }
    std::string_view value() const { return {value_bytes, value_size}; }
  };
  static Span OfBlock(uint32_t slot, uint32_t records) {
    return {slot, records, nullptr, nullptr, 0, 0};
  }
  static Span Single(std::string_view key, std::string_view value) {
    return {0,
            0,
            key.data(),
            value.data(),
            static_cast<uint32_t>(key.size()),
            static_cast<uint32_t>(value.size())};
  }

  storage::BlockView block;
  std::array<Span, kMostSpans> spans;
  size_t count = 0;

  // Copies the key of a span whose source will not keep it. False: there is no more room.
  bool KeepKey(std::string_view* key) {
    if (key->size() > kept_keys.size() - kept_bytes) return false;
    char* const copy = kept_keys.data() + kept_bytes;
    if (!key->empty()) std::memcpy(copy, key->data(), key->size());
    kept_bytes += key->size();
    *key = {copy, key->size()};
    return true;
  }
  std::array<char, 64 * kMostSpans> kept_keys;
  size_t kept_bytes = 0;

  // If not null: no more than what is shown can be relied upon once the counter is not `version`.
  const uint64_t* version_counter = nullptr;
  uint64_t version = 0;
};

// A record that a cursor will show, tombstones included; what is out of line has no value here.
// (Not made of views: these would be set to empty, many at a time.)
struct UpcomingRecord {
  const char* key_bytes;
  const char* value_bytes;
  uint32_t key_size;
  uint32_t value_size;
  RecordType type;
  uint32_t steps;  // the cursor's own measure of how far away it is

  static UpcomingRecord Of(std::string_view key, std::string_view value, RecordType type,
                           uint32_t steps) {
    return {key.data(),
            value.data(),
            static_cast<uint32_t>(key.size()),
            static_cast<uint32_t>(value.size()),
            type,
            steps};
  }
  std::string_view key() const { return {key_bytes, key_size}; }
  std::string_view value() const { return {value_bytes, value_size}; }
};

// What a walk through a source will need of its memory: every record there is, or here and there
// one, between many of a larger source.
enum class Walk : uint8_t { kEveryRecord, kFewRecords };

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
  virtual void Seek(std::string_view target) = 0;  // first key >= target

  // Announces Seek(target), or SeekForPrev(target), which comes next: asks for what that will read
  // first, so that the cache misses of several cursors overlap. Until then the cursor stands
  // nowhere.
  virtual void PrepareSeek(std::string_view) {}
  virtual void SeekForPrev(std::string_view target) = 0;  // last key <= target

  // Where sources are merged: tells the records below `limit` (empty: all) from the current one on,
  // in `most_spans` spans at most. Returns the number of spans; after 0 the cursor is where it was.
  // Else their bytes live until EndBatch() or a positioning call; one of these comes next.
  // Precondition: Valid(), at a record that is no tombstone and below the limit, and the last
  // movement was not backward.
  virtual size_t TakeBatch(std::string_view, size_t, CursorBatch*) { return 0; }

  // Goes to the first record after the batch.
  virtual void EndBatch() {}

  // What a merge needs of a newer source at once: up to `most` records from the current one on, all
  // of whose bytes live as long as the cursor. Returns how many; 0: only Next() tells. After it,
  // and before any other movement, MovePast() goes to the record after one of them.
  // Precondition: Valid(), and the last movement was not backward.
  virtual size_t Ahead(size_t, UpcomingRecord*) { return 0; }
  virtual void MovePast(const UpcomingRecord&) {}

  // Which bytes of the record that it shows live as long as the cursor, wherever it moves.
  // Precondition: Valid(), and the record is no tombstone.
  enum class Kept : uint8_t { kNothing, kValue, kKeyAndValue };
  virtual Kept Keeps() const { return Kept::kNothing; }
  virtual void Prev() = 0;  // precondition: Valid()
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_CURSOR_H_
