#include "tools/remote_shell/remote_shell.h"

#include <readline/history.h>
#include <readline/readline.h>
#include <sqlite3.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/status_macros.h"
#include "tools/remote_shell/query_runner.h"

namespace sibyl::tools {
namespace {

constexpr char kHelp[] =
    R"help(SQL ends with a semicolon. Commands are lines that begin with a dot:
  .help             this text
  .indexes [TABLE]  the indexes, of all tables or of one
  .mode MODE        how rows are shown: table, line, csv or list
  .quit             the end; Ctrl-D too
  .read FILE        runs the SQL and the commands in a file
  .schema [TABLE]   what the tables were made with, and what belongs to them
  .tables [PATTERN] tables and views whose names are LIKE the pattern
  .timing on|off    how long each answer took
Ctrl-C cancels what is running, or what is being typed.
)help";

constexpr char kTables[] =
    "SELECT table_name AS name, lower(replace(table_type, 'BASE ', '')) AS type"
    " FROM information_schema.tables"
    " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_name LIKE $1::text"
    " ORDER BY 1";
constexpr char kIndexes[] =
    "SELECT tablename AS table_name, indexname AS name, indexdef AS definition FROM pg_indexes"
    " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    " AND ($1::text = '' OR tablename = $1::text) ORDER BY 1, 2";
constexpr char kSchema[] =
    "SELECT sql || ';' AS sql FROM sqlite_schema WHERE sql IS NOT NULL"
    " AND ($1::text = '' OR tbl_name = $1::text) AND tbl_name <> 'sibyl_users'"
    " ORDER BY tbl_name, type <> 'table', name";

constexpr int kHistoryLines = 2000;

constexpr char kInterruptKey = 3;  // Ctrl-C

// At the prompt Ctrl-C is a key like others: the signal is for what runs.
void PrepareTerminal(int meta) {
  rl_prep_terminal(meta);
  termios terminal{};
  if (::tcgetattr(STDIN_FILENO, &terminal) != 0) return;
  terminal.c_cc[VINTR] = _POSIX_VDISABLE;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal);
}

// The line becomes nothing but that key.
int AbandonLine(int /*count*/, int key) {
  const char line[] = {kInterruptKey, '\0'};
  rl_replace_line(line, 1);
  return rl_newline(1, key);
}

// Lines from a terminal, with editing and a history that outlives the process; or from a stream.
class LineSource {
 public:
  explicit LineSource(std::istream* stream) : stream_(stream) {
    if (stream_ != nullptr) return;
    if (const char* home = std::getenv("HOME")) history_ = std::string(home) + "/.sibyl_history";
    rl_prep_term_function = PrepareTerminal;
    rl_bind_key(kInterruptKey, AbandonLine);
    stifle_history(kHistoryLines);
    if (!history_.empty()) read_history(history_.c_str());
  }
  ~LineSource() {
    if (!history_.empty()) write_history(history_.c_str());
  }
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;

  bool is_terminal() const { return stream_ == nullptr; }

  std::optional<std::string> Next(const char* prompt) {
    if (stream_ != nullptr) {
      std::string line;
      if (std::getline(*stream_, line)) return line;
      return std::nullopt;
    }
    char* read = readline(prompt);
    if (read == nullptr) return std::nullopt;
    std::string line(read);
    std::free(read);
    return line;
  }

  void Remember(const std::string& command) {
    if (is_terminal() && !command.empty()) add_history(command.c_str());
  }

 private:
  std::istream* const stream_;
  std::string history_;
};

class RemoteShell {
 public:
  RemoteShell(PqConnection connection, LineSource* input)
      : input_(input),
        runner_(std::move(connection), [this] { return input_->Next(""); }),
        name_(PQdb(runner_.connection())) {}

  // False: something failed.
  bool RunCommand(const std::string& command) {
    return command.starts_with('.') ? RunDotCommand(command) : runner_.Run(command);
  }
  bool RunLines(LineSource* source);
  bool quits() const { return quits_; }

 private:
  bool RunDotCommand(const std::string& line);
  bool Show(const char* sql, const std::string& parameter);
  bool ShowSchema(const std::string& table);
  bool SetMode(const std::string& name);
  bool Read(const std::string& path);

  LineSource* const input_;
  QueryRunner runner_;
  const std::string name_;
  bool quits_ = false;
};

