// Goal: a cursor keeps its place while its own statement or connection changes the tree under it.
// Method: statements and interleaved statements whose scan and writes meet: each is run on ours and
// on SQLite's own engine, and must see and leave the same rows.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

constexpr const char* kRows =
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); CREATE INDEX tb ON t(b); CREATE UNIQUE INDEX tc "
    "ON"
    " t(c); INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<60)"
    " SELECT i, i % 5, 'c' || i FROM r;"
    "CREATE TABLE w(k TEXT PRIMARY KEY, v INT) WITHOUT ROWID; INSERT INTO w SELECT c, a FROM t;";

TEST_CASE("statements that write what they scan", "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  const std::string sql = GENERATE(
      as<std::string>{}, "UPDATE t SET a = a + 100", "UPDATE t SET a = -a",
      "UPDATE t SET b = b + 1 WHERE b >= 2", "UPDATE t SET b = b + 1 WHERE b IN (1, 2, 3)",
      "UPDATE t INDEXED BY tb SET b = 9 WHERE b > 1", "UPDATE t SET c = 'x' || c WHERE c > 'c3'",
      "DELETE FROM t WHERE b = 3", "DELETE FROM t INDEXED BY tb WHERE b > 1",
      "DELETE FROM t WHERE a IN (SELECT a + 1 FROM t)",
      "DELETE FROM t WHERE c > (SELECT min(c) FROM t)", "UPDATE w SET k = k || 'z'",
      "UPDATE w SET k = 'c' || (v + 1000) WHERE v > 10", "DELETE FROM w WHERE v % 2",
      "INSERT INTO t SELECT a + 60, b, c || 'n' FROM t", "INSERT INTO w SELECT k || 'q', v FROM w",
      "REPLACE INTO t SELECT a + 1, b, c FROM t ORDER BY a DESC",
      "REPLACE INTO t SELECT a + 30, b, 'c' || (a + 1) FROM t WHERE a < 25",
      "INSERT OR REPLACE INTO w SELECT 'c' || (v + 1), v FROM w",
      "UPDATE OR REPLACE t SET a = a + 1", "UPDATE OR REPLACE t SET c = 'c' || (a + 1)",
      "UPDATE OR IGNORE t SET a = a + 1", "UPDATE t SET a = a - 1 WHERE a > 1 AND 0",
      "DELETE FROM t ORDER BY c DESC LIMIT 7",
      "CREATE TRIGGER r AFTER DELETE ON t BEGIN DELETE FROM t WHERE a = old.a + 1; END;"
      " DELETE FROM t WHERE b = 2",
      "CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM t WHERE a = new.a + 1; END;"
      " UPDATE t SET b = b + 10",
      "CREATE TRIGGER r AFTER INSERT ON w WHEN new.v < 5 BEGIN INSERT OR IGNORE INTO w"
      " VALUES(new.k || '+', new.v + 1); END; INSERT INTO w VALUES('deep', 0)",
      "CREATE TRIGGER r BEFORE UPDATE ON t BEGIN UPDATE t SET c = c || '!' WHERE a = old.a + 1; "
      "END;"
      " UPDATE t SET b = 0 WHERE a < 20",
      "INSERT INTO t VALUES(5, 5, 'c6') ON CONFLICT DO UPDATE SET b = 77, c = 'up'");
  INFO(sql);
  for (Connection* db : {&ours, &native}) {
    db->Execute("PRAGMA recursive_triggers = ON");
    db->Execute(kRows);
  }
  CHECK(ours.Try(sql) == native.Try(sql));
  for (const char* query :
       {"SELECT * FROM t", "SELECT c FROM t ORDER BY c", "SELECT a FROM t ORDER BY b, a",
        "SELECT * FROM w", "PRAGMA integrity_check"}) {
    CHECK(ours.Execute(query) == native.Execute(query));
  }
}

