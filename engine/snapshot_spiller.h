// Generations that are drained, and kept in memory by those who read them: counted, and over a
// budget written out for the snapshots that pin them.

#ifndef SIBYL_ENGINE_SNAPSHOT_SPILLER_H_
#define SIBYL_ENGINE_SNAPSHOT_SPILLER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/database_state.h"
#include "engine/generation.h"
#include "sibyl/result.h"
#include "sibyl/stats.h"

namespace sibyl::engine {

// Thread-safe.
class SnapshotSpiller {
 public:
  // `state` outlives it. Generations below `floor` are drained.
  SnapshotSpiller(DatabaseState& state, uint64_t floor) : state_(state), floor_(floor) {}

  // These left the view, and so did all below `floor`.
  void NoteDrained(std::span<const std::shared_ptr<Generation>> drained, uint64_t floor);

  // Writes out what snapshots pin, the oldest first, until max_pinned_generation_bytes are kept or
  // `stop` is set. An error costs memory only: it is told, and tried again the next time. Returns
  // at once if another thread is at it.
  void SpillOverBudget(const std::atomic<bool>& stop);

  void AddStats(Stats* stats) const;

 private:
  std::vector<std::shared_ptr<Generation>> Pinned() const;
  bool IsOverBudget() const;
  Status SpillOne(SnapshotPin* pin);

  DatabaseState& state_;
  std::mutex spilling_;  // by one thread at a time; outside of mutex_
  mutable std::mutex mutex_;
  uint64_t floor_;                                  // guarded by mutex_
  std::vector<std::weak_ptr<Generation>> drained_;  // the same; some are gone
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SNAPSHOT_SPILLER_H_
