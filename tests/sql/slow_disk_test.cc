// Goal: whoever commits gives the writer lock back before it waits for the disk, so that the next
// writer works meanwhile.
// Method: the fdatasync of this program waits where the test says so: the first writer's COMMIT
// stays in it until the second writer, of another connection, has begun, written and committed.

#include <dlfcn.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

// A gate in front of fdatasync, for the threads that are to meet it.
class Gate {
 public:
  // By the thread that syncs: waits until the gate opens, once.
  void Pass() {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void WaitUntilReached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

thread_local Gate* gate_of_this_thread = nullptr;

}  // namespace

// Instead of the C library's, for RocksDB too.
extern "C" [[gnu::visibility("default")]] int fdatasync(int file) {
  static const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "fdatasync"));
  if (gate_of_this_thread != nullptr) gate_of_this_thread->Pass();
  return real(file);
}

namespace {

TEST_CASE("a commit that waits for the disk does not keep the writer lock", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection first(path);
  Connection second(path);
  first.Execute("PRAGMA synchronous=FULL; CREATE TABLE t(a)");
  second.Execute("PRAGMA synchronous=NORMAL");  // its own commit waits for no disk
  CHECK(second.Line("SELECT count(*) FROM t") == "0");

  Gate gate;
  std::atomic<bool> first_has_committed = false;
  std::thread committing([&] {
    gate_of_this_thread = &gate;
    first.Execute("INSERT INTO t VALUES(1)");
    first_has_committed = true;
  });
  gate.WaitUntilReached();
  CHECK(second.Code("BEGIN IMMEDIATE") == SQLITE_OK);  // no busy handler: at once, or not at all
  CHECK(second.Code("INSERT INTO t VALUES(2)") == SQLITE_OK);
  CHECK(second.Code("COMMIT") == SQLITE_OK);
  CHECK(second.Line("SELECT a FROM t") == "1 2");  // what the log knows is seen by all
  CHECK_FALSE(first_has_committed);
  gate.Open();
  committing.join();
  CHECK(first_has_committed);
  CHECK(first.Line("SELECT a FROM t") == "1 2");
}

}  // namespace
}  // namespace sibyl::sql::testing
