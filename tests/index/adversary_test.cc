// Goal: no key set makes a RangeIndex wrong, large or slow: on every adversary, every kind answers
// every query, takes at most 4 times the memory of the static B-tree with the same window of 16,
// and reads at most 16 stages before a window of fixed width. Method: the generators of
// bench/data/adversaries.h, which the benchmark uses too; work is counted, not timed. That building
// is linear is by construction: a pass per stage, of which there are 16.

#include "bench/data/adversaries.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "sibyl/range_index.h"
#include "sibyl/range_report.h"

namespace sibyl::index {
namespace {

using Keys = std::vector<uint64_t>;

constexpr double kMostMemory = 4;        // times the static B-tree's
constexpr uint64_t kSmallChange = 8192;  // what the smallest model may take anyway
constexpr uint32_t kMostStages = 16;

void CheckAnswers(const RangeIndex& index, const Keys& keys) {
  std::mt19937_64 random(3);
  Keys queries = {0, 1, ~uint64_t{0}, ~uint64_t{0} - 1};
  for (size_t i = 0; i < keys.size(); i += 1 + random() % 3) {
    queries.insert(queries.end(), {keys[i] - 1, keys[i], keys[i] + 1, random()});
  }
  Keys ranks(queries.size());
  index.LowerBoundBatch(queries, ranks);
  for (size_t i = 0; i < queries.size(); ++i) {
    const auto truth = static_cast<uint64_t>(
        std::lower_bound(keys.begin(), keys.end(), queries[i]) - keys.begin());
    if (ranks[i] == truth && index.LowerBound(queries[i]) == truth) continue;
    INFO("query " << queries[i]);
    REQUIRE(ranks[i] == truth);
    REQUIRE(index.LowerBound(queries[i]) == truth);
  }
}

TEST_CASE("adversaries cost bounded memory and work, and no right answer", "[index][adversary]") {
  for (const std::string_view kind : bench::kAdversaries) {
    const Keys keys = bench::GenerateAdversary(kind, 30000).value();
    REQUIRE(std::is_sorted(keys.begin(), keys.end()));
    REQUIRE(keys.size() > 20000);
    const auto tree = RangeIndex::Build(keys, {.kind = RangeIndexKind::kStaticBTree});
    REQUIRE(tree.has_value());
    const double most_bytes =
        kMostMemory * static_cast<double>(tree->memory_bytes()) + kSmallChange;
    for (const RangeIndexKind index_kind :
         {RangeIndexKind::kRecursive, RangeIndexKind::kPieces, RangeIndexKind::kAuto}) {
      for (const uint32_t window : {16u, 64u}) {
        INFO(kind << ", kind " << static_cast<int>(index_kind) << ", window " << window);
        const auto index = RangeIndex::Build(keys, {.kind = index_kind, .window_keys = window});
        REQUIRE(index.has_value());
        CHECK(static_cast<double>(index->memory_bytes()) <= most_bytes);
        CHECK(WorstKeys(*index, 1).at(0).stages <= kMostStages);
        CHECK(index->Verify().has_value());
        CheckAnswers(*index, keys);
      }
    }
  }
}

// What a line through keys and ranks leaves unexplained, in squared ranks.
double MeanSquaredError(const Keys& keys) {
  const auto n = static_cast<double>(keys.size());
  double sum = 0, squares = 0, products = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const double x =
        static_cast<double>(keys[i] - keys[0]) / static_cast<double>(keys.back() - keys[0]);
    sum += x;
    squares += x * x;
    products += x * static_cast<double>(i);
  }
  const double variance = squares / n - (sum / n) * (sum / n);
  const double covariance = products / n - (sum / n) * (n - 1) / 2;
  return (n * n - 1) / 12 - covariance * covariance / variance;
}

TEST_CASE("the poison is one: it multiplies the error of a line", "[index][adversary]") {
  const Keys poisoned = bench::GenerateAdversary("poisoned", 1100).value();
  const Keys leaf(poisoned.begin(), poisoned.begin() + 1100);
  std::mt19937_64 random(4);
  Keys honest(1100);
  for (uint64_t& key : honest) key = random();
  std::sort(honest.begin(), honest.end());
  CHECK(MeanSquaredError(leaf) > 5 * MeanSquaredError(honest));
}

TEST_CASE("each adversary is what it says", "[index][adversary]") {
  const KeyShape runs = ShapeOfKeys(bench::GenerateAdversary("runs", 20000).value());
  CHECK(runs.longest_run > 300);
  CHECK(runs.duplicates > 5000);
  CHECK_FALSE(bench::GenerateAdversary("uniform", 1000).has_value());
  const Keys doubling = bench::GenerateAdversary("doubling", 1000).value();
  CHECK(doubling[2] - doubling[1] == 2 * (doubling[1] - doubling[0]));
}

}  // namespace
}  // namespace sibyl::index
