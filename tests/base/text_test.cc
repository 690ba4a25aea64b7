// Goal: an error message can show any key, and never more than a screen of it; a number is read
// whole or not at all.

#include "base/text.h"

#include <catch2/catch.hpp>

namespace sibyl::base {
namespace {

TEST_CASE("keys are quoted, escaped and cut", "[base][text]") {
  CHECK(Quoted("") == "\"\"");
  CHECK(Quoted("abc") == "\"abc\"");
  CHECK(Quoted(std::string_view("\0\xff\"\\", 4)) == "\"\\x00\\xff\\x22\\x5c\"");
  CHECK(Quoted(std::string(65, 'k')) == '"' + std::string(64, 'k') + "\"... (65 bytes)");
}

TEST_CASE("a number is the whole of a text, and in range", "[base][text]") {
  CHECK(ParseNumber<uint64_t>("0") == 0);
  CHECK(ParseNumber<uint64_t>("18446744073709551615") == UINT64_MAX);
  CHECK(ParseNumber<int64_t>("-9223372036854775808") == INT64_MIN);
  CHECK(ParseNumber<int>("007") == 7);
  CHECK(ParseNumber<double>("2.5e3") == 2500);
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "x", "0x1", "-", "1.5", "4294967296"}) {
    INFO("\"" << text << '"');
    CHECK_FALSE(ParseNumber<uint32_t>(text).has_value());
  }
  CHECK_FALSE(ParseNumber<uint64_t>("-1").has_value());
  CHECK_FALSE(ParseNumber<uint64_t>("18446744073709551616").has_value());
  CHECK_FALSE(ParseNumber<int64_t>("9223372036854775808").has_value());
  CHECK_FALSE(ParseNumber<double>("1e999").has_value());
}

TEST_CASE("the number that a text begins with", "[base][text]") {
  CHECK(LeadingNumber("0000000042.segment") == 42);
  CHECK(LeadingNumber("7") == 7);
  CHECK(LeadingNumber("") == 0);
  CHECK(LeadingNumber("segment1") == 0);
  CHECK(LeadingNumber("18446744073709551616.segment") == 0);
}

}  // namespace
}  // namespace sibyl::base
