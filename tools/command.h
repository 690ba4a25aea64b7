// What the subcommands share: arguments that mean the same everywhere.

#ifndef SIBYL_TOOLS_COMMAND_H_
#define SIBYL_TOOLS_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "sibyl/database.h"
#include "tools/key_text.h"
#include "tools/output.h"

namespace sibyl::tools {

// Set by the subcommand that was chosen; run once the whole command line is understood.
using Action = std::function<ExitCode()>;

// Each adds its subcommands to `app`.
void AddShellCommand(CLI::App& app, Action* action);
void AddLoadCommand(CLI::App& app, Action* action);
void AddRecordCommands(CLI::App& app, Action* action);  // get, put, delete
void AddScanCommand(CLI::App& app, Action* action);
void AddCompactCommand(CLI::App& app, Action* action);
void AddStatsCommand(CLI::App& app, Action* action);
void AddVerifyCommand(CLI::App& app, Action* action);
void AddInspectCommand(CLI::App& app, Action* action);

// PATH, --tree and --keys, as far as a command has them.
struct DatabaseArguments {
  std::string path;
  std::string tree = "default";
  KeyFormat keys = KeyFormat::kText;
};

void AddPathArgument(CLI::App& command, DatabaseArguments* arguments);
void AddTreeOption(CLI::App& command, DatabaseArguments* arguments);
void AddKeysOption(CLI::App& command, DatabaseArguments* arguments);

// Opens an existing database for one command, finds its tree and hands both to `work`.
// Complains, and returns the exit code, where that is not possible.
ExitCode WithTree(const DatabaseArguments& arguments,
                  const std::function<ExitCode(Database&, Tree)>& work);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_COMMAND_H_
