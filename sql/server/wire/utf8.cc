#include "sql/server/wire/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace sibyl::sql::server::wire {
namespace {

// Whether eight bytes are ASCII and none is NUL.
bool IsPlain(const char* bytes) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  constexpr uint64_t kOnes = 0x0101010101010101;
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return (word & kHighBits) == 0 && ((word - kOnes) & kHighBits) == 0;
}

// The length of the character that `bytes` begin with; 0: there is none. Table 3-7 of the Unicode
// standard: the second byte's range depends on the first one.
size_t CharacterBytes(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const size_t length = first < 0xc2   ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || bytes.size() < length) return 0;
  const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

SqlError InvalidAt(std::string_view bytes) {
  std::string message = "invalid byte sequence for encoding \"UTF8\":";
  for (const char c : bytes.substr(0, std::min<size_t>(bytes.size(), bytes[0] == '\0' ? 1 : 2))) {
    char hex[8];
    std::snprintf(hex, sizeof(hex), " 0x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
    message += hex;
  }
  return {"22021", message};
}

}  // namespace

SqlStatus CheckText(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.size() >= 8 && IsPlain(bytes.data())) {
      bytes.remove_prefix(8);
      continue;
    }
    const size_t length = CharacterBytes(bytes);
    if (length == 0) return InvalidAt(bytes);
    bytes.remove_prefix(length);
  }
  return SqlOk();
}

}  // namespace sibyl::sql::server::wire
