// The beginning of a key as a number: most comparisons of keys need no more.

#ifndef SIBYL_ENGINE_KEY_WINDOW_H_
#define SIBYL_ENGINE_KEY_WINDOW_H_

#include <cstring>
#include <string_view>

#include "base/coding.h"
#include "engine/internal_key.h"

namespace sibyl::engine {

__extension__ using KeyWindow = unsigned __int128;

// The first 16 bytes of `key`, zeros after its end: keys never order against it. Made in registers:
// bytes put together in memory would be waited for.
inline KeyWindow KeyWindowOf(std::string_view key) {
  const char* const bytes = key.data();
  const size_t size = key.size();
  if (size ==
      kTreePrefixBytes + 8) {  // of an integer; loaded as those who write such keys store it
    return KeyWindow{base::LoadBig32(bytes)} << 96 | KeyWindow{base::LoadBig64(bytes + 4)} << 32;
  }
  if (size >= sizeof(KeyWindow)) {
    return KeyWindow{base::LoadBig64(bytes)} << 64 | base::LoadBig64(bytes + 8);
  }
  if (size > 8) {
    const uint64_t tail = base::LoadBig64(bytes + size - 8);
    return KeyWindow{base::LoadBig64(bytes)} << 64 | tail << (8 * (16 - size));
  }
  char padded[8] = {};
  if (size > 0) std::memcpy(padded, bytes, size);
  return KeyWindow{base::LoadBig64(padded)} << 64;
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_KEY_WINDOW_H_
