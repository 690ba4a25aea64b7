// Goal: the bytes of the coding are pinned, and unchecked bytes can only fail, never overrun.

#include "base/coding.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>

namespace sibyl::base {
namespace {

TEST_CASE("fixed-width integers are little-endian, key integers big-endian", "[base][coding]") {
  std::string out;
  Put16(&out, 0x0102);
  Put32(&out, 0x03040506);
  Put64(&out, 0x0708090a0b0c0d0e);
  PutBig32(&out, 0x0f101112);
  CHECK(out == std::string("\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07\x0f\x10\x11\x12"));
  CHECK(LoadBig32(out.data() + 14) == 0x0f101112);
}

TEST_CASE("varints survive the round trip at every bit width", "[base][coding]") {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1}) {
      std::string out;
      PutVarint(&out, value);
      Decoder decoder(out);
      CHECK(decoder.GetVarint() == value);
      CHECK(decoder.ok());
      CHECK(decoder.done());
    }
  }
}

TEST_CASE("a decoder fails on truncated and malformed bytes and stays failed", "[base][coding]") {
  std::string out;
  PutVarint(&out, std::numeric_limits<uint64_t>::max());
  CHECK(out.size() == 10);
  for (size_t size = 0; size < out.size(); ++size) {
    Decoder decoder(std::string_view(out).substr(0, size));
    CHECK(decoder.GetVarint() == 0);
    CHECK_FALSE(decoder.ok());
    CHECK(decoder.Get8() == 0);
  }
  // Eleven continuation bytes, and a tenth byte with bits beyond the 64th.
  for (const std::string& bad : {std::string(11, '\xff'), std::string(9, '\xff') + "\x02"}) {
    Decoder decoder(bad);
    decoder.GetVarint();
    CHECK_FALSE(decoder.ok());
  }
  Decoder strings(std::string_view("\x05" "abc", 4));
  CHECK(strings.GetString().empty());
  CHECK_FALSE(strings.ok());
}

}  // namespace
}  // namespace sibyl::base
