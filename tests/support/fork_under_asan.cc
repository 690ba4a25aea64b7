// Keeps fork() from hanging a child in the address sanitizer's allocator.
//
// glibc's malloc and jemalloc take their locks before a fork and give them back after it, in parent
// and child. The sanitizer of g++ 12 does not: a thread that is inside its allocator at the moment
// of the fork leaves the child a lock that nobody will ever give back. So the fork waits here until
// all other threads of the process sleep, and none of them ran between two looks. Linked into every
// test that runs with the sanitizer; preloaded into programs that use a library with it.

#include <dirent.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetweenLooks(2);
constexpr int kLooks = 1000;  // then the fork goes ahead: some program's threads never rest

// What the kernel says of one thread: its state, how often it ran, and more. Empty: it has ended.
std::string StatusOf(const std::string& thread) {
  std::ifstream file("/proc/self/task/" + thread + "/status");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The status of each other thread; nothing if one of them runs, or waits for a disk.
std::optional<std::vector<std::string>> OthersAsleep() {
  const std::string self = std::to_string(syscall(SYS_gettid));
  std::vector<std::string> statuses;
  DIR* const folder = opendir("/proc/self/task");
  if (folder == nullptr) return std::nullopt;
  bool asleep = true;
  while (const dirent* const entry = readdir(folder)) {
    const std::string thread = entry->d_name;
    if (thread[0] == '.' || thread == self) continue;
    statuses.push_back(StatusOf(thread));
    asleep = asleep && statuses.back().find("\nState:\tS") != std::string::npos;
  }
  closedir(folder);
  if (!asleep) return std::nullopt;
  return statuses;
}

void AwaitSleep() {
  std::optional<std::vector<std::string>> before;
  for (int look = 0; look < kLooks; ++look) {
    auto now = OthersAsleep();
    if (now && (now->empty() || now == before)) return;
    before = std::move(now);
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

[[maybe_unused]] const int registered = pthread_atfork(AwaitSleep, nullptr, nullptr);

}  // namespace
