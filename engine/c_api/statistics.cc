// sibyl/c.h: statistics.

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"
#include "sibyl/stats.h"

namespace {

using sibyl::LatencyHistogram;
using sibyl::Ok;
using sibyl::Stats;
using sibyl::Status;
using sibyl::c_api::Guarded;
using sibyl::c_api::NewBuffer;

// The statistics in C++, and arrays of C that point into them and into each other. Lists, where
// arrays are pointed to while more of them come.
class OwnedStats : public sibyl_database_stats {
 public:
  explicit OwnedStats(Stats stats) : sibyl_database_stats(), stats_(std::move(stats)) {
    AddGenerations();
    AddLevels();
    AddCounters();
    AddLatencies();
    const sibyl::MemoryStats& from = stats_.memory;
    memory = {from.delta_bytes,
              from.index_bytes,
              from.block_cache_bytes,
              from.transaction_bytes,
              from.process_allocated_bytes,
              from.process_resident_bytes};
    last_sequence = stats_.last_sequence;
    pinned_views = stats_.pinned_views;
    range_deletions = stats_.range_deletions;
    pinned_generations = stats_.pinned_generations;
    pinned_generation_bytes = stats_.pinned_generation_bytes;
    spilled_generation_bytes = stats_.spilled_generation_bytes;
    writes_stopped_by = stats_.writes_stopped_by.c_str();
    merging_stopped_by = stats_.merging_stopped_by.c_str();
  }

  const LatencyHistogram& histogram(size_t i) const { return stats_.latencies[i].histogram; }

 private:
  template <typename T>
  static void Show(const std::vector<T>& array, size_t* count, const T** first) {
    *count = array.size();
    *first = array.data();
  }

  void AddGenerations() {
    for (const sibyl::GenerationStats& from : stats_.generations) {
      generations_.push_back({from.id, from.active ? 1 : 0, from.records, from.bytes});
    }
    Show(generations_, &generation_count, &generations);
  }

  void AddLevels() {
    for (const sibyl::LevelStats& from : stats_.levels) {
      std::vector<sibyl_segment_stats>& segments = segments_.emplace_back();
      for (const sibyl::SegmentStats& segment : from.segments) segments.push_back(ToC(segment));
      sibyl_level_stats& level = levels_.emplace_back();
      level.level = from.level;
      Show(segments, &level.segment_count, &level.segments);
    }
    Show(levels_, &level_count, &levels);
  }

  sibyl_segment_stats ToC(const sibyl::SegmentStats& from) {
    std::vector<sibyl_model_stats>& models = models_.emplace_back();
    for (const sibyl::ModelStats& model : from.models) {
      models.push_back({model.tree.id, model.kind.c_str(), model.records, model.blocks,
                        model.pieces, model.nodes, model.depth, model.model_bytes});
    }
    sibyl_segment_stats to = {};
    to.id = from.id;
    to.path = from.path.c_str();
    to.level = from.level;
    to.file_bytes = from.file_bytes;
    to.records = from.records;
    to.tombstones = from.tombstones;
    to.blocks = from.blocks;
    to.largest_block_records = from.largest_block_records;
    to.largest_block_bytes = from.largest_block_bytes;
    to.data_bytes = from.data_bytes;
    to.compressed_blocks = from.compressed_blocks;
    to.packed_blocks = from.packed_blocks;
    to.plain_blocks_bytes = from.plain_blocks_bytes;
    to.index_bytes = from.index_bytes;
    to.filter_bytes = from.filter_bytes;
    to.training_ns = from.training_ns;
    to.build_ns = from.build_ns;
    to.model_note = from.model_note.c_str();
    to.model_bound_violations = from.model_bound_violations;
    Show(models, &to.model_count, &to.models);
    return to;
  }

  void AddCounters() {
    for (const sibyl::NamedCounter& from : sibyl::ListCounters(stats_.counters)) {
      counters_.push_back({from.name, from.meaning, from.value});
    }
    Show(counters_, &counter_count, &counters);
  }

  void AddLatencies() {
    for (const sibyl::LatencyStats& from : stats_.latencies) {
      const LatencyHistogram& histogram = from.histogram;
      latencies_.push_back({from.call.c_str(), histogram.sample_every, histogram.recorded,
                            histogram.total_ns, histogram.longest_ns, histogram.counts.size(),
                            histogram.counts.data()});
    }
    Show(latencies_, &latency_count, &latencies);
  }

  const Stats stats_;
  std::vector<sibyl_generation_stats> generations_;
  std::vector<sibyl_level_stats> levels_;
  std::list<std::vector<sibyl_segment_stats>> segments_;  // of each level
  std::list<std::vector<sibyl_model_stats>> models_;      // of each segment
  std::vector<sibyl_counter> counters_;
  std::vector<sibyl_latency_stats> latencies_;
};

}  // namespace

sibyl_error* sibyl_stats(sibyl_db* db, sibyl_buffer* text) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const Stats stats, db->database->GetStats());
    *text = NewBuffer(sibyl::PrometheusText(stats));
    return Ok();
  });
}

sibyl_error* sibyl_get_stats(sibyl_db* db, const sibyl_database_stats** stats) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(Stats read, db->database->GetStats());
    *stats = new OwnedStats(std::move(read));
    return Ok();
  });
}

void sibyl_database_stats_free(const sibyl_database_stats* stats) {
  delete static_cast<const OwnedStats*>(stats);
}

uint64_t sibyl_latency_upper_bound_ns(size_t bucket) {
  return LatencyHistogram::UpperBoundNs(bucket);
}

uint64_t sibyl_latency_quantile_ns(const sibyl_database_stats* stats, size_t latency,
                                   double fraction) {
  return static_cast<const OwnedStats*>(stats)->histogram(latency).QuantileNs(fraction);
}
