#include "tools/remote_shell/query_runner.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "tools/output.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

sigset_t InterruptSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  return signals;
}

void PrintNotice(void*, const char* message) {
  std::fprintf(stderr, "%s\n", PqMessage(message).c_str());
}

// Takes the signals that have come so far; whether there were any.
bool TakeInterrupts(int descriptor) {
  bool any = false;
  signalfd_siginfo signal;
  while (::read(descriptor, &signal, sizeof(signal)) == sizeof(signal)) any = true;
  return any;
}

}  // namespace

QueryRunner::QueryRunner(PqConnection connection, NextLine next_line)
    : connection_(std::move(connection)), next_line_(std::move(next_line)) {
  const sigset_t signals = InterruptSignal();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  interrupts_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  PQsetNoticeProcessor(connection_.get(), PrintNotice, nullptr);
}

QueryRunner::~QueryRunner() {
  TakeInterrupts(interrupts_);
  ::close(interrupts_);
  const sigset_t signals = InterruptSignal();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool QueryRunner::Complain() const {
  std::fprintf(stderr, "%s\n", PqMessage(PQerrorMessage(connection_.get())).c_str());
  return false;
}

// Until there is a result to take. An interrupt is passed on to the server, which then answers with
// an error. False: the connection is lost.
bool QueryRunner::Wait() {
  while (PQisBusy(connection_.get()) != 0) {
    pollfd waits[] = {{PQsocket(connection_.get()), POLLIN, 0}, {interrupts_, POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0) continue;
    if (TakeInterrupts(interrupts_)) {
      char reason[256];
      PGcancel* cancel = PQgetCancel(connection_.get());
      PQcancel(cancel, reason, sizeof(reason));
      PQfreeCancel(cancel);
    }
    if (waits[0].revents != 0 && PQconsumeInput(connection_.get()) == 0) return Complain();
  }
  return true;
}

PqResult QueryRunner::NextResult() {
  return PqResult(Wait() ? PQgetResult(connection_.get()) : nullptr);
}

bool QueryRunner::Run(const std::string& sql) {
  TakeInterrupts(interrupts_);  // of the time before
  const auto start = std::chrono::steady_clock::now();
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) return Complain();
  // Rows are shown as they come, unless the width of columns depends on those to come.
  if (mode != RowMode::kTable) PQsetSingleRowMode(connection_.get());
  is_in_rows_ = false;
  bool good = true;
  while (const PqResult result = NextResult()) good = Show(result.get()) && good;
  if (PQstatus(connection_.get()) == CONNECTION_BAD) return false;
  if (shows_time) {
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
    std::fprintf(stderr, "%s\n", Milliseconds(static_cast<uint64_t>(took.count())).c_str());
  }
  return good;
}

bool QueryRunner::Show(const PGresult* result) {
  const bool was_in_rows = std::exchange(is_in_rows_, false);
  switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
      is_in_rows_ = true;
      return Print(RowsText(result, mode, was_in_rows)).has_value();
    case PGRES_TUPLES_OK:  // of rows that were shown one by one: none, the end
      return was_in_rows || Print(RowsText(result, mode)).has_value();
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      return true;
    case PGRES_COPY_IN:
      return SendCopy();
    case PGRES_COPY_OUT:
      return ReceiveCopy();
    default:
      std::fprintf(stderr, "%s\n", PqMessage(PQresultErrorMessage(result)).c_str());
      return false;
  }
}

// Lines of input up to "\." or the end.
bool QueryRunner::SendCopy() {
  for (;;) {
    const auto line = next_line_();
    if (!line || *line == "\\.") break;
    const std::string whole = *line + "\n";
    if (PQputCopyData(connection_.get(), whole.data(), static_cast<int>(whole.size())) != 1) {
      return Complain();
    }
  }
  return PQputCopyEnd(connection_.get(), nullptr) == 1 || Complain();
}

bool QueryRunner::ReceiveCopy() {
  char* row = nullptr;
  for (;;) {
    const int size_bytes = PQgetCopyData(connection_.get(), &row, /*async=*/0);
    if (size_bytes == -1) return true;
    if (size_bytes < 0) return Complain();
    const auto printed = Print({row, static_cast<size_t>(size_bytes)});
    PQfreemem(row);
    if (!printed) return false;
  }
}

PqResult QueryRunner::Ask(const std::string& sql, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  PqResult result(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()),
                               nullptr, values.data(), nullptr, nullptr, /*resultFormat=*/0));
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return result;
  Complain();
  return nullptr;
}

}  // namespace sibyl::tools
