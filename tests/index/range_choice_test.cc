// Goal: kAuto never leaves the static B-tree for something slower because a machine is noisy, and
// does not miss what clearly wins either.
// Method: measurements are made up: true times per candidate, a little jitter, and bursts in which
// a neighbour on the machine slows some rounds of some candidates. Seeds are fixed.

#include "index/range_choice.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace sibyl::index {
namespace {

using Objective = RangeIndexObjective;

constexpr size_t kRounds = 11;

struct TrueTimes {
  double single_ns;
  double batch_ns;
  double serial_ns;
};

class Machine {
 public:
  explicit Machine(uint64_t seed) : random_(seed) {}

  // Rounds of a candidate in peace: up to 2 % more than the truth.
  MeasuredCandidate Measure(bool is_tree, uint64_t memory_bytes, const TrueTimes& truth,
                            size_t rounds = kRounds) {
    MeasuredCandidate candidate{is_tree, memory_bytes, {}};
    for (size_t i = 0; i < rounds; ++i) {
      candidate.times.single.push_back(truth.single_ns * Jitter());
      candidate.times.batch.push_back(truth.batch_ns * Jitter());
      candidate.times.serial.push_back(truth.serial_ns * Jitter());
    }
    return candidate;
  }

  double Jitter() { return 1 + 0.02 * static_cast<double>(random_() % 1000) / 1000; }
  size_t Below(size_t bound) { return static_cast<size_t>(random_() % bound); }

 private:
  std::mt19937_64 random_;
};

// All that a candidate measures in one round takes `factor` times as long.
void Burst(MeasuredCandidate* candidate, size_t round, double factor) {
  for (auto mode : {&RoundTimes::single, &RoundTimes::batch, &RoundTimes::serial}) {
    (candidate->times.*mode)[round] *= factor;
  }
}

size_t Choose(const std::vector<MeasuredCandidate>& candidates, Objective objective) {
  return ChooseCandidate(candidates, objective, 0, candidates[0].times.single.size());
}

constexpr TrueTimes kTree = {100, 25, 350};

TEST_CASE("a clear win is taken, a small one is not", "[index][choice]") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed=" << seed);
    Machine machine(seed);
    const auto tree = machine.Measure(true, 500, kTree);
    CHECK(Choose({tree, machine.Measure(false, 100, {80, 22, 300})}, Objective::kThroughput) == 1);
    CHECK(Choose({tree, machine.Measure(false, 100, {99, 24.9, 349})}, Objective::kThroughput) ==
          0);
    CHECK(Choose({tree, machine.Measure(false, 100, {99, 18, 340})}, Objective::kThroughput) == 1);
    CHECK(Choose({tree, machine.Measure(false, 100, {50, 28, 300})}, Objective::kThroughput) == 0);
    CHECK(Choose({tree, machine.Measure(false, 100, {70, 20, 460})}, Objective::kThroughput) == 0);
    CHECK(Choose({tree, machine.Measure(false, 100, {120, 40, 250})}, Objective::kLatency) == 1);
    CHECK(Choose({tree, machine.Measure(false, 100, {50, 10, 349})}, Objective::kLatency) == 0);
  }
}

TEST_CASE("bursts in up to half of the rounds change nothing", "[index][choice]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed=" << seed);
    Machine machine(seed);
    auto tree = machine.Measure(true, 500, kTree);
    auto winner = machine.Measure(false, 100, {75, 20, 280});
    auto loser = machine.Measure(false, 100, {104, 26, 360});
    for (size_t burst = 0; burst < kRounds / 2; ++burst) {
      const size_t round = machine.Below(kRounds);
      switch (machine.Below(3)) {
        case 0:  // all that ran in this round
          for (MeasuredCandidate* c : {&tree, &winner, &loser}) Burst(c, round, 1.7);
          break;
        case 1:
          Burst(&tree, round, 2.5);  // the tree alone: the loser looks good
          break;
        default:
          Burst(&winner, round, 2.5);
      }
    }
    CHECK(Choose({tree, loser}, Objective::kThroughput) == 0);
    CHECK(Choose({tree, loser}, Objective::kLatency) == 0);
    CHECK(Choose({tree, loser, winner}, Objective::kThroughput) != 1);
  }
}

TEST_CASE("where calm rounds and neighbours in time disagree it is the tree", "[index][choice]") {
  Machine machine(7);
  auto tree = machine.Measure(true, 500, kTree);
  auto learned = machine.Measure(false, 100, {101, 25.2, 352});
  // The tree was never left in peace: only the lower quartile of the other looks better.
  for (size_t round = 0; round < kRounds; ++round) {
    Burst(&tree, round, 1.1);
    if (round % 4 != 0) Burst(&learned, round, 1.15);
  }
  CHECK(Choose({tree, learned}, Objective::kThroughput) == 0);
}

TEST_CASE("each mode has its own tree to beat", "[index][choice]") {
  Machine machine(8);
  const auto narrow = machine.Measure(true, 500, {110, 23, 360});
  const auto wide = machine.Measure(true, 250, {100, 33, 340});
  const auto between = machine.Measure(false, 100, {105, 22, 300});  // beats only the narrow one
  CHECK(Choose({narrow, wide, between}, Objective::kThroughput) == 0);
  const auto both = machine.Measure(false, 100, {90, 22, 300});
  CHECK(Choose({narrow, wide, both}, Objective::kThroughput) == 2);
  CHECK(Choose({narrow, wide}, Objective::kLatency) == 1);
}

TEST_CASE("of nearly equal learned ones the smaller, of others the faster", "[index][choice]") {
  Machine machine(9);
  const auto tree = machine.Measure(true, 500, kTree);
  const auto large = machine.Measure(false, 400, {70, 18, 300});
  const auto small = machine.Measure(false, 50, {70.5, 18.1, 300});
  const auto slow = machine.Measure(false, 10, {80, 21, 300});
  CHECK(Choose({tree, large, small, slow}, Objective::kThroughput) == 2);
  CHECK(Choose({tree, small, large, slow}, Objective::kThroughput) == 1);
  CHECK(Choose({tree, large, small, slow}, Objective::kSmallest) == 3);
  const auto smallest_but_slow = machine.Measure(false, 1, {130, 40, 500});
  CHECK(Choose({tree, large, smallest_but_slow}, Objective::kSmallest) == 1);
  const auto larger_than_the_tree = machine.Measure(false, 900, {70, 18, 300});
  CHECK(Choose({tree, larger_than_the_tree}, Objective::kSmallest) == 0);
  const auto only_as_fast = machine.Measure(false, 10, kTree);
  CHECK(Choose({tree, only_as_fast}, Objective::kSmallest) == 0);
}

TEST_CASE("without a static B-tree the best is the best", "[index][choice]") {
  Machine machine(10);
  const auto slow = machine.Measure(false, 50, {100, 25, 350});
  const auto fast = machine.Measure(false, 100, {90, 20, 300});
  CHECK(Choose({slow, fast}, Objective::kThroughput) == 1);
  CHECK(Choose({fast}, Objective::kLatency) == 0);
}

TEST_CASE("rounds that disagree are not settled", "[index][choice]") {
  Machine machine(11);
  auto tree = machine.Measure(true, 500, kTree, 22);
  const auto learned = machine.Measure(false, 100, {75, 20, 280}, 22);
  CHECK(IsSettled(std::vector{tree, learned}, Objective::kThroughput));
  auto half = learned;
  for (size_t round = 11; round < 22; ++round) Burst(&half, round, 2);
  CHECK_FALSE(IsSettled(std::vector{tree, half}, Objective::kThroughput));
}

}  // namespace
}  // namespace sibyl::index
