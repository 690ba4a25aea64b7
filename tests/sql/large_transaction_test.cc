// Goal: SQL transactions that outgrow their memory are like others: their own reads, savepoints,
// statements that fail half-way, ROLLBACK and COMMIT.
// Method: large rows, so that few of them spill; the same statements on a native database are the
// judge. SIBYL_SQL_ROWS inserts as many small rows as it says: docs/testing.md.

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

constexpr const char* kSchema =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE, bytes BLOB);"
    "CREATE TABLE log(what TEXT);"
    "CREATE TRIGGER noted AFTER DELETE ON t BEGIN INSERT INTO log VALUES(old.name); END;";

// Rows begin to end - 1, 256 KiB each.
std::string Fill(int begin, int end) {
  return "WITH RECURSIVE n(i) AS (VALUES(" + std::to_string(begin) +
         ") UNION ALL SELECT i+1 FROM n WHERE i<" + std::to_string(end - 1) +
         ") INSERT INTO t SELECT i, 'name ' || (i * 7919 % 10007), zeroblob(262144) FROM n";
}

std::string State(Connection& connection) {
  return connection.Line(
             "SELECT count(*), sum(id), sum(length(bytes)), min(name), max(name) FROM t") +
         "; " + connection.Line("SELECT count(*), min(what), max(what) FROM log") + "; " +
         connection.Line("SELECT id FROM t ORDER BY name LIMIT 5") + "; " +
         connection.Line("SELECT id FROM t ORDER BY id DESC LIMIT 5");
}

int64_t Spills(Connection& connection) {
  return std::stoll(
      connection.Line("SELECT value FROM sibyl_stats WHERE name='transaction_spills'"));
}

TEST_CASE("savepoints and failing statements in a transaction that spills", "[sql][transaction]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "ours.db";
  Connection ours(path);
  Connection native(":memory:");
  const auto both = [&](const std::string& sql) {
    INFO(sql);
    REQUIRE(ours.Try(sql) == native.Try(sql));
    REQUIRE(State(ours) == State(native));
  };
  both(kSchema);
  both("BEGIN");
  both(Fill(0, 200));
  both("SAVEPOINT a");
  both(Fill(200, 500));
  CHECK(Spills(ours) >= 1);
  both("DELETE FROM t WHERE id % 3 = 0");
  both("SAVEPOINT b");
  both("UPDATE t SET name = 'new ' || id WHERE id BETWEEN 100 AND 400");
  // Fails at its last row: everything that the statement did is undone, spilled or not.
  both("INSERT INTO t VALUES(1000, 'last', x'00')");
  both(
      "WITH RECURSIVE n(i) AS (VALUES(600) UNION ALL SELECT i+1 FROM n WHERE i<1000)"
      "INSERT INTO t SELECT i, 'other ' || i, zeroblob(262144) FROM n");
  both("ROLLBACK TO b");
  both("UPDATE t SET bytes = zeroblob(200000) WHERE id < 250");
  both("RELEASE b");
  both("ROLLBACK TO a");
  both(Fill(300, 420));
  both("RELEASE a");
  both("COMMIT");
  CHECK(ours.Line("PRAGMA integrity_check") == "ok");
  Connection other(path);
  CHECK(State(other) == State(native));
}

TEST_CASE("a spilled transaction is invisible until it commits, and gone after ROLLBACK",
          "[sql][transaction]") {
  const bool commits = GENERATE(false, true);
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "ours.db";
  Connection writer(path);
  writer.Execute(kSchema);
  writer.Execute(Fill(0, 3));
  Connection reader(path);
  reader.Execute("BEGIN");
  const std::string before = State(reader);
  writer.Execute("BEGIN; CREATE TABLE made(x)");
  writer.Execute(Fill(3, 600));
  writer.Execute("INSERT INTO made SELECT id FROM t");
  CHECK(Spills(writer) >= 1);
  CHECK(State(reader) == before);
  writer.Execute(commits ? "COMMIT" : "ROLLBACK");
  CHECK(State(reader) == before);
  if (commits) CHECK(reader.Code("INSERT INTO log VALUES(1)") == SQLITE_BUSY_SNAPSHOT);
  reader.Execute("COMMIT");
  CHECK(reader.Line("SELECT count(*) FROM t") == (commits ? "600" : "3"));
  CHECK(reader.Code("SELECT * FROM made") == (commits ? SQLITE_OK : SQLITE_ERROR));
  CHECK(reader.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("many rows by INSERT in one transaction", "[sql][transaction]") {
  const char* text = std::getenv("SIBYL_SQL_ROWS");
  if (text == nullptr) return;  // the two above spill as well
  const TemporaryDirectory folder;
  Connection connection(folder.path() / "ours.db");
  connection.Execute("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT); BEGIN");
  sqlite3_stmt* insert = nullptr;
  REQUIRE(sqlite3_prepare_v2(connection.handle(), "INSERT INTO t VALUES(?, ?)", -1, &insert,
                             nullptr) == SQLITE_OK);
  const int64_t rows = std::atoll(text);
  const std::string name(100, 'n');
  for (int64_t i = 0; i < rows; ++i) {
    sqlite3_bind_int64(insert, 1, i * 7919 % rows);
    sqlite3_bind_text(insert, 2, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
    REQUIRE(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
  CHECK(Spills(connection) > rows / 1'000'000);
  connection.Execute("COMMIT");
  CHECK(connection.Line("SELECT count(*), min(id), max(id) FROM t") ==
        std::to_string(rows) + "|0|" + std::to_string(rows - 1));
}

}  // namespace
}  // namespace sibyl::sql::testing
