#include "base/thread_index.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace sibyl::base {

namespace {

// Bit i of word w: number 64 w + i is taken. Lock-free, so that a fork at any moment finds it whole.
constinit std::array<std::atomic<uint64_t>, kMaxThreadIndexes / 64> taken{};

class OwnIndex {
 public:
  OwnIndex() : index_(Take()) {}
  ~OwnIndex() {
    if (index_ == kMaxThreadIndexes) return;
    const size_t index = index_;
    index_ = kMaxThreadIndexes;  // for calls from thread-local objects that are destroyed later
    taken[index / 64].fetch_and(~(uint64_t{1} << index % 64), std::memory_order_release);
  }
  OwnIndex(const OwnIndex&) = delete;
  OwnIndex& operator=(const OwnIndex&) = delete;

  size_t index() const { return index_; }

 private:
  static size_t Take() {
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

  size_t index_;
};

}  // namespace

size_t ThreadIndex() {
  static thread_local OwnIndex own;
  return own.index();
}

}  // namespace sibyl::base
