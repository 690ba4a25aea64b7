// Landmarks: the place of a query among sorted keys from one bit position per key, reading one key.
//
// A landmark is the first bit in which a key differs from the one before it. From these alone, and
// the query's own bits, a key can be found that shares as many leading bits with the query as any;
// comparing with it says where the two part, and the landmarks say where the query then belongs.
// It is the blind search of a Patricia trie without the trie: Ferguson, "Bit-Tree: a data structure
// for fast file processing" (CACM 35(6), 1992); Ferragina and Grossi, "The String B-Tree" (JACM
// 46(2), 1999), section 2.

#ifndef SIBYL_INDEX_LANDMARK_H_
#define SIBYL_INDEX_LANDMARK_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "index/window.h"

namespace sibyl::index {

// Where a bit is: the byte's position, times 16; plus 0 for "there is such a byte" and 1 to 8 for
// its bits from the highest. So of two places the smaller comes first in the order of strings.
using BitPlace = uint16_t;

// Equal keys, or keys that first differ so far behind that no BitPlace says where.
inline constexpr BitPlace kNoPlace = UINT16_MAX;
inline constexpr size_t kMaxPlaceByte = (kNoPlace >> 4) - 1;

// The first bit in which two strings differ that agree in exactly their first `shared` bytes.
inline BitPlace PlaceOfDifference(std::string_view a, std::string_view b, size_t shared) {
  if (shared > kMaxPlaceByte) return kNoPlace;
  if (shared == a.size() || shared == b.size()) {
    return a.size() == b.size() ? kNoPlace : static_cast<BitPlace>(shared << 4);
  }
  const auto difference = static_cast<uint8_t>(a[shared] ^ b[shared]);
  return static_cast<BitPlace>(shared << 4 | static_cast<size_t>(1 + std::countl_zero(difference)));
}

// Of `count` >= 1 keys, of which key i > 0 first differs from key i - 1 at places[i], one that
// shares as many bits with `query` as any. (places[0] is not read.) Without branches that depend on
// the data: the processor then goes on to what follows, and to the next lookup, without guessing.
inline size_t BlindSearch(const BitPlace* places, size_t count, std::string_view query) {
  static constexpr char kNoBytes[1] = {};
  const char* bytes = query.empty() ? kNoBytes : query.data();
  const size_t last_byte = query.size() - (query.empty() ? 0 : 1);
  uint32_t found = 0;
  uint32_t skip_from = kNoPlace;  // keys behind a bit that the query lacks are passed over
  for (uint32_t i = 1; i < count; ++i) {
    const uint32_t place = places[i];
    const size_t byte = std::min<size_t>(place >> 4, last_byte);
    const uint32_t there = (place >> 4) < query.size() ? UINT32_MAX : 0;
    const uint32_t bits = (0x100u | static_cast<unsigned char>(bytes[byte])) & there;
    // Masks, since compilers would make branches of conditions: all ones for "yes".
    const uint32_t bit = uint32_t{0} - ((bits << (place & 15)) >> 8 & 1);
    const uint32_t look = static_cast<uint32_t>(static_cast<int32_t>(place - skip_from) >> 31);
    const uint32_t take = look & bit;
    found ^= (found ^ i) & take;
    skip_from = (skip_from ^ ((skip_from ^ place) & look)) | (take & kNoPlace);
  }
  return found;
}

// The number of keys below a query that parts from key `found` at `place`, to the right or the
// left.
inline size_t PlaceAmong(const BitPlace* places, size_t count, size_t found, BitPlace place,
                         bool to_the_right) {
  size_t i = found;
  if (to_the_right) {
    do {
      ++i;
    } while (i < count && places[i] > place);
  } else {
    while (i > 0 && places[i] > place) --i;
  }
  return i;
}

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_LANDMARK_H_
