// One cache line of a blocked Bloom filter: which bits a hash sets in which line.
//
// Each key sets bits in one line (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom
// Filters", WEA 2007, section 3), so a probe costs one cache miss. The layout reaches the disk.

#ifndef SIBYL_ENGINE_BLOOM_BLOCK_H_
#define SIBYL_ENGINE_BLOOM_BLOCK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sibyl::engine {

inline constexpr size_t kBloomBlockBytes = 64;
inline constexpr size_t kBloomBlockWords = kBloomBlockBytes / sizeof(uint64_t);
inline constexpr uint32_t kMostBloomProbes = 6;  // a hash has bits for no more

// The line of `hash` among `block_count` < 2^32 of them.
inline uint64_t BloomBlockOf(uint64_t hash, uint64_t block_count) {
  return ((hash >> 32) * block_count) >> 32;
}

// How many bits a key sets where it has `bits_per_key`: as many as err least, or the most.
inline uint32_t BloomProbesFor(uint32_t bits_per_key) {
  constexpr double kNaturalLogarithmOf2 = 0.693;
  const auto best = static_cast<uint32_t>(bits_per_key * kNaturalLogarithmOf2 + 0.5);
  return std::clamp<uint32_t>(best, 1, kMostBloomProbes);
}

// Calls visit(word, bit) for each of the `probes` bits that `hash` sets in its line.
template <typename Visit>
inline void ForEachBloomBit(uint64_t hash, uint32_t probes, Visit visit) {
  // The bits come from another mixture of the hash than the line's number does.
  uint64_t bits = hash * 0x9e3779b97f4a7c15;
  for (uint32_t i = 0; i < probes; ++i, bits <<= 9) {
    visit(static_cast<size_t>(bits >> 61), static_cast<unsigned>(bits >> 55 & 63));
  }
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BLOOM_BLOCK_H_
