// Which merge comes next: decided from the sizes of runs and levels alone.
//
// Level 0 is a list of runs: each drain adds one in front, and runs may overlap, so that a drain
// writes its records once and rewrites nothing. The levels below are leveled: each holds
// level_ratio times as much as the one before it, and its segments are disjoint. Runs are merged
// into level 1 all at once, so that what level 1 costs to rewrite is shared by many generations
// (the lazy levels of Dayan and Idreos, "Dostoevsky", SIGMOD 2018, section 4, at the top only).
// Expected write amplification: 1 for the drain, 1 + (level 1 / runs) / 2 on average for level 1,
// about level_ratio / 2 + 1 for each level below.

#ifndef SIBYL_ENGINE_COMPACTION_POLICY_H_
#define SIBYL_ENGINE_COMPACTION_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sibyl/options.h"

namespace sibyl::engine {

// The sizes of what is in segments.
struct LevelSizes {
  std::vector<uint64_t> run_bytes;    // newest first
  std::vector<uint64_t> level_bytes;  // level 1 first
};

struct CompactionChoice {
  enum class Kind : uint8_t {
    kNone,
    kMergeRunsDown,  // all runs into level 1
    kJoinRuns,       // the newest `runs` into one run
    kMoveDown,       // a part of `level` into the next one
  };
  Kind kind = Kind::kNone;
  size_t runs = 0;
  size_t level = 0;  // 1 for the first below the runs
  friend bool operator==(const CompactionChoice&, const CompactionChoice&) = default;
};

// What a level holds without being over-full. Level 0: all runs together.
uint64_t LevelCapacityBytes(size_t level, const Options& options);

// The first level from 1 on that holds `bytes`.
size_t LevelFor(uint64_t bytes, const Options& options);

// The most urgent merge: that of the level which is fullest for its capacity. Runs that are many
// but small beside level 1 are joined, the newest and smallest first, since rewriting level 1 for
// them would cost more than they are worth. Applied again and again, it ends with kNone.
CompactionChoice ChooseCompaction(const LevelSizes& sizes, const Options& options);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_COMPACTION_POLICY_H_