// Steps through `select`, running `write` after the given rows, and returns what was seen.
std::vector<std::string> Interleave(Connection* db, const std::string& select,
                                    const std::string& write, int every) {
  sqlite3_stmt* statement = nullptr;
  REQUIRE(sqlite3_prepare_v2(db->handle(), select.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  std::vector<std::string> seen;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    const std::string id = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    seen.push_back(id);
    if (static_cast<int>(seen.size()) % every == 0) {
      std::string sql = write;
      for (size_t at = 0; (at = sql.find('?', at)) != std::string::npos;) sql.replace(at, 1, id);
      seen.push_back(db->Try(sql));
    }
  }
  const int rc = sqlite3_finalize(statement);
  seen.push_back("rc " + std::to_string(rc & 0xff));
  return seen;
}

// What is read ahead of a scan holds while other tables are written, and no longer than that.
TEST_CASE("a scan beside writes to other tables, some of which come back to it", "[sql][cursor]") {
  const TemporaryDirectory folder;
  std::vector<std::string> answers;
  for (const std::string file : {"ours.db", "native.db?engine=sqlite"}) {
    Connection db("file:" + (folder.path() / file).string());
    db.Execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b, c UNIQUE); CREATE INDEX i ON t(b);"
               "CREATE TABLE u(a INTEGER PRIMARY KEY, b); CREATE TABLE v(b, a);"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
               "INSERT INTO t SELECT i, i % 7, 'c' || i FROM n");
    db.Execute("CREATE TRIGGER r AFTER INSERT ON u WHEN new.a % 100 = 0 BEGIN "
               "UPDATE t SET b = b + 10 WHERE a = new.a + 50; "
               "DELETE FROM t WHERE a = new.a + 3; DELETE FROM t WHERE a = new.a - 3; "
               "INSERT INTO t VALUES(new.a * 1000, 1, NULL); END");
    db.Execute("BEGIN; INSERT INTO u SELECT a, b FROM t; INSERT INTO v SELECT b, a FROM u; "
               "SAVEPOINT s; REPLACE INTO u(a, b) SELECT a + 1, b FROM t ORDER BY b; ROLLBACK TO s; "
               "INSERT INTO v SELECT b, a FROM t WHERE b BETWEEN 2 AND 14");
    answers.push_back(db.Line("SELECT count(*), sum(a), sum(b), sum(a * b) FROM u") +
                      db.Line("SELECT count(*), sum(a), sum(b), sum(a * b) FROM v") +
                      db.Line("SELECT count(*), sum(a), sum(b), sum(a * b) FROM t"));
    db.Execute("COMMIT");
    CHECK(db.Line("PRAGMA integrity_check") == "ok");
  }
  CHECK(answers[0] == answers[1]);
}

