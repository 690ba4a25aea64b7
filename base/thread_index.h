// A small number for each running thread: the place where it may write without sharing.

#ifndef SIBYL_BASE_THREAD_INDEX_H_
#define SIBYL_BASE_THREAD_INDEX_H_

#include <cstddef>
#include <cstdint>

namespace sibyl::base {

// Threads that can have a number at one moment.
inline constexpr size_t kMaxThreadIndexes = 256;

// A number below kMaxThreadIndexes that no other running thread has, the same for the life of the
// calling thread; kMaxThreadIndexes if all are taken. A nanosecond, after the first call of a
// thread. Numbers of threads that ended are given out again: what the earlier owner wrote before it
// ended is visible to the next.
size_t ThreadIndex();

// ---- What follows is in the header so that asking costs a load and a compare ----

namespace internal {

inline constexpr size_t kNoThreadIndex = SIZE_MAX;

extern thread_local constinit size_t own_thread_index;  // kNoThreadIndex until the first call

size_t TakeThreadIndex();

}  // namespace internal

inline size_t ThreadIndex() {
  const size_t index = internal::own_thread_index;
  return index != internal::kNoThreadIndex ? index : internal::TakeThreadIndex();
}

}  // namespace sibyl::base

#endif  // SIBYL_BASE_THREAD_INDEX_H_
