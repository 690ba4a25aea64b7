// What PostgreSQL's clients expect to find in every database: the catalogue, and PostgreSQL's own
// functions.
//
// The catalogue's relations (pg_class, information_schema.tables as information_schema_tables, ...) are
// eponymous virtual tables over the real schema: they cost a connection a few hundred bytes each until
// they are asked, and nothing in the database. docs/server-dialect.md lists what they answer.

#ifndef SIBYL_SQL_SERVER_CATALOGUE_CATALOGUE_H_
#define SIBYL_SQL_SERVER_CATALOGUE_CATALOGUE_H_

#include <sqlite3.h>

#include <string>
#include <string_view>

#include "sql/server/session_facts.h"

namespace sibyl::sql::server {

// PostgreSQL's functions that do not look at the schema: casts, text, dates, arrays, patterns, and
// those that ask about the session. `session` is read at each call, and may point to nullptr while
// there is none; it must outlive `db`. Also turns off SQLite's reading of "x" as a string where there
// is no column x. Errors of the functions begin with their SQLSTATE: "22012: division by zero".
// Returns an SQLite code.
int RegisterFunctions(sqlite3* db, const SessionFacts* const* session);

// The relations, and the functions over them (regclass, pg_get_indexdef, ...). They use the functions
// above, which must be there when they are asked. Returns an SQLite code.
int RegisterCatalogue(sqlite3* db);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CATALOGUE_CATALOGUE_H_
