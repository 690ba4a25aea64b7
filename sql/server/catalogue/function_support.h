// What SQL functions in C++ share: their table, their arguments, their errors. Internal to catalogue/.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_FUNCTION_SUPPORT_H_
#define SIBYL_SQL_SERVER_CATALOGUE_FUNCTION_SUPPORT_H_

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

using FunctionBody = void (*)(sqlite3_context*, int, sqlite3_value**);

struct SqlFunction {
  const char* name;
  int arguments;  // -1: any number
  FunctionBody body;
  bool strict = true;  // NULL if any argument is
};

// Deterministic functions, and those that are not. `user_data` is not owned. SQLite's code.
int RegisterAll(sqlite3* db, std::span<const SqlFunction> functions, void* user_data,
                bool deterministic);

// The error of a function: "22012: division by zero".
inline void FailFunction(sqlite3_context* context, const char* sqlstate,
                         const std::string& message) {
  sqlite3_result_error(context, (std::string(sqlstate) + ": " + message).c_str(), -1);
}

inline std::string_view TextArgument(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return {};
  return {text, static_cast<size_t>(sqlite3_value_bytes(value))};
}
inline bool IsNull(sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; }

inline void ResultText(sqlite3_context* context, std::string_view text) {
  const char* const bytes = text.data() != nullptr ? text.data() : "";  // no bytes are no NULL
  sqlite3_result_text64(context, bytes, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}
// nullopt: NULL.
inline void ResultText(sqlite3_context* context, const std::optional<std::string>& text) {
  if (text) {
    ResultText(context, std::string_view(*text));
  } else {
    sqlite3_result_null(context);
  }
}

// The parts of the library, each with a table of functions.
int RegisterCastFunctions(sqlite3* db);
int RegisterNumberFunctions(sqlite3* db);
int RegisterRealFunctions(sqlite3* db);
int RegisterTextFunctions(sqlite3* db);
int RegisterPatternFunctions(sqlite3* db);
int RegisterDateFunctions(sqlite3* db);
int RegisterArrayFunctions(sqlite3* db);
int RegisterJsonFunctions(sqlite3* db);
int RegisterAggregates(sqlite3* db);
int RegisterTableFunctions(sqlite3* db);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_FUNCTION_SUPPORT_H_
