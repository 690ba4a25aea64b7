// SQLite's C API with owners and errors as values: what the tool's SQL commands share.

#ifndef SIBYL_TOOLS_SQLITE_CONNECTION_H_
#define SIBYL_TOOLS_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "sibyl/result.h"

namespace sibyl::tools {

using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

// The connection's last error, as what happened while `doing` something.
Error SqlError(sqlite3* connection, const std::string& doing);

// Errors of all: kBusy; kIo for everything else.
Result<Connection> Connect(const std::string& path, int flags);
Result<Statement> Prepare(sqlite3* connection, const std::string& sql);
Status Execute(sqlite3* connection, const std::string& sql);

// `name` as an SQL identifier, whatever its bytes.
std::string QuotedName(std::string_view name);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_SQLITE_CONNECTION_H_
