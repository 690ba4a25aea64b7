// SQLite's errors as PostgreSQL's.

#ifndef SIBYL_SQL_SERVER_ERROR_MAP_H_
#define SIBYL_SQL_SERVER_ERROR_MAP_H_

#include <sqlite3.h>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

// The error that `connection` reports after a call returned `code`. SQLite's sentence stays, with
// the SQLSTATE that programs look at.
SqlError ErrorOf(sqlite3* connection, int code);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_ERROR_MAP_H_
