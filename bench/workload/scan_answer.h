// ScanAnswer: one number that stands for all records of a scan, in their order.

#ifndef SIBYL_BENCH_WORKLOAD_SCAN_ANSWER_H_
#define SIBYL_BENCH_WORKLOAD_SCAN_ANSWER_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sibyl::bench {

// Made twice: from what the state says before the clock runs, and from what an engine returns while
// it does. A scan's records lie anywhere in the state's tables; so comparing record by record would
// measure the cache misses of the benchmark beside those of the engine.
class ScanAnswer {
 public:
  // A record: its key, and the seed of its value (ValueCoder).
  void Add(std::string_view key, uint64_t seed) {
    Fold(key.size());
    if (key.size() >= kWordBytes) {
      const char* const last = key.data() + key.size() - kWordBytes;
      for (const char* word = key.data(); word < last; word += kWordBytes) Fold(Load(word));
      Fold(Load(last));
    } else {
      char word[kWordBytes] = {};
      std::memcpy(word, key.data(), key.size());
      Fold(Load(word));
    }
    Fold(seed);
    ++records_;
  }

  uint64_t records() const { return records_; }
  uint64_t digest() const { return digest_ ^ records_; }

 private:
  static constexpr size_t kWordBytes = sizeof(uint64_t);

  static uint64_t Load(const char* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, kWordBytes);
    return word;
  }

  // A bijection of the digest for each word, and of the word for each digest: a single word that
  // differs is always seen.
  void Fold(uint64_t word) {
    digest_ = (digest_ ^ word) * 0x9e3779b97f4a7c15;
    digest_ ^= digest_ >> 32;
  }

  uint64_t digest_ = 0;
  uint64_t records_ = 0;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_SCAN_ANSWER_H_
