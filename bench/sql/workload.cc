// The tables and statements of the SQL comparison: see the header.

#include "bench/sql/workload.h"

#include "base/status_macros.h"

namespace sibyl::bench {
namespace {

constexpr uint64_t kItemsPerCategory = 10;
constexpr uint64_t kInList = 100;
constexpr uint64_t kRange = 100;
constexpr uint64_t kJoined = 10;

// SplitMix64: a permutation of the 64-bit numbers.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t n) { return Mix(state_++) % n; }
  int64_t Id(uint64_t rows) { return static_cast<int64_t>(1 + Below(rows)); }

 private:
  uint64_t state_;
};

// Distinct for every id, in no order. Made while the clock runs, hence by nibbles and not by
// printf.
std::string NameOf(int64_t id) {
  std::string name = "user-000000000000000";
  uint64_t bits = Mix(static_cast<uint64_t>(id));
  for (size_t i = 5; i < name.size(); ++i, bits <<= 4) name[i] = "0123456789abcdef"[bits >> 60];
  return name;
}

int64_t CategoryOf(int64_t id, uint64_t rows) {
  return static_cast<int64_t>(Mix(static_cast<uint64_t>(id) + 7) % (1 + rows / kItemsPerCategory));
}

double AmountOf(uint64_t number) { return static_cast<double>(number % 10'000'000) / 100.0; }

std::string NoteOf(int64_t id) {
  static constexpr std::string_view kWords[] = {"amber", "birch", "cedar", "delta",
                                                "ember", "flint", "grove", "haven"};
  std::string note;
  note.reserve(60);
  for (uint64_t bits = Mix(static_cast<uint64_t>(id) + 99); note.size() < 50; bits >>= 3) {
    note.append(kWords[bits % 8]).append(" ");
  }
  return note;
}

Status InsertItem(SqlStatement& insert, int64_t id, uint64_t rows, uint64_t* checksum) {
  const std::string name = NameOf(id);
  const std::string note = NoteOf(id);
  insert.Bind(1, id);
  insert.Bind(2, name);
  insert.Bind(3, CategoryOf(id, rows));
  insert.Bind(4, AmountOf(Mix(static_cast<uint64_t>(id))));
  insert.Bind(5, note);
  return insert.Run(checksum);
}

constexpr const char* kInsertItem = "INSERT INTO item VALUES(?1, ?2, ?3, ?4, ?5)";

Status LoadItems(SqlConnection& db, const SqlRound& round, uint64_t* checksum) {
  SIBYL_ASSIGN_OR_RETURN(const auto insert, db.Prepare(kInsertItem));
  SIBYL_RETURN_IF_ERROR(db.Execute("BEGIN"));
  for (uint64_t id = 1; id <= round.rows; ++id) {
    SIBYL_RETURN_IF_ERROR(InsertItem(*insert, static_cast<int64_t>(id), round.rows, checksum));
  }
  return db.Execute("COMMIT");
}

// Rows in the order of their ids, hence of their names at random.
SqlWork LoadNames(const std::string& sql) {
  return [sql](SqlConnection& db, const SqlRound& round, uint64_t* checksum) -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto insert, db.Prepare(sql));
    SIBYL_RETURN_IF_ERROR(db.Execute("BEGIN"));
    for (uint64_t i = 1; i <= round.rows; ++i) {
      const auto id = static_cast<int64_t>(i);
      const std::string name = NameOf(id);
      insert->Bind(1, name);
      insert->Bind(2, id);
      SIBYL_RETURN_IF_ERROR(insert->Run(checksum));
    }
    return db.Execute("COMMIT");
  };
}

SqlWork Once(const std::string& sql) {
  return [sql](SqlConnection& db, const SqlRound&, uint64_t* checksum) -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto statement, db.Prepare(sql));
    return statement->Run(checksum);
  };
}

// Runs `sql` once per operation, its parameters bound by `bind`.
using Binder = std::function<Status(SqlStatement& statement, Random& random, const SqlRound& round,
                                    uint64_t operation, uint64_t* checksum)>;

SqlWork Repeated(const std::string& sql, const Binder& bind_and_run) {
  return
      [sql, bind_and_run](SqlConnection& db, const SqlRound& round, uint64_t* checksum) -> Status {
        SIBYL_ASSIGN_OR_RETURN(const auto statement, db.Prepare(sql));
        Random random(round.seed);
        for (uint64_t i = 0; i < round.operations; ++i) {
          SIBYL_RETURN_IF_ERROR(bind_and_run(*statement, random, round, i, checksum));
        }
        return Ok();
      };
}

Status RunWithId(SqlStatement& statement, Random& random, const SqlRound& round, uint64_t,
                 uint64_t* checksum) {
  statement.Bind(1, random.Id(round.rows));
  return statement.Run(checksum);
}

Status RunWithName(SqlStatement& statement, Random& random, const SqlRound& round, uint64_t,
                   uint64_t* checksum) {
  const std::string name = NameOf(random.Id(round.rows));
  statement.Bind(1, name);
  return statement.Run(checksum);
}

Status RunWithCategory(SqlStatement& statement, Random& random, const SqlRound& round, uint64_t,
                       uint64_t* checksum) {
  statement.Bind(1, CategoryOf(random.Id(round.rows), round.rows));
  return statement.Run(checksum);
}

Status RunWithIds(SqlStatement& statement, Random& random, const SqlRound& round, uint64_t,
                  uint64_t* checksum) {
  for (uint64_t i = 1; i <= kInList; ++i) {
    statement.Bind(static_cast<int>(i), random.Id(round.rows));
  }
  return statement.Run(checksum);
}

