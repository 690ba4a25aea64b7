// Goal: the two-stage index of the paper answers as std::lower_bound does under every kind of root,
// however wrong the root is, and each root learns the distribution it is made for.
// Method: hostile and friendly sets, each asked for every key, its neighbours, the extremes and
// random keys; roots are also compared by what is left to search.

#include "sibyl/two_stage_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "index/root_model.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

using Keys = std::vector<uint64_t>;

std::vector<RootOptions> AllRoots() {
  std::vector<RootOptions> roots;
  for (const RootKind kind : {RootKind::kLinear, RootKind::kLogLinear, RootKind::kCubic,
                              RootKind::kSpline, RootKind::kRadix, RootKind::kNet0}) {
    roots.push_back({.kind = kind, .training_steps = 50});
  }
  for (const RootKind kind : {RootKind::kNet1, RootKind::kNet2}) {
    for (const uint32_t units : {1u, 8u}) {
      // Few steps: a net that has learnt little must be safe too.
      roots.push_back({.kind = kind, .hidden_units = units, .training_steps = 20});
    }
  }
  roots.push_back({.kind = RootKind::kSpline, .spline_knots = 2});
  return roots;
}

std::vector<Keys> Sets() {
  constexpr uint64_t kMax = ~uint64_t{0};
  std::mt19937_64 random(5);
  Keys runs;
  for (uint64_t key = 7; runs.size() < 3000; key += random() % 4 == 0 ? random() >> 25 : 1) {
    runs.insert(runs.end(), 1 + (random() % 10 == 0 ? random() % 200 : 0), key);
  }
  std::vector<Keys> sets = {{},
                            {0},
                            {kMax},
                            {0, kMax},
                            Keys(300, 42),
                            Keys(300, kMax),
                            runs,
                            test::DenseIntegers(2000, kMax - 1999),
                            test::UniformIntegers(3000, 1),
                            test::LognormalIntegers(3000, 2),
                            test::ClusteredIntegers(3000, 3),
                            test::OutlierIntegers(3000, 4),
                            test::DoublingGapIntegers(3000)};
  for (Keys& set : sets) std::sort(set.begin(), set.end());
  return sets;
}

TwoStageIndex BuildOver(const Keys& keys, const RootOptions& root, uint32_t leaves) {
  auto index = TwoStageIndex::Build(keys, {root, leaves});
  REQUIRE(index.has_value());
  CHECK(index->size() == keys.size());
  return std::move(*index);
}

// The first query of many that is answered wrongly.
std::string FirstWrong(const TwoStageIndex& index, const Keys& keys) {
  std::mt19937_64 random(6);
  Keys queries = {0, 1, ~uint64_t{0}, ~uint64_t{0} - 1};
  for (const uint64_t key : keys) {
    queries.insert(queries.end(), {key - 1, key, key + 1, random() >> (random() % 64)});
  }
  for (const uint64_t query : queries) {
    const auto equal = std::equal_range(keys.begin(), keys.end(), query);
    const std::pair<uint64_t, uint64_t> truth(equal.first - keys.begin(),
                                              equal.second - keys.begin());
    if (index.EqualRange(query) != truth) return std::to_string(query);
  }
  return "";
}

TEST_CASE("every root is exact for every query", "[index][two_stage]") {
  for (const Keys& keys : Sets()) {
    for (const RootOptions& root : AllRoots()) {
      for (const uint32_t leaves : {1u, 3u, 100u, 5000u}) {
        INFO(keys.size() << " keys, root " << NameOf(root) << ", " << leaves << " leaves");
        CHECK(FirstWrong(BuildOver(keys, root, leaves), keys) == "");
      }
    }
  }
}

// Kraska et al., section 3.7.1: 10,000 to 200,000 leaves; nets of up to two layers of 32 units.
TEST_CASE("the shapes of the paper, with every root", "[index][two_stage]") {
  Keys keys = test::LognormalIntegers(10000, 7);
  std::sort(keys.begin(), keys.end());
  for (RootOptions root : AllRoots()) {
    root.hidden_units = 32;
    for (const uint32_t leaves : {10'000u, 50'000u, 200'000u}) {
      INFO("root " << NameOf(root) << ", " << leaves << " leaves");
      const TwoStageIndex index = BuildOver(keys, root, leaves);
      CHECK(FirstWrong(index, keys) == "");
      CHECK(index.memory_bytes() >= leaves * 32);
    }
  }
}

double SearchedUnder(const Keys& keys, const RootOptions& root) {
  return BuildOver(keys, root, 200).MeanSearchedKeys();
}

TEST_CASE("each root suits its distribution", "[index][two_stage]") {
  Keys lognormal = test::LognormalIntegers(20000, 8);
  std::sort(lognormal.begin(), lognormal.end());
  const double linear = SearchedUnder(lognormal, {.kind = RootKind::kLinear});
  CHECK(SearchedUnder(lognormal, {.kind = RootKind::kLogLinear}) < linear / 3);
  CHECK(SearchedUnder(lognormal, {.kind = RootKind::kSpline}) < linear / 3);
  CHECK(SearchedUnder(lognormal, {.kind = RootKind::kCubic}) < linear * 1.1);

  Keys squares;  // densest at the beginning
  for (uint64_t i = 0; i < 20000; ++i) squares.push_back(i * i);
  const double line = SearchedUnder(squares, {.kind = RootKind::kLinear});
  const RootOptions net{.kind = RootKind::kNet1, .hidden_units = 8, .training_steps = 800};
  CHECK(SearchedUnder(squares, net) < line);
  CHECK(SearchedUnder(squares, {.kind = RootKind::kCubic}) < line);
}

TEST_CASE("what cannot be built is refused with a reason", "[index][two_stage]") {
  const Keys sorted = {1, 2, 3};
  const auto refused = TwoStageIndex::Build(Keys{1, 3, 2});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("rank 2") != std::string::npos);
  CHECK_FALSE(TwoStageIndex::Build(sorted, {.leaves = 0}));
  CHECK_FALSE(TwoStageIndex::Build(sorted, {{.kind = RootKind::kNet2, .hidden_units = 33}}));
  CHECK_FALSE(TwoStageIndex::Build(sorted, {{.kind = RootKind::kNet1, .hidden_units = 0}}));
  CHECK_FALSE(TwoStageIndex::Build(sorted, {{.kind = RootKind::kSpline, .spline_knots = 1}}));
  CHECK(TwoStageIndex::Build(sorted).has_value());
}

TEST_CASE("training is deterministic", "[index][two_stage]") {
  const Keys keys = test::DenseIntegers(5000, 1);
  const RootOptions net{.kind = RootKind::kNet2, .hidden_units = 4, .training_steps = 30};
  const RootModel a = RootModel::Train(keys, net, 100);
  const RootModel b = RootModel::Train(keys, net, 100);
  for (const uint64_t key : keys) REQUIRE(a.ChildOf(key) == b.ChildOf(key));
  CHECK(a.memory_bytes() == b.memory_bytes());
}

}  // namespace
}  // namespace sibyl::index
