// Goal: sessions that keep waiting for each other to write gather in one loop, others stay apart,
// and who no longer waits goes home.
// Method: transactions as numbers.

#include <catch2/catch.hpp>

#include "sql/server/loop_choice.h"

namespace sibyl::sql::server {
namespace {

constexpr uint64_t kTurnNs = 50'000;
constexpr TurnUse kWaited = {.waited = true, .held_ns = kTurnNs};
constexpr TurnUse kFree = {.waited = false, .held_ns = kTurnNs};

void Run(LoopChoice* choice, const TurnUse& turn, uint64_t work_ns, int transactions) {
  for (int i = 0; i < transactions; ++i) {
    choice->NoteWork(work_ns);
    choice->NoteEnd(turn);
  }
}

TEST_CASE("who keeps waiting for short work gathers, and not at once", "[server][loop_choice]") {
  LoopChoice choice;
  CHECK_FALSE(choice.measures());
  Run(&choice, kWaited, 10'000, LoopChoice::kMost - 1);
  CHECK(choice.measures());
  CHECK_FALSE(choice.gathers());
  Run(&choice, kWaited, 10'000, 1);
  CHECK(choice.gathers());
}

TEST_CASE("who works longer outside the turn than in it stays", "[server][loop_choice]") {
  LoopChoice choice;
  Run(&choice, kWaited, kTurnNs, 10 * LoopChoice::kMost);
  CHECK_FALSE(choice.gathers());
}

TEST_CASE("who never waits is not even measured", "[server][loop_choice]") {
  LoopChoice choice;
  Run(&choice, kFree, 0, 10 * LoopChoice::kMost);
  Run(&choice, {}, 0, 10 * LoopChoice::kMost);
  CHECK_FALSE(choice.measures());
  CHECK_FALSE(choice.gathers());
}

TEST_CASE("now and then a wait does not gather, or a free turn scatter", "[server][loop_choice]") {
  LoopChoice choice;
  for (int i = 0; i < 100; ++i) {
    Run(&choice, kWaited, 0, 1);
    Run(&choice, {}, 0, 1);
  }
  CHECK_FALSE(choice.gathers());
  Run(&choice, kWaited, 0, LoopChoice::kMost);
  REQUIRE(choice.gathers());
  for (int i = 0; i < 100; ++i) {
    Run(&choice, kFree, 0, 1);
    Run(&choice, kWaited, 0, 1);
  }
  CHECK(choice.gathers());
}

TEST_CASE("who no longer waits, or has become busy outside, goes home", "[server][loop_choice]") {
  const auto [turn, work_ns] = GENERATE(table<TurnUse, uint64_t>({{kFree, 0}, {kWaited, kTurnNs}}));
  LoopChoice choice;
  Run(&choice, kWaited, 0, LoopChoice::kMost);
  REQUIRE(choice.gathers());
  Run(&choice, turn, work_ns, LoopChoice::kMost - 1);
  CHECK(choice.gathers());
  Run(&choice, turn, work_ns, 1);
  CHECK_FALSE(choice.gathers());
}

}  // namespace
}  // namespace sibyl::sql::server
