// SQLite's values in PostgreSQL's text and binary formats, and back.
//
// What a value of a type looks like in SQLite: bool is an integer 0 or 1; int2, int4, int8, oid and
// the reg types are integers; float4 and float8 are reals; numeric is an integer or a real; bytea
// is a blob; date is text YYYY-MM-DD, time HH:MM:SS[.f], timestamp and timestamptz YYYY-MM-DD
// HH:MM:SS[.f], in UTC; everything else is text, arrays as PostgreSQL prints them. SQLite's columns
// take any value: in text format each is written as what it is; in binary format one that does not
// fit its column's type is an error.

#ifndef SIBYL_SQL_SERVER_VALUE_FORMAT_H_
#define SIBYL_SQL_SERVER_VALUE_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "sql/server/binary_format.h"
#include "sql/server/text_format.h"

namespace sibyl::sql::server {

// What a client sent for a parameter of the type; `format` is 0 text or 1 binary. The bytes of the
// answer may be those of `bytes`, or in `scratch`, which must live as long.
SqlResult<SqlValue> Decode(uint32_t type_oid, int16_t format, std::string_view bytes,
                           std::string* scratch);

// The type of a column whose type nothing tells, from a value in it.
uint32_t TypeOidOfValue(const SqlValue& value);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_VALUE_FORMAT_H_
