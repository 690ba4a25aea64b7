// Whether bytes of a client are the text that it says they are.

#ifndef SIBYL_SQL_SERVER_WIRE_UTF8_H_
#define SIBYL_SQL_SERVER_WIRE_UTF8_H_

#include <cstddef>
#include <string_view>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server::wire {

// 22021, as PostgreSQL has it, unless `bytes` are UTF-8 (RFC 3629: no surrogates, nothing longer
// than it need be, nothing above U+10FFFF) without NUL. ASCII costs an eighth of a nanosecond a
// byte or so.
SqlStatus CheckText(std::string_view bytes);

}  // namespace sibyl::sql::server::wire

#endif  // SIBYL_SQL_SERVER_WIRE_UTF8_H_
