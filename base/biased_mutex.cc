#include "base/biased_mutex.h"

namespace sibyl::base {

// Gives the bias to the calling thread, inside, if nobody has had it. Call with bias_mutex_ held.
bool BiasedMutex::Claim() {
  if (owner_.load(std::memory_order_relaxed) != pthread_t{}) return false;
  depth_.store(1, std::memory_order_relaxed);
  owner_.store(pthread_self(), std::memory_order_relaxed);
  return true;
}

// Call with bias_mutex_ held.
void BiasedMutex::Revoke() {
  if (revoked_.load(std::memory_order_relaxed)) return;
  revoked_.store(true, std::memory_order_relaxed);
  HeavyFence();
}

void BiasedMutex::LockShared() {
  if (!is_shared_.load(std::memory_order_acquire)) {
    std::unique_lock lock(bias_mutex_);
    if (!is_shared_.load(std::memory_order_relaxed)) {
      if (Claim()) return;
      Revoke();
      owner_left_.wait(lock, [this] { return depth_.load(std::memory_order_acquire) == 0; });
      is_shared_.store(true, std::memory_order_release);
    }
  }
  shared_.lock();
}

bool BiasedMutex::TryLockShared() {
  if (!is_shared_.load(std::memory_order_acquire)) {
    const std::lock_guard lock(bias_mutex_);
    if (!is_shared_.load(std::memory_order_relaxed)) {
      if (Claim()) return true;
      Revoke();
      if (depth_.load(std::memory_order_acquire) != 0) return false;
      is_shared_.store(true, std::memory_order_release);
    }
  }
  return shared_.try_lock();
}

// Whoever waits holds bias_mutex_ until it does.
void BiasedMutex::WakeRevoker() {
  const std::lock_guard lock(bias_mutex_);
  owner_left_.notify_all();
}

}  // namespace sibyl::base
