// How a server is to run: what the command line and the configuration file say.

#ifndef SIBYL_SQL_SERVER_SERVER_OPTIONS_H_
#define SIBYL_SQL_SERVER_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace sibyl::sql::server {

struct ServerOptions {
  std::string database_path;

  // Where to listen. Empty: not there. The port is in listen, "HOST:PORT"; port 0 takes a free one.
  std::string listen = "127.0.0.1:5432";
  std::string socket_directory;  // makes .s.PGSQL.PORT in it
  std::string metrics_listen;    // HTTP: /metrics and /health

  // Who may come in. Over TCP users log in with SCRAM-SHA-256 unless trust_tcp; over the Unix
  // socket they are trusted unless scram_on_socket.
  bool trust_tcp = false;
  bool scram_on_socket = false;
  std::string tls_certificate;  // PEM files; empty: TLS is not offered
  std::string tls_key;
  bool require_tls = false;  // on TCP

  std::string synchronous = "full";  // SQLite's PRAGMA: off, normal, full

  // Limits. Times of 0 mean without limit.
  uint64_t max_connections = 1000;
  uint64_t pool_connections = 64;  // SQLite connections: transactions that can be open at once
  uint64_t max_threads = 64;       // statements that can run at once
  uint64_t max_message_bytes = 64 << 20;
  uint64_t max_cursor_bytes = 256 << 20;  // what the rows of one cursor may take in memory
  // What messages, prepared statements, parameters, results and kept rows of all clients may take.
  uint64_t max_memory_bytes = 1 << 30;
  uint64_t statement_timeout_ms = 0;
  uint64_t lock_timeout_ms = 10'000;  // waiting for the writer's turn, or for a pooled connection
  uint64_t idle_in_transaction_timeout_ms = 60'000;
  uint64_t idle_session_timeout_ms = 0;
  uint64_t authentication_timeout_ms = 60'000;
  uint64_t shutdown_timeout_ms = 10'000;  // for transactions to end before they are cut off

  std::string log_file;  // empty: standard error
  bool log_statements = false;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SERVER_OPTIONS_H_
