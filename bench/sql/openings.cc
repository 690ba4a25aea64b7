// Processes that open databases: see the header. What they measure comes back through their
// standard output.

#include "bench/sql/openings.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <vector>

#include "base/status_macros.h"
#include "bench/sql/workload.h"
#include "bench/workload/stopwatch.h"

namespace sibyl::bench {
namespace {

constexpr int kWarmConnections = 200;

// Opens and reads one row, as a request of a program without a connection pool does.
Result<std::unique_ptr<SqlConnection>> Connect(const SqliteApi& api, const std::string& path) {
  SIBYL_ASSIGN_OR_RETURN(auto connection, SqlConnection::Open(&api, path));
  SIBYL_ASSIGN_OR_RETURN(const auto read, connection->Prepare("SELECT name FROM item WHERE id=1"));
  uint64_t checksum = 0;
  SIBYL_RETURN_IF_ERROR(read->Run(&checksum));
  return connection;
}

uint64_t WallNs() { return ClockNs(CLOCK_MONOTONIC); }

Result<OpeningTimes> TimeConnections(const SqliteApi& api, const std::string& path) {
  OpeningTimes times;
  std::vector<uint64_t> opening_ns;
  std::vector<uint64_t> closing_ns;
  for (int i = 0; i <= kWarmConnections; ++i) {
    const uint64_t begin_ns = WallNs();
    SIBYL_ASSIGN_OR_RETURN(auto connection, Connect(api, path));
    const uint64_t opened_ns = WallNs();
    connection.reset();
    opening_ns.push_back(opened_ns - begin_ns);
    closing_ns.push_back(WallNs() - opened_ns);
  }
  times.clean_ns = opening_ns.front();
  std::sort(opening_ns.begin() + 1, opening_ns.end());
  std::sort(closing_ns.begin() + 1, closing_ns.end());
  times.warm_ns = opening_ns[kWarmConnections / 2];
  times.warm_close_ns = closing_ns[kWarmConnections / 2];
  return times;
}

Result<OpeningTimes> TimeFirstConnection(const SqliteApi& api, const std::string& path) {
  OpeningTimes times;
  const uint64_t begin_ns = WallNs();
  SIBYL_ASSIGN_OR_RETURN(const auto connection, Connect(api, path));
  times.crashed_ns = WallNs() - begin_ns;
  return times;
}

Result<OpeningTimes> ChangeAndDie(const SqliteApi& api, const OpeningTask& task) {
  SIBYL_ASSIGN_OR_RETURN(const auto connection, SqlConnection::Open(&api, task.path));
  SIBYL_RETURN_IF_ERROR(connection->Execute("PRAGMA wal_autocheckpoint=0"));
  SIBYL_RETURN_IF_ERROR(ChangeRows(*connection, {task.rows, task.changed_rows, /*seed=*/815}));
  (void)raise(SIGKILL);
  return Error{ErrorCode::kIo, "survived SIGKILL"};
}

Result<OpeningTimes> Measure(const SqliteApi& api, const OpeningTask& task) {
  switch (task.what) {
    case OpeningCase::kConnections:
      return TimeConnections(api, task.path);
    case OpeningCase::kChangeAndDie:
      return ChangeAndDie(api, task);
    case OpeningCase::kFirstConnection:
      return TimeFirstConnection(api, task.path);
  }
  return Error{ErrorCode::kInvalidArgument, "no such opening"};
}

[[noreturn]] void BecomeProcess(const OpeningTask& task, int output) {
  std::array<std::string, 7> words = {"sibyl_sql_bench",
                                      kOpeningOption,
                                      std::to_string(static_cast<int>(task.what)),
                                      task.engine,
                                      task.path,
                                      std::to_string(task.rows),
                                      std::to_string(task.changed_rows)};
  std::array<char*, 8> arguments{};
  for (size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  dup2(output, STDOUT_FILENO);
  execv("/proc/self/exe", arguments.data());
  _exit(127);
}

Result<OpeningTimes> InProcess(const OpeningTask& task) {
  int ends[2];
  if (pipe(ends) != 0) return Error{ErrorCode::kIo, "cannot make a pipe"};
  const pid_t child = fork();
  if (child < 0) return Error{ErrorCode::kIo, "cannot fork"};
  if (child == 0) BecomeProcess(task, ends[1]);
  close(ends[1]);
  OpeningTimes times;
  const bool received = read(ends[0], &times, sizeof times) == sizeof times;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (received || (killed && task.what == OpeningCase::kChangeAndDie)) return times;
  return Error{ErrorCode::kIo, "a process that opens " + task.path + " failed"};
}

}  // namespace

Result<OpeningTimes> MeasureOpenings(const OpeningTask& task) {
  OpeningTask step = task;
  SIBYL_ASSIGN_OR_RETURN(OpeningTimes times, InProcess(step));
  step.what = OpeningCase::kChangeAndDie;
  const auto died = InProcess(step);
  if (!died) return died.error();
  step.what = OpeningCase::kFirstConnection;
  SIBYL_ASSIGN_OR_RETURN(const OpeningTimes after, InProcess(step));
  times.crashed_ns = after.crashed_ns;
  return times;
}

Status RunOpening(const SqliteApi& api, const OpeningTask& task) {
  SIBYL_ASSIGN_OR_RETURN(const OpeningTimes times, Measure(api, task));
  if (write(STDOUT_FILENO, &times, sizeof times) != sizeof times) {
    return Error{ErrorCode::kIo, "cannot tell what was measured"};
  }
  return Ok();
}

}  // namespace sibyl::bench
