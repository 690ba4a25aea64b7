// Goal: kill -9 at any moment leaves exactly a prefix of the committed transactions, no transaction
// that was acknowledged missing, and a database that is whole.
// Method: a child commits without end; the parent kills it after a random number of acknowledged
// commits (also during the very first statement), reopens, checks, and lets the next child go on
// from there. Where transactions do more, the parent repeats them on SQLite's own engine and
// compares. Seeds are fixed and printed; SIBYL_SEED and SIBYL_KILLS (rounds of each test) make it
// longer.

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>

#include "tests/sql/child_process.h"
#include "tests/sql/connection.h"
#include "tests/sql/transaction_script.h"
#include "tests/support/environment.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::NumberFromEnvironment;
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
  const unsigned seed = NumberFromEnvironment("SIBYL_SEED", 11);
  INFO("synchronous=" << synchronous << " seed=" << seed);
  std::mt19937 random(seed);
  long acknowledged = 0;
  const unsigned rounds = NumberFromEnvironment("SIBYL_KILLS", 5);
  for (unsigned round = 0; round < rounds; round++) {
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

// Everything but what other tables have; sorted, for trees of native tables have other numbers.
std::vector<std::string> ContentOf(Connection* db) {
  std::vector<std::string> lines = db->Execute(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name; SELECT * FROM a; SELECT "
      "t, v,"
      " length(b) FROM w; SELECT * FROM log; SELECT t FROM a INDEXED BY a_k WHERE k > 2 ORDER BY "
      "k, t");
  for (const std::string& table :
       db->Execute("SELECT name FROM sqlite_schema WHERE name LIKE 'e%' AND type = 'table'"
                   " ORDER BY name")) {
    for (const std::string& row : db->Execute("SELECT * FROM " + table)) lines.push_back(row);
  }
  return lines;
}

TEST_CASE("kill -9 keeps schemas, savepoints, emptied tables and an attached database",
          "[sql][crash]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  const std::string other = folder.path() / "y.db";
  const unsigned seed = NumberFromEnvironment("SIBYL_SEED", 23);
  const unsigned rounds = NumberFromEnvironment("SIBYL_KILLS", 6);
  std::mt19937 random(seed);
  Connection expected(":memory:");
  expected.Execute("ATTACH ':memory:' AS other");
  expected.Execute(ScriptSchema());
  long repeated = 0;
  for (unsigned round = 0; round < rounds; round++) {
    ChildProcess child({"script", path, other});
    const long enough = repeated + 1 + static_cast<long>(random() % 30);
    while (LastAcknowledged(child.seen()) < enough && child.ReadSome()) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    child.Kill();
    const long acknowledged = LastAcknowledged(child.ReadAll());
    INFO("seed " << seed << " round " << round << " acknowledged " << acknowledged);
    Connection db(path);
    const long last = std::stol(db.Line("SELECT ifnull(max(n), 0) FROM log"));
    CHECK(last >= acknowledged);
    CHECK(last <= acknowledged + 1);
    for (; repeated < last; repeated++) expected.Execute(ScriptTransaction(repeated + 1));
    CHECK(ContentOf(&db) == ContentOf(&expected));
    CHECK(db.Line("PRAGMA integrity_check") == "ok");
    // Atomic in each: a kill may leave the last transaction in one of the two, but never half of
    // it.
    Connection attached(other);
    const long last_of_other = std::stol(attached.Line("SELECT ifnull(max(n), 0) FROM log"));
    CHECK(std::abs(last_of_other - last) <= 1);
    CHECK(attached.Line("SELECT n FROM log GROUP BY n HAVING count(*) <> 2").empty());
    CHECK(std::stol(attached.Line("SELECT count(*) / 2 FROM log")) >=
          last_of_other - static_cast<long>(round) - 1);
    CHECK(attached.Line("PRAGMA integrity_check") == "ok");
  }
  CHECK(repeated > static_cast<long>(rounds));
}

TEST_CASE("processes that make a database together make one", "[sql][process]") {
  constexpr int kProcesses = 4;
  for (int round = 0; round < 6; round++) {
    INFO("round " << round);
    const TemporaryDirectory folder;
    const std::string path = folder.path() / "x.db";
    std::vector<std::unique_ptr<ChildProcess>> children;
    for (int i = 0; i < kProcesses; i++) {
      children.push_back(std::make_unique<ChildProcess>(std::vector<std::string>{"append", path}));
    }
    for (const auto& child : children) CHECK(child->Wait() == 0);
    CHECK_FALSE(std::filesystem::exists(path + "-sibyl-orphan"));
    CHECK(Connection(path).Line("SELECT count(*) FROM t") == std::to_string(kProcesses));
  }
}

// Of which one is in a segment.
void MakeThreeRows(const std::string& path) {
  Connection db(path);
  db.Execute("CREATE TABLE t(a); INSERT INTO t VALUES(1); VACUUM; INSERT INTO t VALUES(2),(3)");
}

// What a child that may not write must have printed.
void CheckReadsOnly(const std::string& output) {
  INFO(output);
  CHECK(output.starts_with("3\n" + std::to_string(SQLITE_READONLY)));
  CHECK(output.ends_with("\n1\n"));
}

TEST_CASE("who may not write reads", "[sql][process]") {
  namespace fs = std::filesystem;
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "x.db";
  MakeThreeRows(path);
  const auto set_all = [&](fs::perms of_folders, fs::perms of_files) {
    fs::permissions(folder.path(), of_folders);
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      fs::permissions(entry.path(), entry.is_directory() ? of_folders : of_files);
    }
  };
  constexpr fs::perms kRead =
      fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read;
  constexpr fs::perms kEnter =
      fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  set_all(kRead | kEnter, kRead);
  ChildProcess child({"nobody", path});
  const std::string output = child.ReadAll();
  CHECK(child.Wait() == 0);
  set_all(kRead | kEnter | fs::perms::owner_write, kRead | fs::perms::owner_write);
  CheckReadsOnly(output);
}

TEST_CASE("a read-only medium reads", "[sql][process]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  MakeThreeRows(path);
  const std::string parameter = GENERATE("", "?mode=ro", "?immutable=1");
  INFO(parameter);
  ChildProcess child({"medium", folder.path(), "file:" + path + parameter});
  const std::string output = child.ReadAll();
  CHECK(child.Wait() == 0);
  if (output != "no medium\n") CheckReadsOnly(output);
}

TEST_CASE("kill -9 while a database is created leaves a new database or a whole one",
          "[sql][crash]") {
  const unsigned seed = NumberFromEnvironment("SIBYL_SEED", 5);
  const unsigned rounds = NumberFromEnvironment("SIBYL_KILLS", 12);
  std::mt19937 random(seed);
  for (unsigned round = 0; round < rounds; round++) {
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
