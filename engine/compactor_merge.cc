// What one drain or merge does, from its plan to the manifest that makes it happen.

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/compactor.h"
#include "engine/internal_key.h"
#include "engine/segment_builder.h"
#include "engine/settlement.h"

namespace sibyl::engine {

namespace {

// A merge looks up this often: whether it should end, whether something should be drained.
constexpr uint64_t kRecordsBetweenChecks = 512;

// So many range deletions may wait for merges that come anyway; of more, each read would feel it.
constexpr size_t kMostDeletionsLeft = 16;

// A drained run goes straight to the level where nothing overlaps it if it is at least this share
// of a segment: smaller ones would leave that level in crumbs.
constexpr uint64_t kWholeSegmentShare = 8;

uint64_t RecordsOf(const View& view) {
  uint64_t records = 0;
  for (const auto& level : view.levels) {
    for (const SegmentPtr& segment : level->segments()) {
      records += segment->properties().records;
    }
  }
  return records;
}

// The range deletions that a merge applies.
RangeDeletionsPtr AppliedBy(const MergePlan& plan, const View& view) {
  if (plan.generations.empty()) return DrainedDeletions(view);
  return BelowGeneration(view.range_deletions, plan.generations.front()->id() + 1);
}

}  // namespace

// The sources as one, by the rules of their trees. Older records may be in `below`.
RuledStream Compactor::NewStream(std::vector<std::unique_ptr<ForwardCursor>> newest_first,
                                 const View& view,
                                 const std::vector<std::shared_ptr<const Level>>& below) const {
  return RuledStream(
      MergeStream(std::move(newest_first)),
      [this, &view](Tree tree) { return TreeRules::Of(*view.catalogue, state_.operators, tree); },
      [&below](std::string_view key) { return MayHold(below, key); }, state_.NowSeconds());
}

// All frozen generations become one run: what is newer replaces what is older on the way.
Status Compactor::DrainWaiting(bool merging, bool* drained) {
  *drained = false;
  drain_wanted_ = false;
  const std::shared_ptr<const View> view = state_.views.Current();
  if (view->frozen_generations() == 0) return ForgetLog();
  const uint64_t began_ns = base::NowNs();
  const uint64_t began_cpu_ns = base::ThreadNs();
  const MergePlan plan = PlanForDrain(*view);
  const auto& generations = plan.generations;
  SegmentBuilder builder(state_.segments, state_.options, true, nullptr, view->catalogue);
  const ModelChoice models = ChooseModels(*view, 0, false);
  builder.UseModels(models);
  SIBYL_RETURN_IF_ERROR(MergeInto(plan, *view, &builder));
  SIBYL_ASSIGN_OR_RETURN(const std::vector<SegmentPtr> output, builder.Finish());
  Settle(output, AppliedBy(plan, *view));
  NoteBuilt(builder, models.learn, 0, output);

  LevelEdit edit;
  edit.added = output;
  edit.in_front = true;
  edit.drained_generations = generations.size();
  edit.generation_floor = generations.front()->id() + 1;
  std::unique_lock merge(merge_mutex_, std::defer_lock);
  if (builder.written_bytes() >= state_.options.segment_bytes / kWholeSegmentShare && !merging &&
      merge.try_lock()) {  // while a merge runs, the levels are its own
    edit.added_level =
        DeepestFreeLevel(*state_.views.Current(), output.front()->smallest_key(),
                         output.back()->largest_key(), builder.written_bytes(), state_.options);
  }
  SIBYL_RETURN_IF_ERROR(installer_.Install(edit));
  if (merge.owns_lock()) merge.unlock();
  *drained = true;
  uint64_t memory_bytes = 0;
  for (const auto& generation : generations) memory_bytes += generation->memory_bytes();
  pacer_.NoteDrained(memory_bytes, base::NowNs() - began_ns);
  Count(state_.counters.generations_drained, generations.size());
  Count(state_.counters.compaction_cpu_ns, base::ThreadNs() - began_cpu_ns);
  state_.events.Write("drain",
                      {{"generations", generations.size()},
                       {"bytes", memory_bytes},
                       {"ns", base::NowNs() - began_ns},
                       {"training_ns", builder.training_ns()}},
                      output.empty() ? "" : output.front()->properties().model_note);
  Announce();
  log_floor_ = edit.generation_floor;
  return ForgetLog();
}

// Some milliseconds, most of them syncs.
Status Compactor::ForgetLog() {
  if (log_floor_ == 0) return Ok();
  SIBYL_RETURN_IF_ERROR(state_.log->DropGenerations(std::exchange(log_floor_, 0)));
  PrepareGeneration();
  return Ok();
}

// So that the next freeze finds its family made, and little to sync. What fails here fails there
// again and is told.
void Compactor::PrepareGeneration() {
  prepare_wanted_ = false;
  (void)state_.log->PrepareGeneration();
}

// Damage that a merge meets is reported, and met once: merging the same again would end the same.
Status Compactor::RunOneMerge(bool* merged) {
  *merged = false;
  if (merging_stopped_) return Ok();
  Status status = RunChosenMerge(merged);
  if (status || status.error().code != ErrorCode::kCorruption) return status;
  *merged = false;
  merging_stopped_ = true;
  const std::lock_guard lock(signal_mutex_);
  merge_status_ = std::move(status);
  return Ok();
}

Status Compactor::RunChosenMerge(bool* merged) {
  const std::unique_lock lock(merge_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return Ok();  // whoever has it tells us when it is done
  const std::shared_ptr<const View> view = state_.views.Current();
  SIBYL_RETURN_IF_ERROR(RemoveUnread(*view, merged));
  if (*merged) return Ok();
  LevelSizes sizes;
  for (size_t i = 0; i < view->levels.size(); ++i) {
    (i < view->runs ? sizes.run_bytes : sizes.level_bytes).push_back(view->levels[i]->file_bytes());
  }
  const CompactionChoice choice = ChooseCompaction(sizes, state_.options);
  if (choice.kind == CompactionChoice::Kind::kNone) return SettleOldest(*view, merged);
  *merged = true;
  MergePlan plan = choice.kind == CompactionChoice::Kind::kJoinRuns
                       ? PlanForRuns(*view, choice.runs)
                       : PlanForMovingDown(*view, choice, &compact_pointers_);
  plan.bytes_per_second = state_.options.background_bytes_per_second;
  return RunMerge(std::move(plan));
}

// Removes the segments that have nothing but records of dropped trees, or of one deleted range,
// without reading them.
Status Compactor::RemoveUnread(const View& view, bool* removed) {
  *removed = false;
  const RangeDeletionsPtr deletions = DrainedDeletions(view);
  if (swept_ == view.catalogue && swept_deletion_ == NewestDeletion(deletions)) return Ok();
  LevelEdit edit;
  for (const SegmentPtr& segment : SegmentsOf(view.levels)) {
    const bool is_hidden =
        deletions != nullptr && deletions->HidesAll(segment->smallest_key(), segment->largest_key(),
                                                    segment->settled_sequence());
    if (is_hidden || !HasLivingTree(*segment, *view.catalogue)) edit.removed.push_back(segment);
  }
  if (!edit.removed.empty()) SIBYL_RETURN_IF_ERROR(installer_.Install(edit));
  *removed = !edit.removed.empty();
  swept_ = view.catalogue;
  swept_deletion_ = NewestDeletion(deletions);
  return Ok();
}

// Writes a segment, or a run, anew that the oldest of many range deletions waits for.
Status Compactor::SettleOldest(const View& view, bool* merged) {
  const RangeDeletionsPtr deletions = DrainedDeletions(view);
  if (deletions == nullptr || deletions->all().size() <= kMostDeletionsLeft) return Ok();
  const RangeDeletion& oldest = deletions->all().front();
  for (size_t i = 0; i < view.levels.size(); ++i) {
    for (const SegmentPtr& segment : view.levels[i]->segments()) {
      if (!IsUnsettled(*segment, oldest)) continue;
      MergePlan plan = PlanForRewrite(view, i, segment);
      plan.bytes_per_second = state_.options.background_bytes_per_second;
      *merged = true;
      return RunMerge(std::move(plan));
    }
  }
  return Ok();
}

Status Compactor::RunMerge(MergePlan plan) {
  const uint64_t began_ns = base::NowNs();
  const uint64_t began_cpu_ns = base::ThreadNs();
  drains_cpu_ns_ = 0;
  const std::shared_ptr<const View> view = state_.views.Current();
  if (plan.into_what_is_there) SIBYL_RETURN_IF_ERROR(AddOutputLevel(*view, state_.options, &plan));
  LevelEdit edit;
  edit.removed = SegmentsOf(plan.inputs);
  edit.added_level = plan.output_level;
  edit.drained_generations = plan.generations.size();
  if (!plan.generations.empty()) edit.generation_floor = plan.generations.front()->id() + 1;
  if (MovesUnchanged(plan, *view)) {
    edit.added = edit.removed;
    edit.added_are_new = false;
    return installer_.Install(edit);
  }
  const bool is_last = plan.below.empty() && plan.output_level > 0;
  SegmentBuilder builder(
      state_.segments, state_.options, !is_last,
      [this, &plan](uint64_t bytes) { return PayForWrite(bytes, plan); }, view->catalogue);
  const ModelChoice models = ChooseModels(*view, plan.output_level, is_last);
  builder.UseModels(models);
  SIBYL_RETURN_IF_ERROR(MergeInto(plan, *view, &builder));
  SIBYL_ASSIGN_OR_RETURN(const std::vector<SegmentPtr> output, builder.Finish());
  Settle(output, AppliedBy(plan, *view));
  edit.added = output;
  SIBYL_RETURN_IF_ERROR(installer_.Install(edit));
  if (!plan.generations.empty()) {
    log_floor_ = edit.generation_floor;
    Count(state_.counters.generations_drained, plan.generations.size());
    Announce();
  }
  NoteBuilt(builder, models.learn, plan.output_level, output);
  Count(state_.counters.compaction_read_bytes, FileBytesOf(plan.inputs));
  Count(state_.counters.compactions);
  Count(state_.counters.compaction_ns, base::NowNs() - began_ns);
  Count(state_.counters.compaction_cpu_ns, base::ThreadNs() - began_cpu_ns - drains_cpu_ns_);
  state_.events.Write("compaction",
                      {{"segments", output.size()},
                       {"bytes", builder.written_bytes()},
                       {"generations", plan.generations.size()},
                       {"ns", base::NowNs() - began_ns},
                       {"training_ns", builder.training_ns()}},
                      output.empty() ? "" : output.front()->properties().model_note);
  return Ok();
}

// Streams the inputs, newest version first, into new segments. A tombstone is dropped where nothing
// older can exist, and so are the records of trees and ranges that were.
Status Compactor::MergeInto(const MergePlan& plan, const View& view, SegmentBuilder* builder) {
  std::vector<std::unique_ptr<ForwardCursor>> newest_first;
  const RangeDeletionsPtr applied = AppliedBy(plan, view);
  for (const auto& generation : plan.generations) {
    newest_first.push_back(generation->NewCursor(UINT64_MAX, applied));
  }
  for (const auto& input : plan.inputs) newest_first.push_back(input->NewCursor(applied));
  RuledStream stream = NewStream(std::move(newest_first), view, plan.below);
  auto border = plan.borders.begin();
  uint64_t records = 0;
  for (; stream.Valid(); stream.Next()) {
    if (++records % kRecordsBetweenChecks == 0) SIBYL_RETURN_IF_ERROR(DrainMeanwhile(plan));
    const std::string_view key = stream.key();
    for (; border != plan.borders.end() && border->key <= key; ++border) {
      SIBYL_RETURN_IF_ERROR(builder->EndSegment(border->least_bytes));
    }
    const RecordType type = stream.type();
    // Read after the inputs were made: a tree with records in them is in it unless dropped since.
    if (!view.catalogue->Contains(TreeOf(key))) continue;
    if (type == RecordType::kTombstone && !MayHold(plan.below, key)) continue;
    const std::string_view value = stream.value();
    if (!stream.Valid()) break;  // an out-of-line value could not be read
    SIBYL_RETURN_IF_ERROR(builder->Add(key, type, value));
  }
  return stream.status();
}

// Errors: kReadOnly when the database closes; those of a drain.
Status Compactor::DrainMeanwhile(const MergePlan& plan) {
  if (!plan.generations.empty()) return Ok();  // it is a drain itself, and ends
  if (stop_) return Closing();
  if (prepare_wanted_) PrepareGeneration();
  if (!drain_wanted_) return Ok();
  const std::unique_lock drain(drain_mutex_, std::try_to_lock);
  if (!drain.owns_lock()) return Ok();
  const uint64_t began_cpu_ns = base::ThreadNs();
  bool drained = false;
  Status status = DrainWaiting(true, &drained);
  drains_cpu_ns_ += base::ThreadNs() - began_cpu_ns;
  return status;
}

ModelChoice Compactor::ChooseModels(const View& view, size_t level, bool is_last) {
  return model_policy_.Choose(
      {level, is_last, RecordsOf(view), state_.views.reads(), base::NowNs()});
}

// What came of a drain or merge for `level`.
void Compactor::NoteBuilt(const SegmentBuilder& builder, bool learned, size_t level,
                          const std::vector<SegmentPtr>& output) {
  Count(state_.counters.training_ns, builder.training_ns());
  Count(state_.counters.compaction_written_bytes, builder.written_bytes());
  const SegmentBuilder::LongKeys& long_keys = builder.long_keys();
  model_policy_.NoteTraining(learned, long_keys.records, long_keys.training_ns);
  for (const auto& segment : output) {
    model_policy_.NoteWritten(level, segment->id(), base::NowNs());
  }
}

// Takes the time that a merge has for writing so many bytes, and drains meanwhile.
Status Compactor::PayForWrite(uint64_t bytes, const MergePlan& plan) {
  SIBYL_RETURN_IF_ERROR(DrainMeanwhile(plan));
  if (plan.bytes_per_second == 0) return Ok();
  const double seconds = static_cast<double>(bytes) / static_cast<double>(plan.bytes_per_second);
  const uint64_t until_ns = base::NowNs() + static_cast<uint64_t>(seconds * 1e9);
  for (uint64_t now_ns = base::NowNs(); now_ns < until_ns; now_ns = base::NowNs()) {
    {
      const auto left = std::chrono::nanoseconds(until_ns - now_ns);
      std::unique_lock lock(signal_mutex_);
      signal_.wait_for(lock, left, [this] { return stop_ || drain_wanted_; });
    }
    SIBYL_RETURN_IF_ERROR(DrainMeanwhile(plan));
  }
  return Ok();
}

}  // namespace sibyl::engine
