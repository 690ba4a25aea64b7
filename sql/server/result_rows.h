// The rows of a statement: stepped from SQLite one by one, or kept in memory.

#ifndef SIBYL_SQL_SERVER_RESULT_ROWS_H_
#define SIBYL_SQL_SERVER_RESULT_ROWS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/memory_budget.h"
#include "sql/server/pooled_connection.h"
#include "sql/server/sql_error.h"
#include "sql/server/sql_value.h"

namespace sibyl::sql::server {

// Rows in memory, packed.
class RowBuffer {
 public:
  explicit RowBuffer(size_t columns) : columns_(columns) {}

  void Append(const SqlValue& value);  // the next column's; rows complete themselves
  size_t columns() const { return columns_; }
  size_t rows() const { return values_ / (columns_ == 0 ? 1 : columns_); }
  size_t memory_bytes() const { return bytes_.capacity() + starts_.capacity() * sizeof(size_t); }

  // The values of row `row`, pointing into the buffer.
  void Read(size_t row, std::vector<SqlValue>* values) const;

 private:
  size_t columns_;
  size_t values_ = 0;
  std::string bytes_;
  std::vector<size_t> starts_;  // of the rows
};

// A position among rows, at first before the first one. One thread at a time.
class ResultRows {
 public:
  // Takes over `statement`, which is bound and not stepped; `connection` gets it back.
  ResultRows(PooledConnection* connection, PreparedStatement* statement);
  explicit ResultRows(RowBuffer rows)
      : columns_(rows.columns()), buffer_(std::move(rows)), is_live_(false) {}
  ~ResultRows() { Finish(); }
  ResultRows(const ResultRows&) = delete;
  ResultRows& operator=(const ResultRows&) = delete;

  // Steps to the next row; false: there is none.
  SqlResult<bool> Next();

  // Looks whether there is a next row, without leaving this place. Its values can be seen.
  SqlResult<bool> Peek();

  // Precondition: Next or Peek has returned true.
  SqlValue Value(size_t column) const {
    return is_live_ ? ColumnValue(statement_->handle, static_cast<int>(column)) : current_[column];
  }
  size_t columns() const { return columns_; }

  // Takes all further rows into memory and lets the statement go. 53200 above `max_bytes`, or where
  // `budget`, which must outlive this object, does not have as much.
  SqlStatus Keep(size_t max_bytes, MemoryBudget* budget);
  bool is_live() const { return is_live_ && statement_ != nullptr; }
  sqlite3_stmt* handle() const { return statement_->handle; }  // precondition: is_live()

  // With all rows in memory: the place, as the number of rows before and including the current one,
  // 0 being before the first; and moving to any, Value being valid if it is from 1 to rows().
  // Preconditions: Keep was called before the first Next.
  size_t rows() const { return buffer_.rows(); }
  size_t place() const { return place_; }
  bool MoveTo(size_t place);

  // Gives the statement back. No rows any more.
  void Finish();

 private:
  SqlStatus TakeMemory(size_t max_bytes);

  PooledConnection* connection_ = nullptr;
  PreparedStatement* statement_ = nullptr;
  size_t columns_ = 0;
  RowBuffer buffer_;
  MemoryLease memory_;  // of buffer_, once there is any
  std::vector<SqlValue> current_;
  size_t place_ = 0;
  bool is_live_;
  bool has_peeked_ = false;  // the statement stands at the row after the current one
  bool peeked_row_ = false;
  bool at_end_ = false;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_RESULT_ROWS_H_
