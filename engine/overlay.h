// Overlay: the writes of one transaction, in key order, before anyone else may see them.
//
// A DeltaIndex whose versions are stamped with a serial number per write. The log of writes is the
// undo log: rolling back pops versions, so its cost is that of what is undone.

#ifndef SIBYL_ENGINE_OVERLAY_H_
#define SIBYL_ENGINE_OVERLAY_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "engine/arena.h"
#include "engine/cursor.h"
#include "engine/delta_index.h"
#include "engine/growing_filter.h"
#include "engine/tree_changes.h"
#include "sibyl/result.h"

namespace sibyl::engine {

struct OverlayEntry {
  RecordType type;
  std::string_view value;  // lives until a rollback undoes the write
};

// One thread at a time.
class Overlay {
 public:
  // The overlay goes on where others left off: `base_mark` names its empty state, and serials begin
  // after `last_serial`, which is at least that.
  explicit Overlay(uint64_t base_mark = 0, uint64_t last_serial = 0);
  ~Overlay();
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // Copies key and value. Preconditions: the limits of WriteBatch.
  void Put(std::string_view internal_key, RecordType type, std::string_view value) {
    PutAgain(++last_serial_, internal_key, type, value);
  }

  // A write that was made before, with the serial that it had. Precondition: above base_mark and
  // all serials so far, and not above the last one that was ever given.
  void PutAgain(uint64_t serial, std::string_view internal_key, RecordType type,
                std::string_view value);

  // The last write to the key that was not rolled back.
  std::optional<OverlayEntry> Find(std::string_view internal_key) const;

  // Names the present state; free, needs no release.
  uint64_t Mark() const { return log_.empty() ? base_mark_ : log_.back().serial(); }
  uint64_t base_mark() const { return base_mark_; }
  uint64_t last_serial() const { return last_serial_; }

  // Undoes every write after `mark`; marks taken since become invalid.
  // Errors: kInvalidArgument for a mark that was rolled back past, or never given.
  Status RollbackTo(uint64_t mark);

  // The same; the next serial is above `last_serial` too.
  Status RollbackTo(uint64_t mark, uint64_t last_serial);

  uint64_t records() const { return records_; }  // keys with a write
  uint64_t bytes() const { return bytes_; }      // of those keys and their latest values
  bool empty() const { return records_ == 0; }

  // Everything held: keys, all versions, index and undo log. What a budget should look at.
  uint64_t memory_bytes() const;

  // Changes with every Put, of a key of `only` if there is such a tree, and every RollbackTo that
  // undoes something. For NewMergingCursor.
  const uint64_t* version_counter(std::optional<Tree> only = std::nullopt) const {
    return changes_.CounterOf(only);
  }

  // Shows the overlay as it is, tombstones included: after a change it finds its place again at the
  // next movement, so it may be used across changes of any kind. The bytes it shows stay valid
  // until it moves, even if a rollback undoes their write. The overlay must outlive it.
  // With `only`, of records outside that tree it may show some that have changed, and miss others:
  // for who reads no more than one tree while others are written.
  std::unique_ptr<Cursor> NewCursor(std::optional<Tree> only = std::nullopt) const;

  // Calls visit(key, entry) for every key in order; stops at the first error and returns it.
  // `visit` must not change the overlay.
  Status ForEach(const std::function<Status(std::string_view, const OverlayEntry&)>& visit) const;

  // The same for every write up to `mark` that was not rolled back, in the order they were made,
  // with its serial.
  Status ForEachWrite(
      uint64_t mark,
      const std::function<Status(uint64_t, std::string_view, const OverlayEntry&)>& visit) const;

 private:
  class OverlayCursor;

  struct Write {
    const DeltaIndex::Version* version;
    DeltaIndex::Entry* entry;
    Arena::Position before;  // of versions_, when the write was made

    uint64_t serial() const { return version->sequence; }
  };

  void Undo(const Write& write);
  void NoteKey(const DeltaIndex::Entry& entry);
  void FillFilter();
  bool MayHave(std::string_view internal_key) const;

  Arena entries_;   // keys and index: kept until the end
  Arena versions_;  // freed again by rollback
  DeltaIndex index_{&entries_};
  uint64_t keys_ = 0;  // that were ever written
  // As long as they came in ascending order, the first and the last of them; then null. Most keys
  // that are looked for are new: here those beyond the ends, later those not in filter_.
  const DeltaIndex::Entry* least_ = nullptr;
  const DeltaIndex::Entry* greatest_ = nullptr;
  GrowingFilter filter_;   // of all keys, once they are more than a few and in no order
  std::deque<Write> log_;  // serials strictly increase
  const uint64_t base_mark_;
  uint64_t last_serial_;
  TreeChanges changes_;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  mutable uint64_t cursors_ = 0;  // while any lives, rollback keeps the bytes of what it undoes
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_OVERLAY_H_
