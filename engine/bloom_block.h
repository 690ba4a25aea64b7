// One cache line of a blocked Bloom filter: which bits a hash sets in which line.
//
// Each key sets bits in one line (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom
// Filters", WEA 2007, section 3), so a probe costs one cache miss. The filters of the delta and of
// segments share this layout; that of segments reaches the disk.

#ifndef SIBYL_ENGINE_BLOOM_BLOCK_H_
#define SIBYL_ENGINE_BLOOM_BLOCK_H_

#include <cstddef>
#include <cstdint>

namespace sibyl::engine {

inline constexpr size_t kBloomBlockBytes = 64;
inline constexpr size_t kBloomBlockWords = kBloomBlockBytes / sizeof(uint64_t);
inline constexpr int kBloomBitsPerKey = 6;

// The line of `hash` among `block_count` < 2^32 of them.
inline uint64_t BloomBlockOf(uint64_t hash, uint64_t block_count) {
  return ((hash >> 32) * block_count) >> 32;
}

// Calls visit(word, bit) for each bit that `hash` sets in its line.
template <typename Visit>
inline void ForEachBloomBit(uint64_t hash, Visit visit) {
  // The bits come from another mixture of the hash than the line's number does.
  uint64_t bits = hash * 0x9e3779b97f4a7c15;
  for (int i = 0; i < kBloomBitsPerKey; ++i, bits <<= 9) {
    visit(static_cast<size_t>(bits >> 61), static_cast<unsigned>(bits >> 55 & 63));
  }
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BLOOM_BLOCK_H_
