// Goal: any statement gives the same answer on our trees as on SQLite's B-trees.
// Method: random schemas and random statements run on a database of ours and on an in-memory one of
// the same library; rows, errors and change counts are compared after each. Seeds are fixed and
// printed; the statements so far are printed on failure. SIBYL_SEED, SIBYL_SEEDS and SIBYL_STEPS
// make it longer.

#include <catch2/catch.hpp>
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

// Makes statements about up to three tables, each with columns a to d.
class StatementMaker {
 public:
  explicit StatementMaker(unsigned seed) : random_(seed) {}

  std::vector<std::string> Schema() {
    std::vector<std::string> statements;
    for (int table = 0; table < kTables; table++) {
      const std::string name = Table(table);
      without_rowid_[table] = Chance(3);
      std::string sql = "CREATE TABLE " + name + "(";
      for (const char* column : {"a", "b", "c", "d"}) {
        sql += std::string(column) + Type();
        if (*column == 'a' && !without_rowid_[table] && Chance(2)) {
          sql = sql.substr(0, sql.size() - last_type_bytes_) + " INTEGER PRIMARY KEY";
        }
        sql += ", ";
      }
      sql += Chance(3) ? "UNIQUE(b, c), " : "";
      sql +=
          without_rowid_[table] ? "PRIMARY KEY(" + KeyColumns() + ")) WITHOUT ROWID" : "CHECK(1))";
      statements.push_back(sql);
      if (Chance(2)) statements.push_back(Trigger(table));
      if (Chance(2)) {
        statements.push_back("CREATE INDEX " + name + "_e ON " + name + "(" + Column() +
                             " || 'x', length(" + Column() + ") DESC)");
      }
      for (int i = 0; i < 3; i++) {
        statements.push_back("CREATE" + std::string(Chance(4) ? " UNIQUE" : "") + " INDEX " + name +
                             "_" + std::to_string(i) + " ON " + name + "(" + KeyColumns() + ")" +
                             (Chance(4) ? " WHERE " + Condition() : ""));
      }
    }
    if (Chance(2)) statements.push_back("PRAGMA recursive_triggers = on");
    return statements;
  }

  std::string Statement() {
    switch (Below(24)) {
      case 0:
        return "BEGIN";
      case 1:
        return Pick({"COMMIT", "ROLLBACK", "COMMIT"});
      case 2:
        return Pick({"SAVEPOINT s", "ROLLBACK TO s", "RELEASE s", "SAVEPOINT u", "SAVEPOINT u",
                     "ROLLBACK TO u", "RELEASE u"});
      case 3:
        return "DELETE FROM " + AnyTable() + (Chance(8) ? "" : " WHERE " + Condition());
      case 4:
      case 5:
        return "UPDATE" + std::string(Pick({"", " OR REPLACE", " OR IGNORE", " OR FAIL"})) + " " +
               AnyTable() + " SET " + Column() + " = " + Expression() +
               (Chance(5) ? "" : " WHERE " + Condition());
      case 6:
        return "INSERT OR IGNORE INTO " + AnyTable() + " SELECT * FROM " + AnyTable() + " WHERE " +
               Condition();
      case 7:
      case 8:
      case 9:
      case 10:
        return Pick({"INSERT INTO ", "REPLACE INTO ", "INSERT OR IGNORE INTO "}) + AnyTable() +
               " VALUES" + Tuple() + "," + Tuple() + "," + Tuple();
      case 13:
        return "INSERT INTO " + AnyTable() + " VALUES" + Tuple() + "," + Tuple() +
               " ON CONFLICT DO UPDATE SET " + Column() + " = " +
               Pick({"excluded.d", "excluded.b || 'u'", "NULL", "a"}) +
               Pick({"", " WHERE excluded.c IS NOT NULL", " RETURNING quote(a), quote(d)"});
      case 14:
        return Windows();
      case 11:
      case 12:
        return Chance(2) ? ManyRows() : MovedKeys();
      default:
        return Query();
    }
  }

 private:
  static constexpr int kTables = 3;

  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Chance(uint64_t n) { return Below(n) == 0; }
  std::string Pick(const std::vector<std::string>& from) { return from[Below(from.size())]; }
  static std::string Table(int i) { return "t" + std::to_string(i); }
  std::string AnyTable() { return Table(static_cast<int>(Below(kTables))); }
  std::string Column() { return Pick({"a", "b", "c", "d"}); }

  std::string Type() {
    std::string type =
        Pick({"", " INT", " TEXT", " REAL", " BLOB", " TEXT COLLATE NOCASE", " TEXT COLLATE RTRIM",
              " NOT NULL DEFAULT 1", " INT NOT NULL DEFAULT 0"});
    last_type_bytes_ = type.size();
    return type;
  }

