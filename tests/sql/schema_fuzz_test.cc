// Goal: what hangs on a schema means the same on our trees as on SQLite's B-trees: foreign keys
// with every action, deferred ones too, generated columns, partial and expression indexes, STRICT
// tables, chains of ON CONFLICT clauses, ALTER TABLE. Method: as differential_test.cc: random
// schemas and statements run on ours and on SQLite's own engine; rows, errors, change counts and
// now and then all tables are compared. Seeds are fixed and printed with the statements so far.
// SIBYL_SEED, SIBYL_SEEDS and SIBYL_STEPS make it longer.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/sql/connection.h"
#include "tests/support/environment.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::NumberFromEnvironment;
using sibyl::testing::TemporaryDirectory;

// Tables p (parents), c (children, of each other too), g (generated columns) and s (STRICT).
class SchemaStatements {
 public:
  explicit SchemaStatements(unsigned seed) : random_(seed) {}

  std::vector<std::string> Schema() {
    const bool without_rowid = Chance(3);
    std::vector<std::string> sql = {"PRAGMA foreign_keys = on"};
    sql.push_back(
        "CREATE TABLE p(id " +
        Pick({"INTEGER PRIMARY KEY", "INT PRIMARY KEY", "TEXT PRIMARY KEY COLLATE NOCASE"}) +
        (without_rowid ? " NOT NULL" : "") + ", k " +
        Pick({"", "INT", "TEXT COLLATE RTRIM", "REAL"}) + " UNIQUE, v, UNIQUE(v, k))" +
        (without_rowid ? " WITHOUT ROWID" : ""));
    sql.push_back("CREATE TABLE c(id INTEGER PRIMARY KEY, pid DEFAULT 2 " + Reference("p(id)") +
                  ", pk DEFAULT 'k' " + Reference("p(k)") + ", up " + Reference("c(id)") + ", x)");
    if (Chance(2)) sql.push_back("CREATE INDEX c_pid ON c(pid)");
    if (Chance(2)) sql.push_back("CREATE INDEX c_up ON c(up DESC, x)");
    sql.push_back("CREATE TABLE g(a, b" + Pick({"", " INT", " TEXT"}) + ", x" +
                  Pick({"", " TEXT", " INT"}) + " AS (" + Generated() + ") " + Kind() +
                  Pick({"", " UNIQUE", " NOT NULL"}) + ", y AS (x || '/' || a) " + Kind() +
                  Pick({"", ", CHECK(length(y) < 40)", ", PRIMARY KEY(a, b)"}) + ")");
    sql.push_back("CREATE TABLE s(i INT" + Pick({"", " NOT NULL"}) +
                  ", r REAL, t TEXT, b BLOB, n ANY, PRIMARY KEY(i, t)) STRICT" +
                  (Chance(2) ? ", WITHOUT ROWID" : ""));
    for (int i = 0; i < 4; i++) sql.push_back(CreateIndex());
    if (Chance(2)) {
      sql.push_back(
          "CREATE TRIGGER c_gone AFTER DELETE ON c BEGIN INSERT INTO g(a, b) VALUES(old.id,"
          " old.pid); END");
    }
    return sql;
  }

