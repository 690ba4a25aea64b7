// PostgreSQL's text formats of values. What a value of each type looks like in SQLite:
// sql/server/value_format.h.

#ifndef SIBYL_SQL_SERVER_TEXT_FORMAT_H_
#define SIBYL_SQL_SERVER_TEXT_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "sql/server/sql_error.h"
#include "sql/server/sql_value.h"

namespace sibyl::sql::server {

// Appends; a numeric(p,s), told by its type modifier, gets at least s places. Precondition: `value`
// is not NULL.
void EncodeText(uint32_t type_oid, const SqlValue& value, std::string* out,
                int32_t type_modifier = -1);

// `real` as a parameter; 0A000 for NaN.
SqlResult<SqlValue> RealValue(double real);

// `bytes` as a text; 22021 if they are not UTF-8 or have a NUL.
SqlResult<SqlValue> TextValue(std::string_view bytes);

// As DecodeText, for what is most usual of the most usual types: decimal digits that cannot
// overflow, reals that begin with a digit, text. A fifth of its cost. False: DecodeText has to
// decide.
bool DecodeUsualText(uint32_t type_oid, std::string_view bytes, SqlValue* value);

// The bytes of the answer are those of `bytes`, or in `scratch`.
SqlResult<SqlValue> DecodeText(uint32_t type_oid, std::string_view bytes, std::string* scratch);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TEXT_FORMAT_H_
