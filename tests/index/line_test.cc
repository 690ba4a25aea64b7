// Goal: slopes survive their encoding within the promised error, and lines are exact and monotone
// at the ends of the 64-bit range. Method: every power of two and its neighbours, checked in 128
// bits.

#include "index/line.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

namespace sibyl::index {
namespace {

double AsDouble(Slope slope) { return std::ldexp(slope.mantissa, -static_cast<int>(slope.shift)); }

TEST_CASE("the nearest slope is within 2^-17 of the slope asked for", "[index][line]") {
  for (int exponent = -60; exponent <= 16; ++exponent) {
    for (const double factor : {1.0, 1.0 + 0x1p-20, 1.0 - 0x1p-20, 1.3, 1.9999999}) {
      const double wanted = std::min(std::ldexp(factor, exponent), kMaxSlope);
      INFO("exponent " << exponent << " factor " << factor);
      CHECK(std::abs(AsDouble(NearestSlope(wanted)) - wanted) <= wanted * 0x1p-17);
    }
  }
}

TEST_CASE("slopes beyond what can be written are clamped", "[index][line]") {
  CHECK(NearestSlope(0) == Slope{});
  CHECK(NearestSlope(-3) == Slope{});
  CHECK(NearestSlope(1e-300) == Slope{});
  CHECK(NearestSlope(1e300) == Slope{Slope::kMaxMantissa, 0});
  CHECK(NearestSlope(std::numeric_limits<double>::infinity()) == Slope{Slope::kMaxMantissa, 0});
}

TEST_CASE("a line is exact at the largest distance", "[index][line]") {
  constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
  const auto climb = Climb(kLargest, {Slope::kMaxMantissa, 0});
  CHECK(static_cast<uint64_t>(climb >> 64) == Slope::kMaxMantissa - 1);
  CHECK(static_cast<uint64_t>(climb) == kLargest - Slope::kMaxMantissa + 1);
  CHECK(Climb(kLargest, {1, 64}) == 0);
  CHECK(Climb(kLargest, {2, 64}) == 1);
  CHECK(Climb(kLargest, {Slope::kMaxMantissa, 127}) == 0);
}

}  // namespace
}  // namespace sibyl::index