  // Writes another table, its own, or both: recursion is bounded by the shrinking values.
  std::string Trigger(int table) {
    const std::string name = Table(table);
    const std::string event = Pick({"INSERT", "UPDATE", "DELETE", "UPDATE OF a, b"});
    const std::string row = event == "DELETE" ? "old" : "new";
    const std::string other = AnyTable();
    const std::string when = " WHEN typeof(" + row + ".c) IN ('integer', 'text')";
    const std::string body = Pick(
        {"INSERT OR IGNORE INTO " + other + " VALUES(" + row + ".b, " + row + ".a, NULL, 7)",
         "UPDATE OR IGNORE " + other + " SET d = " + row + ".c, c = NULL WHERE a = " + row + ".a",
         "DELETE FROM " + other + " WHERE b = " + row + ".b AND c IS NOT " + row + ".c",
         "UPDATE OR REPLACE " + name + " SET c = NULL, a = a + 1 WHERE b IS " + row + ".b"});
    return "CREATE TRIGGER " + name + "_trigger " + Pick({"AFTER ", "AFTER ", "BEFORE "}) + event +
           " ON " + name + when + " BEGIN " + body + "; END";
  }

  // Enough for the next DELETE of all to exchange the tree.
  std::string ManyRows() {
    return "INSERT OR IGNORE INTO " + AnyTable() +
           " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)"
           " SELECT i * 3 + " +
           std::to_string(Below(5)) + ", i % 17, 'r' || i, i / 2.0 FROM n";
  }

  // Rows that move ahead of, or behind, the cursor that finds them.
  std::string MovedKeys() {
    const std::string column = Column();
    return "UPDATE OR IGNORE " + AnyTable() + " SET " + column + " = " + column +
           Pick({" + 1", " - 1", " * -1", " + 1000"}) + " WHERE " + column + Comparison() +
           std::to_string(Below(50)) + (Chance(2) ? "" : " OR " + Condition());
  }

  std::string KeyColumns() {
    std::vector<std::string> columns = {"a", "b", "c", "d"};
    std::string sql;
    for (uint64_t n = 1 + Below(3); n > 0; n--) {
      const size_t at = Below(columns.size());
      sql += (sql.empty() ? "" : ", ") + columns[at] +
             Pick({"", "", " COLLATE NOCASE", " COLLATE RTRIM"}) + Pick({"", " DESC"});
      columns.erase(columns.begin() + static_cast<long>(at));
    }
    return sql;
  }

  std::string Literal() {
    return Pick({"NULL",
                 "0",
                 "1",
                 "2",
                 "3",
                 "-1",
                 "1.5",
                 "-0.5",
                 "2.0",
                 "9007199254740993",
                 "9007199254740992.0",
                 "9223372036854775000",
                 "-9223372036854775808",
                 "9223372036854775808.0",
                 "'a'",
                 "'A'",
                 "'a '",
                 "'b'",
                 "'ab'",
                 "''",
                 "'3'",
                 "x''",
                 "x'61'",
                 "x'00ff'",
                 "'a' || char(0)",
                 "1e300"});
  }

  std::string Expression() {
    return Pick({Literal(), Literal(), Column() + " + 1", "-" + Column(), Column() + " || 'a'",
                 Column(), "abs(a % 7)"});
  }

  std::string Condition() {
    const std::string column = Column();
    switch (Below(9)) {
      case 0:
        return column + " IS NULL";
      case 1:
        return column + " IS NOT NULL";
      case 2:
        return column + " BETWEEN " + Literal() + " AND " + Literal();
      case 3:
        return column + " IN (" + Literal() + "," + Literal() + "," + Literal() + ")";
      case 4:
        return column + " = " + Literal() + " AND " + Column() + Comparison() + Literal();
      case 5:
        return column + " = " + Literal() + " OR " + Column() + Comparison() + Literal();
      default:
        return column + Comparison() + Literal();
    }
  }
  std::string Comparison() { return Pick({" = ", " < ", " <= ", " > ", " >= ", " <> "}); }

  std::string Tuple() {
    return "(" + (Chance(2) ? std::to_string(Below(40)) : Literal()) + "," + Literal() + "," +
           Literal() + "," + Literal() + ")";
  }