// Collects lines until SQLite's shell, too, would take them for a statement.
bool RemoteShell::RunLines(LineSource* source) {
  const std::string first_prompt = name_ + "=> ";
  const std::string next_prompt(first_prompt.size() - 3, ' ');
  std::string sql;
  bool good = true;
  while (!quits_ && (good || source->is_terminal())) {
    const auto line =
        source->Next(sql.empty() ? first_prompt.c_str() : (next_prompt + "-> ").c_str());
    if (!line) break;
    if (source->is_terminal() && line->starts_with(kInterruptKey)) {  // typed in vain so far
      sql.clear();
      continue;
    }
    const bool is_blank = line->find_first_not_of(" \t\r") == std::string::npos;
    if (sql.empty() && is_blank) continue;
    if (sql.empty() && line->starts_with('.')) {
      source->Remember(*line);
      good = RunDotCommand(*line);
      continue;
    }
    sql += (sql.empty() ? "" : "\n") + *line;
    if (sqlite3_complete(sql.c_str()) == 0) continue;
    source->Remember(sql);
    good = runner_.Run(sql);
    sql.clear();
    if (PQstatus(runner_.connection()) == CONNECTION_BAD) return false;
  }
  if (!sql.empty() && good && !quits_) good = runner_.Run(sql);  // without its semicolon
  return good;
}

bool RemoteShell::RunDotCommand(const std::string& line) {
  std::istringstream words(line);
  std::string command;
  std::string argument;
  words >> command >> argument;
  if (command == ".quit" || command == ".exit") return quits_ = true;
  if (command == ".help") return Print(kHelp).has_value();
  if (command == ".mode") return SetMode(argument);
  if (command == ".read") return Read(argument);
  if (command == ".tables") return Show(kTables, argument.empty() ? "%" : argument);
  if (command == ".indexes") return Show(kIndexes, argument);
  if (command == ".schema") return ShowSchema(argument);
  if (command == ".timing" && (argument == "on" || argument == "off")) {
    runner_.shows_time = argument == "on";
    return true;
  }
  std::fprintf(stderr, "unknown command: %s (.help lists them)\n", line.c_str());
  return false;
}

bool RemoteShell::Show(const char* sql, const std::string& parameter) {
  const PqResult result = runner_.Ask(sql, {parameter});
  return result != nullptr && Print(RowsText(result.get(), runner_.mode)).has_value();
}

bool RemoteShell::ShowSchema(const std::string& table) {
  const PqResult result = runner_.Ask(kSchema, {table});
  return result != nullptr && Print(RowsText(result.get(), RowMode::kList)).has_value();
}

bool RemoteShell::SetMode(const std::string& name) {
  const auto mode = RowModeOf(name);
  if (mode) {
    runner_.mode = *mode;
  } else {
    std::fprintf(stderr, "modes are table, line, csv and list\n");
  }
  return mode.has_value();
}

bool RemoteShell::Read(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  LineSource lines(&file);
  return RunLines(&lines);
}

// The password that the server asks for and the command line does not have.
Result<PqConnection> ConnectAsking(const std::string& url, bool has_terminal) {
  const std::vector<std::pair<std::string, std::string>> parameters = {
      {"dbname", url}, {"fallback_application_name", "sibyl shell"}};
  auto connection = ConnectToServer(parameters);
  const bool may_ask = !connection && connection.error().code == ErrorCode::kInvalidArgument;
  if (!may_ask || !has_terminal) return connection;
  const char* password = ::getpass("Password: ");
  if (password == nullptr) return connection;
  auto with_password = parameters;
  with_password.emplace_back("password", password);
  return ConnectToServer(with_password);
}

}  // namespace

ExitCode RunRemoteShell(const std::string& url, const std::vector<std::string>& commands) {
  const bool is_terminal = ::isatty(STDIN_FILENO) != 0;
  auto connection = ConnectAsking(url, is_terminal);
  if (!connection) return Complain(ExitCode::kError, connection.error().message);
  const bool has_prompt = is_terminal && commands.empty();
  LineSource input(has_prompt ? nullptr : &std::cin);
  RemoteShell shell(std::move(*connection), &input);
  bool good = true;
  if (has_prompt) std::fputs("Connected. .help lists the commands.\n", stderr);
  if (commands.empty()) good = shell.RunLines(&input);
  for (const std::string& command : commands) {
    good = good && (shell.quits() || shell.RunCommand(command));
  }
  return good || has_prompt ? ExitCode::kOk : ExitCode::kError;
}

}  // namespace sibyl::tools
