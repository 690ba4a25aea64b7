// Goal: what the RocksDB commit log costs, for docs/decisions/0003-rocksdb-as-commit-log.md.
// Method: each operation on a log of its own in $TMPDIR, medians of wall time (the disk's, where it
// syncs) and of the calling thread's CPU time. Hidden: run it with the tag [measure], in an
// optimized build; nothing is asserted about time.

#include <time.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "storage/commit_log.h"
#include "tests/storage/commit_log_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

uint64_t ThreadCpuNs() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// Prints the medians of `rounds` runs of `work`, each after an untimed `before`, per operation.
void Measure(const char* name, int rounds, uint64_t operations, const std::function<void()>& before,
             const std::function<void()>& work) {
  std::vector<uint64_t> wall_ns;
  std::vector<uint64_t> cpu_ns;
  for (int round = 0; round < rounds; ++round) {
    before();
    const uint64_t wall = base::NowNs();
    const uint64_t cpu = ThreadCpuNs();
    work();
    cpu_ns.push_back((ThreadCpuNs() - cpu) / operations);
    wall_ns.push_back((base::NowNs() - wall) / operations);
  }
  std::ranges::sort(wall_ns);
  std::ranges::sort(cpu_ns);
  std::printf("%-40s %12.3f us %12.3f us CPU\n", name,
              static_cast<double>(wall_ns[wall_ns.size() / 2]) / 1000,
              static_cast<double>(cpu_ns[cpu_ns.size() / 2]) / 1000);
}

// A log with entries of 120 bytes.
struct MeasuredLog {
  MeasuredLog() { Open(); }
  void Open() { log = Must(OpenRocksDbLog(directory.path())); }
  void Append(uint64_t count) {
    for (; count > 0; --count) {
      if (!log->Append(next_sequence++, 1, entry)) FAIL("append failed");
    }
  }

  testing::TemporaryDirectory directory;
  std::unique_ptr<CommitLog> log;
  uint64_t next_sequence = 1;
  const std::string entry = std::string(120, 'x');
};

TEST_CASE("costs of the commit log", "[.][measure]") {
  const auto nothing = [] {};
  {
    MeasuredLog log;
    Measure("Append, 120 bytes", 3, 200000, nothing, [&] { log.Append(200000); });
    Measure(
        "Close, 600,000 entries", 3, 1,
        [&] {
          if (!log.log) log.Open();
        },
        [&] { log.log.reset(); });
    Measure(
        "Open, 600,000 entries", 3, 1, [&] { log.log.reset(); }, [&] { log.Open(); });
  }
  MeasuredLog log;
  uint64_t active = 1;
  const auto start = [&] { active = Must(log.log->StartGeneration()); };
  const auto drop = [&] { Must(log.log->DropGenerations(active)); };
  Measure(
      "Open, empty", 9, 1, [&] { log.log.reset(); }, [&] { log.Open(); });
  Measure(
      "Sync of 10 entries", 99, 1, [&] { log.Append(10); }, [&] { Must(log.log->Sync()); });
  Measure(
      "PrepareGeneration", 25, 1, [&] { start(), log.Append(1000); },
      [&] { Must(log.log->PrepareGeneration()); });
  Measure(
      "StartGeneration, prepared", 25, 1,
      [&] { drop(), log.Append(1000), Must(log.log->PrepareGeneration()); }, start);
  start(), start();  // uses up what is prepared
  Measure(
      "StartGeneration, not prepared", 25, 1, [&] { drop(), log.Append(1000); }, start);
  drop();
  Measure(
      "DropGenerations, one", 25, 1, [&] { log.Append(1000), start(); }, drop);
  Measure("CommitManifest, 20 KB", 99, 1, nothing,
          [&] { Must(log.log->CommitManifest(std::string(20000, 'm'))); });
  for (int cycle = 0; cycle < 500; ++cycle) {
    log.Append(20);
    start();
    drop();
  }
  Measure(
      "Open, after 500 more generations", 9, 1, [&] { log.log.reset(); }, [&] { log.Open(); });
}

}  // namespace
}  // namespace sibyl::storage
