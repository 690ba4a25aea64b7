// Goal: bytes and hexadecimal digits become each other, and nothing else is taken for digits.

#include "base/hex.h"

#include <catch2/catch.hpp>

namespace sibyl::base {
namespace {

TEST_CASE("every byte survives as two digits", "[base][hex]") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  std::string text;
  AppendHex(bytes, &text);
  CHECK(text.substr(0, 6) == "000102");
  CHECK(text.substr(506) == "fdfeff");
  std::string back = "kept";
  CHECK(AppendFromHex(text, &back));
  CHECK(back == "kept" + bytes);
}

TEST_CASE("digits of either case, in pairs, and nothing else", "[base][hex]") {
  std::string out;
  CHECK(AppendFromHex("", &out));
  CHECK(AppendFromHex("aBFf", &out));
  CHECK(out == "\xab\xff");
  for (const char* wrong :
       {"a", "abc", "0g", "g0", " 1", "+1", "-1", "0x", "@0", "`0", "/0", ":0"}) {
    INFO(wrong);
    CHECK_FALSE(AppendFromHex(wrong, &out));
  }
}

}  // namespace
}  // namespace sibyl::base
