// Every lookup function, compiled for every SIMD target by Highway's foreach_target.

#include "index/range_lookup.h"

#include <algorithm>
#include <cassert>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/range_lookup.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h, which includes this file again.
#include "hwy/highway.h"
#include "index/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace sibyl::index {
namespace HWY_NAMESPACE {

// Lookups in flight in a batch: enough to cover a cache miss, few enough for the miss queue of the
// second-level cache (measured flat between 32 and 128).
constexpr size_t kGroup = 64;
constexpr size_t kKeysPerCacheLine = 8;
constexpr uint64_t kCachedKeys = 4'000'000;  // arrays of fewer may be in the last cache: 32 MB

// Into the second-level cache, whose queue of misses is deeper than the first level's.
HWY_INLINE void PrefetchFar(const void* address) { __builtin_prefetch(address, 0, 2); }
// What hardly any lookup soon reads again: not to be kept in the last cache, where the tables are.
HWY_INLINE void PrefetchOnce(const void* address) { __builtin_prefetch(address, 0, 0); }
HWY_INLINE void PrefetchNear(const void* address) { __builtin_prefetch(address, 0, 3); }

// Of x > 0. Without LZCNT, compilers use BSR, which on x86 waits for what its target register held:
// here something of the last lookup, whose cache misses would no longer overlap with this one's.
HWY_INLINE int LeadingZeros(uint64_t x) {
#if HWY_ARCH_X86_64 && HWY_TARGET <= HWY_AVX2  // and better ones: all those CPUs have LZCNT
  uint64_t zeros;
  asm("lzcnt %1, %0" : "=r"(zeros) : "r"(x) : "cc");
  return static_cast<int>(zeros);
#else
  return std::countl_zero(x);
#endif
}

// LogRoot::ChildOf, which is most of a short lookup: of a distance of 0, too, which as a double is
// smaller than any.
HWY_INLINE uint64_t LogChild(const Lookup& lookup, uint64_t distance) {
#if HWY_ARCH_X86_64 && HWY_TARGET <= HWY_AVX3
  // Towards zero, whatever the rounding mode is.
  const __m128d rounded_down =
      _mm_cvt_roundu64_sd(_mm_setzero_pd(), distance, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  const auto bits = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_castpd_si128(rounded_down)));
  const uint64_t place = bits >> lookup.double_shift;
  const uint64_t child = place < lookup.first_bias ? 0 : place - lookup.first_bias;
  return std::min(child, lookup.last_child);
#else
  const uint64_t at_least_one = distance + (distance == 0 ? 1 : 0);
  return lookup.root.ChildOf(at_least_one, LeadingZeros(at_least_one));
#endif
}

HWY_INLINE uint64_t ClampQuery(const Lookup& lookup, uint64_t key) {
  return std::min(std::max(key, lookup.queries.first), lookup.queries.last);
}

// The last mile: windows of kWindow keys; of lookup.window keys if kWindow is kWide.
constexpr size_t kWide = 0;

template <size_t kWindow>
HWY_INLINE uint64_t WindowKeys(const Lookup& lookup) {
  return kWindow == kWide ? lookup.window : kWindow;
}

// Binary search without branches: the next probe of either half is known before the comparison is.
HWY_INLINE const uint64_t* Halve(const uint64_t* first, size_t length, uint64_t key) {
  return first + (first[length / 2 - 1] < key ? length / 2 : 0);
}

HWY_INLINE uint64_t SearchWide(const Lookup& lookup, uint64_t start, uint64_t key) {
  const uint64_t* first = lookup.keys + start;
  size_t length = lookup.window;
  for (; length > 1; length -= length / 2) first = Halve(first, length, key);
  const auto rank = static_cast<uint64_t>(first - lookup.keys);
  return rank + (length == 1 && *first < key ? 1 : 0);
}

// The lower bound of `key` among the window at `start`.
template <size_t kWindow, LastMile kLastMile>
HWY_INLINE uint64_t SearchWindow(const Lookup& lookup, uint64_t start, uint64_t key) {
  const uint64_t* window = lookup.keys + start;
  if constexpr (kLastMile == LastMile::kBranchy) {
    const uint64_t* end = window + WindowKeys<kWindow>(lookup);
    return static_cast<uint64_t>(std::lower_bound(window, end, key) - lookup.keys);
  } else if constexpr (kWindow == kWide) {
    return SearchWide(lookup, start, key);
  } else {
    return start + CountSmaller<kWindow>(window, Broadcast(key));
  }
}

