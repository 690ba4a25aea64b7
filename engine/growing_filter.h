// Which keys a set that grows certainly does not have: blocked Bloom filters, each of more keys
// than the one before.

#ifndef SIBYL_ENGINE_GROWING_FILTER_H_
#define SIBYL_ENGINE_GROWING_FILTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/bloom_block.h"

namespace sibyl::engine {

// One thread at a time. Two bytes per key, and at most four times as many while the last filter is
// new; errs for one key in a thousand.
class GrowingFilter {
 public:
  // `hash` is the key's checksum. Cost: a cache miss.
  void Add(uint64_t hash);

  // False: no Add of this hash happened. Cost: a cache miss for the newest filter, and less for
  // each of the others, of which there are few.
  bool MayContain(uint64_t hash) const {
    for (size_t i = filters_.size(); i-- > 0;) {
      if (filters_[i].MayContain(hash)) return true;
    }
    return false;
  }

  uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  using Block = std::array<uint64_t, kBloomBlockWords>;
  static constexpr uint32_t kBitsPerKey = 16;
  static constexpr uint64_t kKeysPerBlock = 8 * kBloomBlockBytes / kBitsPerKey;

  struct Filter {
    uint64_t block_count;
    std::unique_ptr<Block[]> blocks;

    bool MayContain(uint64_t hash) const {
      const Block& block = blocks[BloomBlockOf(hash, block_count)];
      uint64_t missing = 0;
      ForEachBloomBit(hash, kMostBloomProbes,
                      [&](size_t word, unsigned bit) { missing |= ~block[word] >> bit & 1; });
      return missing == 0;
    }
  };

  void Grow();

  std::vector<Filter> filters_;  // each larger than the one before
  uint64_t keys_left_ = 0;       // that the last one has room for
  uint64_t memory_bytes_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_GROWING_FILTER_H_
