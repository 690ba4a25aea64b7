// The order of keys, decided inline: their first bytes mostly differ, and a call to memcmp for each
// record costs more than all else that is done to it.

#ifndef SIBYL_BASE_KEY_ORDER_H_
#define SIBYL_BASE_KEY_ORDER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/coding.h"

namespace sibyl::base {

// Whether `a` comes before `b`: as a < b, in unsigned byte order.
inline bool Precedes(std::string_view a, std::string_view b) {
  constexpr size_t kWord = sizeof(uint64_t);
  const size_t shared = std::min(a.size(), b.size());
  if (shared < kWord || shared > 2 * kWord) return a < b;
  const uint64_t first_a = LoadBig64(a.data());
  const uint64_t first_b = LoadBig64(b.data());
  if (first_a != first_b) return first_a < first_b;
  // The last word overlaps the first, in bytes that are equal.
  const uint64_t last_a = LoadBig64(a.data() + shared - kWord);
  const uint64_t last_b = LoadBig64(b.data() + shared - kWord);
  if (last_a != last_b) return last_a < last_b;
  return a.size() < b.size();
}

}  // namespace sibyl::base

#endif  // SIBYL_BASE_KEY_ORDER_H_
