// Values of relations to and from SQLite's. Internal to catalogue/.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_SQLITE_VALUES_H_
#define SIBYL_SQL_SERVER_CATALOGUE_SQLITE_VALUES_H_

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "sql/server/catalogue/function_support.h"
#include "sql/server/catalogue/relations.h"

namespace sibyl::sql::server {

inline Value ValueOf(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return static_cast<int64_t>(sqlite3_value_int64(value));
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_NULL:
      return {};
    default:
      return std::string(TextArgument(value));
  }
}

inline void ResultValue(sqlite3_context* context, const Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    sqlite3_result_int64(context, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_result_double(context, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    ResultText(context, std::string_view(*text));
  }
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_SQLITE_VALUES_H_
