#include "engine/compaction_policy.h"

#include <algorithm>
#include <numeric>

namespace sibyl::engine {

namespace {

// Runs go down when level 1 is at most this many times their size. Below that, joining them costs
// less: a record is then rewritten once per doubling of its run.
constexpr uint64_t kWorthwhileRatio = 8;

// How full a level is; from 1 on something should be done.
double Fullness(uint64_t used, uint64_t capacity) {
  return static_cast<double>(used) / static_cast<double>(capacity);
}

// How many of the newest runs to join: at least two, and each next one that is not larger than
// those before it together.
size_t RunsToJoin(const std::vector<uint64_t>& run_bytes) {
  size_t count = 2;
  uint64_t joined_bytes = run_bytes[0] + run_bytes[1];
  while (count < run_bytes.size() && run_bytes[count] <= joined_bytes) {
    joined_bytes += run_bytes[count++];
  }
  return count;
}

}  // namespace

uint64_t LevelCapacityBytes(size_t level, const Options& options) {
  uint64_t capacity = options.first_level_bytes;
  for (size_t i = 0; i < level; ++i) {
    if (capacity > UINT64_MAX / options.level_ratio) return UINT64_MAX;
    capacity *= options.level_ratio;
  }
  return capacity;
}

size_t LevelFor(uint64_t bytes, const Options& options) {
  size_t level = 1;
  while (LevelCapacityBytes(level, options) < bytes) ++level;
  return level;
}

CompactionChoice ChooseCompaction(const LevelSizes& sizes, const Options& options) {
  using Kind = CompactionChoice::Kind;
  const uint64_t runs_bytes =
      std::accumulate(sizes.run_bytes.begin(), sizes.run_bytes.end(), uint64_t{0});
  const bool runs_are_full = runs_bytes > LevelCapacityBytes(0, options);
  double fullest = std::max(runs_are_full ? Fullness(runs_bytes, options.first_level_bytes) : 0.0,
                            Fullness(sizes.run_bytes.size(), options.max_runs));
  CompactionChoice choice;
  if (!sizes.run_bytes.empty() && fullest >= 1) {
    const uint64_t below_bytes = sizes.level_bytes.empty() ? 0 : sizes.level_bytes.front();
    const bool worthwhile = runs_are_full || below_bytes / kWorthwhileRatio <= runs_bytes;
    choice = worthwhile || sizes.run_bytes.size() < 2
                 ? CompactionChoice{Kind::kMergeRunsDown, sizes.run_bytes.size(), 0}
                 : CompactionChoice{Kind::kJoinRuns, RunsToJoin(sizes.run_bytes), 0};
  } else {
    fullest = 1;
  }
  for (size_t i = 0; i < sizes.level_bytes.size(); ++i) {
    const uint64_t capacity = LevelCapacityBytes(i + 1, options);
    if (sizes.level_bytes[i] <= capacity) continue;
    const double fullness = Fullness(sizes.level_bytes[i], capacity);
    if (fullness < fullest) continue;
    fullest = fullness;
    choice = {Kind::kMoveDown, 0, i + 1};
  }
  return choice;
}

}  // namespace sibyl::engine
