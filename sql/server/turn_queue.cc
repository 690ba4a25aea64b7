#include "sql/server/turn_queue.h"

namespace sibyl::sql::server {

bool TurnQueue::TryAcquire() {
  const std::lock_guard lock(mutex_);
  if (free_places_ == 0) return false;  // then the queue may have others, who go first
  --free_places_;
  return true;
}

// True if there is a place after all; else the coroutine will be resumed.
bool TurnQueue::AcquireOrWait(const Place& place) {
  {
    const std::lock_guard lock(mutex_);
    if (free_places_ > 0) {
      --free_places_;
      return true;
    }
    queue_.push_back(place);
  }
  // From here on the coroutine may be running elsewhere; the queue stays.
  if (on_wait_) on_wait_();
  return false;
}

EventLoop* TurnQueue::Release() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) {
    ++free_places_;
    return nullptr;
  }
  const Place next = queue_.front();
  queue_.pop_front();
  *next.outcome = Outcome::kGranted;
  next.loop->Resume(next.coroutine);
  return next.loop;
}

bool TurnQueue::SendAway() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return false;
  const uint64_t now_ns = base::NowNs();
  queue_.remove_if([now_ns](const Place& place) {
    const bool is_late = place.deadline_ns != 0 && place.deadline_ns <= now_ns;
    const bool is_interrupted = place.interrupt->IsDue();
    if (!is_late && !is_interrupted) return false;
    *place.outcome = is_interrupted ? Outcome::kInterrupted : Outcome::kTimedOut;
    place.loop->Resume(place.coroutine);
    return true;
  });
  return true;
}

bool TurnQueue::is_free() const {
  const std::lock_guard lock(mutex_);
  return free_places_ > 0;
}

size_t TurnQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace sibyl::sql::server
