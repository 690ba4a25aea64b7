// Goal: a checksum is XXH3's whatever the length of its input, so that what one version or machine
// writes, another reads.
// Method: the published value of the empty input; the inlined and the library's way to it compared
// at every length around which another loop takes over. (Golden files hold longer ones.)

#include "base/checksum.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/wide_checksum.h"

namespace sibyl::base {
namespace {

// Byte i is i * 131 + 7.
std::string Input(size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  for (size_t i = 0; i < size_bytes; ++i) bytes[i] = static_cast<char>(i * 131 + 7);
  return bytes;
}

TEST_CASE("the empty input has XXH3's published checksum", "[base][checksum]") {
  CHECK(Checksum("") == 0x2d06800538d394c2);
}

TEST_CASE("both ways to a checksum agree at every length", "[base][checksum]") {
  const std::string bytes = Input(20'000);
  const uint64_t seed = GENERATE(uint64_t{0}, uint64_t{1}, ~uint64_t{0});
  for (size_t size = 0; size < bytes.size(); size += size < 2000 ? 1 : 997) {
    const std::string_view input = std::string_view(bytes).substr(0, size);
    if (Checksum(input, seed) == WideChecksum(input, seed)) continue;
    INFO("size " << size << " seed " << seed);
    FAIL("they differ");
  }
  CHECK(Checksum(bytes) == Checksum(bytes, 0));
}

}  // namespace
}  // namespace sibyl::base
