// A child process with pipes to its standard input and output.

#ifndef SIBYL_TESTS_SQL_CHILD_PROCESS_H_
#define SIBYL_TESTS_SQL_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace sibyl::sql::testing {

class ChildProcess {
 public:
  // Starts sql_test_child with `arguments`. With `terminal` its input and output are a terminal.
  explicit ChildProcess(const std::vector<std::string>& arguments, bool terminal = false);
  ~ChildProcess();  // kills it if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Write(std::string_view text);
  void CloseInput();

  // All that has been read so far.
  const std::string& seen() const { return seen_; }

  // Waits for more output and reads it; false if there is none any more, or none for 60 seconds,
  // which ends the child.
  bool ReadSome();

  // Reads until `text` has come, or there is no more; returns all read so far.
  const std::string& ReadUntil(std::string_view text);

  // Reads until the child closes its output; returns all of it.
  const std::string& ReadAll();

  void Kill();  // SIGKILL, and waits
  int Wait();   // the exit code; -1 if a signal ended it

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string seen_;
};

}  // namespace sibyl::sql::testing

#endif  // SIBYL_TESTS_SQL_CHILD_PROCESS_H_