// What a window's search will read, or of a wide one what it will read first.
template <size_t kWindow>
HWY_INLINE void PrefetchWindow(const Lookup& lookup, uint64_t start) {
  const uint64_t* window = lookup.keys + start;
  if constexpr (kWindow == kWide) {
    PrefetchOnce(window + lookup.window / 2);
  } else {
#pragma GCC unroll 8
    for (size_t i = 0; i < kWindow; i += kKeysPerCacheLine) PrefetchOnce(window + i);
    PrefetchOnce(window + kWindow - 1);
  }
}

// The same as SearchWindow, for a window that nobody has asked for yet. All its lines are asked for
// even where they are read at once, so that they do not stay in the last cache; and where branches
// search it, guesses run ahead while the first line is on its way, and a wrong one costs no wait
// for another line.
template <size_t kWindow, LastMile kLastMile>
HWY_INLINE uint64_t SearchFarWindow(const Lookup& lookup, uint64_t start, uint64_t key) {
  if constexpr (kWindow != kWide) PrefetchWindow<kWindow>(lookup, start);
  return SearchWindow<kWindow, kLastMile>(lookup, start, key);
}

// Turns the starts of up to kGroup windows into ranks. All wide windows are halved in step, so that
// their misses overlap.
template <size_t kWindow, LastMile kLastMile>
HWY_INLINE void SearchWindows(const Lookup& lookup, const uint64_t* starts, const uint64_t* keys,
                              size_t count, uint64_t* ranks) {
  if constexpr (kWindow != kWide) {
    for (size_t k = 0; k < count; ++k) {
      ranks[k] = SearchWindow<kWindow, kLastMile>(lookup, starts[k], keys[k]);
    }
  } else {
    const uint64_t* first[kGroup];
    for (size_t k = 0; k < count; ++k) first[k] = lookup.keys + starts[k];
    size_t length = lookup.window;
    for (; length > 1; length -= length / 2) {
      const size_t left = length - length / 2;
      for (size_t k = 0; k < count; ++k) {
        first[k] = Halve(first[k], length, keys[k]);
        PrefetchNear(first[k] + left / 2);
      }
    }
    for (size_t k = 0; k < count; ++k) {
      const auto rank = static_cast<uint64_t>(first[k] - lookup.keys);
      ranks[k] = rank + (length == 1 && *first[k] < keys[k] ? 1 : 0);
    }
  }
}

// Batches of a model read wide windows line by line: first the middle line, then only what that
// leaves, most often nothing. One or two lines of nine come from memory, for two rounds more.

// Of the cache line in the middle of a window of kWindow keys, the rank of the first key.
template <size_t kWindow>
HWY_INLINE uint64_t MiddleLine(const Lookup& lookup, uint64_t start) {
  const uint64_t middle = start + kWindow / 2;
  const auto address = reinterpret_cast<uintptr_t>(lookup.keys + middle);
  return middle - address / sizeof(uint64_t) % kKeysPerCacheLine;
}

// The start of that half of the window which holds the lower bound of `key`; where the middle line
// holds it, the half with that line in its middle.
template <size_t kWindow>
HWY_INLINE uint64_t HalfWindow(const Lookup& lookup, uint64_t start, uint64_t key) {
  constexpr uint64_t kHalf = kWindow / 2;
  const uint64_t line = MiddleLine<kWindow>(lookup, start);
  const size_t smaller = CountSmaller<kKeysPerCacheLine>(lookup.keys + line, Broadcast(key));
  // Masks made by arithmetic: of conditions compilers make branches, which nobody can guess.
  const auto none = static_cast<uint64_t>((static_cast<int64_t>(smaller) - 1) >> 63);
  const uint64_t all = uint64_t{0} - smaller / kKeysPerCacheLine;
  const uint64_t here = kHalf > kKeysPerCacheLine ? line - kHalf / 2 : line;
  return (start & none) | ((start + kHalf) & all) | (here & ~(none | all));
}

