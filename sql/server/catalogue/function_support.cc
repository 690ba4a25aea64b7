#include "sql/server/catalogue/function_support.h"

namespace sibyl::sql::server {
namespace {

// What stands behind a strict function: NULL in, NULL out.
void CallStrict(sqlite3_context* context, int count, sqlite3_value** values) {
  for (int i = 0; i < count; ++i) {
    if (IsNull(values[i])) return;
  }
  static_cast<const SqlFunction*>(sqlite3_user_data(context))->body(context, count, values);
}

}  // namespace

int RegisterAll(sqlite3* db, std::span<const SqlFunction> functions, void* user_data,
                bool deterministic) {
  const int flags = SQLITE_UTF8 | (deterministic ? SQLITE_DETERMINISTIC : 0);
  for (const SqlFunction& function : functions) {
    // A strict one finds itself as its user data, and so takes no other.
    const bool wrapped = function.strict && user_data == nullptr;
    void* data = wrapped ? const_cast<SqlFunction*>(&function) : user_data;
    const int code = sqlite3_create_function_v2(db, function.name, function.arguments, flags, data,
                                                wrapped ? CallStrict : function.body, nullptr,
                                                nullptr, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace sibyl::sql::server
