// Task<T>: a coroutine that somebody awaits. It starts when it is awaited, and its awaiter goes on
// in the same thread when it ends. An exception (out of memory, by design the only one) travels to
// the awaiter.

//
// Traps of g++ 12, each of which compiles and then crashes: no co_await in the right operand of &&
// or ||, and no braced temporaries among the arguments of what is awaited.

#ifndef SIBYL_SQL_SERVER_NET_TASK_H_
#define SIBYL_SQL_SERVER_NET_TASK_H_

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace sibyl::sql::server {

template <typename T>
class Task;

namespace task_internal {

struct PromiseBase {
  // Hands over to whoever awaits.
  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }

  std::coroutine_handle<> continuation;
  std::exception_ptr exception;
};

template <typename T>
struct Promise : PromiseBase {
  Task<T> get_return_object();
  template <typename U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T Take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }

  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void Take() {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace task_internal

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = task_internal::Promise<T>;

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().continuation = awaiter;
    return handle_;
  }
  T await_resume() { return handle_.promise().Take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

namespace task_internal {

template <typename T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// Owns itself: the root of a chain of tasks.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace task_internal

// Runs `task` until it first waits; from then on it lives on its own. It must not let an exception
// out.
inline void Detach(Task<void> task) {
  [](Task<void> owned) -> task_internal::Detached { co_await owned; }(std::move(task));
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_NET_TASK_H_
