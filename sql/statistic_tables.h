// The tables that show the engine's statistics and models in SQL: which columns they have, and how
// their rows come about. statistics.h registers them; docs/sql.md describes them.

#ifndef SIBYL_SQL_STATISTIC_TABLES_H_
#define SIBYL_SQL_STATISTIC_TABLES_H_

#include <sqlite3.h>

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "sibyl/result.h"
#include "sql/tree_store.h"

namespace sibyl::sql {

struct Blob {
  std::string bytes;
};
using Cell = std::variant<std::monostate, int64_t, double, std::string, Blob>;  // first: NULL
using Row = std::vector<Cell>;

// What a query asks of a table. The store's file is open.
struct TableRequest {
  sqlite3* db;
  SibylStore* store;
  std::string database;                       // its name in `db`
  std::span<sqlite3_value* const> arguments;  // as many as the table has; null: not given
};

// One table. Behind its columns come the hidden ones: `arguments` of its own, then the name of the
// database.
struct TableKind {
  const char* name;
  const char* declaration;
  int columns;
  int arguments;
  Result<std::vector<Row>> (*rows)(const TableRequest& request);
};

std::span<const TableKind> StatisticTables();

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_STATISTIC_TABLES_H_
