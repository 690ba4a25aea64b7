// Bytes as hexadecimal digits.

#ifndef SIBYL_SQL_SERVER_HEX_H_
#define SIBYL_SQL_SERVER_HEX_H_

#include <string>
#include <string_view>

namespace sibyl::sql::server {

// Appends two digits for each byte, in lower case.
void AppendHex(std::string_view bytes, std::string* out);

// Appends the byte that each pair of digits means; as UUIDs have them, `loose` allows hyphens and
// braces between digits. False: `text` is something else, and `out` may have a part.
bool AppendFromHex(std::string_view text, bool loose, std::string* out);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_HEX_H_
