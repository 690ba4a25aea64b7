// Result<T>: a value of type T, or an Error saying why there is none. Result<T, E> says it with an
// error of another type.
//
// The interface is a subset of C++23 std::expected<T, E>, so that the day the whole toolchain has
// it, this file becomes a single alias.

#ifndef SIBYL_RESULT_H_
#define SIBYL_RESULT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace sibyl {

// What the caller can do about it decides the code; the message is for a human.
enum class ErrorCode : uint8_t {
  kInvalidArgument,  // the caller broke a documented precondition: fix the call
  kCorruption,       // stored bytes fail a check: retrying cannot help
  kIo,               // the operating system refused: retrying may help
  kNotSupported,     // a valid request, or a newer file format, that this build cannot serve
  kConflict,         // another transaction committed first: run this one again
  kBusy,             // somebody else has what this call needs: wait, then retry
  kReadOnly,         // the database was opened, or has become, read-only: reopen it
};

// The name of `code` as it appears in messages, for example "corruption".
const char* ErrorCodeName(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code;
  std::string message;  // names the file, offset or key involved

  // "<code name>: <message>"
  std::string ToString() const;
};

template <typename T, typename E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition of the next four: has_value(). Checked: a violation throws.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !has_value(). Checked, as above.
  const E& error() const& { return std::get<1>(state_); }
  E&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, E> state_;
};

// The outcome of an operation that produces nothing but success.
using Status = Result<std::monostate>;
inline Status Ok() { return std::monostate{}; }

}  // namespace sibyl

#endif  // SIBYL_RESULT_H_
