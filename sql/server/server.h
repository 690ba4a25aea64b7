// Server: serves one database over the PostgreSQL wire protocol.

#ifndef SIBYL_SQL_SERVER_SERVER_H_
#define SIBYL_SQL_SERVER_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "sibyl/result.h"
#include "sql/server/server_options.h"

namespace sibyl::sql::server {

class Server {
 public:
  // Opens the database, listens, and serves in threads of its own from now on.
  // Errors: kIo if the database cannot be opened or an address not be listened on;
  // kInvalidArgument for options that make no sense.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options);

  virtual ~Server() = default;  // Stop

  // Where it listens; 0: not there.
  virtual uint16_t port() const = 0;
  virtual uint16_t metrics_port() const = 0;

  // Takes no new clients, lets transactions end within shutdown_timeout_ms, ends the rest, and
  // closes the database cleanly. Returns when all that is done.
  virtual void Stop() = 0;
};

// A server also listens on a Unix socket in the folder of its database, which the database's owner
// alone can reach: for libpq the host is this folder, the port kOwnerPort.
constexpr uint16_t kOwnerPort = 5432;
std::string OwnerSocketDirectory(const std::string& database_path);
std::string OwnerSocketPath(const std::string& database_path);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SERVER_H_
