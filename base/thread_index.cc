#include "base/thread_index.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <utility>

namespace sibyl::base {

namespace {

// Bit i of word w: number 64 w + i is taken. Lock-free, so that a fork at any moment finds it
// whole.
constinit std::array<std::atomic<uint64_t>, kMaxThreadIndexes / 64> taken{};

size_t TakeFreeIndex() {
  for (size_t word = 0; word < taken.size(); ++word) {
    uint64_t bits = taken[word].load(std::memory_order_relaxed);
    while (bits != UINT64_MAX) {
      const uint64_t free_bit = ~bits & (bits + 1);
      if (taken[word].compare_exchange_weak(bits, bits | free_bit, std::memory_order_acquire)) {
        return word * 64 + static_cast<size_t>(std::countr_zero(free_bit));
      }
    }
  }
  return kMaxThreadIndexes;
}

// Gives the thread's number back when the thread ends.
struct GiveBackAtThreadEnd {
  ~GiveBackAtThreadEnd() {
    // From now on, for calls from thread-local objects that are destroyed later: no number.
    const size_t index = std::exchange(internal::own_thread_index, kMaxThreadIndexes);
    if (index >= kMaxThreadIndexes) return;
    taken[index / 64].fetch_and(~(uint64_t{1} << index % 64), std::memory_order_release);
  }
};

}  // namespace

namespace internal {

thread_local constinit size_t own_thread_index = kNoThreadIndex;

size_t TakeThreadIndex() {
  static thread_local GiveBackAtThreadEnd give_back;
  (void)give_back;  // makes it exist
  own_thread_index = TakeFreeIndex();
  return own_thread_index;
}

}  // namespace internal

}  // namespace sibyl::base
