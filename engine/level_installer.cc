#include "engine/level_installer.h"

#include <algorithm>
#include <set>
#include <span>

#include "engine/settlement.h"

namespace sibyl::engine {

namespace {

void NameDeletions(const RangeDeletionsPtr& deletions, storage::Manifest* manifest) {
  manifest->deletions.clear();
  if (deletions == nullptr) return;
  for (const RangeDeletion& deletion : deletions->all()) {
    manifest->deletions.push_back({deletion.begin, deletion.end, deletion.sequence});
  }
}

}  // namespace

LevelInstaller::LevelInstaller(DatabaseState& state, SnapshotSpiller& spiller, ModelPolicy& policy,
                               storage::Manifest manifest)
    : state_(state), spiller_(spiller), model_policy_(policy), manifest_(std::move(manifest)) {}

std::pair<storage::Manifest, std::shared_ptr<const View>> LevelInstaller::ManifestAndView() const {
  const std::lock_guard lock(mutex_);
  return {manifest_, state_.views.Current()};
}

// The manifest in force, but with the levels of an edit. With mutex_ held.
storage::Manifest LevelInstaller::ManifestWith(const EditedLevels& after) const {
  storage::Manifest next = manifest_;
  next.next_segment_id = state_.segments.next_id();
  next.last_sequence = state_.published_sequence.load(std::memory_order_acquire);
  next.next_tree_id = state_.next_tree_id.load(std::memory_order_relaxed);
  next.runs = static_cast<uint32_t>(after.runs);
  next.levels.clear();
  for (const auto& level : after.levels) {
    next.levels.emplace_back();
    for (const SegmentPtr& segment : level->segments()) {
      next.levels.back().push_back(Describe(*segment));
    }
  }
  return next;
}

Status LevelInstaller::Install(const LevelEdit& edit) {
  const std::lock_guard lock(mutex_);
  const std::vector<SegmentPtr> added = edit.AllAdded();
  if (edit.sequence != 0) {  // newer than everything
    for (const SegmentPtr& segment : added) segment->SettleUpTo(edit.sequence);
  }
  const std::shared_ptr<const View> view = state_.views.Current();
  EditedLevels after = ApplyEdit(*view, edit);
  storage::Manifest next = ManifestWith(after);
  next.generation_floor = std::max(next.generation_floor, edit.generation_floor);
  next.last_sequence = std::max(next.last_sequence, edit.sequence);
  const Catalogue& catalogue = edit.catalogue == nullptr ? *view->catalogue : *edit.catalogue;
  const std::set<uint64_t> idle =
      IdleDeletions(view->range_deletions, catalogue, after.levels, next.generation_floor);
  NameDeletions(BelowGeneration(Without(view->range_deletions, idle), next.generation_floor),
                &next);
  for (const SegmentPtr& segment : added) segment->Keep();
  if (auto committed = state_.log->CommitManifest(storage::EncodeManifest(next)); !committed) {
    // After kIo the next opening may find the new manifest or the old one: the files of both stay.
    if (committed.error().code != ErrorCode::kIo && edit.added_are_new) {
      for (const SegmentPtr& segment : added) segment->MakeObsolete();
    }
    return committed;
  }
  manifest_ = std::move(next);
  state_.views.Update([&](View& current) {
    current.levels = std::move(after.levels);
    current.runs = after.runs;
    current.range_deletions = Without(current.range_deletions, idle);
    current.generations.resize(current.generations.size() - edit.drained_generations);
    if (edit.sequence == 0) return;
    ++current.ingestions;
    if (edit.catalogue != nullptr) current.catalogue = edit.catalogue;
    state_.published_sequence.store(edit.sequence, std::memory_order_release);
  });
  spiller_.NoteDrained(std::span(view->generations).last(edit.drained_generations),
                       edit.generation_floor);
  ForgetRemoved(edit);
  return Ok();
}

void LevelInstaller::ForgetRemoved(const LevelEdit& edit) {
  for (const SegmentPtr& segment : edit.Gone()) {
    Count(state_.counters.retired_bound_violations, segment->bound_violations());
    model_policy_.NoteRemoved(segment->id(), base::NowNs());
    segment->MakeObsolete();
  }
}

}  // namespace sibyl::engine
