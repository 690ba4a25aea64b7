#include "engine/compactor.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/internal_key.h"
#include "engine/segment_builder.h"
#include "engine/settlement.h"

namespace sibyl::engine {

namespace {

// After a failed task (a full disk, mostly) the background thread tries again this much later.
constexpr auto kRetryDelay = std::chrono::seconds(1);

// How often an idle background thread looks for views that can be let go.
constexpr auto kHousekeepingInterval = std::chrono::milliseconds(100);

// A merge looks up this often: whether it should end, whether something should be drained.
constexpr uint64_t kRecordsBetweenChecks = 512;

// So many range deletions may wait for merges that come anyway; of more, each read would feel it.
constexpr size_t kMostDeletionsLeft = 16;

// A drained run goes straight to the level where nothing overlaps it if it is at least this share
// of a segment: smaller ones would leave that level in crumbs.
constexpr uint64_t kWholeSegmentShare = 8;

size_t FrozenCount(const View& view) { return view.generations.size() - 1; }

uint64_t RecordsOf(const View& view) {
  uint64_t records = 0;
  for (const auto& level : view.levels) {
    for (const SegmentPtr& segment : level->segments()) {
      records += segment->properties().records;
    }
  }
  return records;
}

void NameDeletions(const RangeDeletionsPtr& deletions, storage::Manifest* manifest) {
  manifest->deletions.clear();
  if (deletions == nullptr) return;
  for (const RangeDeletion& deletion : deletions->all()) {
    manifest->deletions.push_back({deletion.begin, deletion.end, deletion.sequence});
  }
}

// The range deletions that a merge applies.
RangeDeletionsPtr AppliedBy(const MergePlan& plan, const View& view) {
  if (plan.generations.empty()) return DrainedDeletions(view);
  return BelowGeneration(view.range_deletions, plan.generations.front()->id() + 1);
}

Error Closing(const DatabaseState& state) {
  return {ErrorCode::kReadOnly, state.directory.string() + ": the database is closing"};
}

}  // namespace

Compactor::Compactor(DatabaseState& state, storage::Manifest manifest)
    : state_(state),
      pacer_(state.options),
      spiller_(state, manifest.generation_floor),
      manifest_(std::move(manifest)) {}

Compactor::~Compactor() { Stop(); }

void Compactor::Start() {
  if (state_.options.background_threads > 0) thread_ = std::thread([this] { RunInBackground(); });
}

void Compactor::Stop() {
  {
    const std::lock_guard lock(signal_mutex_);
    stop_ = true;
  }
  signal_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Compactor::WorkArrived() {
  drain_wanted_ = true;
  {
    const std::lock_guard lock(signal_mutex_);
    work_pending_ = true;
  }
  signal_.notify_all();
}

Status Compactor::MakeRoom(uint64_t bytes) {
  Backlog backlog;
  uint64_t active_id = 0;
  {
    const ViewKeeper::ShortPin view(state_.views, 0);
    active_id = view->generations.front()->id();
    backlog = {FrozenCount(*view), view->generations.front()->memory_bytes(),
               merging_stopped_ ? 0 : view->runs};
  }
  if (state_.options.background_threads == 0) {
    if (backlog.frozen_generations == 0) return Ok();
    SIBYL_RETURN_IF_ERROR(DrainFrozen());
    bool merged = true;
    while (merged) SIBYL_RETURN_IF_ERROR(RunOneMerge(&merged));
    return Ok();
  }
  if (backlog.active_bytes > state_.options.generation_bytes / 4 * 3 &&
      prepared_for_ != active_id) {
    prepared_for_ = active_id;
    prepare_wanted_ = true;
    signal_.notify_all();
  }
  ReportSlowdown(active_id);
  const uint64_t began_ns = base::NowNs();
  const uint64_t delay_ns = pacer_.DelayNs(backlog, bytes, began_ns);
  const bool has_room = backlog.frozen_generations < state_.options.max_frozen_generations;
  if (delay_ns == 0 && has_room) [[likely]]
    return Ok();
  std::unique_lock lock(signal_mutex_);
  if (has_room) {
    signal_.wait_for(lock, std::chrono::nanoseconds(delay_ns), [this] { return stop_.load(); });
    const uint64_t slowed_ns = base::NowNs() - began_ns;
    Count(state_.counters.writer_stall_ns, slowed_ns);
    slowdown_.ns += slowed_ns;
    ++slowdown_.writes;
    return Ok();
  }
  const auto room = [this] {
    return FrozenCount(*state_.views.Current()) < state_.options.max_frozen_generations;
  };
  signal_.wait(lock, [&] { return room() || !drain_status_ || stop_; });
  const uint64_t stalled_ns = base::NowNs() - began_ns;
  Count(state_.counters.writer_stall_ns, stalled_ns);
  state_.events.Write("stall", {{"ns", stalled_ns}});
  if (room()) return Ok();
  if (!drain_status_) {
    return Error{drain_status_.error().code,
                 "no room for more writes, since draining the delta fails: " +
                     drain_status_.error().message};
  }
  return Closing(state_);
}

// Once per generation, by the leader of the commit queue: how much its writers were slowed down.
void Compactor::ReportSlowdown(uint64_t active_id) {
  if (slowdown_.generation == active_id) return;
  if (slowdown_.writes > 0) {
    state_.events.Write(
        "slowdown",
        {{"generation", slowdown_.generation}, {"writes", slowdown_.writes}, {"ns", slowdown_.ns}});
  }
  slowdown_ = {active_id, 0, 0};
}

void Compactor::RunInBackground() {
  for (;;) {
    {
      std::unique_lock lock(signal_mutex_);
      while (!stop_ && !work_pending_) {
        signal_.wait_for(lock, kHousekeepingInterval);
        if (prepare_wanted_) {
          lock.unlock();
          PrepareGeneration();
          lock.lock();
        }
        if (work_pending_ || !state_.views.has_retired()) continue;
        lock.unlock();  // unmapping and removing large files takes its time
        state_.views.ReleaseRetired();
        lock.lock();
      }
      if (stop_) return;
      work_pending_ = false;
    }
    while (RunOnePendingTask()) {
    }
  }
}

// Runs the most urgent task. Returns whether to look for another at once.
bool Compactor::RunOnePendingTask() {
  bool drained = false;
  Status drain_status = Ok();
  {
    const std::lock_guard drain(drain_mutex_);
    drain_status = DrainWaiting(false, &drained);
  }
  {
    const std::lock_guard lock(signal_mutex_);
    drain_status_ = drain_status;
  }
  signal_.notify_all();
  spiller_.SpillOverBudget(stop_);
  bool merged = false;
  Status status = drain_status;
  if (drain_status && !drained) status = RunOneMerge(&merged);

  std::unique_lock lock(signal_mutex_);
  if (status) return (drained || merged) && !stop_;
  state_.events.Write("error", {}, status.error().ToString());
  signal_.wait_for(lock, kRetryDelay, [this] { return stop_.load(); });
  // A log that is dead stays so until the database is opened again.
  if (status.error().code != ErrorCode::kReadOnly) work_pending_ = true;
  return false;
}

// Wakes those who wait for room. Whoever looked before the change waits by now: it held the lock.
void Compactor::Announce() {
  { const std::lock_guard lock(signal_mutex_); }
  signal_.notify_all();
}

Status Compactor::DrainFrozen() {
  {
    const std::lock_guard drain(drain_mutex_);
    bool drained = false;
    SIBYL_RETURN_IF_ERROR(DrainWaiting(false, &drained));
  }
  spiller_.SpillOverBudget(stop_);
  return Ok();
}

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
  if (FrozenCount(*view) == 0) return ForgetLog();
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
  SIBYL_RETURN_IF_ERROR(Install(edit));
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

Status Compactor::CompactAll(CommitQueue& commits) {
  bool compacted = false;
  SIBYL_RETURN_IF_ERROR(FreezeAndCompactIfSmall(commits, &compacted));
  if (compacted) {
    spiller_.SpillOverBudget(stop_);
    return Ok();
  }
  SIBYL_RETURN_IF_ERROR(DrainFrozen());
  const std::lock_guard lock(merge_mutex_);
  const std::shared_ptr<const View> view = state_.views.Current();
  return RunMerge(PlanForEverything(*view, state_.options));
}

// With both locks from before the freeze on nobody else drains what it freezes: while the database
// is small, one merge does it all. Where one of them is taken, or there is more than that, it stays
// a drain and a merge one after the other: holding the locks for long would make writers wait.
Status Compactor::FreezeAndCompactIfSmall(CommitQueue& commits, bool* compacted) {
  std::unique_lock merging(merge_mutex_, std::defer_lock);
  std::unique_lock draining(drain_mutex_, std::defer_lock);
  SIBYL_RETURN_IF_ERROR(commits.Freeze([&] {
    if (merging.try_lock() && !draining.try_lock()) merging.unlock();
  }));
  if (!draining.owns_lock()) return Ok();
  const std::shared_ptr<const View> view = state_.views.Current();
  if (FrozenCount(*view) == 0 || !IsSmall(*view, state_.options)) return Ok();
  *compacted = true;
  SIBYL_RETURN_IF_ERROR(RunMerge(PlanForEverythingAtOnce(*view, state_.options)));
  return state_.options.background_threads == 0 ? ForgetLog() : Ok();
}

Status Compactor::AddRuns(std::vector<std::shared_ptr<const Level>> runs,
                          std::shared_ptr<const Catalogue> catalogue) {
  if (runs.empty()) return Ok();
  const std::lock_guard drain(drain_mutex_);
  bool drained = false;
  SIBYL_RETURN_IF_ERROR(DrainWaiting(false, &drained));
  LevelEdit edit;
  edit.sequence = state_.published_sequence.load(std::memory_order_relaxed) + 1;
  edit.catalogue = std::move(catalogue);
  std::unique_lock merge(merge_mutex_, std::defer_lock);
  if (runs.size() > 1) {
    edit.runs = std::move(runs);
    return Install(edit);
  }
  edit.added = runs.front()->segments();
  edit.in_front = true;
  if (merge.try_lock()) {  // nobody waits long for it
    edit.added_level = DeepestFreeLevel(*state_.views.Current(), edit.added.front()->smallest_key(),
                                        edit.added.back()->largest_key(),
                                        runs.front()->file_bytes(), state_.options);
  }
  return Install(edit);
}

std::pair<storage::Manifest, std::shared_ptr<const View>> Compactor::ManifestAndView() const {
  const std::lock_guard lock(install_mutex_);
  return {manifest_, state_.views.Current()};
}

void Compactor::AddStats(Stats* stats) const {
  spiller_.AddStats(stats);
  const std::lock_guard lock(signal_mutex_);
  if (!merge_status_) stats->merging_stopped_by = merge_status_.error().ToString();
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
  if (!edit.removed.empty()) SIBYL_RETURN_IF_ERROR(Install(edit));
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
    return Install(edit);
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
  SIBYL_RETURN_IF_ERROR(Install(edit));
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
  if (stop_) return Closing(state_);
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

// The manifest in force, but with the levels of an edit. With install_mutex_ held.
storage::Manifest Compactor::ManifestWith(const EditedLevels& after) const {
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

// Changes the levels, in the manifest and in the view.
Status Compactor::Install(const LevelEdit& edit) {
  const std::lock_guard lock(install_mutex_);
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

void Compactor::ForgetRemoved(const LevelEdit& edit) {
  for (const SegmentPtr& segment : edit.Gone()) {
    Count(state_.counters.retired_bound_violations, segment->bound_violations());
    model_policy_.NoteRemoved(segment->id(), base::NowNs());
    segment->MakeObsolete();
  }
}

}  // namespace sibyl::engine
