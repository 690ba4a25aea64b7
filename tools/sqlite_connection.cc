#include "tools/sqlite_connection.h"

namespace sibyl::tools {

Error SqlError(sqlite3* connection, const std::string& doing) {
  const int code = sqlite3_errcode(connection) & 0xff;
  const bool busy = code == SQLITE_BUSY || code == SQLITE_LOCKED;
  return {busy ? ErrorCode::kBusy : ErrorCode::kIo, doing + ": " + sqlite3_errmsg(connection)};
}

Result<Connection> Connect(const std::string& path, int flags) {
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  Connection owned(connection, sqlite3_close);
  if (code != SQLITE_OK) return SqlError(connection, "cannot open " + path);
  return owned;
}

Result<Statement> Prepare(sqlite3* connection, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return SqlError(connection, "cannot run \"" + sql + "\"");
  }
  return Statement(statement, sqlite3_finalize);
}

Status Execute(sqlite3* connection, const std::string& sql) {
  if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return SqlError(connection, "cannot run \"" + sql + "\"");
  }
  return Ok();
}

std::string QuotedName(std::string_view name) {
  std::string quoted = "\"";
  for (const char byte : name) quoted += byte == '"' ? "\"\"" : std::string(1, byte);
  return quoted + "\"";
}

}  // namespace sibyl::tools
