// Merge plans: what one merge reads, and where its result goes. Chosen from a view; the compactor
// runs them.

#ifndef SIBYL_ENGINE_MERGE_PLAN_H_
#define SIBYL_ENGINE_MERGE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/compaction_policy.h"
#include "engine/view.h"
#include "sibyl/options.h"
#include "sibyl/result.h"

namespace sibyl::engine {

struct MergePlan {
  // A key at which the output begins another segment, if the one before it has enough bytes: always
  // where a segment of the output level begins that is not touched; if it is large enough also
  // where one of the next level does, so that it will be merged with few of those.
  struct Border {
    std::string key;
    uint64_t least_bytes;
  };

  std::vector<std::shared_ptr<const Level>> inputs;  // parts of runs and levels, newest first
  std::vector<std::shared_ptr<const Level>> below;   // what may hold older records of their keys
  size_t output_level = 0;                           // 0: one run, in place of those that it joins
  uint64_t bytes_per_second = 0;                     // that it may write; 0: as many as it can
  bool into_what_is_there = false;  // what the inputs touch in the output level is an input too
  std::vector<Border> borders;      // in key order

  // The frozen generations, newest first, all of them or none: drained on the way.
  std::vector<std::shared_ptr<Generation>> generations;
};

// All levels into one.
MergePlan PlanForEverything(const View& view, const Options& options);

// The same with the frozen generations, of which there is one at least. To be run with the drain
// mutex held, so it should not take longer than a drain: see IsSmall.
MergePlan PlanForEverythingAtOnce(const View& view, const Options& options);

// The frozen generations, of which there is one at least, into one run in front of the levels.
MergePlan PlanForDrain(const View& view);

// Whether frozen generations and levels have no more bytes than a full generation.
bool IsSmall(const View& view, const Options& options);

// The newest `count` runs into one run.
MergePlan PlanForRuns(const View& view, size_t count);

// `segment` of view.levels[index], or the whole of it if that is a run, written anew in its place.
MergePlan PlanForRewrite(const View& view, size_t index, const SegmentPtr& segment);

// Per level, the largest key that merges from it have reached: the next one begins after it.
using CompactPointers = std::vector<std::string>;

// All runs, or the next segment of a level, into the level below. Moves the level's pointer.
MergePlan PlanForMovingDown(const View& view, const CompactionChoice& choice,
                            CompactPointers* pointers);

// Adds what the inputs touch in the output level, and the borders that the rest of it sets.
// Precondition: into_what_is_there. Errors: what reading the inputs gave.
Status AddOutputLevel(const View& view, const Options& options, MergePlan* plan);

// Whether the inputs can change their level as they are: they touch nothing in the new one, have no
// records of dropped trees, and no segment of that level lies between two keys of one of theirs.
bool MovesUnchanged(const MergePlan& plan, const View& view);

// Where new segments of a key range can go so that nothing in or above that level overlaps them:
// as far down as that is true, or where so many bytes belong if there is nothing at all. 0: only in
// front.
size_t DeepestFreeLevel(const View& view, std::string_view smallest, std::string_view largest,
                        uint64_t bytes, const Options& options);

// Whether `segment` has a record of a tree that `catalogue` has, or of one that was dropped.
bool HasLivingTree(const LearnedSegment& segment, const Catalogue& catalogue);
bool HasDroppedTree(const LearnedSegment& segment, const Catalogue& catalogue);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_MERGE_PLAN_H_