template <size_t kWindow>
HWY_INLINE void PrefetchMiddleLine(const Lookup& lookup, uint64_t start) {
  PrefetchOnce(lookup.keys + MiddleLine<kWindow>(lookup, start));
}

// Turns the starts of windows whose middle lines were asked for into ranks.
template <size_t kWindow>
HWY_INLINE void SearchByLine(const Lookup& lookup, uint64_t* starts, const uint64_t* keys,
                             size_t count, uint64_t* ranks) {
  constexpr size_t kHalf = kWindow / 2;
  for (size_t k = 0; k < count; ++k) {
    starts[k] = HalfWindow<kWindow>(lookup, starts[k], keys[k]);
    if constexpr (kHalf > kKeysPerCacheLine) {
      PrefetchMiddleLine<kHalf>(lookup, starts[k]);
    } else {
      PrefetchWindow<kHalf>(lookup, starts[k]);
    }
  }
  if constexpr (kHalf > kKeysPerCacheLine) {
    SearchByLine<kHalf>(lookup, starts, keys, count, ranks);
  } else {
    SearchWindows<kHalf, LastMile::kSimd>(lookup, starts, keys, count, ranks);
  }
}

// Whether that pays: for windows from kLeast keys on, of arrays that the cache does not hold.
template <size_t kLeast, size_t kWindow, LastMile kLastMile>
HWY_INLINE bool ReadsByLine(const Lookup& lookup) {
  if constexpr (kLastMile != LastMile::kSimd || kWindow == kWide || kWindow < kLeast) return false;
  return lookup.last_start >= kCachedKeys;
}

// Asks for a window, or kByLine for its middle line; and turns windows asked for into ranks.
template <size_t kWindow, bool kByLine>
HWY_INLINE void AskFor(const Lookup& lookup, uint64_t start) {
  if constexpr (kByLine && kWindow != kWide) {
    PrefetchMiddleLine<kWindow>(lookup, start);
  } else {
    PrefetchWindow<kWindow>(lookup, start);
  }
}
template <size_t kWindow, LastMile kLastMile, bool kByLine>
HWY_INLINE void SearchAskedFor(const Lookup& lookup, uint64_t* starts, const uint64_t* keys,
                               size_t count, uint64_t* ranks) {
  if constexpr (kByLine && kWindow != kWide) {
    SearchByLine<kWindow>(lookup, starts, keys, count, ranks);
  } else {
    SearchWindows<kWindow, kLastMile>(lookup, starts, keys, count, ranks);
  }
}

HWY_INLINE uint64_t DescendOneLevel(const uint64_t* level, uint64_t node, KeyVector query) {
  return node * (kSeparatorsPerNode + 1) +
         CountSmaller<kSeparatorsPerNode>(level + node * kSeparatorsPerNode, query);
}

HWY_INLINE uint64_t Descend(const SeparatorTree& tree, uint64_t key) {
  const KeyVector query = Broadcast(key);
  uint64_t node = 0;
  for (uint32_t i = tree.height; i-- > 0;) node = DescendOneLevel(tree.level[i], node, query);
  return node;
}

// Descends for up to kGroup keys level by level, fetching each next level's nodes, and calls
// fetch_child(child) for what lies below the tree.
template <typename FetchChild>
HWY_INLINE void DescendGroup(const SeparatorTree& tree, const uint64_t* keys, size_t count,
                             uint64_t* children, FetchChild fetch_child) {
  std::fill_n(children, count, 0);
  for (uint32_t i = tree.height; i-- > 0;) {
    const uint64_t* level = tree.level[i];
    const uint64_t* next = i > 0 ? tree.level[i - 1] : nullptr;
    for (size_t k = 0; k < count; ++k) {
      children[k] = DescendOneLevel(level, children[k], Broadcast(keys[k]));
      if (next == nullptr) {
        fetch_child(children[k]);
      } else {
        const uint64_t* node = next + children[k] * kSeparatorsPerNode;
        PrefetchNear(node);
        PrefetchNear(node + kKeysPerCacheLine);
      }
    }
  }
}

