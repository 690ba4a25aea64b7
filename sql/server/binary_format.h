// PostgreSQL's binary formats of values. What a value of each type looks like in SQLite:
// sql/server/value_format.h.

#ifndef SIBYL_SQL_SERVER_BINARY_FORMAT_H_
#define SIBYL_SQL_SERVER_BINARY_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "sql/server/sql_error.h"
#include "sql/server/sql_value.h"

namespace sibyl::sql::server {

// Appends; on an error, 22P03, `out` may have a part. A numeric(p,s), told by its type modifier,
// has at least s places. Precondition: `value` is not NULL.
SqlStatus EncodeBinary(uint32_t type_oid, const SqlValue& value, std::string* out,
                       int32_t type_modifier = -1);

// The bytes of the answer are those of `bytes`, or in `scratch`.
SqlResult<SqlValue> DecodeBinary(uint32_t type_oid, std::string_view bytes, std::string* scratch);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_BINARY_FORMAT_H_
