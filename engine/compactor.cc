#include "engine/compactor.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/internal_key.h"
#include "engine/segment_builder.h"

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

std::vector<SegmentPtr> SegmentsOf(const std::vector<std::shared_ptr<const Level>>& levels) {
  std::vector<SegmentPtr> segments;
  for (const auto& level : levels) {
    segments.insert(segments.end(), level->segments().begin(), level->segments().end());
  }
  return segments;
}

uint64_t RecordsOf(const View& view) {
  uint64_t records = 0;
  for (const auto& level : view.levels) {
    for (const SegmentPtr& segment : level->segments()) {
      records += segment->file().properties().records;
    }
  }
  return records;
}

uint64_t FileBytesOf(const std::vector<std::shared_ptr<const Level>>& levels) {
  uint64_t bytes = 0;
  for (const auto& level : levels) bytes += level->file_bytes();
  return bytes;
}

// Whether one of `levels` may hold a version of `key`.
bool MayHold(const std::vector<std::shared_ptr<const Level>>& levels, std::string_view key) {
  for (const auto& level : levels) {
    const LearnedSegment* segment = level->FindSegment(key);
    if (segment != nullptr && key <= segment->largest_key()) return true;
  }
  return false;
}

// The range deletions of `view` that a merge applies: those whose log is drained. So what is in
// segments is always a state that the database was in, and a checkpoint has no deletion without
// what was written beside it.
RangeDeletionsPtr DrainedDeletions(const View& view) {
  return BelowGeneration(view.range_deletions, view.generations.back()->id());
}

void Settle(const std::vector<std::shared_ptr<LearnedSegment>>& segments,
            const RangeDeletionsPtr& applied) {
  for (const auto& segment : segments) segment->SettleUpTo(NewestDeletion(applied));
}

// Whether records of `segment` wait for `deletion` to be applied.
bool IsUnsettled(const LearnedSegment& segment, const RangeDeletion& deletion) {
  return segment.settled_sequence() < deletion.sequence &&
         deletion.begin <= segment.largest_key() && segment.smallest_key() < deletion.end;
}

bool Covers(const RangeDeletion& newer, const RangeDeletion& older) {
  return newer.sequence > older.sequence && newer.begin <= older.begin && older.end <= newer.end;
}

// The deletions, by sequence, that hide nothing more once `levels` are all there is beside the
// generations from `floor` on.
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

// Whether `segment` has a record of a tree that is (`dropped`) or is not in `catalogue` any more.
bool HasTree(const LearnedSegment& segment, const Catalogue& catalogue, bool dropped) {
  return std::any_of(segment.models().begin(), segment.models().end(), [&](const TreeModel& model) {
    return catalogue.Contains(model.tree) != dropped;
  });
}

// The segments of `level` with a key range in which one of `inputs` has a record: those that a
// merge has to read. Errors: what reading the inputs gave.
Result<std::vector<SegmentPtr>> TouchedSegments(
    const Level& level, const std::vector<std::shared_ptr<const Level>>& inputs) {
  std::vector<SegmentPtr> touched;
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (const auto& input : inputs) cursors.push_back(input->NewCursor());
  for (const SegmentPtr& segment : level.segments()) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i]->Overlapping(segment->smallest_key(), segment->largest_key()).empty()) continue;
      cursors[i]->Seek(segment->smallest_key());
      SIBYL_RETURN_IF_ERROR(cursors[i]->status());
      if (!cursors[i]->Valid() || cursors[i]->key() > segment->largest_key()) continue;
      touched.push_back(segment);
      break;
    }
  }
  return touched;
}

bool Contains(const std::vector<SegmentPtr>& segments, const SegmentPtr& wanted) {
  return std::find(segments.begin(), segments.end(), wanted) != segments.end();
}

void NameDeletions(const RangeDeletionsPtr& deletions, storage::Manifest* manifest) {
  manifest->deletions.clear();
  if (deletions == nullptr) return;
  for (const RangeDeletion& deletion : deletions->all()) {
    manifest->deletions.push_back({deletion.begin, deletion.end, deletion.sequence});
  }
}

