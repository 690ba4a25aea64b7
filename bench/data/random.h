// Random numbers for generated data and workloads: fast, and the same on every machine for one
// seed.

#ifndef SIBYL_BENCH_DATA_RANDOM_H_
#define SIBYL_BENCH_DATA_RANDOM_H_

#include <cstdint>

namespace sibyl::bench {

// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection whose every input
// bit reaches every output bit.
inline uint64_t Mix64(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(Mix64(seed)) {}

  uint64_t Next() { return Mix64(state_ += 0x9e3779b97f4a7c15); }

  // Below `limit`, which is > 0. Lemire, "Fast random integer generation in an interval" (2019),
  // without the rejection step: its bias, limit / 2^64, is nothing here.
  uint64_t Below(uint64_t limit) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * limit) >> 64);
  }

  // In [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_DATA_RANDOM_H_
