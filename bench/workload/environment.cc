#include "bench/workload/environment.h"

#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <thread>

namespace sibyl::bench {
namespace {

// The value after ':' of the first line of `path` that begins with `name`.
std::string ValueInFile(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "unknown";
}

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "unknown";
}

std::string Kernel() {
  utsname names{};
  if (uname(&names) != 0) return "unknown";
  return std::string(names.sysname) + " " + names.release;
}

std::string MemoryGib() {
  const auto bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return std::to_string(static_cast<int>(bytes / (1 << 30) + 0.5)) + " GiB";
}

std::string UtcNow() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return std::string(text, std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &utc));
}

std::string BuildType() {
#ifdef NDEBUG
  return std::string(SIBYL_BENCH_BUILD_TYPE) + ", NDEBUG";
#else
  return std::string(SIBYL_BENCH_BUILD_TYPE) + ", assertions on: NOT for publication";
#endif
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeEnvironment() {
  return {
      {"date", UtcNow()},
      {"processor", ValueInFile("/proc/cpuinfo", "model name")},
      {"cores", std::to_string(std::thread::hardware_concurrency())},
      {"memory", MemoryGib()},
      {"kernel", Kernel()},
      {"huge pages",
       FirstLine("/sys/kernel/mm/transparent_hugepage/enabled") +
           (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1
                ? " (forbidden to this process)"
                : " (no engine asks for them; files may get them from the page cache)")},
      {"load average", FirstLine("/proc/loadavg")},
      {"compiler", SIBYL_BENCH_COMPILER},
      {"build", BuildType()},
      {"commit", SIBYL_BENCH_COMMIT ", as configured"},
  };
}

Status ForbidHugePages() {
  if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0) return Ok();
  return Error{ErrorCode::kNotSupported,
               std::string("huge pages cannot be forbidden: ") + std::strerror(errno)};
}

}  // namespace sibyl::bench
