#include "tools/stats_json.h"

#include <nlohmann/json.hpp>

#include "sibyl/tree_option_text.h"
#include "tools/key_text.h"

namespace sibyl::tools {
namespace {

using Json = nlohmann::ordered_json;

Json ModelJson(const ModelStats& model) {
  return {{"tree", model.tree.id},    {"kind", model.kind},
          {"records", model.records}, {"blocks", model.blocks},
          {"pieces", model.pieces},   {"nodes", model.nodes},
          {"depth", model.depth},     {"model_bytes", model.model_bytes}};
}

Json SegmentJson(const SegmentStats& segment) {
  Json models = Json::array();
  for (const ModelStats& model : segment.models) models.push_back(ModelJson(model));
  return {{"id", segment.id},
          {"path", Escape(segment.path)},
          {"level", segment.level},
          {"file_bytes", segment.file_bytes},
          {"records", segment.records},
          {"tombstones", segment.tombstones},
          {"blocks", segment.blocks},
          {"largest_block_records", segment.largest_block_records},
          {"largest_block_bytes", segment.largest_block_bytes},
          {"data_bytes", segment.data_bytes},
          {"compressed_blocks", segment.compressed_blocks},
          {"packed_blocks", segment.packed_blocks},
          {"plain_blocks_bytes", segment.plain_blocks_bytes},
          {"index_bytes", segment.index_bytes},
          {"filter_bytes", segment.filter_bytes},
          {"training_ns", segment.training_ns},
          {"build_ns", segment.build_ns},
          {"model_note", segment.model_note},
          {"model_bound_violations", segment.model_bound_violations},
          {"models", std::move(models)}};
}

Json CountersJson(const Counters& counters) {
  Json json = Json::object();
  for (const NamedCounter& counter : ListCounters(counters)) json[counter.name] = counter.value;
  return json;
}

Json MemoryJson(const MemoryStats& memory) {
  return {{"delta_bytes", memory.delta_bytes},
          {"index_bytes", memory.index_bytes},
          {"block_cache_bytes", memory.block_cache_bytes},
          {"transaction_bytes", memory.transaction_bytes},
          {"process_allocated_bytes", memory.process_allocated_bytes},
          {"process_resident_bytes", memory.process_resident_bytes}};
}

Json LatenciesJson(const Stats& stats) {
  Json latencies = Json::array();
  for (const LatencyStats& latency : stats.latencies) {
    const LatencyHistogram& histogram = latency.histogram;
    latencies.push_back({{"call", latency.call},
                         {"sample_every", histogram.sample_every},
                         {"recorded", histogram.recorded},
                         {"total_ns", histogram.total_ns},
                         {"p50_ns", histogram.QuantileNs(0.5)},
                         {"p99_ns", histogram.QuantileNs(0.99)},
                         {"p999_ns", histogram.QuantileNs(0.999)},
                         {"longest_ns", histogram.longest_ns}});
  }
  return latencies;
}

Json LevelsJson(const Stats& stats) {
  Json levels = Json::array();
  for (const LevelStats& level : stats.levels) {
    Json segments = Json::array();
    for (const SegmentStats& segment : level.segments) segments.push_back(SegmentJson(segment));
    levels.push_back({{"level", level.level}, {"segments", std::move(segments)}});
  }
  return levels;
}

}  // namespace

std::string ToJson(const Stats& stats) {
  Json generations = Json::array();
  for (const GenerationStats& generation : stats.generations) {
    generations.push_back({{"id", generation.id},
                           {"active", generation.active},
                           {"records", generation.records},
                           {"bytes", generation.bytes}});
  }
  Json trees = Json::array();
  for (const TreeInfo& info : stats.trees) {
    trees.push_back({{"id", info.tree.id},
                     {"name", Escape(info.name)},
                     {"compression", TreeOptionText(info.options, "compression").value()},
                     {"packed_keys", info.options.packed_keys},
                     {"ttl_seconds", info.options.ttl_seconds},
                     {"merge_operator", Escape(info.options.merge_operator)}});
  }
  const Json json = {{"last_sequence", stats.last_sequence},
                     {"pinned_views", stats.pinned_views},
                     {"range_deletions", stats.range_deletions},
                     {"pinned_generations", stats.pinned_generations},
                     {"pinned_generation_bytes", stats.pinned_generation_bytes},
                     {"spilled_generation_bytes", stats.spilled_generation_bytes},
                     {"writes_stopped_by", Escape(stats.writes_stopped_by)},
                     {"merging_stopped_by", Escape(stats.merging_stopped_by)},
                     {"generations", std::move(generations)},
                     {"levels", LevelsJson(stats)},
                     {"trees", std::move(trees)},
                     {"counters", CountersJson(stats.counters)},
                     {"memory", MemoryJson(stats.memory)},
                     {"latencies", LatenciesJson(stats)}};
  return json.dump(2) + "\n";
}

std::string ToJson(const VerifyReport& report) {
  Json problems = Json::array();
  for (const std::string& problem : report.problems) problems.push_back(Escape(problem));
  const Json json = {{"ok", report.ok()},
                     {"segments", report.segments},
                     {"blocks", report.blocks},
                     {"records", report.records},
                     {"problems", std::move(problems)}};
  return json.dump(2) + "\n";
}

}  // namespace sibyl::tools
