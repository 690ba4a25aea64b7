// Generation: one in-memory part of the delta: writes wait here until they reach segments.
//
// A DeltaIndex behind an EntryTable. The active generation has one writer, a frozen one none; any
// number of readers work beside it without locks or shared writes.

#ifndef SIBYL_ENGINE_GENERATION_H_
#define SIBYL_ENGINE_GENERATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "base/checksum.h"
#include "engine/arena.h"
#include "engine/cursor.h"
#include "engine/delta_index.h"
#include "engine/entry_table.h"
#include "engine/range_deletions.h"

namespace sibyl::engine {

// Add: one thread at a time. Everything else: any thread, at any time, beside it.
//
// What a reader sees: every version whose Add happened before the reader's call began (in the sense
// of the memory model: the engine publishes sequences with release and readers load them with
// acquire), and perhaps later ones. With max_sequence = a published sequence that is exact.
class Generation {
 public:
  // `expected_keys`: what makes room for so many at once; any number is right.
  explicit Generation(uint64_t id, size_t expected_keys = 0);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  uint64_t id() const { return id_; }

  // Copies key and value. Sequences never decrease; of two writes of one key at one sequence the
  // later wins. Preconditions: sequence > 0; key <= kMaxInternalKeyBytes, value <= kMaxValueBytes.
  void Add(std::string_view internal_key, uint64_t sequence, RecordType type,
           std::string_view value);

  // Where a key will be added.
  struct Plan {
    uint64_t hash = 0;
    DeltaIndex::Entry* entry = nullptr;  // null: it had none, and `place` is where it goes
    DeltaIndex::Place place;
  };
  // Add in two steps: the first asks for the memory that the second needs, for several keys at
  // once, so that their cache misses overlap. By the thread that adds; what others it adds between
  // the steps costs a plan at most its use. `new_bytes`: about what the keys and their values have.
  // Preconditions: as many plans as keys, at most kMostPlanned; a plan is used for its key.
  static constexpr size_t kMostPlanned = DeltaIndex::kMostInStep;
  void PlanFor(std::span<const std::string_view> internal_keys, size_t new_bytes,
               std::span<Plan> plans);
  void AddPlanned(const Plan& plan, std::string_view internal_key, const VersionedRecord& record);

  // The newest version of the key with sequence <= max_sequence, tombstones included. Its views
  // live as long as the generation. A key that was never written costs one cache miss.
  // Walks the key's versions from the newest: a reader of an old snapshot pays for later
  // overwrites.
  std::optional<VersionedRecord> Find(std::string_view internal_key, uint64_t max_sequence) const {
    return Find(internal_key, base::Checksum(internal_key), max_sequence);
  }

  // The same for who has the key's checksum already.
  std::optional<VersionedRecord> Find(std::string_view internal_key, uint64_t hash,
                                      uint64_t max_sequence) const;

  // Asks for what Find reads first, so that the cache misses of several generations overlap.
  void Prefetch(uint64_t hash) const { table_.Prefetch(hash); }

  // The sequence of the newest write to the key; 0 if there was none.
  uint64_t NewestSequence(std::string_view internal_key) const;

  // Shows one record per key as of max_sequence, tombstones included. The generation must outlive
  // it; the bytes it shows live as long as the generation.
  // Versions that one of `deletions`, which lives as long, hides are not shown.
  std::unique_ptr<Cursor> NewCursor(uint64_t max_sequence,
                                    RangeDeletionsPtr deletions = nullptr) const;

  // The range deletions whose log is this generation's, for as long as it lives; noted by whoever
  // adds.
  RangeDeletionsPtr range_deletions() const;
  uint64_t newest_range_deletion() const {  // 0: there was none
    return newest_range_deletion_.load(std::memory_order_acquire);
  }
  void NoteRangeDeletion(RangeDeletion deletion);

  uint64_t records() const { return records_.load(std::memory_order_relaxed); }  // versions added
  size_t keys() const { return table_.size(); }
  uint64_t memory_bytes() const { return arena_.memory_bytes() + table_.memory_bytes(); }
  bool empty() const { return records() == 0; }

 private:
  void AddTo(DeltaIndex::Inserted to, uint64_t hash, const VersionedRecord& record);

  const uint64_t id_;
  Arena arena_;
  DeltaIndex index_{&arena_};
  EntryTable table_;
  std::atomic<uint64_t> records_ = 0;
  std::atomic<uint64_t> newest_range_deletion_ = 0;
  mutable std::mutex range_deletions_mutex_;
  RangeDeletionsPtr range_deletions_;  // guarded by it
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_GENERATION_H_
