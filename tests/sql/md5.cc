#include "tests/sql/md5.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace sibyl::sql::testing {
namespace {

using State = std::array<uint32_t, 4>;

void AddBlock(const char* block, State* state) {
  static constexpr int kRotations[4][4] = {
      {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  uint32_t words[16];
  std::memcpy(words, block, sizeof words);
  auto [a, b, c, d] = *state;
  for (uint32_t i = 0; i < 64; i++) {
    const uint32_t round = i / 16;
    const uint32_t mixed = round == 0   ? (b & c) | (~b & d)
                           : round == 1 ? (d & b) | (~d & c)
                           : round == 2 ? b ^ c ^ d
                                        : c ^ (b | ~d);
    const uint32_t word = round == 0   ? i
                          : round == 1 ? (5 * i + 1) % 16
                          : round == 2 ? (3 * i + 5) % 16
                                       : 7 * i % 16;
    const auto sine = static_cast<uint32_t>(std::fabs(std::sin(i + 1.0)) * 4294967296.0);
    const uint32_t sum = a + mixed + sine + words[word];
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kRotations[round][i % 4]);
  }
  *state = {(*state)[0] + a, (*state)[1] + b, (*state)[2] + c, (*state)[3] + d};
}

}  // namespace

std::string Md5(std::string_view text) {
  std::string padded(text);
  padded += '\x80';
  while (padded.size() % 64 != 56) padded += '\0';
  const uint64_t bits = 8 * uint64_t{text.size()};
  padded.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (size_t at = 0; at < padded.size(); at += 64) AddBlock(padded.data() + at, &state);
  std::string hex;
  for (const uint32_t word : state) {
    for (int byte = 0; byte < 4; byte++) {
      char digits[3];
      std::snprintf(digits, sizeof digits, "%02x", word >> (8 * byte) & 0xff);
      hex += digits;
    }
  }
  return hex;
}

}  // namespace sibyl::sql::testing
