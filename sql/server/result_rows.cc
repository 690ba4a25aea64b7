#include "sql/server/result_rows.h"

#include <algorithm>
#include <bit>

#include "base/coding.h"
#include "base/status_macros.h"

namespace sibyl::sql::server {

// ---- RowBuffer: of each value a byte of type, then 8 bytes, or a length and bytes ----

void RowBuffer::Append(const SqlValue& value) {
  if (columns_ == 0 || values_ % columns_ == 0) starts_.push_back(bytes_.size());
  ++values_;
  bytes_.push_back(static_cast<char>(value.type));
  switch (value.type) {
    case ValueType::kInteger:
      base::Put64(&bytes_, static_cast<uint64_t>(value.integer));
      break;
    case ValueType::kReal:
      base::Put64(&bytes_, std::bit_cast<uint64_t>(value.real));
      break;
    case ValueType::kText:
    case ValueType::kBlob:
      base::Put64(&bytes_, value.bytes.size());
      bytes_.append(value.bytes);
      break;
    case ValueType::kNull:
      break;
  }
}

void RowBuffer::Read(size_t row, std::vector<SqlValue>* values) const {
  values->resize(columns_);
  const char* at = bytes_.data() + starts_[row];
  for (SqlValue& value : *values) {
    value = {};
    value.type = static_cast<ValueType>(*at++);
    if (value.type == ValueType::kNull) continue;
    const uint64_t word = base::Load64(at);
    at += sizeof(word);
    if (value.type == ValueType::kInteger) {
      value.integer = static_cast<int64_t>(word);
    } else if (value.type == ValueType::kReal) {
      value.real = std::bit_cast<double>(word);
    } else {
      value.bytes = {at, word};
      at += word;
    }
  }
}

// ---- ResultRows ----

ResultRows::ResultRows(PooledConnection* connection, PreparedStatement* statement)
    : connection_(connection),
      statement_(statement),
      columns_(static_cast<size_t>(sqlite3_column_count(statement->handle))),
      buffer_(columns_),
      is_live_(true) {}

SqlResult<bool> ResultRows::Peek() {
  if (!is_live_) {
    if (place_ >= buffer_.rows()) return false;
    buffer_.Read(place_, &current_);
    return true;
  }
  if (has_peeked_) return peeked_row_;
  if (at_end_ || statement_ == nullptr) return false;
  const int code = sqlite3_step(statement_->handle);
  if (code != SQLITE_ROW && code != SQLITE_DONE) return connection_->LastError(code);
  has_peeked_ = true;
  peeked_row_ = code == SQLITE_ROW;
  return peeked_row_;
}

SqlResult<bool> ResultRows::Next() {
  SIBYL_ASSIGN_OR_RETURN(const bool has_row, Peek());
  has_peeked_ = false;
  at_end_ = !has_row;
  place_ = is_live_ ? place_ + 1 : std::min(place_ + 1, buffer_.rows() + 1);
  return has_row;
}

// For what the buffer has grown by.
SqlStatus ResultRows::TakeMemory(size_t max_bytes) {
  const size_t bytes = buffer_.memory_bytes();
  if (bytes > max_bytes) {
    return SqlError{"53200", "the rows of a cursor need more memory than max_cursor_bytes"};
  }
  return memory_.Resize(bytes) ? SqlOk() : OutOfMemory("the rows of a cursor");
}

SqlStatus ResultRows::Keep(size_t max_bytes, MemoryBudget* budget) {
  if (!is_live_) return SqlOk();
  memory_ = MemoryLease(budget);
  for (;;) {
    SIBYL_ASSIGN_OR_RETURN(const bool has_row, Peek());
    if (!has_row) break;
    has_peeked_ = false;
    for (size_t i = 0; i < columns_; ++i) buffer_.Append(Value(i));
    SIBYL_RETURN_IF_ERROR(TakeMemory(max_bytes));
  }
  Finish();
  is_live_ = false;
  place_ = 0;
  return SqlOk();
}

bool ResultRows::MoveTo(size_t place) {
  place_ = std::min(place, buffer_.rows() + 1);
  if (place_ == 0 || place_ > buffer_.rows()) return false;
  buffer_.Read(place_ - 1, &current_);
  return true;
}

void ResultRows::Finish() {
  if (statement_ == nullptr) return;
  connection_->Release(statement_);
  statement_ = nullptr;
}

}  // namespace sibyl::sql::server
