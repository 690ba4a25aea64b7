// Goal: several connections to one database: readers are never blocked and see one state, writers
// take turns, a stale reader cannot become a writer, and nobody fails at COMMIT.
// Method: two or three connections step by step, then threads with a busy timeout.

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

TEST_CASE("a reader keeps its state, a writer does not wait for it", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection writer(path);
  writer.Execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  Connection reader(path);
  reader.Execute("BEGIN");
  CHECK(reader.Line("SELECT a FROM t") == "1");
  writer.Execute("INSERT INTO t VALUES(2)");
  CHECK(reader.Line("SELECT a FROM t") == "1");
  CHECK(writer.Line("SELECT a FROM t") == "1 2");
  CHECK(reader.Code("INSERT INTO t VALUES(3)") == SQLITE_BUSY_SNAPSHOT);
  reader.Execute("COMMIT");
  CHECK(reader.Line("SELECT a FROM t") == "1 2");
  reader.Execute("INSERT INTO t VALUES(3)");
  CHECK(writer.Line("SELECT a FROM t") == "1 2 3");
}

TEST_CASE("one writer at a time; uncommitted work is nobody else's", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection first(path);
  Connection second(path);
  first.Execute("CREATE TABLE t(a); BEGIN IMMEDIATE; INSERT INTO t VALUES(1)");
  CHECK(second.Line("SELECT count(*) FROM t") == "0");
  CHECK(second.Code("INSERT INTO t VALUES(2)") == SQLITE_BUSY);
  CHECK(second.Code("BEGIN IMMEDIATE") == SQLITE_BUSY);
  first.Execute("COMMIT");
  second.Execute("INSERT INTO t VALUES(2)");
  CHECK(first.Line("SELECT a FROM t") == "1 2");
  {
    Connection gone(path);
    gone.Execute("BEGIN; INSERT INTO t VALUES(9)");
  }  // closing rolls back and releases the lock
  second.Execute("INSERT INTO t VALUES(3)");
  CHECK(first.Line("SELECT a FROM t") == "1 2 3");
}

TEST_CASE("the busy handler is asked, unless waiting could not help", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection first(path);
  Connection second(path);
  first.Execute("CREATE TABLE t(a); BEGIN IMMEDIATE");
  int calls = 0;
  sqlite3_busy_handler(
      second.handle(),
      [](void* count, int n) { return ++*static_cast<int*>(count), n < 3 ? 1 : 0; }, &calls);
  CHECK(second.Code("INSERT INTO t VALUES(1)") == SQLITE_BUSY);
  CHECK(calls == 4);
  second.Execute("BEGIN; SELECT * FROM t");
  calls = 0;
  CHECK(second.Code("INSERT INTO t VALUES(1)") == SQLITE_BUSY);
  CHECK(calls == 0);
}

TEST_CASE("schema changes and the data version reach other connections", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection first(path);
  Connection second(path);
  first.Execute("CREATE TABLE t(a)");
  CHECK(second.Line("SELECT count(*) FROM t") == "0");
  const std::string before = second.Line("PRAGMA data_version");
  const std::string own = first.Line("PRAGMA data_version");
  first.Execute("ALTER TABLE t ADD COLUMN b; INSERT INTO t VALUES(1, 2)");
  CHECK(first.Line("PRAGMA data_version") == own);
  CHECK(second.Line("PRAGMA data_version") != before);
  CHECK(second.Line("SELECT b FROM t") == "2");
  first.Execute("DROP TABLE t");
  CHECK(second.Try("SELECT b FROM t").find("no such table") != std::string::npos);
}

TEST_CASE("SQLITE_FCNTL_DATA_VERSION changes with anybody's commits", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection first(path);
  Connection second(path);
  const auto version = [](const Connection& db) {
    unsigned number = 0;
    CHECK(sqlite3_file_control(db.handle(), "main", SQLITE_FCNTL_DATA_VERSION, &number) ==
          SQLITE_OK);
    return number;
  };
  first.Execute("CREATE TABLE t(a)");
  const unsigned made = version(first);
  first.Execute("SELECT * FROM t; CREATE TEMP TABLE u(a); INSERT INTO u VALUES(1)");
  CHECK(version(first) == made);  // nothing was written to it
  first.Execute("INSERT INTO t VALUES(1)");
  const unsigned written = version(first);
  CHECK(written != made);
  CHECK(second.Line("SELECT a FROM t") == "1");
  second.Execute("UPDATE t SET a = 2");
  CHECK(version(first) == written);  // seen by the next transaction
  CHECK(first.Line("SELECT a FROM t") == "2");
  CHECK(version(first) != written);
}

TEST_CASE("a statement in progress sees its connection's commits through", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection db(path);
  db.Execute("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(1),(2),(3)");
  sqlite3_stmt* scan = nullptr;
  REQUIRE(sqlite3_prepare_v2(db.handle(), "SELECT a FROM t", -1, &scan, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(scan) == SQLITE_ROW);
  db.Execute("INSERT INTO t VALUES(4)");
  CHECK(db.Line("SELECT count(*) FROM t") == "4");  // a new statement beside the old one
  Connection other(path);
  CHECK(other.Line("SELECT count(*) FROM t") == "4");
  int rows = 1;
  while (sqlite3_step(scan) == SQLITE_ROW) rows++;
  CHECK(rows == 4);
  sqlite3_finalize(scan);
}

TEST_CASE("threads increment together and lose nothing", "[sql][concurrency]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  Connection db(path);
  db.Execute(
      "PRAGMA synchronous = NORMAL; CREATE TABLE c(n); INSERT INTO c VALUES(0);"
      "CREATE TABLE l(who, n)");
  constexpr int kThreads = 4;
  constexpr int kTurns = 40;
  std::atomic<int> failures = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int who = 0; who < kThreads; who++) {
    threads.emplace_back([&, who] {
      Connection mine(path);
      sqlite3_busy_timeout(mine.handle(), 60000);
      mine.Execute("PRAGMA synchronous = NORMAL");
      for (int i = 0; i < kTurns; i++) {
        const std::string result =
            mine.Try("BEGIN IMMEDIATE; UPDATE c SET n = n + 1; INSERT INTO l SELECT " +
                     std::to_string(who) + ", n FROM c; COMMIT");
        if (result != "ok") failures++;
      }
    });
  }
  std::thread reader([&] {
    Connection mine(path);
    while (!done) {
      // Counter and log are written together: any state has them equal.
      if (mine.Line("SELECT (SELECT n FROM c) = (SELECT count(*) FROM l)") != "1") failures++;
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  CHECK(failures == 0);
  CHECK(db.Line("SELECT n FROM c") == std::to_string(kThreads * kTurns));
  CHECK(db.Line("SELECT count(DISTINCT n), max(n) FROM l") == "160|160");
  CHECK(db.Line("PRAGMA integrity_check") == "ok");
}

}  // namespace
}  // namespace sibyl::sql::testing
