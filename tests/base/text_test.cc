// Goal: an error message can show any key, and never more than a screen of it.

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

}  // namespace
}  // namespace sibyl::base
