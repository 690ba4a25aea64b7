#include "engine/database_report.h"

#include <string>
#include <utility>
#include <vector>

#include "base/process_memory.h"
#include "engine/internal_key.h"

namespace sibyl::engine {

namespace {

// Do the levels have the segments that the manifest names, and does the manifest know of all trees?
void CheckLevels(const storage::Manifest& manifest, const View& view, VerifyReport* report) {
  std::vector<std::vector<storage::ManifestSegment>> levels;
  for (const auto& level : view.levels) {
    levels.emplace_back();
    for (const SegmentPtr& segment : level->segments()) {
      levels.back().push_back(Describe(*segment));
      const Tree last_tree = TreeOf(segment->largest_key());
      if (last_tree.id < manifest.next_tree_id) continue;
      report->problems.push_back(segment->path().string() + ": has records of tree " +
                                 std::to_string(last_tree.id) + ", which never existed");
    }
  }
  if (levels != manifest.levels) {
    report->problems.push_back("the levels are not those that the manifest names");
  }
}

// Is each segment whole, and does it begin behind the one before it?
void CheckSegments(const Level& level, size_t number, VerifyReport* report) {
  const LearnedSegment* previous = nullptr;
  for (const SegmentPtr& segment : level.segments()) {
    if (auto status = segment->Verify(); !status) {
      report->problems.push_back(status.error().message);
    }
    if (previous != nullptr && previous->largest_key() >= segment->smallest_key()) {
      report->problems.push_back("level " + std::to_string(number) + ": segments " +
                                 std::to_string(previous->id()) + " and " +
                                 std::to_string(segment->id()) + " overlap");
    }
    previous = segment.get();
    ++report->segments;
    report->blocks += segment->file().block_count();
    report->records += segment->properties().records;
  }
}

void ReadSources(const View& view, Stats* stats) {
  for (const auto& generation : view.generations) {
    const bool active = stats->generations.empty();
    stats->generations.push_back(
        {generation->id(), active, generation->records(), generation->memory_bytes()});
  }
  for (size_t i = 0; i < view.levels.size(); ++i) {
    const uint32_t level = view.LevelNumber(i);
    stats->levels.push_back({level, {}});
    for (const SegmentPtr& segment : view.levels[i]->segments()) {
      stats->levels.back().segments.push_back(segment->Stats(level));
      stats->counters.model_bound_violations += segment->bound_violations();
    }
  }
  if (view.range_deletions != nullptr) stats->range_deletions = view.range_deletions->all().size();
}

void ReadCounters(const DatabaseState& state, Stats* stats) {
  const AtomicCounters& from = state.counters;
  Counters& to = stats->counters;
  to.model_bound_violations += from.retired_bound_violations.load();
  to.gets = state.views.reads();
  to.writes_records = from.writes_records.load();
  to.writes_batches = from.writes_batches.load();
  to.log_syncs = from.log_syncs.load();
  to.generations_drained = from.generations_drained.load();
  to.compactions = from.compactions.load();
  to.compaction_read_bytes = from.compaction_read_bytes.load();
  to.compaction_written_bytes = from.compaction_written_bytes.load();
  to.compaction_ns = from.compaction_ns.load();
  to.compaction_cpu_ns = from.compaction_cpu_ns.load();
  to.training_ns = from.training_ns.load();
  to.writer_stall_ns = from.writer_stall_ns.load();
  to.transactions_committed = from.transactions_committed.load();
  to.transactions_conflicted = from.transactions_conflicted.load();
  to.transaction_spills = from.transaction_spills.load();
  to.block_cache_hits = state.segments.cache().hits();
  to.block_cache_misses = state.segments.cache().misses();
  stats->pinned_views = from.pinned_views.load(std::memory_order_relaxed);
  stats->spilled_generation_bytes = from.spilled_bytes.load(std::memory_order_relaxed);
}

void ReadLatencies(const LatencyRecorders& recorders, Stats* stats) {
  const std::pair<const char*, const LatencyRecorder*> calls[] = {
      {"get", &recorders.get},
      {"multi_get", &recorders.multi_get},
      {"write", &recorders.write},
      {"synced_write", &recorders.synced_write},
      {"sync", &recorders.sync},
      {"commit", &recorders.commit},
      {"flush", &recorders.flush},
      {"compact", &recorders.compact},
      {"checkpoint", &recorders.checkpoint},
      {"backup", &recorders.backup}};
  for (const auto& [call, recorder] : calls) stats->latencies.push_back({call, recorder->Read()});
}

// The generations and levels are in `stats` already.
void ReadMemory(const DatabaseState& state, Stats* stats) {
  MemoryStats& memory = stats->memory;
  for (const GenerationStats& generation : stats->generations) {
    memory.delta_bytes += generation.bytes;
  }
  for (const LevelStats& level : stats->levels) {
    for (const SegmentStats& segment : level.segments) memory.index_bytes += segment.index_bytes;
  }
  memory.block_cache_bytes = state.segments.cache().used_bytes();
  memory.transaction_bytes = state.counters.transaction_bytes.load(std::memory_order_relaxed);
  const base::ProcessMemory process = base::ReadProcessMemory();
  memory.process_allocated_bytes = process.allocated_bytes;
  memory.process_resident_bytes = process.resident_bytes;
}

}  // namespace

VerifyReport VerifyAll(const DatabaseState& state, const storage::Manifest& manifest,
                       const View& view) {
  VerifyReport report;
  CheckLevels(manifest, view, &report);
  if (auto status = state.log->Verify(); !status) {
    report.problems.push_back(status.error().message);
  }
  for (size_t i = 0; i < view.levels.size(); ++i) CheckSegments(*view.levels[i], i, &report);
  return report;
}

Stats ReadStats(const DatabaseState& state, const ReadPoint& point) {
  Stats stats;
  stats.trees = point.view->catalogue->trees();
  stats.last_sequence = point.sequence;
  ReadSources(*point.view, &stats);
  ReadCounters(state, &stats);
  if (const Status alive = state.log->CheckAlive(); !alive) {
    stats.writes_stopped_by = alive.error().message;
  }
  ReadLatencies(state.latencies, &stats);
  ReadMemory(state, &stats);
  return stats;
}

}  // namespace sibyl::engine
