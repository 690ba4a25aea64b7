#include "engine/snapshot_pins.h"

#include <algorithm>

#include "base/status_macros.h"
#include "engine/merge_stream.h"
#include "engine/ruled_stream.h"
#include "engine/segment_builder.h"

namespace sibyl::engine {

std::shared_ptr<SnapshotPin> SnapshotPins::Add(ReadPoint point) {
  auto pin = std::make_shared<SnapshotPin>(std::move(point));
  const std::lock_guard lock(mutex_);
  std::erase_if(pins_, [](const auto& other) { return other.expired(); });
  pins_.push_back(pin);
  return pin;
}

std::vector<std::shared_ptr<SnapshotPin>> SnapshotPins::Alive() {
  std::vector<std::shared_ptr<SnapshotPin>> alive;
  const std::lock_guard lock(mutex_);
  for (const auto& weak : pins_) {
    if (auto pin = weak.lock()) alive.push_back(std::move(pin));
  }
  std::sort(alive.begin(), alive.end(),
            [](const auto& a, const auto& b) { return a->sequence() < b->sequence(); });
  return alive;
}

bool HasOldGenerations(const View& view, uint64_t floor) {
  return !view.generations.empty() && view.generations.back()->id() < floor;
}

Result<std::vector<SegmentPtr>> WriteOldGenerations(const ReadPoint& point, uint64_t floor,
                                                    const MergeOperators& operators,
                                                    SegmentBuilder* builder) {
  std::vector<std::unique_ptr<ForwardCursor>> cursors;
  for (const auto& generation : point.view->generations) {
    if (generation->id() >= floor) continue;
    cursors.push_back(generation->NewCursor(point.sequence, point.view->range_deletions));
  }
  // Tombstones and operands too: the levels below have what they hide and change.
  RuledStream stream(
      MergeStream(std::move(cursors)),
      [&](Tree tree) { return TreeRules::Of(*point.view->catalogue, operators, tree); },
      [](std::string_view) { return true; }, point.now_seconds);
  for (; stream.Valid(); stream.Next()) {
    SIBYL_RETURN_IF_ERROR(builder->Add(stream.key(), stream.type(), stream.value()));
  }
  SIBYL_ASSIGN_OR_RETURN(auto segments, builder->Finish());
  for (const auto& segment : segments) segment->SettleUpTo(point.sequence);
  return segments;
}

std::shared_ptr<const View> WithoutOldGenerations(const View& view, uint64_t floor,
                                                  std::vector<SegmentPtr> output) {
  auto changed = std::make_shared<View>(view);
  std::erase_if(changed->generations,
                [floor](const auto& generation) { return generation->id() < floor; });
  if (!output.empty()) {
    changed->levels.insert(changed->levels.begin(), std::make_shared<Level>(std::move(output)));
    ++changed->runs;
  }
  return changed;
}

}  // namespace sibyl::engine
