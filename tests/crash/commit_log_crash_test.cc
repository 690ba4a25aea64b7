// Goal: whenever the process or the machine stops, the commit log has every entry that was
// acknowledged (a crash) or synced (a power cut), in order and without a gap, the manifest that was
// committed, and nothing that was dropped.
// Method: a child process writes and reports each acknowledged step. It is killed at random times,
// and, in other cases, ends itself at each of its system calls that change the disk in turn: that
// visits every window between any two steps. Then the log is opened, compared with the reports, and
// written to once more.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "storage/commit_log.h"
#include "tests/crash/commit_log_crash.h"
#include "tests/crash/disk_interposer.h"
#include "tests/storage/commit_log_support.h"
#include "tests/storage/restart_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::CrashKind;
using testing::TemporaryDirectory;

// What the child said, over all its lives.
struct Reports {
  uint64_t appended_end = 1;  // entries below were acknowledged
  uint64_t synced_end = 1;    // entries below were durable
  DrainedUpTo committed;      // the last manifest acknowledged
  DrainedUpTo committing;     // the last one begun
  uint64_t dropped_floor = 1;

  void Read(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) ReadLine(line);
  }

  void ReadLine(const std::string& line) {
    std::istringstream words(line);
    std::string what;
    uint64_t number = 0;
    uint64_t end = 0;
    words >> what >> number >> end;
    if (what == "appended") appended_end = number + 1;
    if (what == "synced") synced_end = number;
    if (what == "committing") committing = {number, end};
    if (what == "committed") committed = {number, end};
    if (what == "dropped") dropped_floor = number;
    INFO(line);
    REQUIRE(what != "error");
  }
};

struct Child {
  pid_t process = 0;
  int output = 0;
};

Child StartChild(const Path& directory, int cycles, uint64_t crash_at_call, CrashKind kind) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const std::string cycles_text = std::to_string(cycles);
  const std::string call_text = std::to_string(crash_at_call);
  const std::string kind_text = std::to_string(static_cast<int>(kind));
  const pid_t process = fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl(SIBYL_CRASH_CHILD, SIBYL_CRASH_CHILD, directory.c_str(), cycles_text.c_str(),
          call_text.c_str(), kind_text.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  return {process, ends[0]};
}

// Reads what `child` says until it ends; returns true if it was killed, false if it was done.
bool Await(const Child& child, Reports* reports) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(child.output, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  close(child.output);
  int status = 0;
  REQUIRE(waitpid(child.process, &status, 0) == child.process);
  reports->Read(text);
  if (WIFEXITED(status)) {
    REQUIRE(WEXITSTATUS(status) == 0);
    return false;
  }
  REQUIRE(WTERMSIG(status) == SIGKILL);
  return true;
}

// The entries that are not drained, checked for order and content.
uint64_t EndOfEntries(CommitLog& log, const DrainedUpTo& drained) {
  uint64_t end = drained.end;
  for (const uint64_t generation : log.Generations()) {
    Must(log.Replay(generation, [&](const LogEntry& entry) {
      if (generation < drained.floor) {
        CHECK(entry.first_sequence < drained.end);
        return Ok();
      }
      CHECK(entry.first_sequence == end);
      CHECK(entry.bytes == CrashBytesFor(entry.first_sequence));
      end = entry.first_sequence + entry.record_count;
      return Ok();
    }));
  }
  return end;
}

// Opens the log and compares it with the reports. Leaves in `reports` what turned out to be there.
void CheckLog(const Path& directory, bool power_was_cut, Reports* reports) {
  const auto log = Must(OpenRocksDbLog(directory));
  const DrainedUpTo drained = ParseManifest(log->Manifest());
  INFO("floor=" << drained.floor << " end=" << drained.end);
  CHECK((drained == reports->committed || drained == reports->committing));
  CHECK(log->Generations().front() >= reports->dropped_floor);
  const uint64_t end = EndOfEntries(*log, drained);
  CHECK(end >= (power_was_cut ? reports->synced_end : reports->appended_end));
  CHECK(end <= reports->appended_end + 1);
  reports->committed = reports->committing = drained;
  reports->appended_end = reports->synced_end = end;
}

// Writes to the log that was recovered, across a barrier.
void GoOn(const Path& directory, Reports* reports) {
  const auto log = Must(OpenRocksDbLog(directory));
  for (int round = 0; round < 2; ++round) {
    const uint64_t sequence = reports->appended_end++;
    Must(log->Append(sequence, 1, CrashBytesFor(sequence)));
    Must(log->StartGeneration());
  }
  reports->synced_end = reports->appended_end;
}

TEST_CASE("killed at random times", "[crash][commit_log]") {
  const unsigned seed = 1;
  std::mt19937 random(seed);
  const TemporaryDirectory home;
  const Path directory = home.path() / "log";
  Reports reports;
  for (int life = 0; life < 25; ++life) {
    const auto life_ms = std::chrono::milliseconds(50 + random() % 500);
    INFO("seed=" << seed << " life=" << life << " for " << life_ms.count() << " ms");
    const Child child = StartChild(directory, 1 << 30, 0, CrashKind::kKill);
    const std::jthread killer([&] {
      std::this_thread::sleep_for(life_ms);
      kill(child.process, SIGKILL);
    });
    const bool killed = Await(child, &reports);
    REQUIRE(killed);
    CheckLog(directory, false, &reports);
  }
  CHECK(reports.dropped_floor > 1);
}

TEST_CASE("stopped at each call that changes the disk", "[crash][commit_log]") {
  const auto kind = GENERATE(CrashKind::kKill, CrashKind::kTornWrite, CrashKind::kPowerCut,
                             CrashKind::kPowerCutTail, CrashKind::kPowerCutGarbage);
  const bool power_cut = kind >= CrashKind::kPowerCut;
  bool killed = true;
  // The kinds take turns: together they visit every call.
  for (uint64_t call = 1 + static_cast<uint64_t>(kind); killed; call += 5) {
    INFO("kind=" << static_cast<int>(kind) << " call=" << call);
    REQUIRE(call < 2000);
    const TemporaryDirectory home;
    const Path directory = home.path() / "log";
    Reports reports;
    killed = Await(StartChild(directory, 2, call, kind), &reports);
    if (power_cut) PretendRestart(directory);
    CheckLog(directory, power_cut, &reports);
    GoOn(directory, &reports);
    CheckLog(directory, false, &reports);
  }
}

}  // namespace
}  // namespace sibyl::storage
