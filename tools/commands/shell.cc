// sibyl shell: SQL, in SQLite's own shell, or in one for a server.

#include "tools/command.h"
#include "tools/sql_support.h"

namespace sibyl::tools {
namespace {

constexpr char kTeaching[] =
    R"help(Everything after PATH goes to the shell: SQL to run, or SQLite's options (sqlite3 -help).
Without SQL it is interactive, with history and dot commands; .help lists them.

  sibyl shell shop.db
  sibyl shell shop.db "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)"
  sibyl shell -csv -header shop.db "SELECT * FROM t"
  echo ".import --csv orders.csv orders" | sibyl shell shop.db

A new PATH becomes a small marker file with its data beside it in PATH-sibyl/. A file in SQLite's
own format opens as it is, and so does :memory:. The exit code is the shell's.

  sibyl shell --connect postgresql://ann@localhost/shop
  sibyl shell --connect postgresql://ann@localhost/shop ".mode csv" "SELECT * FROM t"

speaks to a server (sibyl serve), with dot commands of its own: .help lists them. The password comes
from the URL, from PGPASSWORD or ~/.pgpass, or is asked for.)help";

ExitCode RunShell(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments[0] == "--connect") {
    if (arguments.size() < 2) return Complain(ExitCode::kUsage, "--connect needs a URL");
    const auto code = RunServerShell(arguments[1], {arguments.begin() + 2, arguments.end()});
    return code ? static_cast<ExitCode>(*code) : Complain(code.error());
  }
  arguments.insert(arguments.begin(), "sibyl shell");
  const auto code = RunSqlShell(arguments);
  return code ? static_cast<ExitCode>(*code) : Complain(code.error());
}

}  // namespace

void AddShellCommand(CommandLine& commands) {
  const auto words = std::make_shared<std::vector<std::string>>();
  Command& shell = commands.Add("shell", "SQL: SQLite's shell over learned indexes");
  shell.TakeAllWords(words.get());
  shell.Teach(kTeaching);
  shell.Does([=] { return RunShell(*words); });
}

}  // namespace sibyl::tools
