// PlainRows: appends rows to a table past SQLite's virtual machine, where its insertion is no more
// than that (sql/append_plan.h). A row costs a third of what it costs through SQLite.

#ifndef SIBYL_SQL_SERVER_COPY_PLAIN_ROWS_H_
#define SIBYL_SQL_SERVER_COPY_PLAIN_ROWS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "sql/append_plan.h"
#include "sql/server/sql_value.h"
#include "sql/tree_store.h"

namespace sibyl::sql::server {

// Lives within one write transaction of one connection.
class PlainRows {
 public:
  // For rows that `insert` would insert. Null if it is more than an appending, or has not run in
  // the transaction under way.
  static std::unique_ptr<PlainRows> For(sqlite3_stmt* insert);

  // Appends the row. False: nothing has happened, SQLite must insert it, and tell what is wrong if
  // something is.
  bool Append(std::span<const SqlValue> row);

  // SQLite has inserted rows itself.
  void LookAgain() { knows_end_ = false; }

  // Afterwards the connection says of the last row what it would say if SQLite had inserted it.
  void Finish();

 private:
  PlainRows(sqlite3* connection, SibylStore* store, const SibylAppendPlan& plan)
      : connection_(connection), store_(store), plan_(plan) {}

  bool FindEnd();

  sqlite3* const connection_;
  SibylStore* const store_;
  const SibylAppendPlan plan_;
  bool knows_end_ = false;
  bool has_appended_ = false;
  int64_t last_rowid_ = 0;  // of the table, once knows_end_
  std::string buffer_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_COPY_PLAIN_ROWS_H_
