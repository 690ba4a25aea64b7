// sibyl get, put, delete: one record.

#include <iostream>
#include <iterator>

#include "base/status_macros.h"
#include "base/text.h"
#include "tools/command.h"
#include "tools/database_access.h"

namespace sibyl::tools {
namespace {

struct Arguments : DatabaseArguments {
  std::string key;
  std::string value;
  bool raw = false;
};

constexpr WriteOptions kDurable{.sync = true};

// Parses the key and hands it on with the database and its tree.
ExitCode WithKey(const Arguments& arguments,
                 const std::function<ExitCode(Database&, Tree, const std::string&)>& work) {
  const auto key = ParseKey(arguments.key, arguments.keys);
  if (!key) return Complain(ExitCode::kUsage, key.error().message);
  return WithTree(arguments,
                  [&](Database& database, Tree tree) { return work(database, tree, *key); });
}

ExitCode NotFound(const Arguments& arguments) {
  return Complain(ExitCode::kNegative, "not found: " + base::Quoted(arguments.key));
}

ExitCode RunGet(const Arguments& arguments) {
  return WithKey(arguments, [&](Database& database, Tree tree, const std::string& key) {
    const auto value = database.Get(tree, key);
    if (!value) return Complain(value.error());
    if (!value->has_value()) return NotFound(arguments);
    return Answer(arguments.raw ? **value : Escape(**value) + "\n");
  });
}

ExitCode RunDelete(const Arguments& arguments) {
  return WithKey(arguments, [&](Database& database, Tree tree, const std::string& key) {
    const auto value = database.Get(tree, key);
    if (!value) return Complain(value.error());
    if (!value->has_value()) return NotFound(arguments);
    const auto deleted = database.Delete(tree, key, kDurable);
    return deleted ? ExitCode::kOk : Complain(deleted.error());
  });
}

// The value of `put`: written in the escapes, or with `-` the bytes of standard input.
Result<std::string> ReadValue(const std::string& written) {
  if (written != "-") return Unescape(written);
  std::string bytes{std::istreambuf_iterator<char>(std::cin), {}};
  if (std::cin.bad()) return Error{ErrorCode::kIo, "cannot read standard input"};
  return bytes;
}

Status Put(const Arguments& arguments, const std::string& key, const std::string& value) {
  SIBYL_ASSIGN_OR_RETURN(const auto database, OpenDatabase(arguments.path, /*create=*/true,
                                                           /*background_threads=*/0));
  SIBYL_ASSIGN_OR_RETURN(const Tree tree, FindOrCreateTree(*database, arguments.tree));
  return database->Put(tree, key, value, kDurable);
}

ExitCode RunPut(const Arguments& arguments) {
  const auto key = ParseKey(arguments.key, arguments.keys);
  if (!key) return Complain(ExitCode::kUsage, key.error().message);
  const auto value = ReadValue(arguments.value);
  if (!value) return Complain(ExitCode::kUsage, value.error().message);
  const auto put = Put(arguments, *key, *value);
  return put ? ExitCode::kOk : Complain(put.error());
}

Command& AddCommand(CommandLine& commands, const char* name, const char* description,
                    Arguments* arguments) {
  Command& command = commands.Add(name, description);
  AddPathArgument(command, arguments);
  command.Positional("KEY", &arguments->key, "The key, written as --keys says");
  AddTreeOption(command, arguments);
  AddKeysOption(command, arguments);
  return command;
}

}  // namespace

void AddRecordCommands(CommandLine& commands) {
  const auto arguments = std::make_shared<Arguments>();
  Command& get = AddCommand(commands, "get", "Print the value of one key", arguments.get());
  get.Flag("--raw", &arguments->raw, "Print the value's very bytes: no escapes, no newline");
  AddReadOnlyFlag(get, arguments.get());
  get.Teach("Exit code 1 if the key is not there.\n  sibyl get my.db --keys u64 42");
  get.Does([=] { return RunGet(*arguments); });

  Command& put = AddCommand(commands, "put", "Store a value under a key, durably", arguments.get());
  put.Positional("VALUE", &arguments->value, "The value, with escapes; - reads standard input");
  put.Teach("Makes database and tree if there are none.\n  sibyl put my.db photo - < photo.jpg");
  put.Does([=] { return RunPut(*arguments); });

  Command& remove = AddCommand(commands, "delete", "Remove one key, durably", arguments.get());
  remove.Teach("Exit code 1 if the key was not there.");
  remove.Does([=] { return RunDelete(*arguments); });
}

}  // namespace sibyl::tools