  // Every query orders its rows completely, up to rows that are equal in all columns' bytes.
  std::string Query() {
    const std::string all = ", quote(a), quote(b), quote(c), quote(d)";
    const std::string order =
        " ORDER BY " + Column() + Pick({"", " DESC"}) + ", " + Column() + Pick({"", " DESC"}) + all;
    switch (Below(10)) {
      case 8:
        return "SELECT count(*) FROM " + AnyTable();
      case 9:
        return Offset();
      case 0:
        return "SELECT count(*), count(a), total(typeof(b) = 'text') FROM " + AnyTable() +
               " WHERE " + Condition();
      case 1:
        return "SELECT quote(min(" + Column() + ")) FROM " + AnyTable();
      case 2:
        return "SELECT quote(max(" + Column() + ")) FROM " + AnyTable() + " WHERE " + Condition();
      case 3:
        return "SELECT count(*) FROM " + AnyTable() + " x JOIN " + AnyTable() + " y ON x." +
               Column() + " = y." + Column();
      case 4:
        return "SELECT count(*) FROM " + AnyTable() + " x WHERE EXISTS (SELECT 1 FROM " +
               AnyTable() + " y WHERE y." + Column() + Comparison() + "x." + Column() + ")";
      case 5:
        return "SELECT a, b, c, d FROM " + AnyTable() + " WHERE " + Condition() + order +
               " LIMIT " + std::to_string(1 + Below(9));
      default:
        return "SELECT a, b, c, d FROM " + AnyTable() + " WHERE " + Condition() + order;
    }
  }

  // Window functions whose order is complete.
  std::string Windows() {
    const std::string all = "quote(a), quote(b), quote(c), quote(d)";
    return "WITH q AS (SELECT * FROM " + AnyTable() + " WHERE " + Condition() + ") SELECT " + all +
           ", row_number() OVER (PARTITION BY typeof(" + Column() + ") ORDER BY " + Column() +
           ", " + all + "), count(*) OVER (ORDER BY " + Column() + Pick({"", " DESC"}) +
           "), quote(lag(" + Column() + ") OVER (ORDER BY " + Column() + ", " + all +
           ")) FROM q ORDER BY " + all + ", 5 LIMIT 40";
  }

  // Rows that are skipped, one by one or by arithmetic.
  std::string Offset() {
    const std::string column = Pick({"rowid", "a", "b", "c"});
    const std::string where = Chance(2) ? "" : " WHERE " + column + " > " + Literal();
    return "SELECT quote(" + column + ") FROM " + AnyTable() + where + " ORDER BY " + column +
           Pick({"", " DESC"}) + " LIMIT 7 OFFSET " + std::to_string(Below(400));
  }

  std::mt19937_64 random_;
  bool without_rowid_[kTables] = {};
  size_t last_type_bytes_ = 0;
};

// The rows, or the error, and what changed.
std::string Outcome(Connection* db, const std::string& sql) {
  std::string outcome;
  try {
    for (const std::string& row : db->Execute(sql)) outcome += row + "\n";
  } catch (const SqlError& error) {
    outcome = "error " + std::to_string(error.code) + " " + error.what() + "\n";
  }
  return outcome + "changes " + std::to_string(sqlite3_total_changes(db->handle()));
}

void RunRound(unsigned seed, int statements, bool compact, bool long_keys) {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  if (long_keys) MakeDatabaseWithLongKeys(path);
  auto ours = std::make_unique<Connection>(path);
  Connection native(":memory:");
  ours->Execute("PRAGMA synchronous = OFF");
  StatementMaker maker(seed);
  std::string history;
  const auto run = [&](const std::string& sql) {
    history += sql + ";\n";
    const std::string expected = Outcome(&native, sql);
    const std::string actual = Outcome(ours.get(), sql);
    if (actual != expected) {
      FAIL(history << "\n-- expected:\n" << expected << "\n-- actual:\n" << actual);
    }
  };
  for (const std::string& sql : maker.Schema()) run(sql);
  for (int i = 0; i < statements; i++) {
    run(maker.Statement());
    if (compact && i % 100 == 99 && sqlite3_get_autocommit(ours->handle())) {
      ours->Execute("VACUUM");  // from now on rows are found through models
    }
  }
  if (!sqlite3_get_autocommit(ours->handle())) run("COMMIT");
  run("PRAGMA integrity_check");
  const int changes_so_far = sqlite3_total_changes(native.handle());
  ours = std::make_unique<Connection>(path);
  for (const char* table : {"t0", "t1", "t2"}) {
    const std::string sql = std::string("SELECT quote(a), quote(b), quote(c), quote(d) FROM ") +
                            table + " ORDER BY 1, 2, 3, 4";
    INFO(history);
    CHECK(ours->Execute(sql) == native.Execute(sql));
  }
  CHECK(ours->Line("PRAGMA integrity_check") == "ok");
  CHECK(changes_so_far > 0);
}

TEST_CASE("random statements mean the same on both engines", "[sql][differential]") {
  const unsigned first = NumberFromEnvironment("SIBYL_SEED", 1);
  const unsigned seeds = NumberFromEnvironment("SIBYL_SEEDS", 12);
  const int steps = static_cast<int>(NumberFromEnvironment("SIBYL_STEPS", 250));
  for (unsigned seed = first; seed < first + seeds; seed++) {
    INFO("seed=" << seed);
    RunRound(seed, steps, seed % 2 == 0, seed % 3 == 0);
  }
}

}  // namespace
}  // namespace sibyl::sql::testing
