// The sessions of a server, for those who act on them from outside: cancel requests, time limits,
// shutdown.

#ifndef SIBYL_SQL_SERVER_SESSION_REGISTRY_H_
#define SIBYL_SQL_SERVER_SESSION_REGISTRY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

#include "sql/server/interrupt.h"

namespace sibyl::sql::server {

class Channel;

// Why a session is to end.
enum class Termination : uint8_t {
  kNone,
  kLoginTimeout,
  kIdleTimeout,
  kIdleInTransactionTimeout,
  kShutdown,
};

// What a session shows of itself. The session owns it and writes the atomics; the registry points
// to it while the session is registered.
struct SessionControl {
  int32_t backend_pid = 0;
  int32_t secret = 0;
  Channel* channel = nullptr;
  Interrupt* interrupt = nullptr;             // null before login
  std::atomic<uint64_t> waiting_since_ns{0};  // for the client; 0: it is working
  std::atomic<uint64_t> idle_limit_ms{0};     // of waiting; 0: none
  std::atomic<bool> in_transaction{false};
  std::atomic<bool> logged_in{false};
  std::atomic<Termination> termination{Termination::kNone};
};

// Thread-safe.
class SessionRegistry {
 public:
  // Gives the session its process id, which no other session has.
  void Add(SessionControl* session);
  void Remove(SessionControl* session);
  size_t size() const;

  // Interrupts the session with that id and secret; false: there is none.
  bool Cancel(int32_t backend_pid, int32_t secret);

  // Ends those who have waited for their clients for too long.
  void EndIdle(uint64_t now_ns);

  // Ends all that are in no transaction, or all; statements that run are interrupted in the latter
  // case.
  void EndAll(bool in_transactions_too);

  // Cuts all connections.
  void AbortAll();

 private:
  static void End(SessionControl* session, Termination why);

  mutable std::mutex mutex_;  // guards what follows
  int32_t next_pid_ = 1;
  std::map<int32_t, SessionControl*> sessions_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SESSION_REGISTRY_H_
