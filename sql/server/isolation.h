// Names of isolation levels, as in settings.

#ifndef SIBYL_SQL_SERVER_ISOLATION_H_
#define SIBYL_SQL_SERVER_ISOLATION_H_

#include <string_view>

#include "sql/server/dialect/translate.h"

namespace sibyl::sql::server {

inline const char* NameOf(IsolationLevel level) {
  switch (level) {
    case IsolationLevel::kRepeatableRead:
      return "repeatable read";
    case IsolationLevel::kSerializable:
      return "serializable";
    default:
      return "read committed";
  }
}

inline IsolationLevel IsolationOf(std::string_view name) {
  if (name == "repeatable read") return IsolationLevel::kRepeatableRead;
  if (name == "serializable") return IsolationLevel::kSerializable;
  return IsolationLevel::kReadCommitted;
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_ISOLATION_H_
