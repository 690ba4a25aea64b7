#include "sql/server/session_registry.h"

#include "sql/server/net/channel.h"

namespace sibyl::sql::server {

void SessionRegistry::Add(SessionControl* session) {
  const std::lock_guard lock(mutex_);
  while (sessions_.contains(next_pid_)) next_pid_ = next_pid_ % 0x3fffffff + 1;
  session->backend_pid = next_pid_;
  sessions_[next_pid_] = session;
  next_pid_ = next_pid_ % 0x3fffffff + 1;
}

void SessionRegistry::Remove(SessionControl* session) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session->backend_pid);
}

size_t SessionRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

bool SessionRegistry::Cancel(int32_t backend_pid, int32_t secret) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(backend_pid);
  if (found == sessions_.end() || found->second->secret != secret) return false;
  if (!found->second->logged_in) return false;
  found->second->interrupt->Request(InterruptReason::kCancel);
  return true;
}

void SessionRegistry::EndIdle(uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, session] : sessions_) {
    const uint64_t since_ns = session->waiting_since_ns;
    const uint64_t limit_ms = session->idle_limit_ms;
    if (since_ns == 0 || limit_ms == 0 || now_ns < since_ns + limit_ms * 1'000'000) continue;
    End(session, !session->logged_in       ? Termination::kLoginTimeout
                 : session->in_transaction ? Termination::kIdleInTransactionTimeout
                                           : Termination::kIdleTimeout);
  }
}

void SessionRegistry::EndAll(bool in_transactions_too) {
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, session] : sessions_) {
    if (in_transactions_too && session->logged_in) {
      session->interrupt->Request(InterruptReason::kShutdown);
    }
    const bool is_idle = session->waiting_since_ns != 0 && !session->in_transaction;
    if (in_transactions_too || is_idle) End(session, Termination::kShutdown);
  }
}

void SessionRegistry::AbortAll() {
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, session] : sessions_) session->channel->Abort();
}

// Precondition: mutex_ is held, so that the channel lives.
void SessionRegistry::End(SessionControl* session, Termination why) {
  Termination none = Termination::kNone;
  if (session->termination.compare_exchange_strong(none, why)) session->channel->StopReading();
}

}  // namespace sibyl::sql::server
