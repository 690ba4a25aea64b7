// Monotonic time, for measuring durations.

#ifndef SIBYL_BASE_CLOCK_H_
#define SIBYL_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace sibyl::base {

inline uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace sibyl::base

#endif  // SIBYL_BASE_CLOCK_H_