std::string InList() {
  std::string list = "(?1";
  for (uint64_t i = 2; i <= kInList; ++i) list += ",?" + std::to_string(i);
  return list + ")";
}

// The ids that a round of INSERT adds and the same round of DELETE removes.
int64_t NewId(const SqlRound& round, uint64_t operation) {
  return static_cast<int64_t>(round.rows + 1 + round.seed % 1000 * 10'000'000 + operation);
}

Status RunInsert(SqlStatement& statement, Random&, const SqlRound& round, uint64_t operation,
                 uint64_t* checksum) {
  return InsertItem(statement, NewId(round, operation), round.rows, checksum);
}

Status RunUpdate(SqlStatement& statement, Random& random, const SqlRound& round, uint64_t,
                 uint64_t* checksum) {
  statement.Bind(1, AmountOf(random.Below(UINT64_MAX)));
  statement.Bind(2, random.Id(round.rows));
  return statement.Run(checksum);
}

Status RunDelete(SqlStatement& statement, Random&, const SqlRound& round, uint64_t operation,
                 uint64_t* checksum) {
  statement.Bind(1, NewId(round, operation));
  return statement.Run(checksum);
}

SqlWorkload PerOperation(const std::string& name, uint64_t operations, const std::string& sql,
                         const Binder& bind_and_run) {
  return {name, sql, operations, Repeated(sql, bind_and_run)};
}

constexpr const char* kUpdateItem = "UPDATE item SET amount=?1 WHERE id=?2";

}  // namespace

Status CreateTables(SqlConnection& db) {
  return db.Execute(
      "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, category INTEGER, amount REAL,"
      " note TEXT);"
      "CREATE TABLE account(name TEXT PRIMARY KEY, item INTEGER, balance INTEGER);"
      "CREATE TABLE code(name TEXT PRIMARY KEY, item INTEGER) WITHOUT ROWID");
}

const std::vector<SqlWorkload>& LoadSteps() {
  static const std::vector<SqlWorkload> steps = {
      {"bulk insert, by rowid", kInsertItem, 0, LoadItems},
      {"bulk insert, text key", "INSERT INTO account VALUES(?1, ?2, ?2 * 7)", 0,
       LoadNames("INSERT INTO account VALUES(?1, ?2, ?2 * 7)")},
      {"bulk insert, WITHOUT ROWID", "INSERT INTO code VALUES(?1, ?2)", 0,
       LoadNames("INSERT INTO code VALUES(?1, ?2)")},
      {"CREATE INDEX", "CREATE INDEX item_category ON item(category)", 0,
       Once("CREATE INDEX item_category ON item(category)")},
  };
  return steps;
}

const std::vector<SqlWorkload>& ReadWorkloads() {
  static const std::vector<SqlWorkload> workloads = {
      PerOperation("point, rowid", 1000, "SELECT name, amount FROM item WHERE id=?1", RunWithId),
      PerOperation("point, text key", 1000, "SELECT balance FROM account WHERE name=?1",
                   RunWithName),
      PerOperation("point, WITHOUT ROWID", 1000, "SELECT item FROM code WHERE name=?1",
                   RunWithName),
      PerOperation("ten by index", 100, "SELECT id, amount FROM item WHERE category=?1",
                   RunWithCategory),
      PerOperation("IN list of 100", 20, "SELECT id, amount FROM item WHERE id IN " + InList(),
                   RunWithIds),
      PerOperation(
          "range of " + std::to_string(kRange), 50,
          "SELECT id, amount FROM item WHERE id BETWEEN ?1 AND ?1 + " + std::to_string(kRange - 1),
          RunWithId),
      PerOperation("join of ten by key", 50,
                   "SELECT item.id, balance FROM item JOIN account USING(name) WHERE id BETWEEN ?1 "
                   "AND ?1 + " +
                       std::to_string(kJoined - 1),
                   RunWithId),
      {"count(*)", "SELECT count(*) FROM item", 0, Once("SELECT count(*) FROM item")},
      {"sum, scan", "SELECT sum(amount) FROM item", 0, Once("SELECT sum(amount) FROM item")},
  };
  return workloads;
}

const std::vector<SqlWorkload>& WriteWorkloads() {
  static const std::vector<SqlWorkload> workloads = {
      PerOperation("INSERT, own transaction", 200, kInsertItem, RunInsert),
      PerOperation("UPDATE by key, own transaction", 200, kUpdateItem, RunUpdate),
      PerOperation("DELETE by key, own transaction", 200, "DELETE FROM item WHERE id=?1",
                   RunDelete),
  };
  return workloads;
}

Status ChangeRows(SqlConnection& db, const SqlRound& round) {
  SIBYL_ASSIGN_OR_RETURN(const auto update, db.Prepare(kUpdateItem));
  Random random(round.seed);
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < round.operations; ++i) {
    if (i % 1000 == 0) SIBYL_RETURN_IF_ERROR(db.Execute(i == 0 ? "BEGIN" : "COMMIT; BEGIN"));
    SIBYL_RETURN_IF_ERROR(RunUpdate(*update, random, round, i, &checksum));
  }
  return round.operations > 0 ? db.Execute("COMMIT") : Ok();
}

Status ChecksumTables(SqlConnection& db, uint64_t* checksum) {
  for (const char* sql :
       {"SELECT * FROM item ORDER BY id", "SELECT * FROM account ORDER BY name",
        "SELECT * FROM code ORDER BY name", "SELECT category, id FROM item ORDER BY 1, 2"}) {
    SIBYL_ASSIGN_OR_RETURN(const auto statement, db.Prepare(sql));
    SIBYL_RETURN_IF_ERROR(statement->Run(checksum));
  }
  return Ok();
}

}  // namespace sibyl::bench
