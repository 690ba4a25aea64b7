// PostgreSQL's binary format of numeric: digits in base 10,000.

#ifndef SIBYL_SQL_SERVER_NUMERIC_FORMAT_H_
#define SIBYL_SQL_SERVER_NUMERIC_FORMAT_H_

#include <optional>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

// Appends the number that `decimal` is ("-12.340", no exponent; or "NaN"). False if it is none.
bool AppendNumeric(std::string_view decimal, std::string* out);

// The decimal text of a numeric in binary format; nullopt if `bytes` are none.
std::optional<std::string> NumericText(std::string_view bytes);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_NUMERIC_FORMAT_H_
