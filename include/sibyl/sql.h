// SQL on SibylDB: where a database's files are, and SQLite's shell over it.
//
// SQL itself is SQLite's C interface (sqlite3.h) in the library sibyl_sql. A database is a small
// marker file PATH with its data in the folder PATH-sibyl/; docs/sql.md has the rules.

#ifndef SIBYL_SQL_H_
#define SIBYL_SQL_H_

#include <filesystem>

namespace sibyl::sql {

// The folder that has the data of the SQL database `path`: what Database::Open takes. A `path` that
// is itself a folder is its own answer, so that tools accept either.
std::filesystem::path DataDirectoryOf(const std::filesystem::path& path);

// Runs SQLite's interactive shell with its command line: argv[0] is its name, then options, the
// file and SQL, as sqlite3 -help describes. Returns the exit code. It owns standard input and
// output while it runs and may end the process, as the command .exit with a code does. In the
// library sibyl_shell, which needs readline.
int RunShell(int argc, char** argv);

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_H_
