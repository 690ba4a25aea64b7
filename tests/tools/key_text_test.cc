// Goal: every byte string has a written form on one line, and comes back from it unchanged.
// Method: the forms that documentation promises, byte for byte; every byte alone and random
// strings there and back; every malformed escape refused.

#include "tools/key_text.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

namespace sibyl::tools {
namespace {

using namespace std::string_literals;

TEST_CASE("text keys are written as documented", "[tools][key_text]") {
  CHECK(Escape("") == "");
  CHECK(Escape("plain ~") == "plain ~");
  CHECK(Escape("a\tb\nc\rd\\e\0f"s) == "a\\tb\\nc\\rd\\\\e\\0f");
  CHECK(Escape("\x01\x7f") == "\\x01\\x7f");
  CHECK(Escape("grün €") == "grün €");                          // valid UTF-8 stays
  CHECK(Escape("\xff\xc3") == "\\xff\\xc3");                    // a lone lead byte is not
  CHECK(Escape("\xc0\x80") == "\\xc0\\x80");                    // overlong NUL
  CHECK(Escape("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(Escape("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
}

TEST_CASE("every byte string comes back from its written form", "[tools][key_text]") {
  const auto format = GENERATE(KeyFormat::kText, KeyFormat::kHex);
  const unsigned seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 9, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    const auto text = FormatKey(bytes, format);
    REQUIRE(text.has_value());
    CHECK(text->find_first_of("\n\t") == std::string::npos);
    const auto back = ParseKey(*text, format);
    REQUIRE(back.has_value());
    CHECK(*back == bytes);
  }
}

TEST_CASE("malformed text is refused with its position", "[tools][key_text]") {
  for (const char* text : {"\\", "ab\\", "\\q", "\\x", "\\x4", "\\xg0", "\\x0g"}) {
    INFO(text);
    const auto bytes = Unescape(text);
    REQUIRE_FALSE(bytes.has_value());
    CHECK(bytes.error().code == ErrorCode::kInvalidArgument);
    CHECK(bytes.error().message.find("position") != std::string::npos);
  }
  for (const char* text : {"0", "abc", "zz", "0x"}) CHECK_FALSE(ParseKey(text, KeyFormat::kHex));
}

TEST_CASE("u64 keys sort as numbers, and only numbers are taken", "[tools][key_text]") {
  CHECK(*ParseKey("0", KeyFormat::kU64) == std::string(8, '\0'));
  CHECK(*ParseKey("258", KeyFormat::kU64) == "\0\0\0\0\0\0\1\2"s);
  CHECK(*ParseKey("18446744073709551615", KeyFormat::kU64) == std::string(8, '\xff'));
  CHECK(*FormatKey(std::string(8, '\xff'), KeyFormat::kU64) == "18446744073709551615");
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "18446744073709551616", "0x10"}) {
    INFO(text);
    CHECK_FALSE(ParseKey(text, KeyFormat::kU64));
  }
  CHECK_FALSE(FormatKey("seven b", KeyFormat::kU64));
}

TEST_CASE("a prefix ends before its successor", "[tools][key_text]") {
  CHECK(PrefixSuccessor("ab") == "ac");
  CHECK(PrefixSuccessor("a\xff") == "b");
  CHECK(PrefixSuccessor("a\xff\xff") == "b");
  CHECK(PrefixSuccessor("") == std::nullopt);
  CHECK(PrefixSuccessor("\xff\xff") == std::nullopt);
}

}  // namespace
}  // namespace sibyl::tools
