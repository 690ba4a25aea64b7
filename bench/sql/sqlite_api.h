// Two SQLites in one process: the one over our engine, linked as usual, and one from the same
// source with the same options and its own B-tree, loaded at run time so that the names do not
// collide. What the benchmark calls goes through a table of functions, for both alike.

#ifndef SIBYL_BENCH_SQL_SQLITE_API_H_
#define SIBYL_BENCH_SQL_SQLITE_API_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sibyl/result.h"

namespace sibyl::bench {

struct SqliteApi {
  std::string name;
  decltype(&sqlite3_open_v2) open_v2 = nullptr;
  decltype(&sqlite3_close) close = nullptr;
  decltype(&sqlite3_exec) exec = nullptr;
  decltype(&sqlite3_errmsg) errmsg = nullptr;
  decltype(&sqlite3_prepare_v3) prepare_v3 = nullptr;
  decltype(&sqlite3_finalize) finalize = nullptr;
  decltype(&sqlite3_step) step = nullptr;
  decltype(&sqlite3_reset) reset = nullptr;
  decltype(&sqlite3_bind_int64) bind_int64 = nullptr;
  decltype(&sqlite3_bind_double) bind_double = nullptr;
  decltype(&sqlite3_bind_text) bind_text = nullptr;
  decltype(&sqlite3_column_count) column_count = nullptr;
  decltype(&sqlite3_column_type) column_type = nullptr;
  decltype(&sqlite3_column_int64) column_int64 = nullptr;
  decltype(&sqlite3_column_double) column_double = nullptr;
  decltype(&sqlite3_column_text) column_text = nullptr;
  decltype(&sqlite3_column_bytes) column_bytes = nullptr;
};

// The SQLite that this program is linked with: ours.
SqliteApi OurSqlite();

// The one in the shared library `path`, which stays loaded. Errors: kIo.
Result<SqliteApi> LoadSqlite(const std::string& name, const std::string& path);

// A prepared statement. One thread at a time; must not outlive its connection.
class SqlStatement {
 public:
  SqlStatement(const SqliteApi* api, sqlite3_stmt* statement) : api_(api), statement_(statement) {}
  ~SqlStatement() { api_->finalize(statement_); }
  SqlStatement(const SqlStatement&) = delete;
  SqlStatement& operator=(const SqlStatement&) = delete;

  // Positions count from 1. The text must live until Run returns.
  void Bind(int position, int64_t value) { api_->bind_int64(statement_, position, value); }
  void Bind(int position, double value) { api_->bind_double(statement_, position, value); }
  void Bind(int position, std::string_view text) {
    api_->bind_text(statement_, position, text.data(), static_cast<int>(text.size()),
                    SQLITE_STATIC);
  }

  // Runs to the end and folds every value of every row into *checksum. Errors: kIo with SQLite's
  // message.
  Status Run(uint64_t* checksum);

 private:
  uint64_t FoldRow(uint64_t checksum) const;

  const SqliteApi* const api_;
  sqlite3_stmt* const statement_;
};

// One thread at a time.
class SqlConnection {
 public:
  // Opens or creates the database and sets it up as the comparison demands: write-ahead log,
  // synchronous=NORMAL, 256 MiB of cache, everything mapped.
  static Result<std::unique_ptr<SqlConnection>> Open(const SqliteApi* api, const std::string& path);

  ~SqlConnection() { api_->close(db_); }
  SqlConnection(const SqlConnection&) = delete;
  SqlConnection& operator=(const SqlConnection&) = delete;

  const SqliteApi& api() const { return *api_; }

  // Errors of all: kIo with SQLite's message and the SQL.
  Status Execute(const std::string& sql);
  Result<std::unique_ptr<SqlStatement>> Prepare(const std::string& sql);

 private:
  SqlConnection(const SqliteApi* api, sqlite3* db) : api_(api), db_(db) {}

  const SqliteApi* const api_;
  sqlite3* const db_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_SQL_SQLITE_API_H_
