// The one binary: `sibyl COMMAND ...`.

#include <csignal>
#include <exception>
#include <string>

#include "sibyl/version.h"
#include "tools/command.h"
#include "tools/output.h"

namespace sibyl::tools {
namespace {

constexpr char kDescription[] =
    "SibylDB: a key-value and SQL database whose B-tree is replaced by learned models.\n"
    "A model predicts the one block that can hold a key; compaction trains the models.";

constexpr char kTeaching[] = R"(
A first look:
  sibyl put my.db greeting hello            a database is a folder, made on first use
  sibyl get my.db greeting                  prints: hello
  sibyl load my.db words.txt                one record per line; also CSV, TSV, SOSD, .zst, stdin
  sibyl compact my.db                       merges everything and trains the models
  sibyl scan my.db --prefix gre --limit 5   records in key order
  sibyl inspect my.db                       the models: pieces, depth, bytes per key
  sibyl shell shop.db                       SQL: SQLite's own shell over learned indexes
  sibyl import old.sqlite shop.db           from a file of SQLite; `sibyl export` goes back
  sibyl serve shop.db                       the same SQL for psql and PostgreSQL's drivers

`sibyl COMMAND --help` explains each. Words that begin with '-' go after `--`.

Exit codes, for scripts:
  0  done
  1  the answer is no: key or tree not found, damage found by verify, something lost in a repair
  2  the command line cannot be understood
  3  the database, a file or the machine refused; standard error says why in a line "sibyl: ...")";

ExitCode Run(int argc, char** argv) {
  CommandLine commands("sibyl", kDescription, kTeaching, std::string("sibyl ") + kVersion);
  AddShellCommand(commands);
  AddServerCommands(commands);
  AddLoadCommand(commands);
  AddRecordCommands(commands);
  AddScanCommand(commands);
  AddTreeCommand(commands);
  AddCompactCommand(commands);
  AddStatsCommand(commands);
  AddVerifyCommand(commands);
  AddInspectCommand(commands);
  AddCopyCommands(commands);
  AddSqliteCommands(commands);
  return FinishOutput(commands.Run(argc, argv));
}

}  // namespace
}  // namespace sibyl::tools

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is noticed when writing; see Print in output.h
  try {
    return static_cast<int>(sibyl::tools::Run(argc, argv));
  } catch (const std::exception& error) {  // out of memory, by design the only one left
    return static_cast<int>(sibyl::tools::Complain(sibyl::tools::ExitCode::kError, error.what()));
  }
}
