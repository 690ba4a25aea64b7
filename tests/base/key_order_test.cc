// Goal: the inline order of keys is that of their bytes, at every length around the words it reads.
// Method: all pairs of keys that share 0 to 20 bytes, end there or differ there by one bit, against
// std::string_view.

#include "base/key_order.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace sibyl::base {
namespace {

TEST_CASE("keys are ordered as their bytes are", "[base][key_order]") {
  std::vector<std::string> keys;
  for (size_t shared = 0; shared <= 20; ++shared) {
    const std::string prefix = std::string("\xff\0abcdefghijklmnopqrstuvw", 25).substr(0, shared);
    keys.push_back(prefix);
    for (const char next : {'\0', '\1', '\x7f', '\x80', '\xff'}) {
      keys.push_back(prefix + next);
      keys.push_back(prefix + next + std::string(9, '\0'));
    }
  }
  for (const std::string& a : keys) {
    for (const std::string& b : keys) {
      if (Precedes(a, b) == (std::string_view(a) < std::string_view(b))) continue;
      INFO("a of " << a.size() << " bytes, b of " << b.size());
      FAIL("wrong order");
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace sibyl::base