  std::string Statement() {
    switch (Below(30)) {
      case 0:
        return Pick({"BEGIN", "BEGIN", "BEGIN; PRAGMA defer_foreign_keys = on", "SAVEPOINT s"});
      case 1:
        return Pick({"COMMIT", "COMMIT", "ROLLBACK", "ROLLBACK TO s", "RELEASE s"});
      case 2:
        return Pick({"ALTER TABLE g ADD COLUMN e DEFAULT 5", "ALTER TABLE g DROP COLUMN e",
                     "ALTER TABLE g RENAME COLUMN a TO aa", "ALTER TABLE g RENAME COLUMN aa TO a",
                     "ALTER TABLE c RENAME TO cc", "ALTER TABLE cc RENAME TO c",
                     "ALTER TABLE g ADD COLUMN h AS (b || 'h')", "ALTER TABLE g DROP COLUMN h",
                     "ALTER TABLE p RENAME COLUMN v TO w", "ALTER TABLE p RENAME COLUMN w TO v",
                     "ALTER TABLE s ADD COLUMN z INT NOT NULL DEFAULT 3",
                     "ALTER TABLE s DROP COLUMN z"});
      case 3:
        return Chance(2) ? CreateIndex() : "DROP INDEX IF EXISTS i" + std::to_string(Below(4));
      case 4:
        return Pick({"REINDEX", "ANALYZE", "PRAGMA foreign_key_check", "PRAGMA integrity_check",
                     "DROP TABLE IF EXISTS copied",
                     "CREATE TABLE IF NOT EXISTS copied AS SELECT * FROM g",
                     "DELETE FROM " + Pick({"p", "c", "g", "s"})});
      case 5:
      case 6:
      case 7:
        return Insert() + "INTO p VALUES" + Row({Key(), Value(), Value()}) + "," +
               Row({Key(), Value(), Value()});
      case 8:
      case 9:
      case 10:
        return Insert() + "INTO c(id, pid, pk, up, x) VALUES" +
               Row({Small(), Key(), Chance(2) ? "NULL" : Value(), Chance(2) ? "NULL" : Small(),
                    Value()});
      case 11:
        return "INSERT INTO c(id) VALUES(" + Small() + ")";
      case 12:
      case 13:
        return "UPDATE " + Pick({"", "", "OR IGNORE ", "OR REPLACE "}) + "p SET " +
               Pick({"id = ", "k = ", "id = id || ''  , k = ", "v = "}) + Value() + Where("id");
      case 14:
      case 15:
        return "DELETE FROM p" + Where(Pick({"id", "k"}));
      case 16:
        return "UPDATE " + Pick({"", "OR IGNORE ", "OR REPLACE "}) + "c SET " +
               Pick({"id = id + 1", "pid = " + Key(), "up = id", "up = " + Small(), "pk = NULL",
                     "id = " + Small() + ", up = " + Small()}) +
               Where("id");
      case 17:
        return "DELETE FROM c" + Where(Pick({"id", "up", "pid"}));
      case 18:
      case 19:
        return Insert() + "INTO g(" + Pick({"a", "a", "aa"}) + ", b) VALUES" +
               Row({Value(), Value()}) + "," + Row({Value(), Small()});
      case 20:
        return "UPDATE " + Pick({"", "OR IGNORE ", "OR REPLACE "}) + "g SET " +
               Pick({"a = b", "b = " + Value(), "a = " + Value() + ", b = a"}) +
               Where(Pick({"a", "b", "x", "y"}));
      case 21:
        return "DELETE FROM g" + Where(Pick({"a", "x", "y"}));
      case 22:
      case 23:
        return Insert() + "INTO s(i, r, t, b, n) VALUES" +
               Row({Chance(3) ? Value() : Small(), Pick({"1", "2.5", "'3'", "NULL", "'x'"}),
                    Chance(4) ? Value() : "'t" + Small() + "'", Pick({"x'00'", "NULL", "'text'"}),
                    Value()});
      case 24:
        return "UPDATE " + Pick({"", "OR IGNORE ", "OR REPLACE "}) + "s SET " +
               Pick({"i = i + 1", "r = i / 2", "n = t", "t = " + Value()}) + Where("i");
      case 25:
      case 26:
        return Upsert();
      default:
        return Query();
    }
  }

  // What shows the whole content; tables may have been renamed.
  static std::vector<std::string> Everything() {
    return {"SELECT * FROM p",  "SELECT * FROM c",
            "SELECT * FROM cc", "SELECT * FROM g",
            "SELECT * FROM s",  "SELECT type, name, tbl_name, sql FROM sqlite_schema"};
  }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Chance(uint64_t n) { return Below(n) == 0; }
  std::string Pick(const std::vector<std::string>& from) { return from[Below(from.size())]; }
  std::string Small() { return std::to_string(Below(12)); }
  std::string Key() { return Chance(3) ? Value() : Small(); }

