// Parts of the statements that sqlite_schema keeps, for the catalogue: found by tokens, so that
// strings, comments and brackets are no trouble. Text that PostgreSQL's scanner cannot read has none.

#ifndef SIBYL_SQL_SERVER_DIALECT_STATEMENT_PARTS_H_
#define SIBYL_SQL_SERVER_DIALECT_STATEMENT_PARTS_H_

#include <string>
#include <vector>

namespace sibyl::sql::server {

struct CheckText {
  std::string name;        // empty: it has none
  std::string column;      // of the column it stands at; empty: at the end of the table
  std::string expression;  // without the outer parentheses
};

// The CHECK constraints of a CREATE TABLE, in their order.
std::vector<CheckText> ChecksOf(const std::string& create_table);

// The columns and expressions of a CREATE INDEX, with their COLLATE and DESC.
std::vector<std::string> IndexItemsOf(const std::string& create_index);

// The condition of a partial index; empty: none.
std::string WhereOf(const std::string& create_index);

// The query of a CREATE VIEW.
std::string ViewQueryOf(const std::string& create_view);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_STATEMENT_PARTS_H_
