#include "bench/micro/hardware_counters.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

namespace sibyl::bench {
namespace {

struct EventCode {
  uint32_t type;
  uint64_t config;
};

constexpr uint64_t kDataTlbReadMisses = PERF_COUNT_HW_CACHE_DTLB |
                                        (PERF_COUNT_HW_CACHE_OP_READ << 8) |
                                        (PERF_COUNT_HW_CACHE_RESULT_MISS << 16);

std::optional<EventCode> CodeOf(const std::string& name) {
  if (name == "cycles") return EventCode{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES};
  if (name == "instructions") return EventCode{PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS};
  if (name == "branch-misses") return EventCode{PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES};
  if (name == "cache-misses") return EventCode{PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES};
  if (name == "dTLB-load-misses") return EventCode{PERF_TYPE_HW_CACHE, kDataTlbReadMisses};
  EventCode raw{PERF_TYPE_RAW, 0};
  const char* const end = name.data() + name.size();
  if (!name.starts_with("r") || name.size() < 2) return std::nullopt;
  const auto parsed = std::from_chars(name.data() + 1, end, raw.config, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return raw;
}

int OpenEvent(const EventCode& code) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = code.type;
  attributes.config = code.config;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

// What one event counted, scaled up by the time it had to share its counter with others; 0 if it
// never had one.
double ReadEvent(int file) {
  struct {
    uint64_t events, enabled_ns, running_ns;
  } read_back{};
  if (read(file, &read_back, sizeof read_back) != sizeof read_back) return 0;
  if (read_back.running_ns == 0) return 0;
  return static_cast<double>(read_back.events) * static_cast<double>(read_back.enabled_ns) /
         static_cast<double>(read_back.running_ns);
}

}  // namespace

Result<HardwareCounters> HardwareCounters::Start(const std::vector<std::string>& names) {
  HardwareCounters counters;
  for (const std::string& name : names) {
    const auto code = CodeOf(name);
    if (!code) return Error{ErrorCode::kInvalidArgument, "no hardware counter " + name};
    const int file = OpenEvent(*code);
    if (file < 0) {
      return Error{ErrorCode::kNotSupported,
                   "hardware counter " + name + ": " + std::strerror(errno)};
    }
    counters.events_.push_back({name, file});
  }
  for (const Event& event : counters.events_) ioctl(event.file, PERF_EVENT_IOC_ENABLE, 0);
  return counters;
}

HardwareCounters::HardwareCounters(HardwareCounters&& other) noexcept
    : events_(std::exchange(other.events_, {})) {}

HardwareCounters::~HardwareCounters() {
  for (const Event& event : events_) close(event.file);
}

std::vector<HardwareCounters::Count> HardwareCounters::Stop() {
  for (const Event& event : events_) ioctl(event.file, PERF_EVENT_IOC_DISABLE, 0);
  std::vector<Count> counts;
  for (const Event& event : events_) counts.push_back({event.name, ReadEvent(event.file)});
  return counts;
}

}  // namespace sibyl::bench
