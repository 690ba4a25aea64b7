// SqlValue: one value of SQLite's, of any of its five types, that points to its bytes.

#ifndef SIBYL_SQL_SERVER_SQL_VALUE_H_
#define SIBYL_SQL_SERVER_SQL_VALUE_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

enum class ValueType : uint8_t { kNull, kInteger, kReal, kText, kBlob };

struct SqlValue {
  ValueType type = ValueType::kNull;
  int64_t integer = 0;
  double real = 0;
  std::string_view bytes;  // of kText and kBlob; not owned

  static SqlValue Integer(int64_t value) { return {ValueType::kInteger, value, 0, {}}; }
  static SqlValue Real(double value) { return {ValueType::kReal, 0, value, {}}; }
  static SqlValue Text(std::string_view value) { return {ValueType::kText, 0, 0, value}; }
  static SqlValue Blob(std::string_view value) { return {ValueType::kBlob, 0, 0, value}; }
};

// A value that owns its bytes.
struct OwnedValue {
  SqlValue value;  // its bytes are not used
  std::string bytes;

  SqlValue view() const {
    SqlValue copy = value;
    copy.bytes = bytes;
    return copy;
  }
  static OwnedValue Null() { return {}; }
  static OwnedValue Integer(int64_t value) { return {SqlValue::Integer(value), {}}; }
  static OwnedValue Real(double value) { return {SqlValue::Real(value), {}}; }
  static OwnedValue Text(std::string text) { return {SqlValue::Text({}), std::move(text)}; }
  static OwnedValue Blob(std::string bytes) { return {SqlValue::Blob({}), std::move(bytes)}; }
};

// Column `column` of the row that `statement` stands at; valid until it is stepped or reset.
inline SqlValue ColumnValue(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return SqlValue::Integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return SqlValue::Real(sqlite3_column_double(statement, column));
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      if (text == nullptr) return {};
      const auto size_bytes = static_cast<size_t>(sqlite3_column_bytes(statement, column));
      return SqlValue::Text({text, size_bytes});
    }
    case SQLITE_BLOB: {
      const auto* blob = static_cast<const char*>(sqlite3_column_blob(statement, column));
      const auto size_bytes = static_cast<size_t>(sqlite3_column_bytes(statement, column));
      return SqlValue::Blob(blob == nullptr ? std::string_view()
                                            : std::string_view(blob, size_bytes));
    }
    default:
      return {};
  }
}

// Binds without copying: the bytes must live until the statement is reset. Returns SQLite's code.
inline int BindValue(sqlite3_stmt* statement, int parameter, const SqlValue& value) {
  switch (value.type) {
    case ValueType::kInteger:
      return sqlite3_bind_int64(statement, parameter, value.integer);
    case ValueType::kReal:
      return sqlite3_bind_double(statement, parameter, value.real);
    case ValueType::kText:
      return sqlite3_bind_text64(statement, parameter, value.bytes.data(), value.bytes.size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    case ValueType::kBlob:
      if (value.bytes.empty()) return sqlite3_bind_zeroblob(statement, parameter, 0);
      return sqlite3_bind_blob64(statement, parameter, value.bytes.data(), value.bytes.size(),
                                 SQLITE_STATIC);
    case ValueType::kNull:
      break;
  }
  return sqlite3_bind_null(statement, parameter);
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SQL_VALUE_H_
