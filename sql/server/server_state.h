// What all sessions of one server share.

#ifndef SIBYL_SQL_SERVER_SERVER_STATE_H_
#define SIBYL_SQL_SERVER_SERVER_STATE_H_

#include <openssl/ssl.h>

#include <atomic>
#include <memory>

#include "sql/server/auth/scram.h"
#include "sql/server/connection_pool.h"
#include "sql/server/log.h"
#include "sql/server/log_syncer.h"
#include "sql/server/memory_budget.h"
#include "sql/server/metrics.h"
#include "sql/server/server_options.h"
#include "sql/server/session_registry.h"
#include "sql/server/turn_queue.h"
#include "sql/server/users.h"

namespace sibyl::sql::server {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;

// Thread-safe as its parts are; options and tls do not change while the server runs.
struct ServerState {
  explicit ServerState(ServerOptions server_options)
      : options(std::move(server_options)),
        log(options.log_file),
        pool({options.database_path, options.synchronous}, options.pool_connections),
        memory(options.max_memory_bytes),
        users(options.database_path) {}

  const ServerOptions options;
  SslContext tls;                            // null: not offered
  const std::string secret = RandomNonce();  // of this run
  Log log;
  Metrics metrics;
  ConnectionPool pool;
  TurnQueue writers{1};
  LogSyncer syncer;
  EventLoop* writers_loop = nullptr;  // where sessions gather that wait for each other to write
  std::atomic<uint64_t> schema_generation{1};
  std::atomic<bool> stopping{false};  // no new sessions; idle ones end
  MemoryBudget memory;                // of all sessions
  Users users;
  SessionRegistry registry;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SERVER_STATE_H_
