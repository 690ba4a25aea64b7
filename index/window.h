// The 8-byte windows through which a model sees a byte string.

#ifndef SIBYL_INDEX_WINDOW_H_
#define SIBYL_INDEX_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/coding.h"

namespace sibyl::index {

constexpr size_t kWindowBytes = 8;

// Bytes [position, position + 8) of `key` as a big-endian integer, NUL bytes standing in for those
// past the end: keys that agree before `position` compare as their windows do, unless those are
// equal.
inline uint64_t WindowAt(std::string_view key, size_t position) {
  if (key.size() >= position + kWindowBytes) [[likely]] {
    return base::LoadBig64(key.data() + position);
  }
  if (key.size() <= position) return 0;
  const size_t present = key.size() - position;
  if (key.size() >= kWindowBytes) {  // read the last eight bytes and drop those before `position`
    return base::LoadBig64(key.data() + key.size() - kWindowBytes)
           << (8 * (kWindowBytes - present));
  }
  uint64_t bytes = 0;
  std::memcpy(&bytes, key.data() + position, present);
  return __builtin_bswap64(bytes);
}

// How many bytes `a` and `b` share from their beginnings.
inline size_t SharedBytes(std::string_view a, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t shared = 0;
  while (shared + kWindowBytes <= limit) {
    const uint64_t difference = base::Load64(a.data() + shared) ^ base::Load64(b.data() + shared);
    if (difference != 0) return shared + static_cast<size_t>(__builtin_ctzll(difference)) / 8;
    shared += kWindowBytes;
  }
  while (shared < limit && a[shared] == b[shared]) ++shared;
  return shared;
}

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_WINDOW_H_
