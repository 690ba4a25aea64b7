// Goal: a process may exit while its database is open and works in the background.
// Method: children write and call exit(), which destroys the static objects of every library; their
// exit codes and data are checked. An executable of its own, since a child that is forked after its
// parent has used RocksDB would wait at exit for threads that it does not have.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

constexpr int kChildren = 40;

std::string KeyOf(int child) { return "key of child " + std::to_string(child); }

[[noreturn]] void WriteAndExit(const std::filesystem::path& directory, int child) {
  const auto database = Must(Database::Open({}, directory));
  Must(database->Put(KeyOf(child), "value"));
  std::exit(0);  // does not destroy `database`
}

TEST_CASE("a process may exit with a database open", "[engine][registry]") {
  const TemporaryDirectory folder;
  for (int child = 0; child < kChildren; ++child) {
    INFO("child " << child);
    const pid_t pid = fork();
    if (pid == 0) WriteAndExit(folder.path(), child);
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
  }
  const auto database = Must(Database::Open({}, folder.path()));
  for (int child = 0; child < kChildren; ++child) {
    CHECK(Must(database->Get(KeyOf(child))) == "value");
  }
}

}  // namespace
}  // namespace sibyl::testing