  std::string Value() {
    return Pick({"NULL", "1", "2", "3", "2.0", "-7", "'2'", "'a'", "'A'", "'a '", "'b'", "''",
                 "x'61'", "9007199254740993", "1e18", "'k'", Small(), Small()});
  }

  std::string Insert() {
    return Pick({"INSERT ", "INSERT ", "INSERT ", "REPLACE ", "INSERT OR IGNORE ",
                 "INSERT OR FAIL ", "INSERT OR ROLLBACK "});
  }

  static std::string Row(const std::vector<std::string>& values) {
    std::string row;
    for (const std::string& value : values) row += (row.empty() ? "(" : ", ") + value;
    return row + ")";
  }

  std::string Action() {
    return Pick({"NO ACTION", "RESTRICT", "SET NULL", "SET DEFAULT", "CASCADE", "CASCADE"});
  }
  std::string Reference(const std::string& to) {
    return "REFERENCES " + to + " ON DELETE " + Action() + " ON UPDATE " + Action() +
           Pick({"", "", " DEFERRABLE INITIALLY DEFERRED"});
  }
  std::string Kind() { return Pick({"STORED", "VIRTUAL"}); }
  std::string Generated() {
    return Pick({"a || b", "a + b", "length(a)", "CASE WHEN a > b THEN a ELSE b END",
                 "coalesce(b, a, 0)", "lower(a)"});
  }

  std::string CreateIndex() {
    return "CREATE " + std::string(Chance(5) ? "UNIQUE " : "") + "INDEX IF NOT EXISTS i" +
           std::to_string(Below(4)) + " ON " +
           Pick({"g(x)", "g(y DESC, b)", "g(a || b, x)", "g(b) WHERE x IS NOT NULL",
                 "g(x, a) WHERE b > 2", "p(v COLLATE NOCASE)", "p(abs(k)) WHERE k > 0", "c(x, up)",
                 "c(pid, pk) WHERE up IS NULL", "s(n)", "s(r DESC, t) WHERE n IS NOT NULL",
                 "s(typeof(n), i)"});
  }

  std::string Where(const std::string& column) {
    if (Chance(12)) return "";
    return " WHERE " + column + Pick({" = ", " = ", " = ", " > ", " < ", " IS ", " >= "}) +
           Value() + (Chance(4) ? " OR " + column + " = " + Value() : "");
  }

  std::string Upsert() {
    const std::string into_p =
        "INSERT INTO p(id, k) VALUES" + Row({Key(), Value()}) + "," + Row({Key(), Value()});
    const std::string update =
        Pick({"UPDATE SET k = excluded.k || 'u'", "UPDATE SET k = excluded.k, id = id",
              "UPDATE SET id = excluded.id WHERE k IS NOT NULL", "NOTHING"});
    const std::string returning = Chance(2) ? " RETURNING quote(id), quote(k)" : "";
    switch (Below(4)) {
      case 0:
        return into_p + " ON CONFLICT(id) DO " + update + " ON CONFLICT(k) DO " +
               Pick({"NOTHING", "UPDATE SET k = NULL"}) + returning;
      case 1:
        return into_p + " ON CONFLICT(k) DO " + update + " ON CONFLICT DO NOTHING" + returning;
      case 2:
        return "INSERT INTO s(i, t, n) VALUES" + Row({Small(), "'t" + Small() + "'", Value()}) +
               " ON CONFLICT(i, t) DO UPDATE SET n = excluded.n, i = i + 1, r = coalesce(r, 0) + 1"
               " RETURNING i, r, quote(n)";
      default:
        return "INSERT INTO c(id, x) SELECT id + 1, x FROM c WHERE true ON CONFLICT(id) DO UPDATE "
               "SET"
               " x = coalesce(x, '') || excluded.id, up = NULL";
    }
  }

