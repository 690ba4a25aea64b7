// Goal: the two-stage index of the paper answers as std::lower_bound does under every kind of root,
// however wrong the root is; each root learns the distribution it is made for; and what is
// serialized comes back the same, or not at all.
// Method: hostile and friendly sets, each asked for every key, its neighbours, the extremes and
// random keys; roots are also compared by what is left to search. Every bit of serialized indexes
// is flipped once; golden files are opened, and written again the same.

#include "sibyl/two_stage_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "index/root_model.h"
#include "tests/index/serialized.h"
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

std::string Serialized(const TwoStageIndex& index) {
  std::string bytes;
  index.Serialize(&bytes);
  return bytes;
}

TEST_CASE("what is serialized comes back the same", "[index][two_stage]") {
  for (const Keys& keys : Sets()) {
    for (const RootOptions& root : AllRoots()) {
      for (const uint32_t leaves : {1u, 100u}) {
        INFO(keys.size() << " keys, root " << NameOf(root) << ", " << leaves << " leaves");
        const TwoStageIndex index = BuildOver(keys, root, leaves);
        CHECK(index.Verify().has_value());
        const std::string bytes = Serialized(index);
        const auto again = TwoStageIndex::Deserialize(bytes, keys);
        REQUIRE(again.has_value());
        CHECK((Serialized(*again) == bytes));
        CHECK(again->MeanSearchedKeys() == index.MeanSearchedKeys());
        CHECK(again->memory_bytes() == index.memory_bytes());
        CHECK(again->Verify().has_value());
        CHECK(FirstWrong(*again, keys) == "");
      }
    }
  }
}

TEST_CASE("damaged and foreign bytes are refused", "[index][two_stage]") {
  const Keys keys = test::DenseIntegers(300, 10);
  for (const RootOptions& root : AllRoots()) {
    INFO("root " << NameOf(root));
    const std::string bytes = Serialized(BuildOver(keys, root, 5));
    test::CheckDamageIsRefused(bytes, [&](const std::string& damaged) {
      return TwoStageIndex::Deserialize(damaged, keys);
    });
    const auto other = TwoStageIndex::Deserialize(bytes, test::DenseIntegers(300, 11));
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().code == ErrorCode::kInvalidArgument);
  }
  std::string newer = Serialized(BuildOver(keys, {}, 5));
  newer[8] = 2;
  CHECK(TwoStageIndex::Deserialize(newer, keys).error().code == ErrorCode::kNotSupported);
}

TEST_CASE("Verify finds a leaf that lies", "[index][two_stage]") {
  Keys keys = test::LognormalIntegers(300, 10);
  std::sort(keys.begin(), keys.end());
  std::string bytes = Serialized(BuildOver(keys, {.kind = RootKind::kLinear}, 1));
  // The last leaf: how much too small and too large its line may be.
  const size_t errors = bytes.size() - 16;
  std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(errors), 8, '\0');
  bytes.resize(bytes.size() - 8);
  base::Put64(&bytes, base::Checksum(bytes));
  const auto forged = TwoStageIndex::Deserialize(bytes, keys);
  REQUIRE(forged.has_value());
  const Status verified = forged->Verify();
  REQUIRE_FALSE(verified.has_value());
  CHECK(verified.error().code == ErrorCode::kCorruption);
}

// One for each form that a root's numbers have.
struct Golden {
  const char* file;
  RootOptions root;
};
constexpr Golden kGoldenFiles[] = {
    {"two_stage_index_v1_log_linear.bin", {.kind = RootKind::kLogLinear}},
    {"two_stage_index_v1_spline.bin", {.kind = RootKind::kSpline, .spline_knots = 9}},
    {"two_stage_index_v1_radix.bin", {.kind = RootKind::kRadix}},
    {"two_stage_index_v1_net.bin",
     {.kind = RootKind::kNet2, .hidden_units = 4, .training_steps = 100}}};

Keys GoldenKeys() {
  Keys keys;
  for (uint64_t i = 0; i < 300; ++i) keys.push_back(i * i * i + (i < 100 ? 7 : 7000));
  keys.insert(keys.begin() + 50, 20, keys[50]);
  return keys;
}

TEST_CASE("golden files of two-stage indexes", "[index][two_stage]") {
  const Keys keys = GoldenKeys();
  for (const Golden& golden : kGoldenFiles) {
    INFO(golden.file);
    const std::string bytes = test::ReadGolden(golden.file);
    const auto index = TwoStageIndex::Deserialize(bytes, keys);
    REQUIRE(index.has_value());
    CHECK(index->Verify().has_value());
    CHECK(FirstWrong(*index, keys) == "");
    CHECK((Serialized(*index) == bytes));
  }
}

TEST_CASE("writes the golden files", "[.write-golden-files]") {
  const Keys keys = GoldenKeys();
  for (const Golden& golden : kGoldenFiles) {
    test::WriteGolden(golden.file, Serialized(BuildOver(keys, golden.root, 8)));
  }
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
