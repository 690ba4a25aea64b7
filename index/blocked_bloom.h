// A Bloom filter whose bits for one key share a cache line: Putze, Sanders and Singler, "Cache-,
// Hash- and Space-Efficient Bloom Filters" (WEA 2007), section 3.

#ifndef SIBYL_INDEX_BLOCKED_BLOOM_H_
#define SIBYL_INDEX_BLOCKED_BLOOM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/coding.h"
#include "index/table_memory.h"

namespace sibyl::index {

class BlockedBloom {
 public:
  // Contains nothing.
  BlockedBloom() = default;

  // For `keys` keys, as small as the rate of false positives allows: 0 < rate < 1.
  BlockedBloom(uint64_t keys, double false_positive_rate);

  // `hash` must be uniform over 64 bits.
  void Add(uint64_t hash);
  bool MayContain(uint64_t hash) const;

  uint64_t memory_bytes() const { return words_.size_bytes(); }

  // Bits that a key takes at a rate, for choosing among filters before building them.
  static double BitsPerKey(double false_positive_rate);

  void Encode(std::string* out) const;
  // Nothing if malformed.
  static std::optional<BlockedBloom> Decode(base::Decoder* decoder);

 private:
  static constexpr uint64_t kWordsPerBlock = 8;  // 512 bits, a cache line

  uint64_t blocks_ = 0;
  uint32_t probes_ = 0;
  Table<uint64_t> words_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_BLOCKED_BLOOM_H_
