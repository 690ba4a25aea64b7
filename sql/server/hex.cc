#include "sql/server/hex.h"

#include <cstdint>

namespace sibyl::sql::server {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void AppendHex(std::string_view bytes, std::string* out) {
  for (const char byte : bytes) {
    out->push_back(kHexDigits[static_cast<uint8_t>(byte) >> 4]);
    out->push_back(kHexDigits[static_cast<uint8_t>(byte) & 15]);
  }
}

bool AppendFromHex(std::string_view text, bool loose, std::string* out) {
  int high = -1;
  for (const char c : text) {
    if (loose && (c == '-' || c == '{' || c == '}')) continue;
    const int digit = HexDigit(c);
    if (digit < 0) return false;
    if (high < 0) {
      high = digit;
    } else {
      out->push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  return high < 0;
}

}  // namespace sibyl::sql::server
