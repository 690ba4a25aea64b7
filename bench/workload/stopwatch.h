// Stopwatch: wall clock, processor time of this thread, and processor time of the whole process.

#ifndef SIBYL_BENCH_WORKLOAD_STOPWATCH_H_
#define SIBYL_BENCH_WORKLOAD_STOPWATCH_H_

#include <time.h>

#include <cstdint>

namespace sibyl::bench {

struct Elapsed {
  uint64_t wall_ns = 0;
  uint64_t thread_cpu_ns = 0;   // what the caller of the engine paid
  uint64_t process_cpu_ns = 0;  // with the engine's background threads

  Elapsed& operator+=(const Elapsed& other) {
    wall_ns += other.wall_ns;
    thread_cpu_ns += other.thread_cpu_ns;
    process_cpu_ns += other.process_cpu_ns;
    return *this;
  }
};

inline uint64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class Stopwatch {
 public:
  Stopwatch() : start_(Now()) {}

  Elapsed Read() const {
    const Elapsed now = Now();
    return {now.wall_ns - start_.wall_ns, now.thread_cpu_ns - start_.thread_cpu_ns,
            now.process_cpu_ns - start_.process_cpu_ns};
  }

 private:
  static Elapsed Now() {
    return {ClockNs(CLOCK_MONOTONIC), ClockNs(CLOCK_THREAD_CPUTIME_ID),
            ClockNs(CLOCK_PROCESS_CPUTIME_ID)};
  }

  Elapsed start_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_STOPWATCH_H_
