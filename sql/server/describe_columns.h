// The fields of a statement's rows, before there are any.

#ifndef SIBYL_SQL_SERVER_DESCRIBE_COLUMNS_H_
#define SIBYL_SQL_SERVER_DESCRIBE_COLUMNS_H_

#include <sqlite3.h>

#include <vector>

#include "sql/server/dialect/translate.h"
#include "sql/server/wire/backend.h"

namespace sibyl::sql::server {

// Names and types from the translation where it knows them, else from the declarations of the
// columns; the columns of tables that they are. A type that nothing tells is kUnspecifiedOid.
// `schema`: of the statement's connection.
void DescribeColumns(sqlite3_stmt* statement, const Translated& translated, const Schema& schema,
                     std::vector<wire::FieldDescription>* fields);

// A column of text that is none of a table's.
wire::FieldDescription TextField(std::string name);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DESCRIBE_COLUMNS_H_
