// The users of a database and what their passwords are checked with: the table sibyl_users, which
// statements over the network cannot reach.

#ifndef SIBYL_SQL_SERVER_USERS_H_
#define SIBYL_SQL_SERVER_USERS_H_

#include <sqlite3.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"
#include "sql/server/auth/scram.h"

namespace sibyl::sql::server {

// Thread-safe. Opens the database when it is first asked, and keeps it open.
class Users {
 public:
  explicit Users(std::string database_path);
  ~Users();
  Users(const Users&) = delete;
  Users& operator=(const Users&) = delete;

  // Adds a user, or gives one another password. A password in the form of a verifier is taken for
  // one, as PostgreSQL does: then nobody but its owner has seen it.
  Status Set(std::string_view name, std::string_view password);

  // False: there is none.
  Result<bool> Delete(std::string_view name);

  // nullopt: there is none.
  Result<std::optional<ScramVerifier>> Find(std::string_view name);

  // Lets the database go.
  void Close();

 private:
  using Row = std::vector<std::string>;
  Result<std::vector<Row>> Run(const char* sql, const std::vector<std::string_view>& values);
  Status OpenIfClosed();

  const std::string path_;
  std::mutex mutex_;
  sqlite3* db_ = nullptr;  // guarded by mutex_
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_USERS_H_
