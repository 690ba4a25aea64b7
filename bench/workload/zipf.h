// Items drawn with the popularity that Zipf's law gives them, as YCSB draws them.

#ifndef SIBYL_BENCH_WORKLOAD_ZIPF_H_
#define SIBYL_BENCH_WORKLOAD_ZIPF_H_

#include <cstdint>

#include "bench/data/random.h"

namespace sibyl::bench {

// Item i (0-based) comes with a probability proportional to 1 / (i + 1)^theta. The method is that
// of Gray et al., "Quickly Generating Billion-Record Synthetic Databases" (SIGMOD 1994), which YCSB
// uses too; Scrambled() then spreads the popular items over the whole key space, as YCSB does.
class Zipf {
 public:
  static constexpr double kYcsbTheta = 0.99;

  // `items` > 0; 0 < theta < 1. Takes about 20 ns per item.
  Zipf(uint64_t items, double theta);

  uint64_t Next(Random& random) const;
  uint64_t Scrambled(Random& random) const { return Mix64(Next(random) + 1) % items_; }

 private:
  uint64_t items_;
  double theta_;
  double zeta_;  // sum of 1 / i^theta over all items
  double alpha_;
  double eta_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_ZIPF_H_
