// What a lookup in a RangeIndex reads, and the functions that do it, one per kind, window, root,
// last mile and SIMD target. The functions never read outside the array and the tables.

#ifndef SIBYL_INDEX_RANGE_LOOKUP_H_
#define SIBYL_INDEX_RANGE_LOOKUP_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "index/rank_line.h"
#include "sibyl/range_index.h"

namespace sibyl::index {

inline constexpr uint32_t kSeparatorsPerNode = 16;
inline constexpr uint32_t kPiecesPerBlock = 8;
inline constexpr uint32_t kMaxTreeHeight = 8;  // 17^8 leaves are more than kMaxKeys

// A root that spreads keys by their distance from the smallest on a logarithmic scale: the
// exponent of the distance and its leading bits, as in a floating-point number, so that outliers
// far beyond the rest do not squeeze all other keys into one child.
struct LogRoot {
  uint64_t smallest_key = 0;
  uint32_t leading_bits = 0;
  uint32_t first = 0;  // the lowest scale position that has a child of its own
  uint32_t count = 0;  // of children

  // The position of a distance >= 1 on the scale, before `first` is taken off; `zeros` are its
  // leading zeros.
  static uint64_t ScaleOf(uint64_t distance, int zeros, uint32_t leading_bits) {
    // The leading one, shifted down to 2^leading_bits, counts as one more exponent.
    const uint64_t significand = (distance << zeros) >> (~leading_bits & 63);
    return significand + (static_cast<uint64_t>(62 - zeros) << leading_bits);
  }

  // Distance 0 shares the scale's first position with distance 1.
  uint64_t DistanceOf(uint64_t key) const {
    const uint64_t distance = key - smallest_key;
    return distance + (distance == 0 ? 1 : 0);
  }

  uint32_t ChildOf(uint64_t distance, int zeros) const {
    const uint64_t scale = ScaleOf(distance, zeros, leading_bits);
    const uint64_t child = scale < first ? 0 : scale - first;
    return static_cast<uint32_t>(std::min<uint64_t>(child, count - 1));
  }
};

// Eight lines whose first keys are beside each other: two adjacent cache lines.
struct alignas(128) PieceBlock {
  uint64_t first_key[kPiecesPerBlock];  // piece i covers the keys after it; unused: 2^64-1
  uint64_t line[kPiecesPerBlock];       // base, and slope in the upper half
};
static_assert(sizeof(PieceBlock) == 128);

// A static B-tree over the separators between numbered children: child i + 1 holds the keys larger
// than separator i. Level 0 is just above the children. Unused separators are 2^64-1, which no key
// is larger than, so a lookup never leaves the tree.
struct SeparatorTree {
  uint32_t height = 0;
  const uint64_t* level[kMaxTreeHeight] = {};
};

// One struct for all kinds, so that a lookup starts from one pointer.
struct alignas(64) Lookup {
  const uint64_t* keys = nullptr;  // at least one window of them
  uint64_t last_start = 0;         // where the last window begins
  uint64_t window = 0;             // keys in a window: LookupShape's, or all if they are fewer
  // Lines are asked for keys in this range only: the smallest key, and one more than the largest.
  // Those outside have the same answers as its ends.
  KeyRange queries = {0, 0};
  const RankLine* lines = nullptr;  // kRecursive: [0] is the root, or the log root's children
  LogRoot root;
  // The root, evaluated as far as it can be before the key is known (range_parts.cc); `d` is the
  // key's distance from the smallest. Linear: begin with first_records[d * first_rise / 2^64].
  const RankLine* first_records = nullptr;
  uint64_t first_rise = 0;
  // Logarithmic: where a double has its exponent and `leading_bits` of its fraction, which for d,
  // rounded down, are the position on the scale and a bias: child first_bias has number 0.
  uint32_t double_shift = 0;
  uint64_t first_bias = 0;
  uint64_t last_child = 0;
  const PieceBlock* blocks = nullptr;  // kPieces
  SeparatorTree tree;                  // kPieces: over blocks; kStaticBTree: over windows
};

// Windows of up to this many keys are compared whole, by SIMD; wider ones are halved first.
inline constexpr uint32_t kMaxSimdWindow = 64;

struct LookupShape {
  RangeIndexKind kind = RangeIndexKind::kStaticBTree;
  uint32_t window_keys = 16;  // a power of two
  bool log_root = false;
  LastMile last_mile = LastMile::kSimd;
};

struct LookupFunctions {
  uint64_t (*lower_bound)(const void* lookup, uint64_t key) = nullptr;
  void (*batch)(const Lookup& lookup, const uint64_t* keys, size_t count,
                uint64_t* ranks) = nullptr;
};

// The functions for `shape` on the best SIMD target this CPU has. Precondition: kind is not kAuto,
// and window_keys is a power of two from 16.
LookupFunctions SelectLookup(const LookupShape& shape);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_LOOKUP_H_
