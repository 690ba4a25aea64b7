// Settlement: applying range deletions to segments, until they hide nothing more and can be
// forgotten (docs/decisions/0015-range-deletions.md).

#ifndef SIBYL_ENGINE_SETTLEMENT_H_
#define SIBYL_ENGINE_SETTLEMENT_H_

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "engine/view.h"

namespace sibyl::engine {

// The range deletions that a merge of `view` applies: those whose log is drained. So what is in
// segments is always a state that the database was in, and a checkpoint has no deletion without
// what was written beside it.
RangeDeletionsPtr DrainedDeletions(const View& view);

// Notes that `segments` were written with `applied` left out.
void Settle(const std::vector<SegmentPtr>& segments, const RangeDeletionsPtr& applied);

// Whether records of `segment` wait for `deletion` to be applied.
bool IsUnsettled(const LearnedSegment& segment, const RangeDeletion& deletion);

// The deletions, by sequence, that hide nothing more once `levels` are all there is beside the
// generations from `floor` on.
std::set<uint64_t> IdleDeletions(const RangeDeletionsPtr& deletions, const Catalogue& catalogue,
                                 const std::vector<std::shared_ptr<const Level>>& levels,
                                 uint64_t floor);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SETTLEMENT_H_
