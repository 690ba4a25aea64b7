// SQLite's interactive shell: its own shell.c, whose main function the build has renamed.

#include "sibyl/sql.h"

extern "C" int sibyl_sqlite_shell_main(int argc, char** argv);

namespace sibyl::sql {

int RunShell(int argc, char** argv) { return sibyl_sqlite_shell_main(argc, argv); }

}  // namespace sibyl::sql
