// SqlError: an error as PostgreSQL clients see it, and SqlResult<T>, a value or such an error.

#ifndef SIBYL_SQL_SERVER_SQL_ERROR_H_
#define SIBYL_SQL_SERVER_SQL_ERROR_H_

#include <cstdint>
#include <string>
#include <variant>

#include "sibyl/result.h"

namespace sibyl::sql::server {

struct SqlError {
  std::string sqlstate;  // five characters: appendix A of PostgreSQL's manual
  std::string message;
  std::string detail = {};
  std::string hint = {};
  uint32_t position = 0;  // in characters from 1, in the text that the client sent; 0: nowhere
};

template <typename T>
using SqlResult = Result<T, SqlError>;

using SqlStatus = SqlResult<std::monostate>;
inline SqlStatus SqlOk() { return std::monostate{}; }

// There is not as much left of max_memory_bytes as `what` needs.
inline SqlError OutOfMemory(const std::string& what) {
  return {"53200",
          "out of memory: " + what + " would need more than is left",
          {},
          "The limit for all clients is max_memory_bytes."};
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_SQL_ERROR_H_
