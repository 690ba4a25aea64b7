// Bytes as hexadecimal digits.

#ifndef SIBYL_BASE_HEX_H_
#define SIBYL_BASE_HEX_H_

#include <string>
#include <string_view>

namespace sibyl::base {

// What a digit of either case means; -1: it is none.
int HexDigit(char c);

// Appends two digits for each byte, in lower case.
void AppendHex(std::string_view bytes, std::string* out);

// Appends the byte that each pair of digits means. False: `text` is something else, and `out` may
// have a part.
bool AppendFromHex(std::string_view text, std::string* out);

}  // namespace sibyl::base

#endif  // SIBYL_BASE_HEX_H_
