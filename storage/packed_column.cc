// Highway compiles this file once per vector instruction set, by including it again.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "storage/packed_column.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>
#include <bit>

#include "storage/packed_column.h"

HWY_BEFORE_NAMESPACE();
namespace sibyl::storage::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Slots compared around the expected one, without branches.
constexpr uint32_t kNearSlots = 16;

#if HWY_TARGET <= HWY_AVX2 && HWY_ARCH_X86
// How many of the kNearSlots integers from `first` on are below `target`: several are unpacked at
// once, each from a load of its own.
HWY_INLINE uint32_t CountBelow(const PackedColumn& column, uint32_t first, uint64_t target) {
  const hn::CappedTag<uint64_t, kNearSlots> tag;
  const hn::RebindToSigned<decltype(tag)> signed_tag;
  constexpr uint64_t kLanes = hn::MaxLanes(tag);
  HWY_ALIGN uint64_t end_bits[kLanes];
  HWY_ALIGN uint64_t lines[kLanes];
  for (uint64_t i = 0; i < kLanes; ++i) {
    end_bits[i] = (first + i + 1) * column.bits();
    lines[i] = column.base() + column.slope() * (first + i);
  }
  auto end_bit = hn::Load(tag, end_bits);
  auto on_line = hn::Load(tag, lines);
  const auto end_bit_step = hn::Set(tag, kLanes * column.bits());
  const auto line_step = hn::Set(tag, kLanes * column.slope());
  const auto targets = hn::Set(tag, target);
  const auto seven = hn::Set(tag, 7);
  const auto right = hn::Set(tag, 63 - column.bits());
  const auto* from = reinterpret_cast<const uint64_t*>(column.residuals() - sizeof(uint64_t));
  size_t below = 0;
  for (size_t i = 0; i < kNearSlots; i += kLanes) {
    const auto end_byte = hn::ShiftRight<3>(hn::Add(end_bit, seven));
    const auto word = hn::GatherOffset(tag, from, hn::BitCast(signed_tag, end_byte));
    const auto unused = hn::Sub(hn::ShiftLeft<3>(end_byte), end_bit);
    const auto residual = hn::Shr(hn::ShiftRight<1>(hn::Shl(word, unused)), right);
    below += hn::CountTrue(tag, hn::Lt(hn::Add(on_line, residual), targets));
    end_bit = hn::Add(end_bit, end_bit_step);
    on_line = hn::Add(on_line, line_step);
  }
  return static_cast<uint32_t>(below);
}
#else
// How many of the kNearSlots integers from `first` on are below `target`.
HWY_INLINE uint32_t CountBelow(const PackedColumn& column, uint32_t first, uint64_t target) {
  uint32_t below = 0;
  for (uint32_t i = 0; i < kNearSlots; ++i) below += column.UnitsAt(first + i) < target;
  return below;
}
#endif

HWY_INLINE uint32_t BinarySearch(const PackedColumn& column, uint32_t first, uint32_t last,
                                 uint64_t target) {
  uint32_t count = last - first;
  while (count > 0) {
    const uint32_t half = (count + 1) / 2;
    first += half & -static_cast<uint32_t>(column.UnitsAt(first + half - 1) < target);
    count -= half;
  }
  return first;
}

uint32_t SearchColumn(const PackedColumn& column, uint32_t count, uint64_t target,
                      uint32_t expected) {
  if (count < kNearSlots) return BinarySearch(column, 0, count, target);
  const uint32_t first = std::min(expected - std::min(expected, kNearSlots / 2), count - kNearSlots);
  const uint32_t below = CountBelow(column, first, target);
  if (below == 0) return BinarySearch(column, 0, first, target);
  if (below == kNearSlots) return BinarySearch(column, first + kNearSlots, count, target);
  return first + below;
}

}  // namespace sibyl::storage::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sibyl::storage {
namespace {

// The line from the first integer to the last, below all of them, and the largest distance from it.
struct FittedLine {
  uint64_t base = 0;
  uint64_t slope = 0;
  uint64_t residual_limit = 0;
};

// How many bits at the end of all integers are 0.
uint32_t CommonShift(std::span<const uint64_t> integers) {
  uint64_t any = 0;
  for (const uint64_t integer : integers) any |= integer;
  return any == 0 ? 0 : static_cast<uint32_t>(std::countr_zero(any));
}

FittedLine FitLine(std::span<const uint64_t> integers, uint32_t shift) {
  FittedLine line;
  if (integers.size() > 1) {
    line.slope =
        ((integers.back() >> shift) - (integers.front() >> shift)) / (integers.size() - 1);
  }
  // Wide enough for integer - slope * i, which is never below -2^64 nor above 2^64.
  __int128 least = integers.front() >> shift;
  __int128 most = least;
  for (size_t i = 0; i < integers.size(); ++i) {
    const __int128 distance = static_cast<__int128>(integers[i] >> shift) -
                              static_cast<__int128>(line.slope) * static_cast<__int128>(i);
    least = std::min(least, distance);
    most = std::max(most, distance);
  }
  line.base = static_cast<uint64_t>(least);
  line.residual_limit = static_cast<uint64_t>(most - least);
  // Further apart than 64 bits can say: the limit then stands for "too far".
  if (most - least > static_cast<__int128>(~uint64_t{0})) line.residual_limit = ~uint64_t{0};
  return line;
}

}  // namespace

HWY_EXPORT(SearchColumn);

bool PackedColumn::Append(std::span<const uint64_t> integers, std::string* out) {
  const uint32_t shift = CommonShift(integers);
  const FittedLine line = FitLine(integers, shift);
  const auto bits = static_cast<uint32_t>(std::bit_width(line.residual_limit));
  const uint64_t size_bytes = Bytes(integers.size(), bits);
  if (bits > kMostBits || size_bytes >= integers.size() * sizeof(uint64_t)) return false;
  base::Put8(out, static_cast<uint8_t>(bits));
  base::Put8(out, static_cast<uint8_t>(shift));
  base::Put64(out, line.base);
  base::Put64(out, line.slope);
  const size_t begin = out->size();
  out->resize(begin + size_bytes - kHeaderBytes);
  char* const residuals = out->data() + begin;
  uint64_t bit = 0;
  for (size_t i = 0; i < integers.size(); ++i) {
    const uint64_t residual = (integers[i] >> shift) - line.base - line.slope * i;
    for (uint64_t done = 0; done < bits;) {  // byte by byte
      const uint64_t taken = std::min<uint64_t>(8 - bit % 8, bits - done);
      const uint64_t part = residual >> done & ((uint64_t{1} << taken) - 1);
      residuals[bit / 8] = static_cast<char>(static_cast<uint8_t>(residuals[bit / 8]) |
                                             part << bit % 8);
      done += taken;
      bit += taken;
    }
  }
  return true;
}

uint32_t PackedColumn::LowerBound(uint32_t count, uint64_t target) const {
  // Units that are at least this are integers that are at least the target.
  const uint64_t units = (target >> shift_) + (target >> shift_ << shift_ == target ? 0 : 1);
  return HWY_DYNAMIC_DISPATCH(SearchColumn)(*this, count, units, ExpectedSlot(count, units));
}

// Where the line from the first integer reaches the target.
uint32_t PackedColumn::ExpectedSlot(uint32_t count, uint64_t target_units) const {
  const uint64_t first = UnitsAt(0);
  if (count == 0 || target_units <= first) return 0;
  if (slope_ == 0) return count / 2;
  return static_cast<uint32_t>(std::min<uint64_t>((target_units - first) / slope_, count));
}

}  // namespace sibyl::storage
#endif  // HWY_ONCE
