// Goal: rows that COPY appends past SQLite's virtual machine are stored as SQLite stores them, byte
// for byte, and only rows that it would store unchanged.
// Method: one statement inserts a row through SQLite; the record that it made is read from the
// engine and compared with the encoder's, for every affinity and values at all borders of their
// encodings, and for random rows; what the compiler makes of other statements is no plan.

#include <catch2/catch.hpp>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "sql/append_plan.h"
#include "sql/key_codec.h"
#include "sql/server/copy/plain_rows.h"
#include "sql/server/copy/record_encoder.h"
#include "sql/store_of_schema.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::server {
namespace {

using namespace std::string_literals;

class Connection {
 public:
  Connection() {
    REQUIRE(sqlite3_open((folder_.path() / "test.db").c_str(), &db_) == SQLITE_OK);
    Run("PRAGMA foreign_keys=ON");
  }
  ~Connection() { sqlite3_close(db_); }

  sqlite3* db() const { return db_; }
  void Run(const std::string& sql) {
    INFO(sql);
    REQUIRE(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  std::string Ask(const std::string& sql) {
    sqlite3_stmt* const statement = Prepare(sql);
    std::string answer;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        answer += (text == nullptr ? "NULL"s : std::string(text)) + " ";
      }
    }
    sqlite3_finalize(statement);
    return answer;
  }
  sqlite3_stmt* Prepare(const std::string& sql) {
    INFO(sql);
    sqlite3_stmt* statement = nullptr;
    REQUIRE(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
    return statement;
  }

 private:
  sibyl::testing::TemporaryDirectory folder_;
  sqlite3* db_ = nullptr;
};

int Insert(sqlite3_stmt* insert, const std::vector<SqlValue>& row) {
  for (size_t i = 0; i < row.size(); ++i) BindValue(insert, static_cast<int>(i + 1), row[i]);
  const int code = sqlite3_step(insert);
  sqlite3_reset(insert);
  return code;
}

// The record of the table's row with that rowid. Precondition: a transaction is under way.
std::string RecordAt(sqlite3* db, uint32_t root, int64_t rowid) {
  SibylStore* const store = sibyl_store_of_schema(db, "main");
  unsigned char key[8];
  sibyl_rowid_encode(rowid, key);
  Value value;
  bool found = false;
  const std::string_view key_view(reinterpret_cast<const char*>(key), sizeof(key));
  REQUIRE(store->Get(store->TreeOf(root), key_view, &value, &found) == SQLITE_OK);
  REQUIRE(found);
  return std::string(value.view());
}

std::vector<SqlValue> Borders() {
  std::vector<SqlValue> values = {{}};
  for (int bits = 0; bits < 64; ++bits) {
    for (const int64_t nearby : {-2, -1, 0, 1}) {
      const auto integer =
          static_cast<int64_t>((uint64_t{1} << bits) + static_cast<uint64_t>(nearby));
      for (const int64_t number : {integer, ~integer}) {
        values.push_back(SqlValue::Integer(number));
        values.push_back(SqlValue::Real(static_cast<double>(number)));
        values.push_back(SqlValue::Real(static_cast<double>(number) + 0.5));
      }
    }
  }
  for (const double real : {-0.0, 1e300, -1e300, 5e-324, std::numeric_limits<double>::infinity(),
                            9223372036854775807.0, -9223372036854775808.0}) {
    values.push_back(SqlValue::Real(real));
  }
  for (const char* text :
       {"",      "a",  "1",  " 1", "1e3",  "0x10",  "2024-01-02", "-",        "1-",  "e",
        "12:30", "1.", ".5", "+7", "1e-5", "-1e-5", "1 2",        "Infinity", "nan", "\xc3\xa9"}) {
    values.push_back(SqlValue::Text(text));
    values.push_back(SqlValue::Blob(text));
  }
  static const std::string kLong(5000, 'x');
  for (const size_t size : {57, 58, 59, 120, 8185, 5000}) {
    values.push_back(SqlValue::Text(std::string_view(kLong).substr(0, size)));
    values.push_back(SqlValue::Blob(std::string_view(kLong).substr(0, size)));
  }
  return values;
}

TEST_CASE("a record is the one that SQLite makes", "[server][copy][record_encoder]") {
  Connection connection;
  connection.Run("CREATE TABLE t(a int, b text, c numeric, d double, e blob, f)");
  sqlite3_stmt* const insert = connection.Prepare("INSERT INTO t VALUES(?,?,?,?,?,?)");
  connection.Run("BEGIN IMMEDIATE");
  REQUIRE(Insert(insert, std::vector<SqlValue>(6)) == SQLITE_DONE);
  SibylAppendPlan plan;
  REQUIRE(sibyl_append_plan(insert, &plan) == 1);
  CHECK(std::string_view(plan.affinities, 6) == "DBCEAA");
  int64_t rowid = 1;
  size_t encoded = 0;
  std::string buffer;
  const auto check = [&](const std::vector<SqlValue>& row) {
    REQUIRE(Insert(insert, row) == SQLITE_DONE);
    const auto record = EncodeRecord(row, {plan.affinities, row.size()}, &buffer);
    ++rowid;
    if (!record) return;
    ++encoded;
    CHECK(std::string(*record) == RecordAt(connection.db(), plan.root, rowid));
  };
  const std::vector<SqlValue> borders = Borders();
  for (const SqlValue& value : borders) {
    for (size_t column = 0; column < 6; ++column) {
      std::vector<SqlValue> row(6);
      row[column] = value;
      check(row);
    }
  }
  CHECK(encoded > 5 * borders.size());  // most need no help
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<SqlValue> row;
    for (int column = 0; column < 6; ++column) row.push_back(borders[random() % borders.size()]);
    check(row);
  }
  connection.Run("COMMIT");
  sqlite3_finalize(insert);
}

TEST_CASE("a record with a long header is the one that SQLite makes",
          "[server][copy][record_encoder]") {
  const int columns = GENERATE(1, 42, 43, 62, 63, 64);
  const std::string text(20'000, 'y');  // a type of three bytes
  Connection connection;
  std::string names = "c0";
  std::string places = "?";
  for (int i = 1; i < columns; ++i) {
    names += ",c" + std::to_string(i);
    places += ",?";
  }
  connection.Run("CREATE TABLE t(" + names + ")");
  sqlite3_stmt* const insert = connection.Prepare("INSERT INTO t VALUES(" + places + ")");
  connection.Run("BEGIN IMMEDIATE");
  SibylAppendPlan plan;
  std::string buffer;
  for (int texts = 0; texts <= columns; ++texts) {
    INFO(columns << " columns, " << texts << " of them long");
    std::vector<SqlValue> row(static_cast<size_t>(columns));
    for (int i = 0; i < texts; ++i) row[static_cast<size_t>(i)] = SqlValue::Text(text);
    REQUIRE(Insert(insert, row) == SQLITE_DONE);
    REQUIRE(sibyl_append_plan(insert, &plan) == 1);
    const auto record = EncodeRecord(row, {plan.affinities, row.size()}, &buffer);
    if (texts * text.size() > 1 << 20) {
      CHECK_FALSE(record);
    } else {
      REQUIRE(record);
      CHECK((*record == RecordAt(connection.db(), plan.root, texts + 1)));
    }
  }
  connection.Run("COMMIT");
  sqlite3_finalize(insert);
}

TEST_CASE("statements that do more than append have no plan", "[server][copy][append_plan]") {
  Connection connection;
  connection.Run(
      "CREATE TABLE plain(a, b); CREATE TABLE keyed(a INTEGER PRIMARY KEY, b);"
      "CREATE TABLE counted(a INTEGER PRIMARY KEY AUTOINCREMENT, b);"
      "CREATE TABLE checked(a CHECK(a > 0), b); CREATE TABLE strict(a int, b text) STRICT;"
      "CREATE TABLE generated(a, b, c AS (a)); CREATE TABLE stored(a, b, c AS (a) STORED);"
      "CREATE TABLE indexed(a, b); CREATE INDEX i ON indexed(a);"
      "CREATE TABLE unique_(a UNIQUE, b); CREATE TABLE without(a PRIMARY KEY, b) WITHOUT ROWID;"
      "CREATE TABLE triggered(a, b); CREATE TRIGGER g AFTER INSERT ON triggered BEGIN SELECT 1; "
      "END;"
      "CREATE TABLE temp_triggered(a, b);"
      "CREATE TEMP TRIGGER h AFTER INSERT ON temp_triggered BEGIN SELECT 1; END;"
      "CREATE TABLE child(a REFERENCES keyed(a), b);"
      "CREATE TABLE later(a REFERENCES keyed(a) DEFERRABLE INITIALLY DEFERRED, b);"
      "CREATE TEMP TABLE temporary(a, b); CREATE VIEW viewed AS SELECT * FROM plain;"
      "CREATE TRIGGER w INSTEAD OF INSERT ON viewed BEGIN SELECT 1; END;"
      "INSERT INTO keyed VALUES(1, 1);");
  connection.Run("BEGIN IMMEDIATE");
  const auto has_plan = [&](const std::string& sql) {
    sqlite3_stmt* const insert = connection.Prepare(sql);
    for (int i = 1; i <= sqlite3_bind_parameter_count(insert); ++i) {
      sqlite3_bind_int(insert, i, 1);
    }
    sqlite3_step(insert);
    SibylAppendPlan plan;
    const bool is_plan = sibyl_append_plan(insert, &plan) != 0;
    sqlite3_finalize(insert);
    return is_plan;
  };
  CHECK(has_plan("INSERT INTO plain VALUES(?,?)"));
  CHECK(has_plan("INSERT INTO plain(a, b) VALUES(?,?)"));
  for (const char* table :
       {"keyed", "counted", "checked", "strict", "generated", "stored", "indexed", "unique_",
        "without", "triggered", "temp_triggered", "child", "later", "temporary", "viewed"}) {
    INFO(table);
    CHECK_FALSE(has_plan("INSERT INTO "s + table + "(a, b) VALUES(?,?)"));
  }
  for (const char* sql :
       {"INSERT INTO plain(b, a) VALUES(?,?)", "INSERT INTO plain(a) VALUES(?)",
        "INSERT INTO plain VALUES(?,?+1)", "INSERT INTO plain VALUES(?1,?1)",
        "INSERT INTO plain VALUES(?2,?1)", "INSERT INTO plain VALUES(?,?),(?,?)",
        "INSERT INTO plain VALUES(?,?) RETURNING a", "INSERT INTO plain(rowid,a,b) VALUES(?,?,?)",
        "INSERT INTO plain SELECT ?,?", "INSERT INTO plain VALUES(?,2)",
        "REPLACE INTO unique_ VALUES(?,?)", "UPDATE plain SET a=?, b=?", "DELETE FROM plain",
        "SELECT ?,?"}) {
    INFO(sql);
    CHECK_FALSE(has_plan(sql));
  }
  connection.Run("ROLLBACK");
}

TEST_CASE("plain rows come after the last row, however that came there", "[server][copy]") {
  Connection connection;
  connection.Run("CREATE TABLE t(a int, b text NOT NULL)");
  sqlite3_stmt* const insert = connection.Prepare("INSERT INTO t VALUES(?,?)");
  const std::vector<SqlValue> row = {SqlValue::Integer(5), SqlValue::Text("five")};
  CHECK(PlainRows::For(insert) == nullptr);  // no transaction
  connection.Run("BEGIN IMMEDIATE");
  const auto plain = PlainRows::For(insert);
  REQUIRE(plain != nullptr);
  REQUIRE(plain->Append(row));
  REQUIRE(plain->Append(row));
  CHECK_FALSE(plain->Append(std::vector<SqlValue>{SqlValue::Integer(5), {}}));  // NOT NULL
  CHECK_FALSE(plain->Append(std::vector<SqlValue>{SqlValue::Text("17"), row[1]}));
  plain->Finish();
  CHECK(sqlite3_last_insert_rowid(connection.db()) == 2);
  CHECK(connection.Ask("SELECT rowid, a, b FROM t") == "1 5 five 2 5 five ");
  connection.Run("SAVEPOINT s; INSERT INTO t(rowid, a, b) VALUES(100, 1, 'x')");
  plain->LookAgain();
  REQUIRE(plain->Append(row));
  CHECK(connection.Ask("SELECT max(rowid) FROM t") == "101 ");
  connection.Run("ROLLBACK TO s");
  plain->LookAgain();
  REQUIRE(plain->Append(row));
  REQUIRE(Insert(insert, row) == SQLITE_DONE);
  CHECK(connection.Ask("SELECT rowid FROM t") == "1 2 3 4 ");
  connection.Run("INSERT INTO t(rowid, a, b) VALUES(9223372036854775807, 1, 'x')");
  plain->LookAgain();
  CHECK_FALSE(plain->Append(row));  // SQLite looks for a gap
  connection.Run("DELETE FROM t; INSERT INTO t(rowid, a, b) VALUES(-7, 1, 'x')");
  plain->LookAgain();
  REQUIRE(plain->Append(row));
  REQUIRE(Insert(insert, row) == SQLITE_DONE);
  CHECK(connection.Ask("SELECT rowid FROM t") == "-7 -6 -5 ");
  connection.Run("COMMIT");
  CHECK(connection.Ask("SELECT count(*), sum(a) FROM t") == "3 11 ");
  CHECK(connection.Ask("PRAGMA integrity_check") == "ok ");
  sqlite3_finalize(insert);
}

}  // namespace
}  // namespace sibyl::sql::server
