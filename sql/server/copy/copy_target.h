// CopyTarget: the insertions of one COPY ... FROM STDIN.
//
// Where nothing is to be checked, rows go past SQLite from the second on (plain_rows.h). Else they
// are inserted many at a time, by one statement with a parameter for each value: beginning and
// ending a statement costs as much as inserting a row. SQLite takes back what a statement that
// fails has inserted, so a block of rows that fails is inserted again row by row, to find the one.

#ifndef SIBYL_SQL_SERVER_COPY_COPY_TARGET_H_
#define SIBYL_SQL_SERVER_COPY_COPY_TARGET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/copy/copy_parser.h"
#include "sql/server/copy/plain_rows.h"
#include "sql/server/pooled_connection.h"
#include "sql/server/sql_error.h"
#include "sql/server/sql_value.h"
#include "sql/server/wire/backend.h"

namespace sibyl::sql::server {

class CopyTarget {
 public:
  static SqlResult<std::unique_ptr<CopyTarget>> Open(PooledConnection* connection,
                                                     const CopyOptions& options);
  ~CopyTarget();

  size_t columns() const { return fields_.size(); }
  uint64_t rows() const { return rows_; }  // inserted

  // Takes all rows that `bytes`, the content of a CopyData message, completes. An error may be that
  // of an earlier row; it names its line.
  SqlStatus Consume(std::string_view bytes);

  // Inserts what is left.
  SqlStatus Finish();

 private:
  struct PendingValue {
    SqlValue value;       // its bytes are
    size_t bytes_at = 0;  // here in pending_bytes_
  };

  CopyTarget(PooledConnection* connection, const CopyOptions& options)
      : connection_(connection), options_(options), parser_(options) {}

  SqlStatus Prepare();
  SqlResult<PreparedStatement*> PrepareInsert(size_t rows);
  SqlStatus TakeRows();
  SqlResult<bool> TakeRow();
  SqlStatus AddRow();
  void AddPending();
  SqlStatus InsertPending();
  SqlStatus InsertOneByOne();
  void ForgetPending();
  int Insert(PreparedStatement* insert, size_t first_row, size_t rows);
  SqlError InLine(SqlError error, uint64_t line) const;

  PooledConnection* const connection_;
  const CopyOptions options_;
  CopyParser parser_;
  CopyParser::Fields values_;
  std::vector<wire::FieldDescription> fields_;
  std::vector<SqlValue> row_;
  std::vector<std::string> scratch_;      // of each value of row_
  std::unique_ptr<PlainRows> plain_;      // null: SQLite has to insert all rows
  std::string insert_into_;               // "INSERT INTO t(a,b) VALUES"
  PreparedStatement* insert_ = nullptr;   // of a row
  PreparedStatement* inserts_ = nullptr;  // of rows_at_once_; null until there are as many
  size_t rows_at_once_ = 1;
  std::vector<PendingValue> pending_;
  std::vector<uint64_t> pending_lines_;  // of each row
  std::string pending_bytes_;
  uint64_t rows_ = 0;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_COPY_COPY_TARGET_H_
