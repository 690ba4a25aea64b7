// Goal: kill -9 at any moment leaves exactly a prefix of the committed transactions, no transaction
// that was acknowledged missing, and a database that is whole.
// Method: a child commits without end; the parent kills it after a random number of acknowledged
// commits (also during the very first statement), reopens, checks, and lets the next child go on
// from there. Seeds are fixed and printed.

#include <chrono>
#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/sql/child_process.h"
#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

// The number on the last complete line of the child's output; 0 if there is none.
long LastAcknowledged(const std::string& output) {
  const size_t end = output.rfind('\n');
  if (end == std::string::npos) return 0;
  const size_t begin = output.rfind('\n', end - 1);
  return std::stol(output.substr(begin == std::string::npos ? 0 : begin + 1));
}

void CheckPrefix(const std::string& path, long acknowledged) {
  Connection db(path);
  CHECK(db.Line("PRAGMA integrity_check") == "ok");
  if (db.Line("SELECT count(*) FROM sqlite_schema WHERE name = 'ttext'") == "0") {
    CHECK(acknowledged == 0);  // killed while the schema was made
    return;
  }
  const long last = std::stol(db.Line("SELECT ifnull(max(n), 0) FROM log"));
  const std::string n = std::to_string(last);
  CHECK(last >= acknowledged);
  CHECK(last <= acknowledged + 1);
  CHECK(db.Line("SELECT count(*) FROM log") == n);
  CHECK(db.Line("SELECT count(*) FROM t WHERE part = 1") == n);
  CHECK(db.Line("SELECT count(*) FROM t WHERE part = 2") == (last > 0 ? "1" : "0"));
  CHECK(db.Line("SELECT count(*) FROM log WHERE live <> 2 * n + 1") == "0");
}

TEST_CASE("kill -9 keeps exactly the committed prefix", "[sql][crash]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  const std::string synchronous = GENERATE("FULL", "NORMAL", "OFF");
  const unsigned seed = 11;
  INFO("synchronous=" << synchronous << " seed=" << seed);
  std::mt19937 random(seed);
  long acknowledged = 0;
  for (int round = 0; round < 5; round++) {
    ChildProcess child({"commit", path, synchronous});
    const long enough = round == 0 ? 0 : acknowledged + 1 + static_cast<long>(random() % 60);
    while (LastAcknowledged(child.seen()) < enough && child.ReadSome()) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    child.Kill();
    acknowledged = std::max(acknowledged, LastAcknowledged(child.ReadAll()));
    INFO("round " << round << " acknowledged " << acknowledged);
    CheckPrefix(path, acknowledged);
  }
  CHECK(acknowledged > 0);
}

TEST_CASE("kill -9 while a database is created leaves a new database or a whole one",
          "[sql][crash]") {
  const unsigned seed = 5;
  std::mt19937 random(seed);
  for (int round = 0; round < 12; round++) {
    const TemporaryDirectory folder;
    const std::string path = folder.path() / "x.db";
    {
      ChildProcess child({"hold", path});
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 150000));
      child.Kill();
    }
    INFO("seed " << seed << " round " << round);
    Connection db(path);
    CHECK(db.Try("CREATE TABLE IF NOT EXISTS held(a); INSERT INTO held VALUES(1)") == "ok");
    CHECK(db.Line("SELECT a FROM held") == "1");
    CHECK(IsOurs(path));
  }
}

TEST_CASE("a database belongs to one process at a time", "[sql][crash]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  ChildProcess child({"hold", path});
  child.ReadUntil("open\n");
  Connection db(path);
  const std::string error = db.Try("SELECT * FROM held");
  CHECK(error.starts_with(std::to_string(SQLITE_BUSY)));
  CHECK(error.find("x.db-sibyl") != std::string::npos);
  child.CloseInput();
  CHECK(child.Wait() == 0);
  CHECK(db.Line("SELECT count(*) FROM held") == "0");  // the same connection, once it is free
}

}  // namespace
}  // namespace sibyl::sql::testing
