// sibyl inspect: the learned models, segment by segment and tree by tree.

#include <algorithm>
#include <map>

#include "base/status_macros.h"
#include "sibyl/tree_option_text.h"
#include "tools/command.h"
#include "tools/database_access.h"
#include "tools/sql_support.h"
#include "tools/stats_json.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

struct Arguments : DatabaseArguments {
  bool json = false;
};

// What one line of a table sums up.
struct ModelSummary {
  uint64_t records = 0;
  uint64_t blocks = 0;
  uint64_t pieces = 0;
  uint64_t nodes = 0;
  uint32_t depth = 0;
  uint64_t model_bytes = 0;
  uint64_t learned = 0;  // models of that kind
  uint64_t models = 0;

  void Add(const ModelStats& model) {
    records += model.records;
    blocks += model.blocks;
    pieces += model.pieces;
    nodes += model.nodes;
    depth = std::max(depth, model.depth);
    model_bytes += model.model_bytes;
    learned += model.kind == "learned" ? 1 : 0;
    models += 1;
  }
};

ModelSummary SummarizeModels(const SegmentStats& segment) {
  ModelSummary summary;
  for (const ModelStats& model : segment.models) summary.Add(model);
  return summary;
}

void AddToTotal(const SegmentStats& segment, SegmentStats* total) {
  total->records += segment.records;
  total->blocks += segment.blocks;
  total->largest_block_records =
      std::max(total->largest_block_records, segment.largest_block_records);
  total->largest_block_bytes = std::max(total->largest_block_bytes, segment.largest_block_bytes);
  total->data_bytes += segment.data_bytes;
  total->index_bytes += segment.index_bytes;
  total->training_ns += segment.training_ns;
  total->build_ns += segment.build_ns;
  total->models.insert(total->models.end(), segment.models.begin(), segment.models.end());
}

void AddSegmentRow(const std::string& label, const SegmentStats& segment, TextTable* table) {
  const ModelSummary models = SummarizeModels(segment);
  table->AddRow({label, Grouped(segment.records), Grouped(segment.blocks), Grouped(models.pieces),
                 std::to_string(models.depth), PerRecord(segment.index_bytes, segment.records),
                 Grouped(segment.largest_block_records), Bytes(segment.largest_block_bytes),
                 Bytes(segment.data_bytes), Milliseconds(segment.training_ns),
                 Ratio(segment.training_ns, segment.build_ns), segment.model_note});
}

std::string SegmentTable(const Stats& stats) {
  TextTable table({"level segment", "records", "blocks", "pieces", "depth", "index B/key",
                   "largest block", "its bytes", "data", "training", "of compaction", "models"});
  SegmentStats total;
  for (const LevelStats& level : stats.levels) {
    for (const SegmentStats& segment : level.segments) {
      AddSegmentRow(std::to_string(level.level) + "     " + std::to_string(segment.id), segment,
                    &table);
      AddToTotal(segment, &total);
    }
  }
  AddSegmentRow("total", total, &table);
  return table.ToString();
}

using TreeNames = std::map<Tree, std::string>;

// Names for the trees of a database: its own, or in a SQL database those of tables and indexes.
Result<TreeNames> NameTrees(const std::string& path, const Stats& stats) {
  TreeNames names = {{Tree{0}, "(catalogue of trees)"}};
  for (const TreeInfo& info : stats.trees) names[info.tree] = info.name;
  SIBYL_ASSIGN_OR_RETURN(const bool is_sql, IsSqlDatabase(path));
  if (is_sql) {
    SIBYL_ASSIGN_OR_RETURN(const TreeNames sql_names, SqlTreeNames(path));
    for (const auto& [tree, name] : sql_names) names[tree] = name;
  }
  return names;
}

std::string TreeLabel(const TreeNames& names, Tree tree) {
  const auto found = names.find(tree);
  return "#" + std::to_string(tree.id) + " " +
         (found == names.end() ? "(dropped)" : Escape(found->second));
}

// What is not as in other trees; "-" if nothing is.
std::string OptionsLabel(const TreeOptions& options) {
  std::string label;
  for (const char* const name : {"compression", "packed_keys", "ttl_seconds", "merge_operator"}) {
    const std::string text = TreeOptionText(options, name).value();
    if (text == TreeOptionText(TreeOptions(), name).value()) continue;
    label += (label.empty() ? "" : " ") + std::string(name) + "=" + Escape(text);
  }
  return label.empty() ? "-" : label;
}

// Trees that hold records in segments, each summed over all of them.
std::string TreeTable(const Stats& stats, const TreeNames& names) {
  std::map<Tree, ModelSummary> trees;
  for (const LevelStats& level : stats.levels) {
    for (const SegmentStats& segment : level.segments) {
      for (const ModelStats& model : segment.models) trees[model.tree].Add(model);
    }
  }
  std::map<Tree, TreeOptions> options;
  for (const TreeInfo& info : stats.trees) options[info.tree] = info.options;
  TextTable table({"tree", "records", "blocks", "pieces", "nodes", "depth", "model B/key",
                   "learned models", "options"});
  for (const auto& [tree, sum] : trees) {
    table.AddRow({TreeLabel(names, tree), Grouped(sum.records), Grouped(sum.blocks),
                  Grouped(sum.pieces), Grouped(sum.nodes), std::to_string(sum.depth),
                  PerRecord(sum.model_bytes, sum.records),
                  std::to_string(sum.learned) + " of " + std::to_string(sum.models),
                  OptionsLabel(options[tree])});
  }
  return table.ToString();
}

std::string DeltaLine(const Stats& stats) {
  uint64_t records = 0;
  for (const GenerationStats& generation : stats.generations) records += generation.records;
  if (records == 0) return "";
  return Counted(records, "record") +
         " wait in the delta, under no model yet (see sibyl compact)\n";
}

Result<std::string> DescribeModels(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const auto database, OpenDatabase(arguments.path, /*create=*/false,
                                                           /*background_threads=*/0));
  SIBYL_ASSIGN_OR_RETURN(const Stats stats, database->GetStats());
  if (arguments.json) return ToJson(stats);
  SIBYL_ASSIGN_OR_RETURN(const TreeNames names, NameTrees(arguments.path, stats));
  return SegmentTable(stats) + "\n" + TreeTable(stats, names) + DeltaLine(stats);
}

}  // namespace

void AddInspectCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& inspect = commands.Add("inspect", "Show the learned models");
  AddPathArgument(inspect, arguments.get());
  inspect.Flag("--json", &arguments->json, "As one JSON object, models one by one");
  inspect.Teach(
      "pieces          straight lines, each predicting blocks for a range of keys\n"
      "depth           stages on the longest path from the root to a piece\n"
      "index B/key     model, block offsets and ranks: all that is not data\n"
      "largest block   records in it\n"
      "learned models  the others are B-trees, where learning did not pay\n"
      "options         how a tree is stored, where not as others: see sibyl tree");
  inspect.Does([=] {
    const auto text = DescribeModels(*arguments);
    return text ? Answer(*text) : Complain(text.error());
  });
}

}  // namespace sibyl::tools