  std::string Query() {
    switch (Below(6)) {
      case 0:
        return "SELECT quote(x), quote(y) FROM g WHERE x" + Pick({" = ", " > ", " <= "}) + Value() +
               " ORDER BY quote(x), quote(y)";
      case 1:
        return "SELECT count(*) FROM c JOIN p ON c.pid = p.id";
      case 2:
        return "SELECT count(*) FROM p LEFT JOIN c ON c.pk = p.k WHERE c.id IS NULL";
      case 3:
        return "SELECT quote(i), quote(r), typeof(t), quote(n) FROM s WHERE n" +
               Pick({" = ", " < ", " >= "}) + Value() + " ORDER BY 1, 2, 3, 4";
      case 4:
        return "WITH RECURSIVE up(id, depth) AS (SELECT id, 0 FROM c WHERE up IS NULL UNION SELECT"
               " c.id, depth + 1 FROM c JOIN up ON c.up = up.id WHERE depth < 9) SELECT count(*),"
               " max(depth) FROM up";
      default:
        return "SELECT quote(max(" + Pick({"a", "b", "x", "y"}) + ")) FROM g WHERE b > " + Small();
    }
  }

  std::mt19937_64 random_;
};

// The rows in no particular order, or the error, and what changed.
std::string Outcome(Connection* db, const std::string& sql) {
  std::vector<std::string> lines;
  try {
    lines = db->Execute(sql);
    std::sort(lines.begin(), lines.end());
  } catch (const SqlError& error) {
    lines = {"error " + std::to_string(error.code) + " " + error.what()};
  }
  std::string outcome;
  for (const std::string& line : lines) outcome += line + "\n";
  return outcome + "changes " + std::to_string(sqlite3_total_changes(db->handle())) + ", " +
         std::to_string(sqlite3_get_autocommit(db->handle()));
}

void RunRound(unsigned seed, unsigned steps) {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  auto ours = std::make_unique<Connection>(path);
  Connection native(":memory:");
  ours->Execute("PRAGMA synchronous = OFF");
  SchemaStatements maker(seed);
  std::string history;
  unsigned succeeded = 0;
  const auto run = [&](const std::string& sql) {
    history += sql + ";\n";
    const std::string expected = Outcome(&native, sql);
    if (!expected.starts_with("error")) succeeded++;
    const std::string actual = Outcome(ours.get(), sql);
    if (actual != expected) {
      FAIL(history << "\n-- expected:\n" << expected << "\n-- actual:\n" << actual);
    }
  };
  for (const std::string& sql : maker.Schema()) run(sql);
  for (unsigned i = 0; i < steps; i++) {
    run(maker.Statement());
    if (i % 40 == 39) {
      for (const std::string& sql : SchemaStatements::Everything()) run(sql);
    }
    if (i % 150 == 149 && sqlite3_get_autocommit(ours->handle())) ours->Execute("VACUUM");
  }
  {
    INFO(history);
    CHECK(succeeded * 2 > steps);  // or it would compare little but errors
  }
  if (!sqlite3_get_autocommit(ours->handle())) run("ROLLBACK");
  run("PRAGMA integrity_check");
  ours = std::make_unique<Connection>(path);
  for (const std::string& sql : SchemaStatements::Everything()) {
    INFO(history << sql);
    auto rows = [&](Connection* db) {
      std::string outcome = Outcome(db, sql);
      return outcome.substr(0, outcome.rfind("changes"));
    };
    CHECK(rows(ours.get()) == rows(&native));
  }
  CHECK(ours->Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("random statements about schemas mean the same on both engines", "[sql][differential]") {
  const unsigned first = NumberFromEnvironment("SIBYL_SEED", 1);
  const unsigned seeds = NumberFromEnvironment("SIBYL_SEEDS", 10);
  const unsigned steps = NumberFromEnvironment("SIBYL_STEPS", 300);
  for (unsigned seed = first; seed < first + seeds; seed++) {
    INFO("seed=" << seed);
    RunRound(seed, steps);
  }
}

}  // namespace
}  // namespace sibyl::sql::testing
