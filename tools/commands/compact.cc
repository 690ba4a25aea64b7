// sibyl compact: merges everything into one level and trains its models.

#include "base/clock.h"
#include "base/status_macros.h"
#include "tools/command.h"
#include "tools/database_access.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

std::string Summary(const Stats& stats, uint64_t elapsed_ns) {
  uint64_t segments = 0;
  uint64_t records = 0;
  uint64_t index_bytes = 0;
  for (const LevelStats& level : stats.levels) {
    segments += level.segments.size();
    for (const SegmentStats& segment : level.segments) {
      records += segment.records;
      index_bytes += segment.index_bytes;
    }
  }
  return "compacted: " + Counted(records, "record") + " in " + Counted(segments, "segment") + ", " +
         PerRecord(index_bytes, records) + " index bytes per key, " + Milliseconds(elapsed_ns) +
         " (training: " + Milliseconds(stats.counters.training_ns) + ")\n";
}

Result<std::string> CompactDatabase(const std::string& path) {
  SIBYL_ASSIGN_OR_RETURN(const auto database,
                         OpenDatabase(path, /*create=*/false, /*background_threads=*/0));
  const uint64_t start_ns = base::NowNs();
  SIBYL_RETURN_IF_ERROR(database->Compact());
  const uint64_t elapsed_ns = base::NowNs() - start_ns;
  SIBYL_ASSIGN_OR_RETURN(const Stats stats, database->GetStats());
  return Summary(stats, elapsed_ns);
}

}  // namespace

void AddCompactCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<DatabaseArguments>();
  Command& compact = commands.Add("compact", "Merge everything and train the models");
  AddPathArgument(compact, arguments.get());
  compact.Teach("Afterwards a lookup is one model evaluation and one block.");
  compact.Does([=] {
    const auto text = CompactDatabase(arguments->path);
    return text ? Answer(*text) : Complain(text.error());
  });
}

}  // namespace sibyl::tools
