#include "sql/server/connection_pool.h"

namespace sibyl::sql::server {

Task<SqlResult<std::unique_ptr<PooledConnection>>> ConnectionPool::Borrow(EventLoop* loop,
                                                                          Interrupt* interrupt,
                                                                          uint64_t timeout_ms) {
  const auto outcome = co_await places_.Acquire(loop, interrupt, timeout_ms);
  if (outcome == TurnQueue::Outcome::kInterrupted) co_return interrupt->ToError();
  if (outcome == TurnQueue::Outcome::kTimedOut) {
    co_return SqlError{"53300",
                       "all connections of the pool are in open transactions",
                       {},
                       "Raise pool_connections, or end transactions earlier."};
  }
  auto connection = TakeOrOpen();
  if (!connection) places_.Release();
  co_return connection;
}

SqlResult<std::unique_ptr<PooledConnection>> ConnectionPool::TakeOrOpen() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto connection = std::move(free_.back());
      free_.pop_back();
      return connection;
    }
  }
  const LongWork opening;
  auto opened = PooledConnection::Open(options_);
  if (opened) ++open_connections_;
  return opened;
}

void ConnectionPool::GiveBack(std::unique_ptr<PooledConnection> connection) {
  connection->ServeFor({});
  if (connection->has_temporary_objects()) {
    connection.reset();
    --open_connections_;
  } else {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
  }
  places_.Release();
}

void ConnectionPool::Clear() {
  const std::lock_guard lock(mutex_);
  open_connections_ -= free_.size();
  free_.clear();
}

}  // namespace sibyl::sql::server
