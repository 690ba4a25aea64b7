// Time, for measuring durations.

#ifndef SIBYL_BASE_CLOCK_H_
#define SIBYL_BASE_CLOCK_H_

#include <time.h>

#include <chrono>
#include <cstdint>
#include <ctime>

namespace sibyl::base {

// Monotonic.
inline uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// Of the system's clock, which may be set.
inline uint64_t SecondsSinceEpoch() { return static_cast<uint64_t>(std::time(nullptr)); }

// What the calling thread has spent on a processor: other programs on the machine count less.
inline uint64_t ThreadNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace sibyl::base

#endif  // SIBYL_BASE_CLOCK_H_
