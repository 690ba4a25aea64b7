#include "index/line.h"

#include <algorithm>
#include <cmath>

namespace sibyl::index {

Slope NearestSlope(double slope) {
  const double clamped = std::clamp(slope, 0.0, kMaxSlope);
  int exponent = 0;
  const double fraction = std::frexp(clamped, &exponent);  // in [0.5, 1), or 0
  double mantissa = std::floor(std::ldexp(fraction, Slope::kMantissaBits) + 0.5);
  int shift = Slope::kMantissaBits - exponent;
  if (mantissa > Slope::kMaxMantissa) {  // rounded up to the next power of two
    mantissa /= 2;
    shift -= 1;
  }
  if (shift < 0) return {Slope::kMaxMantissa, 0};
  // 2^64 x 2^17 >> 81 is 0, and so is everything flatter.
  if (mantissa == 0 || shift >= 64 + Slope::kMantissaBits) return {};
  return {static_cast<uint32_t>(mantissa), static_cast<uint32_t>(shift)};
}

}  // namespace sibyl::index
