#include "engine/compactor.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"

namespace sibyl::engine {

namespace {

// After a failed task (a full disk, mostly) the background thread tries again this much later.
constexpr auto kRetryDelay = std::chrono::seconds(1);

// How often an idle background thread looks for views that can be let go.
constexpr auto kHousekeepingInterval = std::chrono::milliseconds(100);

}  // namespace

Compactor::Compactor(DatabaseState& state, storage::Manifest manifest)
    : state_(state),
      pacer_(state.options),
      spiller_(state, manifest.generation_floor),
      installer_(state, spiller_, model_policy_, std::move(manifest)) {}

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
    backlog = {view->frozen_generations(), view->generations.front()->memory_bytes(),
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
    return state_.views.Current()->frozen_generations() < state_.options.max_frozen_generations;
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
  return Closing();
}

Error Compactor::Closing() const {
  return {ErrorCode::kReadOnly, state_.directory.string() + ": the database is closing"};
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
  if (view->frozen_generations() == 0 || !IsSmall(*view, state_.options)) return Ok();
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
    return installer_.Install(edit);
  }
  edit.added = runs.front()->segments();
  edit.in_front = true;
  if (merge.try_lock()) {  // nobody waits long for it
    edit.added_level = DeepestFreeLevel(*state_.views.Current(), edit.added.front()->smallest_key(),
                                        edit.added.back()->largest_key(),
                                        runs.front()->file_bytes(), state_.options);
  }
  return installer_.Install(edit);
}

void Compactor::AddStats(Stats* stats) const {
  spiller_.AddStats(stats);
  const std::lock_guard lock(signal_mutex_);
  if (!merge_status_) stats->merging_stopped_by = merge_status_.error().ToString();
}

}  // namespace sibyl::engine
