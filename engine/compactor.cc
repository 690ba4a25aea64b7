#include "engine/compactor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/internal_key.h"
#include "engine/merging_cursor.h"
#include "engine/segment_builder.h"

namespace sibyl::engine {

namespace {

// After a failed task (a full disk, mostly) the background thread tries again this much later.
constexpr auto kRetryDelay = std::chrono::seconds(1);

// How often an idle background thread looks for views that can be let go.
constexpr auto kHousekeepingInterval = std::chrono::milliseconds(100);

size_t FrozenCount(const View& view) { return view.generations.size() - 1; }

// Whether a level below the output may hold an older version of `key`.
bool MayExistBelow(const View& view, size_t output_level, std::string_view key) {
  for (size_t i = output_level + 1; i < view.levels.size(); ++i) {
    const LearnedSegment* segment = view.levels[i]->FindSegment(key);
    if (segment != nullptr && key <= segment->largest_key()) return true;
  }
  return false;
}

}  // namespace

Compactor::Compactor(DatabaseState& state, storage::Manifest manifest)
    : state_(state), manifest_(std::move(manifest)) {}

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

void Compactor::GenerationFrozen() {
  {
    const std::lock_guard lock(signal_mutex_);
    work_pending_ = true;
  }
  signal_.notify_all();
}

Status Compactor::WaitForRoom() {
  const auto has_room = [this] {
    return FrozenCount(*state_.views.Current()) < state_.options.max_frozen_generations;
  };
  const auto frozen = [this] {
    const ViewKeeper::ShortPin view(state_.views, 0);
    return FrozenCount(*view);
  };
  if (frozen() == 0) [[likely]]
    return Ok();
  if (state_.options.background_threads == 0) {
    SIBYL_RETURN_IF_ERROR(DrainFrozen());
    const std::lock_guard work(work_mutex_);
    bool compacted = true;
    while (compacted) SIBYL_RETURN_IF_ERROR(CompactOverfullLevel(&compacted));
    return Ok();
  }
  if (has_room()) return Ok();
  const uint64_t began_ns = base::NowNs();
  std::unique_lock lock(signal_mutex_);
  signal_.wait(lock, [&] { return has_room() || !background_status_ || stop_; });
  Count(state_.counters.writer_stall_ns, base::NowNs() - began_ns);
  if (has_room()) return Ok();
  if (!background_status_) {
    return Error{background_status_.error().code,
                 "no room for more writes, since draining the delta fails: " +
                     background_status_.error().message};
  }
  return Error{ErrorCode::kReadOnly, state_.directory.string() + ": the database is closing"};
}

void Compactor::RunInBackground() {
  for (;;) {
    {
      std::unique_lock lock(signal_mutex_);
      while (!stop_ && !work_pending_) {
        signal_.wait_for(lock, kHousekeepingInterval);
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
  bool done = false;
  Status status = Ok();
  {
    const std::lock_guard work(work_mutex_);
    status = DrainOldest(&done);
    if (status && !done) status = CompactOverfullLevel(&done);
  }
  // So that the next freeze finds its family made; what fails here fails there again and is told.
  if (status && !done) (void)state_.log->PrepareGeneration();
  std::unique_lock lock(signal_mutex_);
  background_status_ = status;
  signal_.notify_all();
  if (!status) {
    signal_.wait_for(lock, kRetryDelay, [this] { return stop_; });
    // A log that is dead stays so until the database is opened again.
    if (status.error().code != ErrorCode::kReadOnly) work_pending_ = true;
    return false;
  }
  return done && !stop_;
}

Status Compactor::DrainFrozen() {
  const std::shared_ptr<const View> view = state_.views.Current();
  const uint64_t active_id = view->generations.front()->id();
  for (;;) {
    const std::lock_guard work(work_mutex_);
    const std::shared_ptr<const View> now = state_.views.Current();
    if (now->generations.back()->id() >= active_id) return Ok();
    bool drained = false;
    SIBYL_RETURN_IF_ERROR(DrainOldest(&drained));
  }
}

Status Compactor::DrainOldest(bool* drained) {
  *drained = false;
  const std::shared_ptr<const View> view = state_.views.Current();
  if (FrozenCount(*view) == 0) return Ok();
  Task task;
  task.generations = {view->generations.back()};
  const auto cursor = task.generations[0]->NewCursor(UINT64_MAX);
  cursor->SeekToFirst();
  if (!view->levels.empty() && cursor->Valid()) {
    const std::string smallest(cursor->key());
    cursor->SeekToLast();
    const std::string largest(cursor->key());
    task.level_inputs.emplace_back(0, view->levels[0]->Overlapping(smallest, largest));
  }
  SIBYL_RETURN_IF_ERROR(Run(task));
  Count(state_.counters.generations_drained);
  *drained = true;
  return Ok();
}

Status Compactor::CompactAll() {
  const std::lock_guard work(work_mutex_);
  const std::shared_ptr<const View> view = state_.views.Current();
  Task task;
  task.generations.assign(view->generations.begin() + 1, view->generations.end());
  uint64_t bytes = 0;
  for (size_t i = 0; i < view->levels.size(); ++i) {
    task.level_inputs.emplace_back(i, Level::Range{0, view->levels[i]->segments().size()});
    bytes += view->levels[i]->file_bytes();
  }
  for (const auto& generation : task.generations) bytes += generation->memory_bytes();
  task.output_level = std::max(LevelFor(bytes), view->levels.empty() ? 0 : view->levels.size() - 1);
  return Run(task);
}

Status Compactor::AddIngested(const Segments& segments) {
  if (segments.empty()) return Ok();
  SIBYL_RETURN_IF_ERROR(DrainFrozen());
  const std::lock_guard work(work_mutex_);
  const std::shared_ptr<const View> view = state_.views.Current();
  const std::string_view smallest = segments.front()->smallest_key();
  const std::string_view largest = segments.back()->largest_key();
  size_t free_levels = 0;  // levels from the top without a key in the range
  while (free_levels < view->levels.size() &&
         view->levels[free_levels]->Overlapping(smallest, largest).empty()) {
    ++free_levels;
  }
  Task task;
  task.ingested = segments;
  if (free_levels == 0 && !view->levels.empty()) {
    task.level_inputs.emplace_back(0, view->levels[0]->Overlapping(smallest, largest));
    return Run(task);
  }
  uint64_t bytes = 0;
  for (const auto& segment : segments) bytes += segment->file().file_bytes();
  task.output_level = free_levels == view->levels.size()
                          ? std::max(LevelFor(bytes), free_levels == 0 ? 0 : free_levels - 1)
                          : free_levels - 1;
  return Install(task, *view, segments);
}

std::pair<storage::Manifest, std::shared_ptr<const View>> Compactor::ManifestAndView() const {
  const std::lock_guard work(work_mutex_);
  return {manifest_, state_.views.Current()};
}

uint64_t Compactor::LevelCapacityBytes(size_t level) const {
  uint64_t capacity = state_.options.first_level_bytes;
  for (size_t i = 0; i < level; ++i) {
    if (capacity > UINT64_MAX / state_.options.level_ratio) return UINT64_MAX;
    capacity *= state_.options.level_ratio;
  }
  return capacity;
}

// The first level that holds `bytes` without being over-full.
size_t Compactor::LevelFor(uint64_t bytes) const {
  size_t level = 0;
  while (LevelCapacityBytes(level) < bytes) ++level;
  return level;
}

// Moves one segment of the first over-full level into the next, each time the one after the last.
Status Compactor::CompactOverfullLevel(bool* compacted) {
  *compacted = false;
  const std::shared_ptr<const View> view = state_.views.Current();
  size_t level = 0;
  while (level < view->levels.size() &&
         view->levels[level]->file_bytes() <= LevelCapacityBytes(level)) {
    ++level;
  }
  if (level == view->levels.size()) return Ok();

  const auto& segments = view->levels[level]->segments();
  compact_pointers_.resize(std::max(compact_pointers_.size(), level + 1));
  std::string& pointer = compact_pointers_[level];
  size_t chosen = 0;
  while (chosen < segments.size() && segments[chosen]->largest_key() <= pointer) ++chosen;
  if (chosen == segments.size()) chosen = 0;
  pointer = segments[chosen]->largest_key();

  Task task;
  task.level_inputs.emplace_back(level, Level::Range{chosen, chosen + 1});
  task.output_level = level + 1;
  Level::Range below;
  if (level + 1 < view->levels.size()) {
    below = view->levels[level + 1]->Overlapping(segments[chosen]->smallest_key(),
                                                 segments[chosen]->largest_key());
    task.level_inputs.emplace_back(level + 1, below);
  }
  *compacted = true;
  return below.empty() ? MoveDown(level, chosen) : Run(task);
}

// Nothing below overlaps: the segment changes its level and stays as it is.
Status Compactor::MoveDown(size_t level, size_t segment) {
  const std::shared_ptr<const View> view = state_.views.Current();
  std::vector<std::shared_ptr<const Level>> levels = view->levels;
  levels.resize(std::max(levels.size(), level + 2), std::make_shared<Level>());
  std::vector<SegmentPtr> upper = levels[level]->segments();
  std::vector<SegmentPtr> lower = levels[level + 1]->segments();
  const SegmentPtr moved = upper[segment];
  upper.erase(upper.begin() + static_cast<ptrdiff_t>(segment));
  lower.insert(std::find_if(lower.begin(), lower.end(),
                            [&](const SegmentPtr& other) {
                              return other->smallest_key() > moved->smallest_key();
                            }),
               moved);
  levels[level] = std::make_shared<Level>(std::move(upper));
  levels[level + 1] = std::make_shared<Level>(std::move(lower));
  return CommitLevels(std::move(levels), {}, manifest_.generation_floor, 0, false);
}

Status Compactor::Run(const Task& task) {
  const uint64_t began_ns = base::NowNs();
  const std::shared_ptr<const View> view = state_.views.Current();
  Segments output;
  SIBYL_RETURN_IF_ERROR(Merge(task, *view, &output));
  SIBYL_RETURN_IF_ERROR(Install(task, *view, output));
  Count(state_.counters.compactions);
  Count(state_.counters.compaction_ns, base::NowNs() - began_ns);
  return Ok();
}

// Streams the inputs, newest version first, into new segments. A tombstone is dropped where nothing
// older can exist, and so are the records of trees that were dropped.
Status Compactor::Merge(const Task& task, const View& view, Segments* output) {
  std::vector<std::unique_ptr<Cursor>> newest_first;
  for (const auto& generation : task.generations) {
    newest_first.push_back(generation->NewCursor(UINT64_MAX));
  }
  const Level ingested(std::vector<SegmentPtr>(task.ingested.begin(), task.ingested.end()));
  if (!ingested.empty()) newest_first.push_back(ingested.NewCursor());
  std::vector<std::unique_ptr<Level>> inputs;
  for (const auto& [level, range] : task.level_inputs) {
    const auto& segments = view.levels[level]->segments();
    inputs.push_back(std::make_unique<Level>(
        std::vector<SegmentPtr>(segments.begin() + static_cast<ptrdiff_t>(range.begin),
                                segments.begin() + static_cast<ptrdiff_t>(range.end))));
    Count(state_.counters.compaction_read_bytes, inputs.back()->file_bytes());
    if (!inputs.back()->empty()) newest_first.push_back(inputs.back()->NewCursor());
  }
  const auto cursor = NewMergingCursor(std::move(newest_first));

  // Read after the inputs were frozen: a tree with records in them is in it unless dropped since.
  const Catalogue& catalogue = *view.catalogue;
  SegmentBuilder builder(state_.segments, state_.options);
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const std::string_view key = cursor->key();
    const RecordType type = cursor->type();
    if (!catalogue.Contains(TreeOf(key))) continue;
    if (type == RecordType::kTombstone && !MayExistBelow(view, task.output_level, key)) continue;
    const std::string_view value = cursor->value();
    if (!cursor->Valid()) break;  // an out-of-line value could not be read
    SIBYL_RETURN_IF_ERROR(builder.Add(key, type, value));
  }
  SIBYL_RETURN_IF_ERROR(cursor->status());
  SIBYL_ASSIGN_OR_RETURN(*output, builder.Finish());
  Count(state_.counters.training_ns, builder.training_ns());
  Count(state_.counters.compaction_written_bytes, builder.written_bytes());
  return Ok();
}

// Replaces the inputs by the output, in the manifest and in the view.
Status Compactor::Install(const Task& task, const View& view, const Segments& output) {
  std::vector<std::shared_ptr<const Level>> levels = view.levels;
  levels.resize(std::max(levels.size(), task.output_level + 1), std::make_shared<Level>());
  std::vector<SegmentPtr> replaced(task.ingested.begin(), task.ingested.end());
  for (const auto& [level, range] : task.level_inputs) {
    std::vector<SegmentPtr> kept = levels[level]->segments();
    const auto begin = kept.begin() + static_cast<ptrdiff_t>(range.begin);
    const auto end = kept.begin() + static_cast<ptrdiff_t>(range.end);
    replaced.insert(replaced.end(), begin, end);
    kept.erase(begin, end);
    levels[level] = std::make_shared<Level>(std::move(kept));
  }
  std::vector<SegmentPtr> merged = levels[task.output_level]->segments();
  merged.insert(merged.end(), output.begin(), output.end());
  std::sort(merged.begin(), merged.end(), [](const SegmentPtr& a, const SegmentPtr& b) {
    return a->smallest_key() < b->smallest_key();
  });
  levels[task.output_level] = std::make_shared<Level>(std::move(merged));

  uint64_t floor = manifest_.generation_floor;
  if (!task.generations.empty()) floor = task.generations.front()->id() + 1;
  SIBYL_RETURN_IF_ERROR(CommitLevels(std::move(levels), output, floor, task.generations.size(),
                                     !task.ingested.empty()));
  for (const SegmentPtr& segment : replaced) {
    if (std::find(output.begin(), output.end(), segment) != output.end()) continue;
    Count(state_.counters.retired_bound_violations, segment->bound_violations());
    segment->MakeObsolete();
  }
  return task.generations.empty() ? Ok() : state_.log->DropGenerations(floor);
}

// `added` are the segments among `levels` that no manifest names yet.
Status Compactor::CommitLevels(std::vector<std::shared_ptr<const Level>> levels,
                               const Segments& added, uint64_t generation_floor,
                               size_t drained_generations, bool ingested) {
  while (!levels.empty() && levels.back()->empty()) levels.pop_back();
  storage::Manifest next = manifest_;
  next.next_segment_id = state_.segments.next_id();
  next.generation_floor = generation_floor;
  next.last_sequence = state_.published_sequence.load(std::memory_order_acquire);
  next.next_tree_id = state_.next_tree_id.load(std::memory_order_relaxed);
  next.levels.clear();
  for (const auto& level : levels) {
    next.levels.emplace_back();
    for (const SegmentPtr& segment : level->segments()) {
      next.levels.back().push_back(Describe(*segment));
    }
  }
  for (const auto& segment : added) segment->Keep();
  if (auto committed = state_.log->CommitManifest(storage::EncodeManifest(next)); !committed) {
    // After kIo the next opening may find the new manifest or the old one: the files of both stay.
    if (committed.error().code != ErrorCode::kIo) {
      for (const auto& segment : added) segment->MakeObsolete();
    }
    return committed;
  }
  manifest_ = std::move(next);
  state_.views.Update([&](View& view) {
    view.levels = std::move(levels);
    view.generations.resize(view.generations.size() - drained_generations);
    if (ingested) ++view.ingestions;
  });
  return Ok();
}

}  // namespace sibyl::engine
