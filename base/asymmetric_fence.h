// A memory fence of which the frequent side is free and the rare side pays.
//
// Dekker's pattern: one thread writes A and reads B, another writes B and reads A, and at least one
// must see the other's write. That takes a full fence on both sides, which on the frequent side
// costs more than a point read's arithmetic: it stops the processor from overlapping the cache
// misses of one read with those of the next. Linux's membarrier(2) lets the rare side run a fence on
// the processors of all threads instead.

#ifndef SIBYL_BASE_ASYMMETRIC_FENCE_H_
#define SIBYL_BASE_ASYMMETRIC_FENCE_H_

#include <atomic>

namespace sibyl::base {

// True if this process can use HeavyFence. Registers the process for it; cheap to repeat, and to be
// repeated after a fork. False on kernels without membarrier: then both sides need full fences.
bool CanUseHeavyFence();

// The frequent side, between its write and its read: keeps the compiler from reordering them.
inline void LightFence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

// The rare side, between its write and its read: when it returns, every thread of the process has
// passed a full fence since the call began. Some microseconds. Precondition: CanUseHeavyFence().
void HeavyFence();

}  // namespace sibyl::base

#endif  // SIBYL_BASE_ASYMMETRIC_FENCE_H_
