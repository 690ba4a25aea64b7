// TurnQueue: a number of places, given to those who wait in the order in which they came.
//
// The server has two: the one place of the writer, and the places of the connection pool. Waiting
// is a coroutine's; it ends with a place, after a time limit, or when the session's Interrupt is
// requested.

#ifndef SIBYL_SQL_SERVER_TURN_QUEUE_H_
#define SIBYL_SQL_SERVER_TURN_QUEUE_H_

#include <coroutine>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

#include "sql/server/interrupt.h"
#include "sql/server/net/event_loop.h"

namespace sibyl::sql::server {

// Thread-safe.
class TurnQueue {
 public:
  enum class Outcome : uint8_t { kGranted, kTimedOut, kInterrupted };

  explicit TurnQueue(size_t places) : free_places_(places) {}

  class Waiting;

  // A place at once, if there is one.
  bool TryAcquire();

  // co_await gives the Outcome; goes on in `loop`. `timeout_ms` 0: waits without limit. All
  // arguments must live until then.
  Waiting Acquire(EventLoop* loop, Interrupt* interrupt, uint64_t timeout_ms);

  // Gives a place back: to the first who waits, if somebody does. Returns that one's loop, or null.
  EventLoop* Release();

  // Sends away those whose time is over or who are interrupted. To be called every few
  // milliseconds while somebody waits. False: nobody does.
  bool SendAway();

  // `on_wait` is called, in any thread, whenever somebody begins to wait. To be set before that.
  void OnWait(std::function<void()> on_wait) { on_wait_ = std::move(on_wait); }

  size_t waiting() const;
  bool is_free() const;  // there is a place for whoever comes next

 private:
  struct Place {
    EventLoop* loop;
    Interrupt* interrupt;
    uint64_t deadline_ns;
    Outcome* outcome;
    std::coroutine_handle<> coroutine;
  };

  bool AcquireOrWait(const Place& place);

  mutable std::mutex mutex_;  // guards what follows
  size_t free_places_;
  std::list<Place> queue_;
  std::function<void()> on_wait_;
};

class TurnQueue::Waiting {
 public:
  Waiting(TurnQueue* queue, EventLoop* loop, Interrupt* interrupt, uint64_t timeout_ms)
      : queue_(queue), loop_(loop), interrupt_(interrupt), timeout_ms_(timeout_ms) {}

  bool await_ready() { return queue_->TryAcquire(); }  // no need to wait
  bool await_suspend(std::coroutine_handle<> coroutine) {
    const uint64_t deadline_ns = timeout_ms_ == 0 ? 0 : base::NowNs() + timeout_ms_ * 1'000'000;
    return !queue_->AcquireOrWait({loop_, interrupt_, deadline_ns, &outcome_, coroutine});
  }
  Outcome await_resume() const { return outcome_; }

 private:
  TurnQueue* queue_;
  EventLoop* loop_;
  Interrupt* interrupt_;
  uint64_t timeout_ms_;
  Outcome outcome_ = Outcome::kGranted;
};

inline TurnQueue::Waiting TurnQueue::Acquire(EventLoop* loop, Interrupt* interrupt,
                                             uint64_t timeout_ms) {
  return {this, loop, interrupt, timeout_ms};
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TURN_QUEUE_H_
