// The value that a key must have in a given version, written and compared without being stored.

#ifndef SIBYL_BENCH_WORKLOAD_VALUE_CODER_H_
#define SIBYL_BENCH_WORKLOAD_VALUE_CODER_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/data/random.h"

namespace sibyl::bench {

// A value is a fixed random pattern combined, word by word, with one 64-bit seed that stands for
// key and version. Comparing a whole value costs a few nanoseconds, so that it can be done for
// every answer while it is timed; because the pattern differs from word to word, bytes that are
// shifted, or half of another version, do not match.
class ValueCoder {
 public:
  // `value_bytes`: at least 8, the bytes of a seed. `compressible`: the second half of a value
  // repeats the first.
  explicit ValueCoder(size_t value_bytes, bool compressible = false)
      : value_bytes_(value_bytes), pattern_((value_bytes + kWordBytes - 1) / kWordBytes) {
    Random random(0x56616c7565);
    for (uint64_t& word : pattern_) word = random.Next();
    const size_t half = (pattern_.size() + 1) / 2;
    for (size_t i = half; compressible && i < pattern_.size(); ++i)
      pattern_[i] = pattern_[i - half];
  }

  size_t value_bytes() const { return value_bytes_; }

  // `version` >= 1.
  static uint64_t Seed(uint64_t key_rank, uint32_t version) {
    return Mix64(Mix64(key_rank + 1) + version);
  }

  void Encode(uint64_t seed, std::string* value) const {
    value->resize(value_bytes_);
    char* out = value->data();
    const size_t words = value_bytes_ / kWordBytes;
    for (size_t i = 0; i < words; ++i) {
      const uint64_t word = pattern_[i] ^ seed;
      std::memcpy(out + i * kWordBytes, &word, kWordBytes);
    }
    if (const size_t rest = value_bytes_ % kWordBytes; rest != 0) {
      const uint64_t word = pattern_[words] ^ seed;
      std::memcpy(out + words * kWordBytes, &word, rest);
    }
  }

  bool Matches(std::string_view value, uint64_t seed) const {
    if (value.size() != value_bytes_) return false;
    const char* bytes = value.data();
    const size_t words = value_bytes_ / kWordBytes;
    uint64_t difference = 0;
    for (size_t i = 0; i < words; ++i) {
      difference |= Load(bytes + i * kWordBytes) ^ pattern_[i] ^ seed;
    }
    if (const size_t rest = value_bytes_ % kWordBytes; rest != 0) {
      // The last eight bytes once more, in one word that begins `rest` bytes into the one before.
      const char* pattern = reinterpret_cast<const char*>(pattern_.data());
      const size_t last = value_bytes_ - kWordBytes;
      const uint64_t turned = std::rotr(seed, static_cast<int>(rest * 8));
      difference |= Load(bytes + last) ^ Load(pattern + last) ^ turned;
    }
    return difference == 0;
  }

  // The seed of which `value` is, whatever it is; nullopt if it is no seed's value.
  std::optional<uint64_t> SeedOf(std::string_view value) const {
    if (value.size() != value_bytes_) return std::nullopt;
    const uint64_t seed = Load(value.data()) ^ pattern_[0];
    return Matches(value, seed) ? std::optional(seed) : std::nullopt;
  }

 private:
  static constexpr size_t kWordBytes = 8;
  static_assert(std::endian::native == std::endian::little);

  static uint64_t Load(const char* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, kWordBytes);
    return word;
  }

  size_t value_bytes_;
  std::vector<uint64_t> pattern_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_VALUE_CODER_H_
