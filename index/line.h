// A line in integer arithmetic: exact, monotone and the same on every machine.
//
// A segment's block borders are drawn by lines, so writer and reader must agree on every value of
// every line, whatever the compiler, the rounding mode of the host, or the distance from the origin
// of the line: floating point promises none of this. A slope is therefore mantissa x 2^-shift, and
// the product is taken in 128 bits.

#ifndef SIBYL_INDEX_LINE_H_
#define SIBYL_INDEX_LINE_H_

#include <algorithm>
#include <bit>
#include <cstdint>

namespace sibyl::index {

// Values of lines count 1/65536 of a block: a block number, and 16 bits of fraction below it.
constexpr int kValueFractionBits = 16;

// A slope >= 0, in 1/65536 block per unit of the key's window.
struct Slope {
  static constexpr int kMantissaBits = 17;
  static constexpr int kShiftBits = 7;
  static constexpr int kBits = kMantissaBits + kShiftBits;
  static constexpr uint32_t kMaxMantissa = (1u << kMantissaBits) - 1;

  uint32_t mantissa = 0;
  uint32_t shift = 0;  // 0 to 127

  friend bool operator==(const Slope&, const Slope&) = default;
};

// floor(distance x slope), exactly; at most 2^81.
inline unsigned __int128 Climb(uint64_t distance, Slope slope) {
  return (static_cast<unsigned __int128>(distance) * slope.mantissa) >> slope.shift;
}

// How far `window` lies from `low` to `high`, in 1/65536, as a fraction of a block; one half if
// they are equal. Never decreases with the window. Precondition: low <= window <= high.
inline uint16_t FractionBetween(uint64_t low, uint64_t high, uint64_t window) {
  constexpr int kWidthBits = 32;  // of the range that is divided by: the product stays in 64 bits
  const int bits = 64 - std::countl_zero(high - low);
  const int shift = std::max(0, bits - kWidthBits);
  const uint64_t width = (high - low) >> shift;
  if (width == 0) return uint16_t{1} << (kValueFractionBits - 1);
  const uint64_t fraction = ((window - low) >> shift << kValueFractionBits) / width;
  return static_cast<uint16_t>(std::min<uint64_t>(fraction, UINT16_MAX));
}

// The steepest slope that can be written, in 1/65536 block per unit: just under two blocks.
constexpr double kMaxSlope = Slope::kMaxMantissa;

// The representable slope nearest to `slope`, which is clamped to [0, kMaxSlope]; slopes so small
// that no 64-bit distance climbs 1/65536 block become 0. The relative error is at most 2^-17.
// Rounding happens here once, when a model is built; nothing relies on its direction.
Slope NearestSlope(double slope);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_LINE_H_