// Static B-tree: the children of the tree are consecutive windows of the array, the last one moved
// back so that it ends with the array.
template <size_t kWindow, LastMile kLastMile>
struct StaticBTreeKernel {
  static uint64_t LowerBound(const void* state, uint64_t key) {
    const Lookup& lookup = *static_cast<const Lookup*>(state);
    const uint64_t start = Descend(lookup.tree, key) * WindowKeys<kWindow>(lookup);
    return SearchFarWindow<kWindow, kLastMile>(lookup, std::min(start, lookup.last_start), key);
  }

  static void Group(const Lookup& lookup, const uint64_t* keys, size_t count, uint64_t* ranks) {
    uint64_t starts[kGroup];
    const auto start_of = [&](uint64_t child) HWY_ATTR {
      return std::min(child * WindowKeys<kWindow>(lookup), lookup.last_start);
    };
    DescendGroup(lookup.tree, keys, count, starts, [&](uint64_t child) HWY_ATTR {
      PrefetchWindow<kWindow>(lookup, start_of(child));
    });
    for (size_t k = 0; k < count; ++k) starts[k] = start_of(starts[k]);
    SearchWindows<kWindow, kLastMile>(lookup, starts, keys, count, ranks);
  }
};

// Piece tree: the children of the tree are blocks of eight lines.
template <size_t kWindow, LastMile kLastMile>
struct PiecesKernel {
  static HWY_INLINE uint64_t Start(const Lookup& lookup, uint64_t block_number, uint64_t key) {
    const PieceBlock& block = lookup.blocks[block_number];
    const size_t before = CountSmaller<kPiecesPerBlock>(block.first_key, Broadcast(key));
    const size_t piece = before - (before > 0 ? 1 : 0);
    const RankLine line{block.first_key[piece], static_cast<uint32_t>(block.line[piece]),
                        static_cast<uint32_t>(block.line[piece] >> 32)};
    return std::min(Evaluate(line, ClampQuery(lookup, key)), lookup.last_start);
  }

  static uint64_t LowerBound(const void* state, uint64_t key) {
    const Lookup& lookup = *static_cast<const Lookup*>(state);
    const uint64_t block = Descend(lookup.tree, key);
    PrefetchNear(lookup.blocks[block].line);
    return SearchFarWindow<kWindow, kLastMile>(lookup, Start(lookup, block, key), key);
  }

  static void Group(const Lookup& lookup, const uint64_t* keys, size_t count, uint64_t* ranks) {
    uint64_t found[kGroup];
    DescendGroup(lookup.tree, keys, count, found, [&](uint64_t child) HWY_ATTR {
      PrefetchFar(lookup.blocks[child].first_key);
      PrefetchFar(lookup.blocks[child].line);
    });
    if (ReadsByLine<kMaxSimdWindow, kWindow, kLastMile>(lookup)) {
      SearchPieces<true>(lookup, found, keys, count, ranks);
    } else {
      SearchPieces<false>(lookup, found, keys, count, ranks);
    }
  }

 private:
  // `found` are the keys' blocks.
  template <bool kByLine>
  static HWY_INLINE void SearchPieces(const Lookup& lookup, uint64_t* found, const uint64_t* keys,
                                      size_t count, uint64_t* ranks) {
    for (size_t k = 0; k < count; ++k) {
      found[k] = Start(lookup, found[k], keys[k]);
      AskFor<kWindow, kByLine>(lookup, found[k]);
    }
    SearchAskedFor<kWindow, kLastMile, kByLine>(lookup, found, keys, count, ranks);
  }
};

// Recursive model: a record names its child by a line, until one is a leaf.
template <size_t kWindow, LastMile kLastMile, bool kLogRoot>
struct RecursiveKernel {
  static HWY_INLINE const RankLine* FirstRecord(const Lookup& lookup, uint64_t key) {
    const uint64_t distance = key - lookup.queries.first;
    if constexpr (kLogRoot) return lookup.first_records + LogChild(lookup, distance);
    return lookup.first_records +
           static_cast<uint64_t>(static_cast<unsigned __int128>(distance) * lookup.first_rise >>
                                 64);
  }

