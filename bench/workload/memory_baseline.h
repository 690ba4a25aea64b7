// What the machine's memory gives to threads that read it at random, without any engine: two
// threads on one memory are not twice as fast as one, and no engine whose data is in memory can be.

#ifndef SIBYL_BENCH_WORKLOAD_MEMORY_BASELINE_H_
#define SIBYL_BENCH_WORKLOAD_MEMORY_BASELINE_H_

#include <cstdint>

namespace sibyl::bench {

// Each read touches three cache lines of a random place, which depend on no other read, in memory
// of `bytes` in small pages. Returns the reads per second of all threads together. `bytes` >= 64
// KiB.
double MemoryReadsPerSecond(uint32_t threads, uint64_t bytes, double seconds);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_MEMORY_BASELINE_H_
