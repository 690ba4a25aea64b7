// What the processor counts while lookups run: cycles, instructions, misses. For the question that
// times alone leave open: why is one structure slower than another?

#ifndef SIBYL_BENCH_MICRO_HARDWARE_COUNTERS_H_
#define SIBYL_BENCH_MICRO_HARDWARE_COUNTERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::bench {

// Counts events of the calling thread in user mode, through Linux's perf_event_open, from Start to
// Stop.
class HardwareCounters {
 public:
  // Names as `perf stat` has them: cycles, instructions, branch-misses, cache-misses,
  // dTLB-load-misses, or rXXXX, an event of this processor's by its hexadecimal number. More than
  // about five at once share the processor's counters, and are scaled up.
  // Errors: kInvalidArgument for another name; kNotSupported, with the system's reason, where they
  // cannot be counted.
  static Result<HardwareCounters> Start(const std::vector<std::string>& names);

  HardwareCounters(HardwareCounters&& other) noexcept;
  HardwareCounters& operator=(HardwareCounters&&) = delete;
  ~HardwareCounters();

  struct Count {
    std::string name;
    double events;
  };

  // What was counted, in the order of the names.
  std::vector<Count> Stop();

 private:
  struct Event {
    std::string name;
    int file;
  };

  HardwareCounters() = default;

  std::vector<Event> events_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_HARDWARE_COUNTERS_H_
