// From SQLite's connection to our store behind it, for those who need more of the engine than SQL.

#ifndef SIBYL_SQL_STORE_OF_SCHEMA_H_
#define SIBYL_SQL_STORE_OF_SCHEMA_H_

#include <sqlite3.h>

#include "sql/tree_store.h"

// The store of the attached database `schema` ("main"); null if there is none, or if SQLite's own
// B-tree has it. It lives until the database is detached. In schema_keys.c.
extern "C" SibylStore* sibyl_store_of_schema(sqlite3* db, const char* schema);

#endif  // SIBYL_SQL_STORE_OF_SCHEMA_H_
