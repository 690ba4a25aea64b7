// What a statement that came over the network may not do: reach files outside the database, change
// the state of a pooled connection, read what the server keeps for itself.

#ifndef SIBYL_SQL_SERVER_AUTHORIZER_H_
#define SIBYL_SQL_SERVER_AUTHORIZER_H_

#include <optional>
#include <string>

namespace sibyl::sql::server {

// The table of users and their SCRAM verifiers.
constexpr char kUsersTable[] = "sibyl_users";

// Why a statement may not do `action`, with the arguments that SQLite's authorizer gets
// (sqlite3_set_authorizer); nullopt: it may. Either name may be null.
std::optional<std::string> WhyDenied(int action, const char* first, const char* second);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_AUTHORIZER_H_
