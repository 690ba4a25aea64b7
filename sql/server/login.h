// Login: from the first byte of a connection to the moment when the client may send queries.

#ifndef SIBYL_SQL_SERVER_LOGIN_H_
#define SIBYL_SQL_SERVER_LOGIN_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sql/server/net/channel.h"
#include "sql/server/net/task.h"
#include "sql/server/server_state.h"

namespace sibyl::sql::server {

struct LoginResult {
  std::string user;
  std::string database;
  bool is_owner = false;                                      // came over a Unix socket
  std::vector<std::pair<std::string, std::string>> settings;  // from the startup packet
};

enum class Network : uint8_t {
  kTcp,
  kUnixSocket,
  kOwnerSocket,  // in the folder of the database
};

// Encryption, startup packet, authentication. nullopt: the client was refused, was told why if it
// can understand it, and the connection is to be closed; or it was a cancel request, now done.
Task<std::optional<LoginResult>> LogIn(ServerState* server, Channel* channel, Network network);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_LOGIN_H_