Error Closing(const DatabaseState& state) {
  return {ErrorCode::kReadOnly, state.directory.string() + ": the database is closing"};
}

}  // namespace

Compactor::Compactor(DatabaseState& state, storage::Manifest manifest)
    : state_(state), pacer_(state.options), manifest_(std::move(manifest)) {}

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
  SpillPinned();
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
  SpillPinned();
  return Ok();
}

// Of generations that were drained and are read still.
uint64_t Compactor::PinnedBytes() const {
  const std::lock_guard lock(install_mutex_);
  uint64_t bytes = 0;
  for (const auto& drained : drained_) {
    if (const std::shared_ptr<Generation> pinned = drained.lock()) bytes += pinned->memory_bytes();
  }
  return bytes;
}

// An error costs memory only: it is told, and tried again after the next drain.
void Compactor::SpillPinned() {
  const std::unique_lock lock(spill_mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  if (PinnedBytes() <= state_.options.max_pinned_generation_bytes) return;
  state_.views.ReleaseRetired();  // these have no readers
  for (const std::shared_ptr<SnapshotPin>& pin : state_.snapshots.Alive()) {
    if (stop_ || PinnedBytes() <= state_.options.max_pinned_generation_bytes) return;
    if (const Status spilled = SpillOne(pin.get()); !spilled) {
      state_.events.Write("error", {}, spilled.error().ToString());
      return;
    }
  }
}

Status Compactor::SpillOne(SnapshotPin* pin) {
  const uint64_t began_ns = base::NowNs();
  const ReadPoint point = pin->point();
  uint64_t floor = 0;
  {
    const std::lock_guard lock(install_mutex_);
    floor = manifest_.generation_floor;
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

// The sources as one, by the rules of their trees. Older records may be in `below`.
RuledStream Compactor::NewStream(std::vector<std::unique_ptr<ForwardCursor>> newest_first,
                                 const View& view,
                                 const std::vector<std::shared_ptr<const Level>>& below) const {
  return RuledStream(
      MergeStream(std::move(newest_first)),
      [this, &view](Tree tree) { return TreeRules::Of(*view.catalogue, state_.operators, tree); },
      [&below](std::string_view key) { return MayHold(below, key); }, state_.NowSeconds());
}

Status Compactor::MergeGenerations(const std::vector<std::shared_ptr<Generation>>& newest_first,
                                   const View& view, const RangeDeletionsPtr& applied,
                                   SegmentBuilder* builder) const {
  std::vector<std::unique_ptr<ForwardCursor>> cursors;
  for (const auto& generation : newest_first) {
    cursors.push_back(generation->NewCursor(UINT64_MAX, applied));
  }
  RuledStream stream = NewStream(std::move(cursors), view, view.levels);
  for (; stream.Valid(); stream.Next()) {
    if (!view.catalogue->Contains(TreeOf(stream.key()))) continue;
    if (stream.type() == RecordType::kTombstone && !MayHold(view.levels, stream.key())) continue;
    SIBYL_RETURN_IF_ERROR(builder->Add(stream.key(), stream.type(), stream.value()));
  }
  return Ok();
}

// All frozen generations become one run: what is newer replaces what is older on the way.
Status Compactor::DrainWaiting(bool merging, bool* drained) {
  *drained = false;
  drain_wanted_ = false;
  const std::shared_ptr<const View> view = state_.views.Current();
  if (FrozenCount(*view) == 0) return Ok();
  const uint64_t began_ns = base::NowNs();
  const uint64_t began_cpu_ns = base::ThreadNs();
  const std::vector<std::shared_ptr<Generation>> generations(view->generations.begin() + 1,
                                                             view->generations.end());
  SegmentBuilder builder(state_.segments, state_.options, true, nullptr, view->catalogue);
  const ModelChoice models = ChooseModels(*view, 0, false);
  builder.UseModels(models);
  const RangeDeletionsPtr applied =
      BelowGeneration(view->range_deletions, generations.front()->id() + 1);
  SIBYL_RETURN_IF_ERROR(MergeGenerations(generations, *view, applied, &builder));
  SIBYL_ASSIGN_OR_RETURN(const Segments output, builder.Finish());
  Settle(output, applied);
  NoteBuilt(builder, models.learn, 0, output);

  Edit edit;
  edit.added.assign(output.begin(), output.end());
  edit.in_front = true;
  edit.drained_generations = generations.size();
  edit.generation_floor = generations.front()->id() + 1;
  std::unique_lock merge(merge_mutex_, std::defer_lock);
  if (builder.written_bytes() >= state_.options.segment_bytes / kWholeSegmentShare && !merging &&
      merge.try_lock()) {  // while a merge runs, the levels are its own
    edit.added_level = DeepestFreeLevel(*state_.views.Current(), output.front()->smallest_key(),
                                        output.back()->largest_key(), builder.written_bytes());
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
                      output.empty() ? "" : output.front()->file().properties().model_note);
  Announce();
  SIBYL_RETURN_IF_ERROR(state_.log->DropGenerations(edit.generation_floor));
  PrepareGeneration();
  return Ok();
}

// So that the next freeze finds its family made, and little to sync. What fails here fails there
// again and is told.
void Compactor::PrepareGeneration() {
  prepare_wanted_ = false;
  (void)state_.log->PrepareGeneration();
}

// Where new segments of a key range can go so that nothing in or above that level overlaps them:
// as far down as that is true, or where so many bytes belong if there is nothing at all. 0: only in
// front.
size_t Compactor::DeepestFreeLevel(const View& view, std::string_view smallest,
                                   std::string_view largest, uint64_t bytes) const {
  size_t free_levels = 0;  // from the top
  while (free_levels < view.levels.size() &&
         view.levels[free_levels]->Overlapping(smallest, largest).empty()) {
    ++free_levels;
  }
  if (free_levels < view.runs || (free_levels == view.runs && view.levels.size() > view.runs)) {
    return 0;
  }
  const size_t free = free_levels - view.runs;  // levels below the runs
  if (free_levels < view.levels.size()) return free;
  return std::max(LevelFor(bytes, state_.options), free);
}

Status Compactor::CompactAll() {
  SIBYL_RETURN_IF_ERROR(DrainFrozen());
  const std::lock_guard lock(merge_mutex_);
  const std::shared_ptr<const View> view = state_.views.Current();
  Merge merge;
  merge.inputs = view->levels;
  merge.output_level = std::max(LevelFor(FileBytesOf(view->levels), state_.options),
                                view->levels.size() - view->runs);
  return RunMerge(std::move(merge));
}

Status Compactor::AddRuns(std::vector<std::shared_ptr<const Level>> runs,
                          std::shared_ptr<const Catalogue> catalogue) {
  if (runs.empty()) return Ok();
  const std::lock_guard drain(drain_mutex_);
  bool drained = false;
  SIBYL_RETURN_IF_ERROR(DrainWaiting(false, &drained));
  Edit edit;
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
    edit.added_level =
        DeepestFreeLevel(*state_.views.Current(), edit.added.front()->smallest_key(),
                         edit.added.back()->largest_key(), runs.front()->file_bytes());
  }
  return Install(edit);
}

std::pair<storage::Manifest, std::shared_ptr<const View>> Compactor::ManifestAndView() const {
  const std::lock_guard lock(install_mutex_);
  return {manifest_, state_.views.Current()};
}

void Compactor::AddStats(Stats* stats) const {
  {
    const std::lock_guard lock(install_mutex_);
    for (const auto& drained : drained_) {
      const std::shared_ptr<Generation> pinned = drained.lock();
      if (pinned == nullptr) continue;
      ++stats->pinned_generations;
      stats->pinned_generation_bytes += pinned->memory_bytes();
    }
  }
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
  Merge merge = choice.kind == CompactionChoice::Kind::kJoinRuns ? MergeOfRuns(*view, choice.runs)
                                                                 : MergeDown(*view, choice);
  merge.bytes_per_second = state_.options.background_bytes_per_second;
  return RunMerge(std::move(merge));
}

// Removes the segments that have nothing but records of dropped trees, or of one deleted range,
// without reading them.
Status Compactor::RemoveUnread(const View& view, bool* removed) {
  *removed = false;
  const RangeDeletionsPtr deletions = DrainedDeletions(view);
  if (swept_ == view.catalogue && swept_deletion_ == NewestDeletion(deletions)) return Ok();
  Edit edit;
  for (const SegmentPtr& segment : SegmentsOf(view.levels)) {
    const bool is_hidden =
        deletions != nullptr && deletions->HidesAll(segment->smallest_key(), segment->largest_key(),
                                                    segment->settled_sequence());
    if (is_hidden || !HasTree(*segment, *view.catalogue, false)) edit.removed.push_back(segment);
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
      Merge merge;
      merge.inputs = {i < view.runs ? view.levels[i]
                                    : std::make_shared<Level>(std::vector<SegmentPtr>{segment})};
      merge.output_level = i < view.runs ? 0 : i - view.runs + 1;
      merge.below.assign(view.levels.begin() + static_cast<ptrdiff_t>(i) + 1, view.levels.end());
      merge.bytes_per_second = state_.options.background_bytes_per_second;
      *merged = true;
      return RunMerge(std::move(merge));
    }
  }
  return Ok();
}

Compactor::Merge Compactor::MergeOfRuns(const View& view, size_t count) const {
  Merge merge;
  merge.inputs.assign(view.levels.begin(), view.levels.begin() + static_cast<ptrdiff_t>(count));
  merge.below.assign(view.levels.begin() + static_cast<ptrdiff_t>(count), view.levels.end());
  return merge;
}

// All runs, or the next segment of a level: each time the one after the last.
Compactor::Merge Compactor::MergeDown(const View& view, const CompactionChoice& choice) {
  Merge merge;
  if (choice.kind == CompactionChoice::Kind::kMergeRunsDown) {
    merge = MergeOfRuns(view, view.runs);
    merge.output_level = 1;
  } else {
    const auto& segments = view.levels[view.runs + choice.level - 1]->segments();
    compact_pointers_.resize(std::max(compact_pointers_.size(), choice.level + 1));
    std::string& pointer = compact_pointers_[choice.level];
    const auto next = std::find_if(
        segments.begin(), segments.end(),
        [&pointer](const SegmentPtr& segment) { return segment->largest_key() > pointer; });
    const SegmentPtr chosen = next == segments.end() ? segments.front() : *next;
    pointer = chosen->largest_key();
    merge.inputs = {std::make_shared<Level>(std::vector<SegmentPtr>{chosen})};
    merge.output_level = choice.level + 1;
  }
  merge.into_what_is_there = true;
  const size_t below = std::min(view.runs + merge.output_level, view.levels.size());
  merge.below.assign(view.levels.begin() + static_cast<ptrdiff_t>(below), view.levels.end());
  return merge;
}

// Adds what the inputs touch in the output level, and the borders that the rest of it sets.
Status Compactor::AddOutputLevel(const View& view, Merge* merge) const {
  const size_t index = view.runs + merge->output_level - 1;
  if (index < view.levels.size()) {
    SIBYL_ASSIGN_OR_RETURN(auto touched, TouchedSegments(*view.levels[index], merge->inputs));
    for (const SegmentPtr& segment : view.levels[index]->segments()) {
      if (!Contains(touched, segment)) {
        merge->borders.push_back({std::string(segment->smallest_key()), 0});
      }
    }
    if (!touched.empty()) merge->inputs.push_back(std::make_shared<Level>(std::move(touched)));
  }
  if (index + 1 < view.levels.size()) {
    for (const SegmentPtr& segment : view.levels[index + 1]->segments()) {
      merge->borders.push_back(
          {std::string(segment->smallest_key()), state_.options.segment_bytes / 2});
    }
  }
  std::sort(merge->borders.begin(), merge->borders.end(),
            [](const Border& a, const Border& b) { return a.key < b.key; });
  return Ok();
}

// Segments that touch nothing in their new level change the level and stay as they are, if they
// have no records of dropped trees, and no segment of the level lies between two of theirs.
bool Compactor::MovesUnchanged(const Merge& merge, const View& view) {
  if (!merge.into_what_is_there || merge.inputs.size() != 1) return false;
  const auto& segments = merge.inputs.front()->segments();
  return std::none_of(segments.begin(), segments.end(), [&](const SegmentPtr& segment) {
    const bool spans_other =
        std::any_of(merge.borders.begin(), merge.borders.end(), [&](const Border& border) {
          return border.least_bytes == 0 && border.key > segment->smallest_key() &&
                 border.key < segment->largest_key();
        });
    return spans_other || HasTree(*segment, *view.catalogue, true);
  });
}

Status Compactor::RunMerge(Merge merge) {
  const uint64_t began_ns = base::NowNs();
  const uint64_t began_cpu_ns = base::ThreadNs();
  drains_cpu_ns_ = 0;
  const std::shared_ptr<const View> view = state_.views.Current();
  if (merge.into_what_is_there) SIBYL_RETURN_IF_ERROR(AddOutputLevel(*view, &merge));
  Edit edit;
  edit.removed = SegmentsOf(merge.inputs);
  edit.added_level = merge.output_level;
  if (MovesUnchanged(merge, *view)) {
    edit.added = edit.removed;
    edit.added_are_new = false;
    return Install(edit);
  }
  const bool is_last = merge.below.empty() && merge.output_level > 0;
  SegmentBuilder builder(
      state_.segments, state_.options, !is_last,
      [this, &merge](uint64_t bytes) { return PayForWrite(bytes, merge.bytes_per_second); },
      view->catalogue);
  const ModelChoice models = ChooseModels(*view, merge.output_level, is_last);
  builder.UseModels(models);
  SIBYL_RETURN_IF_ERROR(MergeInto(merge, *view, &builder));
  SIBYL_ASSIGN_OR_RETURN(const Segments output, builder.Finish());
  Settle(output, DrainedDeletions(*view));
  edit.added.assign(output.begin(), output.end());
  SIBYL_RETURN_IF_ERROR(Install(edit));
  NoteBuilt(builder, models.learn, merge.output_level, output);
  Count(state_.counters.compaction_read_bytes, FileBytesOf(merge.inputs));
  Count(state_.counters.compactions);
  Count(state_.counters.compaction_ns, base::NowNs() - began_ns);
  Count(state_.counters.compaction_cpu_ns, base::ThreadNs() - began_cpu_ns - drains_cpu_ns_);
  state_.events.Write("compaction",
                      {{"segments", output.size()},
                       {"bytes", builder.written_bytes()},
                       {"ns", base::NowNs() - began_ns},
                       {"training_ns", builder.training_ns()}},
                      output.empty() ? "" : output.front()->file().properties().model_note);
  return Ok();
}

// Streams the inputs, newest version first, into new segments. A tombstone is dropped where nothing
// older can exist, and so are the records of trees and ranges that were.
Status Compactor::MergeInto(const Merge& merge, const View& view, SegmentBuilder* builder) {
  std::vector<std::unique_ptr<ForwardCursor>> newest_first;
  const RangeDeletionsPtr applied = DrainedDeletions(view);
  for (const auto& input : merge.inputs) newest_first.push_back(input->NewCursor(applied));
  RuledStream stream = NewStream(std::move(newest_first), view, merge.below);
  auto border = merge.borders.begin();
  uint64_t records = 0;
  for (; stream.Valid(); stream.Next()) {
    if (++records % kRecordsBetweenChecks == 0) SIBYL_RETURN_IF_ERROR(DrainMeanwhile());
    const std::string_view key = stream.key();
    for (; border != merge.borders.end() && border->key <= key; ++border) {
      SIBYL_RETURN_IF_ERROR(builder->EndSegment(border->least_bytes));
    }
    const RecordType type = stream.type();
    // Read after the inputs were made: a tree with records in them is in it unless dropped since.
    if (!view.catalogue->Contains(TreeOf(key))) continue;
    if (type == RecordType::kTombstone && !MayHold(merge.below, key)) continue;
    const std::string_view value = stream.value();
    if (!stream.Valid()) break;  // an out-of-line value could not be read
    SIBYL_RETURN_IF_ERROR(builder->Add(key, type, value));
  }
  return stream.status();
}

// Errors: kReadOnly when the database closes; those of a drain.
Status Compactor::DrainMeanwhile() {
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
                          const Segments& output) {
  Count(state_.counters.training_ns, builder.training_ns());
  Count(state_.counters.compaction_written_bytes, builder.written_bytes());
  const SegmentBuilder::LongKeys& long_keys = builder.long_keys();
  model_policy_.NoteTraining(learned, long_keys.records, long_keys.training_ns);
  for (const auto& segment : output) {
    model_policy_.NoteWritten(level, segment->id(), base::NowNs());
  }
}

// The segments of `level` that `edit` leaves there.
std::vector<SegmentPtr> Compactor::Kept(const Level& level, const Edit& edit) {
  std::vector<SegmentPtr> kept = level.segments();
  std::erase_if(kept, [&edit](const auto& segment) { return Contains(edit.removed, segment); });
  return kept;
}

// The runs of `view` after `edit`. Runs that were joined, all of them whole, leave their place to
// what they became.
std::vector<std::shared_ptr<const Level>> Compactor::RunsAfter(const View& view, const Edit& edit) {
  std::vector<std::shared_ptr<const Level>> runs = edit.runs;
  bool placed = edit.added.empty() || edit.added_level > 0;
  const auto place = [&] {
    if (!placed) runs.push_back(std::make_shared<Level>(edit.added));
    placed = true;
  };
  if (edit.in_front) place();
  for (size_t i = 0; i < view.runs; ++i) {
    std::vector<SegmentPtr> kept = Kept(*view.levels[i], edit);
    const bool changed = kept.size() < view.levels[i]->segments().size();
    if (changed) place();
    if (!changed) {
      runs.push_back(view.levels[i]);
    } else if (!kept.empty()) {
      runs.push_back(std::make_shared<Level>(std::move(kept)));
    }
  }
  return runs;
}

// The levels of `view` below the runs after `edit`, the last of them not empty.
std::vector<std::shared_ptr<const Level>> Compactor::LevelsAfter(const View& view,
                                                                 const Edit& edit) {
  std::vector<std::shared_ptr<const Level>> levels;
  const size_t count = std::max(view.levels.size() - view.runs, edit.added_level);
  for (size_t level = 1; level <= count; ++level) {
    std::vector<SegmentPtr> segments;
    const size_t index = view.runs + level - 1;
    if (index < view.levels.size()) segments = Kept(*view.levels[index], edit);
    if (level == edit.added_level) {
      segments.insert(segments.end(), edit.added.begin(), edit.added.end());
      std::sort(segments.begin(), segments.end(), [](const SegmentPtr& a, const SegmentPtr& b) {
        return a->smallest_key() < b->smallest_key();
      });
    }
    levels.push_back(std::make_shared<Level>(std::move(segments)));
  }
  while (!levels.empty() && levels.back()->empty()) levels.pop_back();
  return levels;
}

// The manifest in force, but with `levels`, `runs` of them runs. With install_mutex_ held.
storage::Manifest Compactor::ManifestWith(const std::vector<std::shared_ptr<const Level>>& levels,
                                          size_t runs) const {
  storage::Manifest next = manifest_;
  next.next_segment_id = state_.segments.next_id();
  next.last_sequence = state_.published_sequence.load(std::memory_order_acquire);
  next.next_tree_id = state_.next_tree_id.load(std::memory_order_relaxed);
  next.runs = static_cast<uint32_t>(runs);
  next.levels.clear();
  for (const auto& level : levels) {
    next.levels.emplace_back();
    for (const SegmentPtr& segment : level->segments()) {
      next.levels.back().push_back(Describe(*segment));
    }
  }
  return next;
}

// Takes the time that a merge has for writing so many bytes, and drains meanwhile.
Status Compactor::PayForWrite(uint64_t bytes, uint64_t bytes_per_second) {
  SIBYL_RETURN_IF_ERROR(DrainMeanwhile());
  if (bytes_per_second == 0) return Ok();
  const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_second);
  const uint64_t until_ns = base::NowNs() + static_cast<uint64_t>(seconds * 1e9);
  for (uint64_t now_ns = base::NowNs(); now_ns < until_ns; now_ns = base::NowNs()) {
    {
      const auto left = std::chrono::nanoseconds(until_ns - now_ns);
      std::unique_lock lock(signal_mutex_);
      signal_.wait_for(lock, left, [this] { return stop_ || drain_wanted_; });
    }
    SIBYL_RETURN_IF_ERROR(DrainMeanwhile());
  }
  return Ok();
}

