// Files as a killed process leaves them: a log with entries, nothing closed.

#ifndef SIBYL_TESTS_ENGINE_KILLED_PROCESS_H_
#define SIBYL_TESTS_ENGINE_KILLED_PROCESS_H_

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

namespace sibyl::testing {

// Runs `work` in a child process that then ends without closing anything.
inline void InKilledProcess(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
      _exit(0);
    } catch (...) {  // a failed check: the parent reports it
      _exit(1);
    }
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
}

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_ENGINE_KILLED_PROCESS_H_
