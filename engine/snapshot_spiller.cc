#include "engine/snapshot_spiller.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/segment_builder.h"

namespace sibyl::engine {

void SnapshotSpiller::NoteDrained(std::span<const std::shared_ptr<Generation>> drained,
                                  uint64_t floor) {
  const std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, floor);
  std::erase_if(drained_, [](const auto& generation) { return generation.expired(); });
  drained_.insert(drained_.end(), drained.begin(), drained.end());
}

std::vector<std::shared_ptr<Generation>> SnapshotSpiller::Pinned() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Generation>> pinned;
  for (const auto& drained : drained_) {
    if (auto generation = drained.lock()) pinned.push_back(std::move(generation));
  }
  return pinned;
}

void SnapshotSpiller::AddStats(Stats* stats) const {
  for (const auto& generation : Pinned()) {
    ++stats->pinned_generations;
    stats->pinned_generation_bytes += generation->memory_bytes();
  }
}

bool SnapshotSpiller::IsOverBudget() const {
  uint64_t bytes = 0;
  for (const auto& generation : Pinned()) bytes += generation->memory_bytes();
  return bytes > state_.options.max_pinned_generation_bytes;
}

void SnapshotSpiller::SpillOverBudget(const std::atomic<bool>& stop) {
  const std::unique_lock spilling(spilling_, std::try_to_lock);
  if (!spilling.owns_lock() || !IsOverBudget()) return;
  state_.views.ReleaseRetired();  // these have no readers
  for (const std::shared_ptr<SnapshotPin>& pin : state_.snapshots.Alive()) {
    if (stop || !IsOverBudget()) return;
    if (const Status spilled = SpillOne(pin.get()); !spilled) {
      state_.events.Write("error", {}, spilled.error().ToString());
      return;
    }
  }
}

Status SnapshotSpiller::SpillOne(SnapshotPin* pin) {
  const uint64_t began_ns = base::NowNs();
  const ReadPoint point = pin->point();
  uint64_t floor = 0;
  {
    const std::lock_guard lock(mutex_);
    floor = floor_;
  }
  if (!HasOldGenerations(*point.view, floor)) return Ok();
  SegmentBuilder builder(state_.segments, state_.options, true);
  SIBYL_ASSIGN_OR_RETURN(auto segments,
                         WriteOldGenerations(point, floor, state_.operators, &builder));
  pin->Replace(WithoutOldGenerations(*point.view, floor, std::move(segments)));
  Count(state_.counters.spilled_bytes, builder.written_bytes());
  state_.events.Write("spill", {{"sequence", point.sequence},
                                {"bytes", builder.written_bytes()},
                                {"ns", base::NowNs() - began_ns}});
  return Ok();
}

}  // namespace sibyl::engine
