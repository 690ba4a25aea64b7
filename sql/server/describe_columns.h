// The fields of a statement's rows, before there are any.

#ifndef SIBYL_SQL_SERVER_DESCRIBE_COLUMNS_H_
#define SIBYL_SQL_SERVER_DESCRIBE_COLUMNS_H_

#include <sqlite3.h>

#include <vector>

#include "sql/server/dialect/translate.h"
#include "sql/server/wire/backend.h"

namespace sibyl::sql::server {

// Names and types from the translation where it knows them, else from the declarations of the
// columns. A type that nothing tells is kUnspecifiedOid.
void DescribeColumns(sqlite3_stmt* statement, const Translated& translated,
                     std::vector<wire::FieldDescription>* fields);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DESCRIBE_COLUMNS_H_
