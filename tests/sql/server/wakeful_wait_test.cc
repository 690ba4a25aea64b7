// Goal: an event loop stays awake only where that helps: for quick clients, briefly, and not on a
// processor that others need.
// Method: a clock that the test sets.

#include <catch2/catch.hpp>

#include "sql/server/net/wakeful_wait.h"

namespace sibyl::sql::server {
namespace {

constexpr uint64_t kQuickNs = 3'000;
constexpr uint64_t kYieldNs = 1'000;

struct Loop {
  WakefulWait wait;
  uint64_t now_ns = 1;

  // A wait for a message that comes after `ns`, with looks every kYieldNs while awake; whether the
  // loop was awake all the time.
  bool WaitFor(uint64_t ns) {
    const uint64_t end_ns = now_ns + ns;
    while (wait.GoesOn(now_ns)) {
      now_ns += kYieldNs;
      if (now_ns >= end_ns) {
        wait.End(now_ns, false);
        return true;
      }
    }
    now_ns = end_ns;
    wait.End(now_ns, true);
    return false;
  }
  void BeQuick() {
    for (int i = 0; i < WakefulWait::kFewCounted; ++i) WaitFor(kQuickNs);
  }
};

TEST_CASE("a loop stays awake once clients have been quick", "[server][wakeful_wait]") {
  Loop loop;
  CHECK_FALSE(loop.WaitFor(kQuickNs));
  loop.BeQuick();
  CHECK(loop.WaitFor(kQuickNs));
}

TEST_CASE("a loop falls asleep in time, and slow clients are not waited for",
          "[server][wakeful_wait]") {
  Loop loop;
  loop.BeQuick();
  REQUIRE(loop.wait.GoesOn(loop.now_ns));
  CHECK_FALSE(loop.wait.GoesOn(loop.now_ns + WakefulWait::kMostNs));
  loop.wait.End(loop.now_ns + WakefulWait::kMostNs, true);
  loop.now_ns += WakefulWait::kMostNs;
  for (int i = 0; i < WakefulWait::kFewCounted; ++i) loop.WaitFor(1'000'000);
  CHECK_FALSE(loop.wait.GoesOn(loop.now_ns));
}

TEST_CASE("now and then a long yield, as by an interrupt, changes nothing",
          "[server][wakeful_wait]") {
  Loop loop;
  loop.BeQuick();
  for (int i = 0; i < 1000; ++i) {
    INFO("wait " << i);
    if (i % 50 == 0) {
      REQUIRE(loop.wait.GoesOn(loop.now_ns));
      loop.now_ns += 20'000;
      loop.wait.End(loop.now_ns, false);
    }
    REQUIRE(loop.WaitFor(kQuickNs));
  }
}

// Waits of one yield each, of which every `share`-th goes to somebody else for `others_ns`. Whether
// the loop was always awake.
bool StaysAwakeBeside(Loop* loop, int share, uint64_t others_ns) {
  bool awake = true;
  for (int i = 0; i < 10'000; ++i) {
    const bool goes_on = loop->wait.GoesOn(loop->now_ns);
    awake = awake && goes_on;
    loop->now_ns += i % share == 0 ? others_ns : kYieldNs;
    loop->wait.End(loop->now_ns, !goes_on);
  }
  return awake;
}

TEST_CASE("a processor that others use for a part of the time is not left",
          "[server][wakeful_wait]") {
  Loop loop;
  loop.BeQuick();
  CHECK(StaysAwakeBeside(&loop, 10, 2 * 9 * kYieldNs));  // two thirds
}

TEST_CASE("a processor that others use for nearly all of the time is left",
          "[server][wakeful_wait]") {
  Loop loop;
  loop.BeQuick();
  CHECK_FALSE(StaysAwakeBeside(&loop, 2, 20 * kYieldNs));
}

TEST_CASE("a loop whose clients are slow stays awake for others' as long as they want",
          "[server][wakeful_wait]") {
  Loop loop;
  const uint64_t wanted_until_ns = loop.now_ns + 10 * WakefulWait::kMostNs;
  for (; loop.now_ns < wanted_until_ns; loop.now_ns += kYieldNs) {
    REQUIRE(loop.wait.GoesOn(loop.now_ns, wanted_until_ns));
  }
  CHECK_FALSE(loop.wait.GoesOn(loop.now_ns, wanted_until_ns));
}

TEST_CASE("a processor that others need is left, longer each time", "[server][wakeful_wait]") {
  Loop loop;
  uint64_t last_ns = 0;
  for (int i = 0; i < 20; ++i) {
    loop.BeQuick();
    while (!loop.WaitFor(kQuickNs)) {
    }
    // A yield from which the loop comes back late: whether the message is there by then or not.
    REQUIRE(loop.wait.GoesOn(loop.now_ns));
    loop.now_ns += 3'000'000;
    if (i % 2 == 0) {
      loop.wait.End(loop.now_ns, false);
    } else {
      REQUIRE_FALSE(loop.wait.GoesOn(loop.now_ns));
      loop.wait.End(loop.now_ns, true);
    }
    const uint64_t left_ns = loop.now_ns;
    loop.BeQuick();
    while (!loop.WaitFor(kQuickNs)) {
    }
    const uint64_t away_ns = loop.now_ns - left_ns;
    INFO("time " << i << ": away for " << away_ns << " ns");
    CHECK(away_ns >= WakefulWait::kLeastLeavesNs);
    CHECK(away_ns <= WakefulWait::kMostLeavesNs + 1'000'000);
    CHECK(away_ns + 1'000'000 >= last_ns);
    last_ns = away_ns;
  }
  CHECK(last_ns >= WakefulWait::kMostLeavesNs / 2);
}

}  // namespace
}  // namespace sibyl::sql::server
