#include "engine/settlement.h"

#include <algorithm>

#include "engine/internal_key.h"

namespace sibyl::engine {

namespace {

bool Covers(const RangeDeletion& newer, const RangeDeletion& older) {
  return newer.sequence > older.sequence && newer.begin <= older.begin && older.end <= newer.end;
}

}  // namespace

RangeDeletionsPtr DrainedDeletions(const View& view) {
  return BelowGeneration(view.range_deletions, view.generations.back()->id());
}

void Settle(const std::vector<SegmentPtr>& segments, const RangeDeletionsPtr& applied) {
  for (const SegmentPtr& segment : segments) segment->SettleUpTo(NewestDeletion(applied));
}

bool IsUnsettled(const LearnedSegment& segment, const RangeDeletion& deletion) {
  return segment.settled_sequence() < deletion.sequence &&
         deletion.begin <= segment.largest_key() && segment.smallest_key() < deletion.end;
}

std::set<uint64_t> IdleDeletions(const RangeDeletionsPtr& deletions, const Catalogue& catalogue,
                                 const std::vector<std::shared_ptr<const Level>>& levels,
                                 uint64_t floor) {
  std::set<uint64_t> idle;
  std::set<uint64_t> busy;  // those of one batch go together
  const RangeDeletionsPtr drained = BelowGeneration(deletions, floor);
  if (drained == nullptr) return idle;
  const std::vector<SegmentPtr> segments = SegmentsOf(levels);
  for (const RangeDeletion& deletion : drained->all()) {
    const bool needed =
        catalogue.Contains(TreeOf(deletion.begin)) &&
        std::any_of(segments.begin(), segments.end(),
                    [&](const SegmentPtr& segment) { return IsUnsettled(*segment, deletion); });
    const bool covered =
        std::any_of(drained->all().begin(), drained->all().end(),
                    [&](const RangeDeletion& newer) { return Covers(newer, deletion); });
    (needed && !covered ? busy : idle).insert(deletion.sequence);
  }
  for (const uint64_t sequence : busy) idle.erase(sequence);
  return idle;
}

}  // namespace sibyl::engine
