// SQLite's interactive shell: its own shell.c, whose main function the build has renamed.

#include "sql/shell/shell.h"

extern "C" int sibyl_sqlite_shell_main(int argc, char** argv);

namespace sibyl::sql {

Result<int> RunShell(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = arguments;  // SQLite may write into them
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return sibyl_sqlite_shell_main(static_cast<int>(argv.size()) - 1, argv.data());
}

}  // namespace sibyl::sql
