// SqlError: an error as PostgreSQL clients see it, and SqlResult<T>, a value or such an error.

#ifndef SIBYL_SQL_SERVER_SQL_ERROR_H_
#define SIBYL_SQL_SERVER_SQL_ERROR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace sibyl::sql::server {

struct SqlError {
  std::string sqlstate;  // five characters: appendix A of PostgreSQL's manual
  std::string message;
  std::string detail = {};
  std::string hint = {};
  uint32_t position = 0;  // in characters from 1, in the text that the client sent; 0: nowhere
};

// The interface of sibyl::Result, with SqlError for Error.
template <typename T>
class [[nodiscard]] SqlResult {
 public:
  SqlResult(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  SqlResult(SqlError error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition of these: has_value().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !has_value().
  const SqlError& error() const& { return std::get<1>(state_); }
  SqlError&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, SqlError> state_;
};

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
