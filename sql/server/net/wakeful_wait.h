// WakefulWait: whether an event loop with nothing to do looks again at once, or sleeps.
//
// Where its processor would go idle, waking a thread costs more than a point query; so a loop stays
// awake for a moment after each piece of work, as long as its clients have lately been that quick.
// Between two looks it yields. Yields that take long, more often than interrupts explain, show that
// the processor has other work: then it would not go idle, sleeping costs next to nothing, and
// staying awake only puts the loop behind whoever computes there. So the loop leaves it for a
// while, longer each time.

#ifndef SIBYL_SQL_SERVER_NET_WAKEFUL_WAIT_H_
#define SIBYL_SQL_SERVER_NET_WAKEFUL_WAIT_H_

#include <algorithm>
#include <cstdint>

namespace sibyl::sql::server {

// Of one thread. `now_ns` is of one clock and never goes back.
class WakefulWait {
 public:
  // There is nothing to do. True: yield and ask again; false: sleep, then call End.
  bool GoesOn(uint64_t now_ns) {
    if (began_ns_ == 0) {
      began_ns_ = now_ns;
    } else {
      NoteYield(now_ns);
    }
    looked_ns_ = now_ns;
    return short_waits_ >= kFewCounted && now_ns - began_ns_ < kMostNs &&
           now_ns >= leaves_until_ns_;
  }

  // There is something to do. `slept`: after GoesOn has returned false.
  void End(uint64_t now_ns, bool slept) {
    if (began_ns_ == 0) return;
    const bool was_short = now_ns - began_ns_ < kMostNs;
    short_waits_ = was_short ? std::min(short_waits_ + 1, kMostCounted)
                             : std::max(short_waits_ - kLongWeighs, 0);
    began_ns_ = 0;
    if (slept) return;
    NoteYield(now_ns);
    crowded_ = std::max(crowded_ - 1, 0);
    leaves_for_ns_ = std::max(leaves_for_ns_ - leaves_for_ns_ / 1024, kLeastLeavesNs);
  }

  static constexpr uint64_t kMostNs = 50'000;           // awake, in one wait
  static constexpr uint64_t kCrowdedNs = 10'000;        // of a yield
  static constexpr uint64_t kWholeSliceNs = 1'000'000;  // a yield this long is enough by itself
  static constexpr uint64_t kLeastLeavesNs = 5'000'000;
  static constexpr uint64_t kMostLeavesNs = 1'000'000'000;
  static constexpr int kFewCounted = 8;  // of short waits, to begin with staying awake

 private:
  static constexpr int kMostCounted = 32;
  static constexpr int kCrowdedWeighs = 16;  // waits without a long yield make up for one with
  static constexpr int kMostCrowded = 40;
  static constexpr int kLongWeighs = 3;  // at most a quarter of the waits are in vain

  void NoteYield(uint64_t now_ns) {
    if (now_ns - looked_ns_ <= kCrowdedNs) return;
    crowded_ += kCrowdedWeighs;
    if (crowded_ < kMostCrowded && now_ns - looked_ns_ < kWholeSliceNs) return;
    crowded_ = 0;
    leaves_until_ns_ = now_ns + leaves_for_ns_;
    leaves_for_ns_ = std::min(2 * leaves_for_ns_, kMostLeavesNs);
  }

  uint64_t began_ns_ = 0;  // of the wait under way; 0: there is none
  uint64_t looked_ns_ = 0;
  uint64_t leaves_until_ns_ = 0;
  uint64_t leaves_for_ns_ = kLeastLeavesNs;  // the next time
  int short_waits_ = 0;                      // lately
  int crowded_ = 0;                          // lately: the weights of long yields
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_NET_WAKEFUL_WAIT_H_
