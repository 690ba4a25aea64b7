// Goal: a filter that grows never denies a key that was added, and hardly ever admits another.
// Method: numbers of keys around every border at which it grows, with hashes as keys have them and
// with hashes that differ in few bits.

#include "engine/growing_filter.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/checksum.h"

namespace sibyl::engine {
namespace {

uint64_t HashOf(uint64_t number) { return base::Checksum(std::to_string(number)); }

TEST_CASE("an empty filter has nothing", "[engine][growing_filter]") {
  const GrowingFilter filter;
  CHECK_FALSE(filter.MayContain(0));
  CHECK_FALSE(filter.MayContain(HashOf(1)));
  CHECK(filter.memory_bytes() == 0);
}

TEST_CASE("what was added is there, and little else", "[engine][growing_filter]") {
  GrowingFilter filter;
  const uint64_t keys = GENERATE(1u, 511u, 512u, 513u, 2560u, 2561u, 100'000u);
  INFO(keys << " keys");
  for (uint64_t i = 0; i < keys; ++i) filter.Add(HashOf(i));
  uint64_t denied = 0;
  for (uint64_t i = 0; i < keys; ++i) denied += filter.MayContain(HashOf(i)) ? 0 : 1;
  CHECK(denied == 0);
  uint64_t admitted = 0;
  for (uint64_t i = 0; i < 100'000; ++i) admitted += filter.MayContain(HashOf(keys + i)) ? 1 : 0;
  CHECK(admitted < 500);
  CHECK(filter.memory_bytes() <= 1024 + 8 * keys);
}

TEST_CASE("hashes that are alike", "[engine][growing_filter]") {
  GrowingFilter filter;
  for (uint64_t i = 0; i < 3000; ++i) filter.Add(i << 40 | 1);
  for (uint64_t i = 0; i < 3000; ++i) {
    if (!filter.MayContain(i << 40 | 1)) FAIL("denies hash " << i);
  }
}

}  // namespace
}  // namespace sibyl::engine
