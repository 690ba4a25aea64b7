// Interrupt: how other threads ask the statement of a session to stop, and its time limit.

#ifndef SIBYL_SQL_SERVER_INTERRUPT_H_
#define SIBYL_SQL_SERVER_INTERRUPT_H_

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

enum class InterruptReason : uint8_t { kNone, kCancel, kTimeout, kShutdown };

// Thread-safe. The session calls StartStatement and EndStatement; a request in between stops the
// statement, one at any other time is forgotten.
class Interrupt {
 public:
  // `timeout_ms` 0: no limit.
  void StartStatement(uint64_t timeout_ms) {
    if (reason_.load(std::memory_order_relaxed) != InterruptReason::kNone) {
      reason_.store(InterruptReason::kNone, std::memory_order_relaxed);
    }
    deadline_ns_ = timeout_ms == 0 ? 0 : base::NowNs() + timeout_ms * 1'000'000;
  }
  void EndStatement() { deadline_ns_ = 0; }

  void Request(InterruptReason reason) { reason_.store(reason, std::memory_order_relaxed); }

  // Whether the statement is to stop. Called every now and then while it runs.
  bool IsDue() {
    if (reason_.load(std::memory_order_relaxed) != InterruptReason::kNone) return true;
    const uint64_t deadline_ns = deadline_ns_.load(std::memory_order_relaxed);
    if (deadline_ns == 0 || base::NowNs() < deadline_ns) return false;
    Request(InterruptReason::kTimeout);
    return true;
  }

  // What to tell the client about a statement that was stopped.
  SqlError ToError() const {
    switch (reason_.load(std::memory_order_relaxed)) {
      case InterruptReason::kTimeout:
        return {"57014", "canceling statement due to statement timeout"};
      case InterruptReason::kShutdown:
        return {"57P01", "terminating connection due to administrator command"};
      default:
        return {"57014", "canceling statement due to user request"};
    }
  }

 private:
  std::atomic<InterruptReason> reason_{InterruptReason::kNone};
  std::atomic<uint64_t> deadline_ns_{0};
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_INTERRUPT_H_
