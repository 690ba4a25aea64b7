// The fields of a record of SQLite's.

#ifndef SIBYL_SQL_SERVER_RECORD_DECODER_H_
#define SIBYL_SQL_SERVER_RECORD_DECODER_H_

#include <span>
#include <string_view>

#include "sql/server/sql_value.h"

namespace sibyl::sql::server {

// The first fields of `record`, as many as `fields` has; they point into it. False: it has fewer,
// or it is no record. SQLite's documentation, "Database File Format", section 2.1.
bool DecodeRecord(std::string_view record, std::span<SqlValue> fields);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_RECORD_DECODER_H_
