// SQL on SibylDB: where a database's files are.
//
// SQL itself is SQLite's C interface (sqlite3.h) in the library sibyl_sql. A database is a small
// marker file PATH with its data in the folder PATH-sibyl/; docs/sql.md has the rules.

#ifndef SIBYL_SQL_H_
#define SIBYL_SQL_H_

#include <filesystem>

namespace sibyl::sql {

// The folder that has the data of the SQL database `path`: what Database::Open takes. A `path` that
// is itself a folder is its own answer, so that tools accept either.
std::filesystem::path DataDirectoryOf(const std::filesystem::path& path);

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_H_
