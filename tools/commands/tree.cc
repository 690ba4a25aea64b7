// sibyl tree: the trees of a database, how they are stored, and changes of that.

#include <algorithm>
#include <optional>

#include "base/status_macros.h"
#include "sibyl/tree_option_text.h"
#include "tools/command.h"
#include "tools/database_access.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

struct Arguments : DatabaseArguments {
  std::string name;  // empty: list all
  bool create = false;
  bool drop = false;
  std::optional<std::string> compression;
  std::optional<std::string> packed_keys;
  std::optional<std::string> ttl_seconds;
  std::optional<std::string> merge_operator;

  bool changes() const { return compression || packed_keys || ttl_seconds || merge_operator; }
};

std::string Table(const std::vector<TreeInfo>& trees) {
  TextTable table({"tree", "compression", "packed keys", "time to live", "merge operator"});
  for (const TreeInfo& info : trees) {
    const TreeOptions& options = info.options;
    table.AddRow({"#" + std::to_string(info.tree.id) + " " + Escape(info.name),
                  TreeOptionText(options, "compression").value(),
                  options.packed_keys ? "yes" : "no",
                  options.ttl_seconds == 0 ? "-" : std::to_string(options.ttl_seconds) + " s",
                  options.merge_operator.empty() ? "-" : Escape(options.merge_operator)});
  }
  return table.ToString();
}

// What the arguments make of `options`.
Status Change(const Arguments& arguments, TreeOptions* options) {
  const std::pair<const char*, const std::optional<std::string>*> given[] = {
      {"compression", &arguments.compression},
      {"packed_keys", &arguments.packed_keys},
      {"ttl_seconds", &arguments.ttl_seconds},
      {"merge_operator", &arguments.merge_operator}};
  for (const auto& [name, value] : given) {
    if (*value) SIBYL_RETURN_IF_ERROR(SetTreeOption(name, **value, options));
  }
  return Ok();
}

Result<std::string> Create(Database& database, const Arguments& arguments) {
  TreeOptions options;
  SIBYL_RETURN_IF_ERROR(Change(arguments, &options));
  SIBYL_ASSIGN_OR_RETURN(const Tree tree, database.CreateTree(arguments.name, options));
  return "created: tree #" + std::to_string(tree.id) + "\n";
}

Result<std::string> ChangeOrShow(Database& database, const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const std::optional<Tree> tree, FindTree(database, arguments.name));
  if (!tree) {
    return Error{ErrorCode::kInvalidArgument, arguments.path + ": has no tree " +
                                                  Escape(arguments.name) + " (--create makes one)"};
  }
  if (arguments.drop) {
    SIBYL_RETURN_IF_ERROR(database.DropTree(*tree));
    return "dropped: tree #" + std::to_string(tree->id) + "\n";
  }
  SIBYL_ASSIGN_OR_RETURN(std::vector<TreeInfo> trees, database.ListTrees());
  std::erase_if(trees, [&](const TreeInfo& info) { return info.tree != *tree; });
  if (!arguments.changes()) return Table(trees);
  SIBYL_RETURN_IF_ERROR(Change(arguments, &trees.front().options));
  SIBYL_RETURN_IF_ERROR(database.SetTreeOptions(*tree, trees.front().options));
  return Table(trees);
}

Result<std::string> Run(const Arguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const bool is_sql, IsSqlDatabase(arguments.path));
  if (is_sql &&
      (arguments.create || arguments.drop || arguments.ttl_seconds || arguments.merge_operator)) {
    return Error{
        ErrorCode::kInvalidArgument,
        arguments.path + ": the trees of a SQL database are made, dropped and filled by SQL"};
  }
  SIBYL_ASSIGN_OR_RETURN(const auto database, OpenDatabase(arguments.path, /*create=*/false,
                                                           /*background_threads=*/0));
  if (arguments.create) return Create(*database, arguments);
  if (!arguments.name.empty()) return ChangeOrShow(*database, arguments);
  if (arguments.drop || arguments.changes()) {
    return Error{ErrorCode::kInvalidArgument, "which tree? Give its NAME"};
  }
  SIBYL_ASSIGN_OR_RETURN(const std::vector<TreeInfo> trees, database->ListTrees());
  return Table(trees);
}

}  // namespace

void AddTreeCommand(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& tree =
      commands.Add("tree", "List the trees and how they are stored; make or change one");
  AddPathArgument(tree, arguments.get());
  tree.OptionalPositional("NAME", &arguments->name, "The tree, by name or as #ID; none: all");
  tree.Flag("--create", &arguments->create, "Make the tree");
  tree.Flag("--drop", &arguments->drop, "Drop it, with all its records");
  tree.Option("--compression", &arguments->compression, "none|lz4|zstd",
              "Of blocks and large values");
  tree.Option("--packed-keys", &arguments->packed_keys, "true|false",
              "Keys as a line and their distances from it");
  tree.Option("--ttl-seconds", &arguments->ttl_seconds, "N",
              "Records go so long after they were written; only with --create");
  tree.Option("--merge-operator", &arguments->merge_operator, "NAME",
              "uint64_add, append or max; only with --create");
  tree.Excludes("--drop", {"--create", "--compression", "--packed-keys", "--ttl-seconds",
                           "--merge-operator"});
  tree.Teach(
      "How a tree is stored changes with what is written from then on: sibyl compact rewrites the\n"
      "rest. In a SQL database tables and indexes are trees: sibyl inspect tells their ids.");
  tree.Does([=] {
    const auto text = Run(*arguments);
    return text ? Answer(*text) : Complain(text.error());
  });
}

}  // namespace sibyl::tools
