// Predicts what an index over a large array would take, in bytes and nanoseconds, without building
// it: from stretches of the array and the latency of this machine's memory.

#ifndef SIBYL_INDEX_RANGE_PREDICT_H_
#define SIBYL_INDEX_RANGE_PREDICT_H_

#include <array>
#include <cstdint>
#include <span>

#include "index/range_lookup.h"
#include "sibyl/range_index.h"

namespace sibyl::index {

// How long a read takes that the processor has to wait for, by the size of what is read from:
// measured on the array itself, in a few milliseconds.
class MemoryProfile {
 public:
  explicit MemoryProfile(std::span<const uint64_t> keys);

  // A dependent read of a random place among so many bytes.
  double ReadNs(double bytes) const;

 private:
  static constexpr size_t kSizes = 10;
  static constexpr uint64_t kSmallestBytes = uint64_t{1} << 15;
  static constexpr uint64_t kStep = 4;  // each size is so many times the one before

  std::array<double, kSizes> read_ns_{};
};

struct Prediction {
  double memory_bytes = 0;
  double serial_ns = 0;  // one lookup after another
  double single_ns = 0;  // independent lookups, several of which the processor has under way
};

// For a shape of any kind over `keys`. A learned one is tried on stretches of neighbouring keys,
// since keys sampled one by one are smoother than the array: 0.5 M keys at most, all kinds together
// cost about 50 ms. Precondition: keys is longer than a window.
Prediction Predict(std::span<const uint64_t> keys, const LookupShape& shape,
                   const MemoryProfile& memory);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_PREDICT_H_
