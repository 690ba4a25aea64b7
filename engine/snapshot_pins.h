// What snapshots keep readable, known to the database: so that it can take the memory back that
// they hold, and give them the same records on disk instead.

#ifndef SIBYL_ENGINE_SNAPSHOT_PINS_H_
#define SIBYL_ENGINE_SNAPSHOT_PINS_H_

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/read_point.h"
#include "engine/tree_rules.h"
#include "sibyl/result.h"

namespace sibyl::engine {

class SegmentBuilder;

// The read point of one snapshot. Thread-safe.
class SnapshotPin {
 public:
  explicit SnapshotPin(ReadPoint point) : sequence_(point.sequence), point_(std::move(point)) {}

  uint64_t sequence() const { return sequence_; }

  // Whoever reads keeps it for as long as that takes.
  ReadPoint point() const {
    const std::lock_guard lock(mutex_);
    return point_;
  }

  // From here on reads `view`, which shows the same at this sequence.
  void Replace(std::shared_ptr<const View> view) {
    const std::lock_guard lock(mutex_);
    point_.view.swap(view);
  }

 private:
  const uint64_t sequence_;
  mutable std::mutex mutex_;
  ReadPoint point_;  // guarded by mutex_
};

// Thread-safe.
class SnapshotPins {
 public:
  std::shared_ptr<SnapshotPin> Add(ReadPoint point);

  // Those that are alive, oldest first.
  std::vector<std::shared_ptr<SnapshotPin>> Alive();

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<SnapshotPin>> pins_;
};

// A view that shows at point.sequence what point.view does, but has no generation below `floor`:
// what those had is in `output`, the segments that WriteOldGenerations made, as its newest run.
std::shared_ptr<const View> WithoutOldGenerations(const View& view, uint64_t floor,
                                                  std::vector<SegmentPtr> output);

// Writes what is visible at point.sequence in the generations below `floor` to segments that no
// manifest names: their files go with their last reader. None if there is nothing. Errors: kIo.
Result<std::vector<SegmentPtr>> WriteOldGenerations(const ReadPoint& point, uint64_t floor,
                                                    const MergeOperators& operators,
                                                    SegmentBuilder* builder);

// Whether `view` has generations below `floor`.
bool HasOldGenerations(const View& view, uint64_t floor);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SNAPSHOT_PINS_H_
