// The 16-byte record of every stage of a RangeIndex: a line from keys to ranks, or to child
// records.
//
// A line is evaluated in integers: offset(x) = (dx << shift) * mantissa / 2^64 with dx = x - x0,
// rounded down, in 128 bits. So it is monotone, exact, the same on every machine and whatever the
// rounding mode is, and the key where it passes a given offset can be computed, not searched.

#ifndef SIBYL_INDEX_RANK_LINE_H_
#define SIBYL_INDEX_RANK_LINE_H_

#include <bit>
#include <cstdint>
#include <optional>

namespace sibyl::index {

// The keys first to last, both included: 2^64-1 is an ordinary key.
struct KeyRange {
  uint64_t first;
  uint64_t last;
};

struct RankLine {
  uint64_t x0;     // not above any key that the line is asked for
  uint32_t base;   // rank of the window's first key, or number of the first child record
  uint32_t slope;  // bits 0-5: shift; bit 6: this is a leaf; bits 7-31: mantissa
};
static_assert(sizeof(RankLine) == 16);

inline constexpr uint32_t kLeafBit = 64;
inline constexpr int kMantissaBits = 25;

// The shift is lowest, where x86 takes a count from without masking: every instruction of a lookup
// is room that the lookups behind it do not have in the processor's window.
constexpr uint32_t EncodeSlope(uint32_t shift, uint32_t mantissa, bool leaf) {
  return mantissa << 7 | (leaf ? kLeafBit : 0) | shift;
}

constexpr bool IsLeaf(const RankLine& line) { return (line.slope & kLeafBit) != 0; }
constexpr uint32_t Shift(const RankLine& line) { return line.slope & 63; }
constexpr uint32_t Mantissa(const RankLine& line) { return line.slope >> 7; }

// A slope as files have it: bit 0 leaf, bits 1-6 shift, bits 7-31 mantissa.
constexpr uint32_t PortableSlope(const RankLine& line) {
  return Mantissa(line) << 7 | Shift(line) << 1 | (IsLeaf(line) ? 1 : 0);
}
constexpr uint32_t SlopeFromPortable(uint32_t portable) {
  return EncodeSlope(portable >> 1 & 63, portable >> 7, (portable & 1) != 0);
}

inline uint64_t OffsetAt(uint64_t dx, uint32_t shift, uint32_t mantissa) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(dx << shift) * mantissa >> 64);
}

// Precondition: x >= x0. Monotone in x over the keys for which IsMonotoneOver holds.
inline uint64_t Evaluate(const RankLine& line, uint64_t x) {
  return line.base + OffsetAt(x - line.x0, Shift(line), Mantissa(line));
}

// Whether all keys of `range` are at or above x0 and the shift loses no bits of their distance.
inline bool IsMonotoneOver(const RankLine& line, KeyRange range) {
  return range.first >= line.x0 &&
         static_cast<int>(Shift(line)) <= std::countl_zero(range.last - line.x0);
}

// The smallest key that the line sends to `offset` >= 1 or further; none if no 64-bit key is.
inline std::optional<uint64_t> FirstKeyAt(const RankLine& line, uint64_t offset) {
  const auto rise = static_cast<unsigned __int128>(Mantissa(line)) << Shift(line);
  if (rise == 0) return std::nullopt;
  const auto dx = ((static_cast<unsigned __int128>(offset) << 64) + rise - 1) / rise;
  if (dx > UINT64_MAX - line.x0) return std::nullopt;
  return line.x0 + static_cast<uint64_t>(dx);
}

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANK_LINE_H_
