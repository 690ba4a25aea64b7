// Goal: a process may exit while its database is open and works in the background; and a child of
// fork() is a process like any other, although it has inherited the state of every library and none
// of the threads.
// Method: children write and call exit(), which destroys the static objects of every library; their
// exit codes and data are checked. Some are forked while their parent has databases open and busy.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

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

// Opens and closes the database a few times. Often enough that what RocksDB does in the background
// must have been done: it stops a writer when too much of it waits.
[[noreturn]] void LiveInChild(const std::filesystem::path& directory, int flushes) noexcept {
  for (int opening = 0; opening < 3; ++opening) {
    const auto database = Must(Database::Open({}, directory));
    for (int i = 0; i < flushes; ++i) {
      Must(database->Put(KeyOf(i), "flush " + std::to_string(opening)));
      Must(database->Flush());
    }
    Must(database->Compact());
  }
  std::exit(0);
}

TEST_CASE("a child opens what its parent had open at the fork, and all else", "[engine][registry]") {
  const TemporaryDirectory folder;
  const std::filesystem::path shared = folder.path() / "shared";
  auto database = Must(Database::Open({}, shared));
  const auto kept = Must(Database::Open({}, folder.path() / "kept"));
  for (const auto& open : {database, kept}) {
    Must(open->Put("key", "value"));
    Must(open->Flush());
  }
  int wake[2];
  REQUIRE(pipe(wake) == 0);
  std::vector<pid_t> children;
  for (int child = 0; child < 2; ++child) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    close(wake[1]);
    char byte = 0;
    (void)!read(wake[0], &byte, 1);  // until the parent has closed the shared one
    LiveInChild(child == 0 ? shared : folder.path() / "own", child == 0 ? 10 : 40);
  }
  database.reset();
  close(wake[1]);
  close(wake[0]);
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
  }
  database = Must(Database::Open({}, shared));
  CHECK(Must(database->Get("key")) == "value");
  CHECK(Must(database->Get(KeyOf(9))) == "flush 2");
  Must(kept->Put("key", "after"));
  CHECK(Must(kept->Get("key")) == "after");
}

}  // namespace
}  // namespace sibyl::testing
