// What the subcommands share: arguments that mean the same everywhere.

#ifndef SIBYL_TOOLS_COMMAND_H_
#define SIBYL_TOOLS_COMMAND_H_

#include <functional>
#include <memory>
#include <string>

#include "sibyl/database.h"
#include "tools/command_line.h"
#include "tools/key_text.h"
#include "tools/output.h"

namespace sibyl::tools {

// Each adds its subcommands.
void AddShellCommand(CommandLine& commands);
void AddSqliteCommands(CommandLine& commands);  // import, export
void AddServerCommands(CommandLine& commands);  // serve, user; none without SQL
void AddUserCommand(CommandLine& commands);     // one of them
void AddLoadCommand(CommandLine& commands);
void AddRecordCommands(CommandLine& commands);  // get, put, delete
void AddScanCommand(CommandLine& commands);
void AddTreeCommand(CommandLine& commands);
void AddCompactCommand(CommandLine& commands);
void AddStatsCommand(CommandLine& commands);
void AddVerifyCommand(CommandLine& commands);
void AddInspectCommand(CommandLine& commands);
void AddCopyCommands(CommandLine& commands);  // checkpoint, backup, backups, restore, repair

// PATH, --tree, --keys and --read-only, as far as a command has them.
struct DatabaseArguments {
  std::string path;
  std::string tree = "default";
  KeyFormat keys = KeyFormat::kText;
  bool read_only = false;
};

void AddPathArgument(Command& command, DatabaseArguments* arguments);
void AddTreeOption(Command& command, DatabaseArguments* arguments);
void AddKeysOption(Command& command, DatabaseArguments* arguments);
void AddReadOnlyFlag(Command& command, DatabaseArguments* arguments);

// Opens an existing database for one command, read-only if the arguments say so.
Result<std::shared_ptr<Database>> OpenExisting(const DatabaseArguments& arguments);

// Opens an existing database for one command, finds its tree and hands both to `work`.
// Complains, and returns the exit code, where that is not possible.
ExitCode WithTree(const DatabaseArguments& arguments,
                  const std::function<ExitCode(Database&, Tree)>& work);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_COMMAND_H_
