// A connection to a server, through libpq.

#ifndef SIBYL_TOOLS_PQ_CONNECTION_H_
#define SIBYL_TOOLS_PQ_CONNECTION_H_

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::tools {

struct PqConnectionDeleter {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using PqConnection = std::unique_ptr<PGconn, PqConnectionDeleter>;

struct PqResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PqResult = std::unique_ptr<PGresult, PqResultDeleter>;

// Connects. `parameters`: libpq's keywords; a `dbname` may be a URL. kIo with libpq's reason; where
// the server asked for a password and none was given, kInvalidArgument.
Result<PqConnection> ConnectToServer(
    const std::vector<std::pair<std::string, std::string>>& parameters);

// libpq's message, without the line end.
std::string PqMessage(const char* message);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_PQ_CONNECTION_H_
