// Goal: windows counted all at once are counted as one by one, and only those in use. Method: few
// different windows, so that many are equal, the extremes among them; every set of slots of some
// random ones; seeds are fixed.

#include "engine/node_search.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>

namespace sibyl::testing {
namespace {

TEST_CASE("Windows below and equal to one are counted, in the slots that are in use") {
  const uint32_t seed = GENERATE(1u, 2u, 3u);
  std::mt19937_64 random(seed);
  const std::array<uint64_t, 6> some = {
      0, 1, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX - 1, UINT64_MAX};
  for (int round = 0; round < 2000; ++round) {
    std::array<uint64_t, engine::kWindowsRead> windows;
    for (uint64_t& window : windows) window = some[random() % some.size()];
    const auto slots = static_cast<uint32_t>(random() % (1u << engine::kWindowsRead));
    const uint64_t wanted = some[random() % some.size()];
    int below = 0;
    int equal = 0;
    for (int i = 0; i < engine::kWindowsRead; ++i) {
      if ((slots >> i & 1) == 0) continue;
      below += windows[i] < wanted;
      equal += windows[i] == wanted;
    }
    INFO("seed " << seed << ", round " << round << ", slots " << slots << ", window " << wanted);
    const engine::WindowCounts counts = engine::CountWindows(windows.data(), slots, wanted);
    REQUIRE(counts.below == below);
    REQUIRE(counts.equal == equal);
  }
}

}  // namespace
}  // namespace sibyl::testing
