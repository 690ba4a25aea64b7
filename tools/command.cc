#include "tools/command.h"

#include <optional>

#include "tools/database_access.h"

namespace sibyl::tools {

void AddPathArgument(Command& command, DatabaseArguments* arguments) {
  command.Positional("PATH", &arguments->path,
                     "The database: its folder, or the marker file of a SQL database");
}

void AddTreeOption(Command& command, DatabaseArguments* arguments) {
  command.Option("--tree", &arguments->tree, "NAME [default]", "The tree, by name or as #ID");
}

void AddKeysOption(Command& command, DatabaseArguments* arguments) {
  command.Choice("--keys",
                 {{"text", KeyFormat::kText}, {"hex", KeyFormat::kHex}, {"u64", KeyFormat::kU64}},
                 &arguments->keys, "text|hex|u64 [text]",
                 "How keys are written. text: escapes \\\\ \\t \\n \\r \\0 \\xNN for unprintable "
                 "bytes; hex: two digits a byte; u64: numbers, stored as 8 bytes big-endian");
}

void AddReadOnlyFlag(Command& command, DatabaseArguments* arguments) {
  command.Flag("--read-only", &arguments->read_only,
               "Touch nothing and take no lock: works beside a process that has it open");
}

Result<std::shared_ptr<Database>> OpenExisting(const DatabaseArguments& arguments) {
  if (arguments.read_only) return OpenDatabaseReadOnly(arguments.path);
  return OpenDatabase(arguments.path, /*create=*/false, /*background_threads=*/0);
}

ExitCode WithTree(const DatabaseArguments& arguments,
                  const std::function<ExitCode(Database&, Tree)>& work) {
  auto database = OpenExisting(arguments);
  if (!database) return Complain(database.error());
  const auto tree = FindTree(**database, arguments.tree);
  if (!tree) return Complain(tree.error());
  if (!tree->has_value()) {
    return Complain(ExitCode::kNegative, "no tree \"" + arguments.tree + "\" in " + arguments.path);
  }
  return work(**database, **tree);
}

}  // namespace sibyl::tools
