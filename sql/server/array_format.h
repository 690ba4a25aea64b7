// PostgreSQL's binary format of arrays, whose form in SQLite is text: {1,NULL,"two, too"}, and 1 2
// 3 for int2vector and oidvector. One dimension.

#ifndef SIBYL_SQL_SERVER_ARRAY_FORMAT_H_
#define SIBYL_SQL_SERVER_ARRAY_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

// Appends; false: `text` is no array, or an element has no binary form as one of the array's type.
// `out` may have a part then. Precondition of both: the type is an array's.
bool AppendBinaryArray(uint32_t array_oid, std::string_view text, std::string* out);

// The text of an array in binary format. 22P03: `bytes` are none; 0A000: of several dimensions, or
// not counted from 1.
SqlResult<std::string> BinaryArrayText(uint32_t array_oid, std::string_view bytes);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_ARRAY_FORMAT_H_
