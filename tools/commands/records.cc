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

CLI::App* AddCommand(CLI::App& app, const char* name, const char* description,
                     const std::shared_ptr<Arguments>& arguments) {
  CLI::App* command = app.add_subcommand(name, description);
  AddPathArgument(*command, arguments.get());
  command->add_option("KEY", arguments->key, "The key, written as --keys says")->required();
  AddTreeOption(*command, arguments.get());
  AddKeysOption(*command, arguments.get());
  return command;
}

}  // namespace

void AddRecordCommands(CLI::App& app, Action* action) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* get = AddCommand(app, "get", "Print the value of one key", arguments);
  get->add_flag("--raw", arguments->raw, "Print the value's very bytes: no escapes, no newline");
  get->footer("Exit code 1 if the key is not there.\n  sibyl get my.db --keys u64 42");
  get->callback([=] { *action = [=] { return RunGet(*arguments); }; });

  CLI::App* put = AddCommand(app, "put", "Store a value under a key, durably", arguments);
  put->add_option("VALUE", arguments->value, "The value, with escapes; - reads standard input")
      ->required();
  put->footer("Makes database and tree if there are none.\n  sibyl put my.db photo - < photo.jpg");
  put->callback([=] { *action = [=] { return RunPut(*arguments); }; });

  CLI::App* remove = AddCommand(app, "delete", "Remove one key, durably", arguments);
  remove->footer("Exit code 1 if the key was not there.");
  remove->callback([=] { *action = [=] { return RunDelete(*arguments); }; });
}

}  // namespace sibyl::tools
