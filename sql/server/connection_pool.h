// The SQLite connections of a server, lent to sessions for a transaction at a time.

#ifndef SIBYL_SQL_SERVER_CONNECTION_POOL_H_
#define SIBYL_SQL_SERVER_CONNECTION_POOL_H_

#include <memory>
#include <mutex>
#include <vector>

#include "sql/server/net/task.h"
#include "sql/server/pooled_connection.h"
#include "sql/server/turn_queue.h"

namespace sibyl::sql::server {

// Thread-safe.
class ConnectionPool {
 public:
  ConnectionPool(PooledConnection::Options options, size_t max_connections)
      : options_(std::move(options)), places_(max_connections) {}

  // A connection nobody else has; opens one if all are lent. The one given back last comes first:
  // its caches are warm. Waits in a queue when `max_connections` are lent; 53300 when that takes
  // longer than `timeout_ms`.
  Task<SqlResult<std::unique_ptr<PooledConnection>>> Borrow(EventLoop* loop, Interrupt* interrupt,
                                                            uint64_t timeout_ms);

  // Those with temporary objects are closed.
  void GiveBack(std::unique_ptr<PooledConnection> connection);

  TurnQueue& places() { return places_; }
  size_t open_connections() const { return open_connections_.load(std::memory_order_relaxed); }

  // Closes those that are not lent.
  void Clear();

 private:
  SqlResult<std::unique_ptr<PooledConnection>> TakeOrOpen();

  const PooledConnection::Options options_;
  TurnQueue places_;
  std::atomic<size_t> open_connections_{0};
  std::mutex mutex_;
  std::vector<std::unique_ptr<PooledConnection>> free_;  // guarded by mutex_
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CONNECTION_POOL_H_