// Changes the levels, in the manifest and in the view.
Status Compactor::Install(const Edit& edit) {
  const std::lock_guard lock(install_mutex_);
  if (edit.sequence != 0) {  // newer than everything
    for (const SegmentPtr& segment : edit.added) segment->SettleUpTo(edit.sequence);
    for (const SegmentPtr& segment : SegmentsOf(edit.runs)) segment->SettleUpTo(edit.sequence);
  }
  const std::shared_ptr<const View> view = state_.views.Current();
  std::vector<std::shared_ptr<const Level>> levels = RunsAfter(*view, edit);
  const size_t runs = levels.size();
  for (auto& level : LevelsAfter(*view, edit)) levels.push_back(std::move(level));
  storage::Manifest next = ManifestWith(levels, runs);
  next.generation_floor = std::max(next.generation_floor, edit.generation_floor);
  next.last_sequence = std::max(next.last_sequence, edit.sequence);
  std::vector<SegmentPtr> added = SegmentsOf(edit.runs);
  added.insert(added.end(), edit.added.begin(), edit.added.end());
  const Catalogue& catalogue = edit.catalogue == nullptr ? *view->catalogue : *edit.catalogue;
  const std::set<uint64_t> idle =
      IdleDeletions(view->range_deletions, catalogue, levels, next.generation_floor);
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
    current.levels = std::move(levels);
    current.runs = runs;
    current.range_deletions = Without(current.range_deletions, idle);
    current.generations.resize(current.generations.size() - edit.drained_generations);
    if (edit.sequence == 0) return;
    ++current.ingestions;
    if (edit.catalogue != nullptr) current.catalogue = edit.catalogue;
    state_.published_sequence.store(edit.sequence, std::memory_order_release);
  });
  std::erase_if(drained_, [](const auto& generation) { return generation.expired(); });
  for (size_t i = 0; i < edit.drained_generations; ++i) {
    drained_.push_back(view->generations[view->generations.size() - 1 - i]);
  }
  ForgetRemoved(edit);
  return Ok();
}

void Compactor::ForgetRemoved(const Edit& edit) {
  for (const SegmentPtr& segment : edit.removed) {
    if (Contains(edit.added, segment)) continue;
    Count(state_.counters.retired_bound_violations, segment->bound_violations());
    model_policy_.NoteRemoved(segment->id(), base::NowNs());
    segment->MakeObsolete();
  }
}

}  // namespace sibyl::engine
