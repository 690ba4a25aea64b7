// Stopwatch: wall clock, processor time of this thread and of the whole process, and the process's
// calls that read files.

#ifndef SIBYL_BENCH_WORKLOAD_STOPWATCH_H_
#define SIBYL_BENCH_WORKLOAD_STOPWATCH_H_

#include <time.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace sibyl::bench {

struct Elapsed {
  uint64_t wall_ns = 0;
  uint64_t thread_cpu_ns = 0;   // what the caller of the engine paid
  uint64_t process_cpu_ns = 0;  // with the engine's background threads
  uint64_t read_calls = 0;      // read, pread and their kin, of the process; a mapping makes none

  Elapsed& operator+=(const Elapsed& other) {
    wall_ns += other.wall_ns;
    thread_cpu_ns += other.thread_cpu_ns;
    process_cpu_ns += other.process_cpu_ns;
    read_calls += other.read_calls;
    return *this;
  }
};

inline uint64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// So far; 0 where the kernel does not count them.
inline uint64_t ReadCalls() {
  std::ifstream io("/proc/self/io");
  std::string name;
  for (uint64_t value = 0; io >> name >> value;) {
    if (name == "syscr:") return value;
  }
  return 0;
}

class Stopwatch {
 public:
  Stopwatch() : start_(Now()) {}

  Elapsed Read() const {
    const Elapsed now = Now();
    return {now.wall_ns - start_.wall_ns, now.thread_cpu_ns - start_.thread_cpu_ns,
            now.process_cpu_ns - start_.process_cpu_ns, now.read_calls - start_.read_calls};
  }

 private:
  static Elapsed Now() {
    return {ClockNs(CLOCK_MONOTONIC), ClockNs(CLOCK_THREAD_CPUTIME_ID),
            ClockNs(CLOCK_PROCESS_CPUTIME_ID), ReadCalls()};
  }

  Elapsed start_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_STOPWATCH_H_
