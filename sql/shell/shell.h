// SQLite's interactive shell over our databases: history, completion of lines, and all its dot
// commands (.backup and .recover need SQLite's pages; docs/sql.md says what to use instead).

#ifndef SIBYL_SQL_SHELL_SHELL_H_
#define SIBYL_SQL_SHELL_SHELL_H_

#include <string>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::sql {

// Runs the shell with SQLite's command line: the name it gives itself, options, the file, SQL. Returns its exit code. It owns standard input and output while it runs, and some
// commands (.exit with a code) end the process. Errors: none today; they are the shell's to tell.
Result<int> RunShell(const std::vector<std::string>& arguments);

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_SHELL_SHELL_H_
