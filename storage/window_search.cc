// Highway compiles this file once per vector instruction set, by including it again.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "storage/window_search.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>

#include "base/coding.h"
#include "storage/window_search.h"

HWY_BEFORE_NAMESPACE();
namespace sibyl::storage::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Slots compared around the guess, without branches: two cache lines.
constexpr uint32_t kNearSlots = 16;

HWY_INLINE uint64_t At(const char* column, uint32_t slot) {
  return base::Load64(column + size_t{8} * slot);
}

// How many of the kNearSlots integers from `first` on are below `target`.
HWY_INLINE uint32_t CountBelow(const char* column, uint32_t first, uint64_t target) {
  const hn::CappedTag<uint64_t, kNearSlots> tag;
  const auto targets = hn::Set(tag, target);
  const auto* integers = reinterpret_cast<const uint64_t*>(column) + first;
  size_t below = 0;
  for (size_t i = 0; i < kNearSlots; i += hn::Lanes(tag)) {
    below += hn::CountTrue(tag, hn::Lt(hn::LoadU(tag, integers + i), targets));
  }
  return static_cast<uint32_t>(below);
}

HWY_INLINE uint32_t BinarySearch(const char* column, uint32_t first, uint32_t last,
                                 uint64_t target) {
  uint32_t count = last - first;
  while (count > 0) {
    const uint32_t half = (count + 1) / 2;
    // A mask, because compilers make a branch of the conditional, mispredicted half of the time.
    first += half & -static_cast<uint32_t>(At(column, first + half - 1) < target);
    count -= half;
  }
  return first;
}

uint32_t Search(const char* column, uint32_t count, uint64_t target, uint32_t guess) {
  if (count < kNearSlots) return BinarySearch(column, 0, count, target);
  // max(0, guess - half), without the branch that compilers make of std::max.
  const auto before = static_cast<int32_t>(guess - kNearSlots / 2);
  const uint32_t first =
      std::min(static_cast<uint32_t>(before & ~(before >> 31)), count - kNearSlots);
  const uint32_t below = CountBelow(column, first, target);
  if (below == 0) return BinarySearch(column, 0, first, target);
  if (below == kNearSlots) return BinarySearch(column, first + kNearSlots, count, target);
  return first + below;
}

}  // namespace sibyl::storage::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sibyl::storage {

HWY_EXPORT(Search);

uint32_t WindowLowerBound(const char* column, uint32_t count, uint64_t target, uint32_t guess) {
  return HWY_DYNAMIC_DISPATCH(Search)(column, count, target, guess);
}

}  // namespace sibyl::storage
#endif  // HWY_ONCE
