// A child process with pipes.

#include "tests/sql/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

namespace sibyl::sql::testing {
namespace {

constexpr int kPatienceMs = 60000;

void CloseFd(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

// Neither end is 0, 1 or 2: the child replaces those, and this process may lack them.
void MakePipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  for (int i = 0; i < 2; ++i) {
    if (ends[i] > 2) continue;
    const int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
    close(ends[i]);
    ends[i] = moved;
  }
}

[[noreturn]] void RunProgram(const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>(SIBYL_SQL_TEST_CHILD)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, bool terminal) {
  std::signal(SIGPIPE, SIG_IGN);
  if (terminal) {
    pid_ = forkpty(&output_, nullptr, nullptr, nullptr);
    if (pid_ == 0) RunProgram(arguments);
    input_ = dup(output_);
  } else {
    int to_child[2];
    int from_child[2];
    MakePipe(to_child);
    MakePipe(from_child);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(to_child[0], 0);
      dup2(from_child[1], 1);
      dup2(from_child[1], 2);
      RunProgram(arguments);
    }
    close(to_child[0]);
    close(from_child[1]);
    input_ = to_child[1];
    output_ = from_child[0];
  }
  if (pid_ < 0) throw std::runtime_error("fork");
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) Kill();
  CloseFd(&input_);
  CloseFd(&output_);
}

void ChildProcess::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(input_, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void ChildProcess::CloseInput() { CloseFd(&input_); }

bool ChildProcess::ReadSome() {
  pollfd ready = {output_, POLLIN, 0};
  if (poll(&ready, 1, kPatienceMs) <= 0) {
    kill(pid_, SIGKILL);  // so that whoever waits for its end sees a failure, not a hanging test
    return false;
  }
  char buffer[4096];
  const ssize_t size = read(output_, buffer, sizeof buffer);
  if (size <= 0) return false;
  seen_.append(buffer, static_cast<size_t>(size));
  return true;
}

const std::string& ChildProcess::ReadUntil(std::string_view text) {
  while (seen_.find(text) == std::string::npos && ReadSome()) {
  }
  return seen_;
}

const std::string& ChildProcess::ReadAll() {
  while (ReadSome()) {
  }
  return seen_;
}

void ChildProcess::Kill() {
  kill(pid_, SIGKILL);
  Wait();
}

int ChildProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace sibyl::sql::testing