  static uint64_t LowerBound(const void* state, uint64_t key) {
    const Lookup& lookup = *static_cast<const Lookup*>(state);
    const uint64_t x = ClampQuery(lookup, key);
    const RankLine* line = FirstRecord(lookup, x);
    while (!IsLeaf(*line)) line = lookup.lines + Evaluate(*line, x);
    const uint64_t start = std::min(Evaluate(*line, x), lookup.last_start);
    return SearchFarWindow<kWindow, kLastMile>(lookup, start, key);
  }

  static void Group(const Lookup& lookup, const uint64_t* keys, size_t count, uint64_t* ranks) {
    const RankLine* lines[kGroup];
    uint64_t queries[kGroup];
    for (size_t k = 0; k < count; ++k) {
      queries[k] = ClampQuery(lookup, keys[k]);
      lines[k] = FirstRecord(lookup, queries[k]);
      PrefetchNear(lines[k]);
    }
    for (bool descending = true; descending;) {
      descending = false;
      for (size_t k = 0; k < count; ++k) {
        if (IsLeaf(*lines[k])) continue;
        lines[k] = lookup.lines + Evaluate(*lines[k], queries[k]);
        PrefetchNear(lines[k]);
        descending = true;
      }
    }
    if (ReadsByLine<32, kWindow, kLastMile>(lookup)) {
      SearchLeaves<true>(lookup, lines, queries, keys, count, ranks);
    } else {
      SearchLeaves<false>(lookup, lines, queries, keys, count, ranks);
    }
  }

 private:
  template <bool kByLine>
  static HWY_INLINE void SearchLeaves(const Lookup& lookup, const RankLine* const* lines,
                                      const uint64_t* queries, const uint64_t* keys, size_t count,
                                      uint64_t* ranks) {
    uint64_t starts[kGroup];
    for (size_t k = 0; k < count; ++k) {
      starts[k] = std::min(Evaluate(*lines[k], queries[k]), lookup.last_start);
      AskFor<kWindow, kByLine>(lookup, starts[k]);
    }
    SearchAskedFor<kWindow, kLastMile, kByLine>(lookup, starts, keys, count, ranks);
  }
};

template <typename Kernel>
void Batch(const Lookup& lookup, const uint64_t* keys, size_t count, uint64_t* ranks) {
  for (size_t i = 0; i < count; i += kGroup) {
    Kernel::Group(lookup, keys + i, std::min(kGroup, count - i), ranks + i);
  }
}

template <typename Kernel>
LookupFunctions FunctionsOf() {
  return {&Kernel::LowerBound, &Batch<Kernel>};
}

template <size_t kWindow, LastMile kLastMile>
LookupFunctions SelectKind(const LookupShape& shape) {
  switch (shape.kind) {
    case RangeIndexKind::kRecursive:
      return shape.log_root ? FunctionsOf<RecursiveKernel<kWindow, kLastMile, true>>()
                            : FunctionsOf<RecursiveKernel<kWindow, kLastMile, false>>();
    case RangeIndexKind::kPieces:
      return FunctionsOf<PiecesKernel<kWindow, kLastMile>>();
    default:
      return FunctionsOf<StaticBTreeKernel<kWindow, kLastMile>>();
  }
}

template <LastMile kLastMile>
LookupFunctions SelectWindow(const LookupShape& shape) {
  switch (shape.window_keys) {
    case 16:
      return SelectKind<16, kLastMile>(shape);
    case 32:
      return SelectKind<32, kLastMile>(shape);
    case kMaxSimdWindow:
      return SelectKind<kMaxSimdWindow, kLastMile>(shape);
    default:
      assert(shape.window_keys > kMaxSimdWindow);
      return SelectKind<kWide, kLastMile>(shape);
  }
}

LookupFunctions SelectForTarget(const LookupShape& shape) {
  return shape.last_mile == LastMile::kSimd ? SelectWindow<LastMile::kSimd>(shape)
                                            : SelectWindow<LastMile::kBranchy>(shape);
}

}  // namespace HWY_NAMESPACE
}  // namespace sibyl::index
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sibyl::index {

HWY_EXPORT(SelectForTarget);

LookupFunctions SelectLookup(const LookupShape& shape) {
  return HWY_DYNAMIC_DISPATCH(SelectForTarget)(shape);
}

}  // namespace sibyl::index
#endif  // HWY_ONCE
