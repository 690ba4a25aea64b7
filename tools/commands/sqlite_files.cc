// sibyl import, sibyl export: whole databases from and to SQLite's own file format.

#include "tools/command.h"
#include "tools/sql_support.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

struct Arguments {
  std::string source;
  std::string target;
};

ExitCode Copy(const Arguments& arguments, CopyTo to) {
  const auto report = CopySqlDatabase(arguments.source, arguments.target, to);
  if (!report) return Complain(report.error());
  return Answer(Counted(report->tables, "table") + ", " + Counted(report->rows, "row") +
                ", compared and equal: " + arguments.target + "\n");
}

void AddCommand(CommandLine& commands, const char* name, const char* description, CopyTo to,
                const char* source, const char* target, const char* teaching) {
  const auto arguments = std::make_shared<Arguments>();
  Command& command = commands.Add(name, description);
  command.Positional("SOURCE", &arguments->source, source);
  command.Positional("TARGET", &arguments->target, target);
  command.Teach(teaching);
  command.Does([=] { return Copy(*arguments, to); });
}

}  // namespace

void AddSqliteCommands(CommandLine& commands) {
  AddCommand(commands, "import", "Make a database out of a file of SQLite", CopyTo::kSibyl,
             "The file of SQLite; it is only read", "The new database; nothing may be there yet",
             "Tables, indexes, views, triggers, virtual tables, rowids and user_version come along,\n"
             "in one transaction; then every value of both is read and compared. Indexes in custom\n"
             "collations are refused.\n\n"
             "  sibyl import old.sqlite shop.db");
  AddCommand(commands, "export", "Make a file of SQLite out of a database", CopyTo::kSqlite,
             "The SQL database: its marker file", "The new file; nothing may be there yet",
             "The opposite of import, with the same comparison at the end. Any program that reads\n"
             "SQLite's files reads the result.\n\n"
             "  sibyl export shop.db shop.sqlite");
}

}  // namespace sibyl::tools
