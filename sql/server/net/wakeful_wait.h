// WakefulWait: whether an event loop with nothing to do looks again at once, or sleeps.
//
// Where its processor would go idle, waking a thread costs more than a point query; so a loop stays
// awake for a moment after each piece of work, as long as its clients have lately been that quick.
// Between two looks it yields. A yield that takes time is one in which others ran: where they take
// most of the waiting, the processor would not go idle, sleeping costs next to nothing, and staying
// awake only puts the loop behind whoever computes there. So the loop leaves it for a while, longer
// each time.

#ifndef SIBYL_SQL_SERVER_NET_WAKEFUL_WAIT_H_
#define SIBYL_SQL_SERVER_NET_WAKEFUL_WAIT_H_

#include <algorithm>
#include <cstdint>

namespace sibyl::sql::server {

// Of one thread. `now_ns` is of one clock and never goes back.
class WakefulWait {
 public:
  // There is nothing to do. True: yield and ask again; false: sleep, then call End. The loop has a
  // reason to stay awake until `wanted_until_ns` even if its own clients are not quick.
  bool GoesOn(uint64_t now_ns, uint64_t wanted_until_ns = 0) {
    if (began_ns_ == 0) {
      began_ns_ = now_ns;
    } else {
      NoteYield(now_ns);
    }
    looked_ns_ = now_ns;
    if (now_ns < leaves_until_ns_) return false;
    return now_ns < wanted_until_ns || (is_quick() && now_ns - began_ns_ < kMostNs);
  }

  // There is something to do. `slept`: after GoesOn has returned false.
  void End(uint64_t now_ns, bool slept) {
    if (began_ns_ == 0) return;
    const bool was_short = now_ns - began_ns_ < kMostNs;
    short_waits_ = was_short ? std::min(short_waits_ + 1, kMostCounted)
                             : std::max(short_waits_ - kLongWeighs, 0);
    began_ns_ = 0;
    if (!slept) NoteYield(now_ns);
  }

  // Most of the loop's own waits have lately been short.
  bool is_quick() const { return short_waits_ >= kFewCounted; }

  // Until then GoesOn returns false, whatever happens.
  uint64_t leaves_until_ns() const { return leaves_until_ns_; }

  static constexpr uint64_t kMostNs = 50'000;           // awake, in one wait
  static constexpr uint64_t kOthersNs = 3'000;          // a yield that is longer was used by others
  static constexpr uint64_t kWholeSliceNs = 1'000'000;  // and this long is enough by itself
  static constexpr uint64_t kJudgedNs = 2'000'000;      // so much of yields makes a judgement
  static constexpr uint64_t kLeastLeavesNs = 5'000'000;
  static constexpr uint64_t kMostLeavesNs = 1'000'000'000;
  static constexpr int kFewCounted = 8;  // of short waits, to begin with staying awake

 private:
  static constexpr int kMostCounted = 32;
  static constexpr int kLongWeighs = 3;       // at most a quarter of the waits are in vain
  static constexpr uint64_t kMostOthers = 4;  // others may have this many fifths of the waiting

  void NoteYield(uint64_t now_ns) {
    const uint64_t yield_ns = now_ns - looked_ns_;
    yields_ns_ += yield_ns;
    if (yield_ns > kOthersNs) others_ns_ += yield_ns;
    if (yield_ns < kWholeSliceNs && yields_ns_ < kJudgedNs) return;
    const bool is_crowded = yield_ns >= kWholeSliceNs || 5 * others_ns_ > kMostOthers * yields_ns_;
    yields_ns_ = others_ns_ = 0;
    if (is_crowded) {
      leaves_until_ns_ = now_ns + leaves_for_ns_;
      leaves_for_ns_ = std::min(2 * leaves_for_ns_, kMostLeavesNs);
    } else {
      leaves_for_ns_ = std::max(leaves_for_ns_ / 2, kLeastLeavesNs);
    }
  }

  uint64_t began_ns_ = 0;  // of the wait under way; 0: there is none
  uint64_t looked_ns_ = 0;
  uint64_t yields_ns_ = 0;  // since the last judgement
  uint64_t others_ns_ = 0;  // of which others ran
  uint64_t leaves_until_ns_ = 0;
  uint64_t leaves_for_ns_ = kLeastLeavesNs;  // the next time
  int short_waits_ = 0;                      // lately
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_NET_WAKEFUL_WAIT_H_
