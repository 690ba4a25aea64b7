// sibyl stats: how large a database is, and what it did since it was opened.

#include "base/status_macros.h"
#include "tools/command.h"
#include "tools/stats_json.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

struct Arguments : DatabaseArguments {
  bool json = false;
  bool prometheus = false;
};

std::string GenerationLines(const Stats& stats) {
  TextTable table({"delta", "records", "bytes"});
  for (const GenerationStats& generation : stats.generations) {
    table.AddRow({"generation " + std::to_string(generation.id) +
                      (generation.active ? " (active)" : " (frozen)"),
                  Grouped(generation.records), Bytes(generation.bytes)});
  }
  return table.ToString();
}

std::string LevelLines(const Stats& stats) {
  TextTable table({"levels", "segments", "records", "tombstones", "files", "index"});
  for (const LevelStats& level : stats.levels) {
    SegmentStats sum;
    for (const SegmentStats& segment : level.segments) {
      sum.records += segment.records;
      sum.tombstones += segment.tombstones;
      sum.file_bytes += segment.file_bytes;
      sum.index_bytes += segment.index_bytes;
    }
    table.AddRow({"level " + std::to_string(level.level), Grouped(level.segments.size()),
                  Grouped(sum.records), Grouped(sum.tombstones), Bytes(sum.file_bytes),
                  Bytes(sum.index_bytes)});
  }
  return table.ToString();
}

std::string TreeLines(const Stats& stats) {
  TextTable table({"trees", "id"});
  for (const TreeInfo& info : stats.trees) {
    table.AddRow(
        {info.name.empty() ? "(no name)" : Escape(info.name), std::to_string(info.tree.id)});
  }
  return table.ToString();
}

std::string CounterLines(const Stats& stats) {
  const Counters& counters = stats.counters;
  TextTable table({"since opening", ""});
  table.AddRow({"last sequence", Grouped(stats.last_sequence)});
  table.AddRow({"records written", Grouped(counters.writes_records)});
  table.AddRow({"compactions", Grouped(counters.compactions)});
  table.AddRow({"compaction read", Bytes(counters.compaction_read_bytes)});
  table.AddRow({"compaction wrote", Bytes(counters.compaction_written_bytes)});
  table.AddRow({"writers waited", Milliseconds(counters.writer_stall_ns)});
  table.AddRow({"model bound violations", Grouped(counters.model_bound_violations)});
  if (stats.merging_stopped_by.empty()) return table.ToString();
  return table.ToString() + "\nMerging has stopped: " + stats.merging_stopped_by + "\n";
}

Result<std::string> DescribeDatabase(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const auto database, OpenExisting(arguments));
  SIBYL_ASSIGN_OR_RETURN(const Stats stats, database->GetStats());
  if (arguments.json) return ToJson(stats);
  if (arguments.prometheus) return PrometheusText(stats);
  return GenerationLines(stats) + "\n" + LevelLines(stats) + "\n" + TreeLines(stats) + "\n" +
         CounterLines(stats);
}

}  // namespace

void AddStatsCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& stats = commands.Add("stats", "Print sizes, trees and counters");
  AddPathArgument(stats, arguments.get());
  stats.Flag("--prometheus", &arguments->prometheus, "Counters and sizes as Prometheus reads them");
  stats.Flag("--json", &arguments->json, "Everything, as one JSON object");
  AddReadOnlyFlag(stats, arguments.get());
  stats.Teach("A table per part: delta, levels, trees, counters.\n  sibyl stats my.db --json");
  stats.Does([=] {
    const auto text = DescribeDatabase(*arguments);
    return text ? Answer(*text) : Complain(text.error());
  });
}

}  // namespace sibyl::tools
