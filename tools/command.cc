#include "tools/command.h"

#include <map>
#include <optional>

#include "tools/database_access.h"

namespace sibyl::tools {

void AddPathArgument(CLI::App& command, DatabaseArguments* arguments) {
  command
      .add_option("PATH", arguments->path,
                  "The database: its folder, or the marker file of a SQL database")
      ->required();
}

void AddTreeOption(CLI::App& command, DatabaseArguments* arguments) {
  command.add_option("--tree", arguments->tree, "The tree, by name or as #ID")
      ->option_text("NAME [default]");
}

void AddKeysOption(CLI::App& command, DatabaseArguments* arguments) {
  static const std::map<std::string, KeyFormat> formats = {
      {"text", KeyFormat::kText}, {"hex", KeyFormat::kHex}, {"u64", KeyFormat::kU64}};
  command
      .add_option("--keys", arguments->keys,
                  "How keys are written. text: escapes \\\\ \\t \\n \\r \\0 \\xNN for unprintable "
                  "bytes; hex: two digits a byte; u64: numbers, stored as 8 bytes big-endian")
      ->transform(CLI::CheckedTransformer(formats))
      ->option_text("text|hex|u64 [text]");
}

ExitCode WithTree(const DatabaseArguments& arguments,
                  const std::function<ExitCode(Database&, Tree)>& work) {
  auto database = OpenDatabase(arguments.path, /*create=*/false, /*background_threads=*/0);
  if (!database) return Complain(database.error());
  const auto tree = FindTree(**database, arguments.tree);
  if (!tree) return Complain(tree.error());
  if (!tree->has_value()) {
    return Complain(ExitCode::kNegative, "no tree \"" + arguments.tree + "\" in " + arguments.path);
  }
  return work(**database, **tree);
}

}  // namespace sibyl::tools