TEST_CASE("a scan goes on while its connection deletes around it", "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  const std::string select =
      GENERATE(as<std::string>{}, "SELECT a FROM t", "SELECT a FROM t ORDER BY a DESC",
               "SELECT a FROM t WHERE a BETWEEN 10 AND 50");
  const std::string write = GENERATE(
      as<std::string>{}, "DELETE FROM t WHERE a = ?", "DELETE FROM t WHERE a IN (? - 1, ?, ? + 1)",
      "DELETE FROM t WHERE a > ? + 2 AND a < ? + 5", "DELETE FROM t WHERE a < ?",
      "UPDATE t SET b = b + 100 WHERE a = ?", "DELETE FROM t",
      "BEGIN; DELETE FROM t WHERE a = ? + 1; COMMIT");
  const int every = GENERATE(1, 3);
  INFO(select << " / " << write << " / " << every);
  for (Connection* db : {&ours, &native}) db->Execute(kRows);
  CHECK(Interleave(&ours, select, write, every) == Interleave(&native, select, write, every));
  CHECK(ours.Execute("SELECT * FROM t") == native.Execute("SELECT * FROM t"));
  CHECK(ours.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a scan goes on while its connection inserts around it", "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  // Bounded, or rows inserted ahead would be found for ever.
  const std::string select =
      GENERATE(as<std::string>{}, "SELECT a FROM t WHERE a < 90", "SELECT a FROM t ORDER BY a DESC",
               "SELECT a FROM t INDEXED BY tc WHERE c >= 'c2' AND c < 'c4'",
               "SELECT a FROM t INDEXED BY tb WHERE b >= 3 ORDER BY b DESC",
               "SELECT v FROM w WHERE k < 'c5' ORDER BY k DESC");
  const std::string write = GENERATE(
      as<std::string>{}, "INSERT OR IGNORE INTO t VALUES(? + 60, ? % 7, 'c' || (? + 60) || 'n')",
      "INSERT OR IGNORE INTO t VALUES(-?, 4, 'c' || ? || '-')",
      "UPDATE t SET c = 'c0' || c WHERE a = ? + 2", "UPDATE t SET b = b - 1 WHERE a = ?",
      "INSERT OR REPLACE INTO w VALUES('c' || (? + 7), ? + 7)",
      "DELETE FROM w WHERE v = ?; INSERT OR IGNORE INTO w VALUES('c' || ?, ?)",
      "INSERT INTO t(b, c) VALUES(9, 'd' || ?); DELETE FROM t WHERE c = 'd' || ?",
      "SAVEPOINT s; DELETE FROM t WHERE a > ? + 3; INSERT OR IGNORE INTO w VALUES('x', ?);"
      " SAVEPOINT u; UPDATE t SET c = c || '~'; ROLLBACK TO u; RELEASE s");
  const int every = GENERATE(1, 4);
  INFO(select << " / " << write << " / " << every);
  for (Connection* db : {&ours, &native}) db->Execute(kRows);
  CHECK(Interleave(&ours, select, write, every) == Interleave(&native, select, write, every));
  for (const char* table : {"t", "w"}) {
    const std::string sql = std::string("SELECT * FROM ") + table;
    CHECK(ours.Execute(sql) == native.Execute(sql));
  }
  CHECK(ours.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("two scans of a tree and a writer between them", "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  const std::string write = GENERATE(as<std::string>{}, "DELETE FROM t WHERE a = ?1",
                                     "UPDATE t SET a = a + 200 WHERE a = ?1",
                                     "INSERT OR REPLACE INTO t VALUES(?1 + 1, 0, 'new' || ?1)",
                                     "DELETE FROM t WHERE a > ?1", "DELETE FROM t");
  INFO(write);
  std::vector<std::string> seen[2];
  for (Connection* db : {&ours, &native}) {
    db->Execute(kRows);
    std::vector<std::string>& lines = seen[db == &native];
    sqlite3_stmt* statements[3];
    const std::string sqls[] = {"SELECT a, c FROM t WHERE a < 150",
                                "SELECT a, c FROM t WHERE a < 150 ORDER BY a DESC", write};
    for (int i = 0; i < 3; i++) {
      REQUIRE(sqlite3_prepare_v2(db->handle(), sqls[i].c_str(), -1, &statements[i], nullptr) ==
              SQLITE_OK);
    }
    for (int turn = 0; turn < 70; turn++) {
      for (int i = 0; i < 2; i++) {
        const bool row = sqlite3_step(statements[i]) == SQLITE_ROW;
        lines.push_back(row ? reinterpret_cast<const char*>(sqlite3_column_text(statements[i], 1))
                            : "none");
        if (!row || turn % 5 != 2) continue;
        sqlite3_reset(statements[2]);
        if (sqlite3_bind_parameter_count(statements[2]) > 0) {
          sqlite3_bind_int64(statements[2], 1, sqlite3_column_int64(statements[i], 0));
        }
        lines.push_back(std::to_string(sqlite3_step(statements[2])));
      }
    }
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
    for (const std::string& row : db->Execute("SELECT * FROM t")) lines.push_back(row);
  }
  CHECK(seen[0] == seen[1]);
  CHECK(ours.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("triggers that call themselves change the tree under every cursor of theirs",
          "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  const std::string trigger = GENERATE(
      as<std::string>{},
      "CREATE TRIGGER r AFTER UPDATE ON t WHEN new.b < 8 BEGIN"
      " UPDATE t SET b = b + 1, c = c || '.' WHERE a BETWEEN new.a - 1 AND new.a + 1 AND b < 8; "
      "END;"
      " UPDATE t SET b = b + 1 WHERE a % 10 = 0",
      "CREATE TRIGGER r AFTER DELETE ON t BEGIN DELETE FROM t WHERE b = (old.b + 1) % 5 AND a > "
      "old.a;"
      " INSERT OR IGNORE INTO w VALUES('gone' || old.a, old.b); END; DELETE FROM t WHERE a = 7",
      "CREATE TRIGGER r BEFORE DELETE ON w BEGIN DELETE FROM w WHERE v = old.v + 1; END;"
      " DELETE FROM w WHERE v IN (3, 30)",
      "CREATE TRIGGER r AFTER INSERT ON t WHEN new.a < 200 BEGIN"
      " INSERT OR REPLACE INTO t VALUES(new.a + 9, new.b, 'c' || (new.a % 40)); END;"
      " INSERT INTO t VALUES(100, 1, 'start')",
      "CREATE TRIGGER r BEFORE UPDATE ON w WHEN old.v < 100 BEGIN"
      " UPDATE w SET k = k || '+', v = v + 50 WHERE v = old.v + 1; END;"
      " UPDATE w SET v = v + 20 WHERE v % 9 = 0");
  const std::string around =
      GENERATE(as<std::string>{}, "", "ROLLBACK TO inner; ", "RELEASE inner; ROLLBACK TO outer; ");
  INFO(trigger << " / " << around);
  for (Connection* db : {&ours, &native}) {
    db->Execute("PRAGMA recursive_triggers = ON");
    db->Execute(kRows);
    db->Execute("SAVEPOINT outer; DELETE FROM t WHERE a = 60; SAVEPOINT inner");
  }
  CHECK(ours.Try(trigger) == native.Try(trigger));
  for (Connection* db : {&ours, &native}) db->Execute(around + "RELEASE outer");
  for (const char* query :
       {"SELECT * FROM t", "SELECT * FROM w", "SELECT a FROM t ORDER BY b, a"}) {
    CHECK(ours.Execute(query) == native.Execute(query));
  }
  CHECK(ours.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a rollback under a scan", "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  const std::string write = GENERATE(
      as<std::string>{}, "SAVEPOINT s; DELETE FROM t WHERE a > ?; ROLLBACK TO s; RELEASE s",
      "BEGIN; DELETE FROM t WHERE a >= ?; ROLLBACK",
      "BEGIN; CREATE TABLE z(x); DELETE FROM t WHERE a >= ?; ROLLBACK");
  INFO(write);
  for (Connection* db : {&ours, &native}) db->Execute(kRows);
  CHECK(Interleave(&ours, "SELECT a FROM t", write, 7) ==
        Interleave(&native, "SELECT a FROM t", write, 7));
  CHECK(ours.Execute("SELECT * FROM t") == native.Execute("SELECT * FROM t"));
}

TEST_CASE("a statement that fails in the middle is taken back", "[sql][cursor]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native(":memory:");
  for (Connection* db : {&ours, &native}) {
    db->Execute(kRows);
    db->Execute("BEGIN; INSERT INTO t VALUES(1000, 0, 'kept')");
    CHECK(db->Code("UPDATE t SET c = 'same'") == SQLITE_CONSTRAINT_UNIQUE);
    CHECK(db->Code("INSERT INTO t SELECT a + 500, b, c FROM t") == SQLITE_CONSTRAINT_UNIQUE);
    db->Execute("COMMIT");
  }
  CHECK(ours.Execute("SELECT * FROM t") == native.Execute("SELECT * FROM t"));
}

}  // namespace
}  // namespace sibyl::sql::testing
