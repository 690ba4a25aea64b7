// What SQL functions may ask about the session on whose behalf they run: current_user,
// pg_backend_pid(), current_setting('...').

#ifndef SIBYL_SQL_SERVER_SESSION_FACTS_H_
#define SIBYL_SQL_SERVER_SESSION_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sql/server/sequence_values.h"

namespace sibyl::sql::server {

// Lives as long as its session; read by SQL functions in the thread that runs the session.
class SessionFacts {
 public:
  virtual ~SessionFacts() = default;

  virtual const std::string& user() const = 0;
  virtual const std::string& database() const = 0;
  // It came over a Unix socket, which only the owner of the database can reach.
  virtual bool may_manage_users() const = 0;
  virtual int32_t backend_pid() const = 0;
  // When its transaction began, in microseconds since 1970: what now() gives.
  virtual int64_t transaction_start_us() const = 0;
  // What sequences gave it.
  virtual const SequenceValues& sequences() const = 0;
  // The value that SHOW name would give; nullopt if there is no such parameter.
  virtual std::optional<std::string> Setting(std::string_view name) const = 0;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SESSION_FACTS_H_
