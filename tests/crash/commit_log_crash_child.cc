// The process that dies in commit_log_crash_test: writes to a commit log the way the engine does,
// and says on standard output what was acknowledged, one line for each step.
//
// commit_log_crash_child DIRECTORY CYCLES CRASH_AT_CALL KIND
//
// It goes on where the log in DIRECTORY ends. The manifest is "floor end": generations below floor
// are drained, and so are all sequences below end.

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>

#include "storage/commit_log.h"
#include "tests/crash/commit_log_crash.h"
#include "tests/crash/disk_interposer.h"

namespace sibyl::storage {
namespace {

// Past the interposer, and unbuffered: what is said is what happened.
void Say(const std::string& line) {
  const std::string bytes = line + "\n";
  if (syscall(SYS_write, STDOUT_FILENO, bytes.data(), bytes.size()) < 0) _exit(4);
}

template <typename T>
T Must(Result<T> result) {
  if (!result) {
    Say("error " + result.error().ToString());
    _exit(3);
  }
  return std::move(result).value();
}

class Writer {
 public:
  explicit Writer(const Path& directory) : log_(Must(OpenRocksDbLog(directory))) {
    const DrainedUpTo drained = ParseManifest(log_->Manifest());
    next_ = drained.end;
    for (const uint64_t generation : log_->Generations()) {
      Must(log_->Replay(generation, [this](const LogEntry& entry) {
        next_ = std::max(next_, entry.first_sequence + entry.record_count);
        return Ok();
      }));
    }
    Must(log_->DropGenerations(drained.floor));
    Say("opened");
  }

  void Cycle(bool prepare) {
    Append(4);
    Must(log_->Sync());
    Say("synced " + std::to_string(next_));
    Append(3);
    if (prepare) Must(log_->PrepareGeneration());
    const uint64_t floor = Must(log_->StartGeneration());
    const std::string drained = std::to_string(floor) + " " + std::to_string(next_);
    Say("synced " + std::to_string(next_));
    Append(2);
    Say("committing " + drained);
    Must(log_->CommitManifest(drained));
    Say("committed " + drained);
    Append(1);
    Must(log_->DropGenerations(floor));
    Say("dropped " + std::to_string(floor));
  }

 private:
  void Append(int count) {
    for (; count > 0; --count) {
      Must(log_->Append(next_, 1, CrashBytesFor(next_)));
      Say("appended " + std::to_string(next_));
      ++next_;
    }
  }

  std::unique_ptr<CommitLog> log_;
  uint64_t next_ = 0;
};

void Run(const Path& directory, int cycles) {
  Writer writer(directory);
  for (int cycle = 0; cycle < cycles; ++cycle) writer.Cycle(cycle % 2 == 1);
}

}  // namespace
}  // namespace sibyl::storage

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const auto kind = static_cast<sibyl::testing::CrashKind>(std::atoi(argv[4]));
  sibyl::testing::ArmDiskInterposer(argv[1], std::strtoull(argv[3], nullptr, 10), kind);
  sibyl::storage::Run(argv[1], std::atoi(argv[2]));
  return 0;
}
