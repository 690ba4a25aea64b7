// Highway compiles this file once per vector instruction set, by including it again.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/node_search.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "engine/node_search.h"

HWY_BEFORE_NAMESPACE();
namespace sibyl::engine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

WindowCounts Count(const uint64_t* windows, uint32_t slots, uint64_t window) {
  const hn::CappedTag<uint64_t, 8> tag;
  const auto wanted = hn::Set(tag, window);
  uint32_t below = 0;
  uint32_t equal = 0;
  for (size_t i = 0; i < kWindowsRead; i += hn::Lanes(tag)) {
    const auto some = hn::LoadU(tag, windows + i);
    uint8_t bits[8];
    hn::StoreMaskBits(tag, hn::Lt(some, wanted), bits);
    below |= uint32_t{bits[0]} << i;
    hn::StoreMaskBits(tag, hn::Eq(some, wanted), bits);
    equal |= uint32_t{bits[0]} << i;
  }
  return {__builtin_popcount(below & slots), __builtin_popcount(equal & slots)};
}

}  // namespace sibyl::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sibyl::engine {

HWY_EXPORT(Count);

WindowCounts CountWindows(const uint64_t* windows, uint32_t slots, uint64_t window) {
  return HWY_DYNAMIC_DISPATCH(Count)(windows, slots, window);
}

}  // namespace sibyl::engine
#endif  // HWY_ONCE
