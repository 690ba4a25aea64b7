#include "bench/workload/memory_baseline.h"

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "bench/data/random.h"

namespace sibyl::bench {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kReadsBetweenChecks = 1024;

// A block's header, its windows and a value lie about so far apart.
constexpr uint64_t kPlaces[] = {0, 320, 2048};

uint64_t CountReads(const char* memory, uint64_t bytes, uint64_t seed,
                    const std::atomic<bool>& stop) {
  Random random(seed);
  uint64_t reads = 0;
  uint64_t sum = 0;
  do {
    for (uint64_t i = 0; i < kReadsBetweenChecks; ++i) {
      const char* const place = memory + random.Below(bytes - kPageBytes);
      for (const uint64_t offset : kPlaces) sum += static_cast<unsigned char>(place[offset]);
    }
    reads += kReadsBetweenChecks;
  } while (!stop.load(std::memory_order_relaxed));
  SIBYL_CHECK(sum >= reads);  // every byte is 1; and the reads cannot be left out
  return reads;
}

}  // namespace

double MemoryReadsPerSecond(uint32_t threads, uint64_t bytes, double seconds) {
  void* const mapping =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SIBYL_CHECK(mapping != MAP_FAILED);
  (void)madvise(mapping, bytes, MADV_NOHUGEPAGE);  // where there are none, all the better
  char* const memory = static_cast<char*>(mapping);
  for (uint64_t i = 0; i < bytes; ++i) memory[i] = 1;
  std::atomic<bool> stop{false};
  std::vector<uint64_t> reads(threads);
  const uint64_t began_ns = base::NowNs();
  {
    std::vector<std::jthread> running;
    for (uint32_t i = 0; i < threads; ++i) {
      running.emplace_back([&, i] { reads[i] = CountReads(memory, bytes, i + 1, stop); });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    stop = true;
  }
  const double elapsed = static_cast<double>(base::NowNs() - began_ns) * 1e-9;
  munmap(mapping, bytes);
  return static_cast<double>(std::accumulate(reads.begin(), reads.end(), uint64_t{0})) / elapsed;
}

}  // namespace sibyl::bench
