// The filter of a segment: which keys it certainly does not have, for about a byte per key.
//
// A blocked Bloom filter over the checksums of internal keys (bloom_block.h). Runs and upper levels
// have one, since most lookups that reach them go on; the last level has one only where asked for
// (Options::last_level_filter_bits_per_key). Encoding: docs/file-format.md, "Filter".

#ifndef SIBYL_ENGINE_SEGMENT_FILTER_H_
#define SIBYL_ENGINE_SEGMENT_FILTER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/bloom_block.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// Immutable and thread-safe. Empty: it may contain everything.
class SegmentFilter {
 public:
  SegmentFilter() = default;

  // The encoded filter of keys with these checksums. `bits_per_key` > 0.
  static std::string Encode(std::span<const uint64_t> hashes, uint32_t bits_per_key);

  // Copies `bytes`; none is the empty filter. Errors: kCorruption; kNotSupported for a newer form.
  static Result<SegmentFilter> Decode(std::string_view bytes);

  bool empty() const { return block_count_ == 0; }
  uint64_t memory_bytes() const { return block_count_ * kBloomBlockBytes; }

  // False only for a hash that was not among the keys'.
  bool MayContain(uint64_t hash) const {
    if (empty()) return true;
    const Block& block = blocks_[BloomBlockOf(hash, block_count_)];
    uint64_t all = 1;
    ForEachBloomBit(hash, probes_, [&](size_t word, unsigned bit) { all &= block.words[word] >> bit; });
    return all != 0;
  }

  void Prefetch(uint64_t hash) const {
    if (!empty()) __builtin_prefetch(&blocks_[BloomBlockOf(hash, block_count_)]);
  }

 private:
  struct alignas(kBloomBlockBytes) Block {
    uint64_t words[kBloomBlockWords];
  };

  std::unique_ptr<Block[]> blocks_;
  uint64_t block_count_ = 0;
  uint32_t probes_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SEGMENT_FILTER_H_
