// Goal: what a report says is true: losses stay within half a window and match the answers, the
// worst keys are the worst, ranges cover all keys, outliers, shared bits, runs and drift are found
// where they were put and nowhere else, suggestions can be built as they say; and the maps to
// 64-bit keys keep the order, so that an index over images finds every key. Method: small sets
// whose properties are known.

#include "sibyl/range_report.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sibyl/key_order.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

using Keys = std::vector<uint64_t>;

Keys Sorted(Keys keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST_CASE("losses are within half a window, and the worst keys are the worst", "[index][report]") {
  for (Keys keys :
       {Sorted(test::UniformIntegers(5000, 1)), Sorted(test::ClusteredIntegers(5000, 2)),
        Sorted(test::OutlierIntegers(5000, 3)), Keys(100, 7), Keys{}, Keys{5}}) {
    for (const RangeIndexKind kind :
         {RangeIndexKind::kRecursive, RangeIndexKind::kPieces, RangeIndexKind::kStaticBTree}) {
      const auto index = RangeIndex::Build(keys, {.kind = kind});
      REQUIRE(index.has_value());
      INFO(keys.size() << " keys, kind " << static_cast<int>(kind));
      std::pair<uint32_t, uint64_t> worst{0, 0};
      for (const uint64_t key : keys) {
        const KeyLoss loss = LossOf(*index, key);
        REQUIRE(loss.rank == index->LowerBound(key));
        REQUIRE(loss.window_start <= loss.rank);
        REQUIRE(loss.rank <= loss.window_start + loss.window_keys);
        REQUIRE(loss.loss() <= loss.window_keys / 2);
        worst = std::max(worst, std::pair(loss.stages, loss.loss()));
      }
      const auto worst_keys = WorstKeys(*index, 3);
      CHECK(worst_keys.size() <= 3);
      if (!keys.empty()) CHECK(std::pair(worst_keys[0].stages, worst_keys[0].loss()) == worst);

      uint64_t covered = 0;
      for (const RangeLoss& range : LossByRange(*index, 7)) {
        covered += range.keys;
        CHECK(range.first_key <= range.last_key);
        CHECK(range.mean_loss <= static_cast<double>(range.largest_loss));
        CHECK(range.mean_stages <= worst.first);
      }
      CHECK(covered == keys.size());
    }
  }
}

TEST_CASE("the shape of keys is found", "[index][report]") {
  Keys keys;
  for (uint64_t i = 0; i < 5000; ++i) keys.push_back((uint64_t{0xabcd} << 48) + 1000 * i);
  CHECK(ShapeOfKeys(keys).shared_leading_bits >= 16);
  CHECK(ShapeOfKeys(keys).low_outliers == 0);
  CHECK(ShapeOfKeys(keys).high_outliers == 0);
  keys.push_back(~uint64_t{0} - 1);
  keys.push_back(~uint64_t{0});
  const KeyShape high = ShapeOfKeys(keys);
  CHECK(high.shared_leading_bits == 1);
  CHECK(high.high_outliers == 2);
  CHECK(high.low_outliers == 0);
  keys.insert(keys.begin(), {3, 3, 3});
  const KeyShape runs = ShapeOfKeys(keys);
  CHECK(runs.longest_run == 3);
  CHECK(runs.duplicates == 2);
  CHECK(ShapeOfKeys({}).longest_run == 0);
}

TEST_CASE("drift is the largest difference of shares", "[index][report]") {
  Keys keys(1000);
  for (uint64_t i = 0; i < 1000; ++i) keys[i] = 1000 + i;
  const auto index = RangeIndex::Build(keys, {.kind = RangeIndexKind::kPieces});
  REQUIRE(index.has_value());
  CHECK(DriftFrom(*index, keys).distance == 0);
  CHECK(DriftFrom(*index, {}).distance == 0);

  const Keys upper_half(keys.begin() + 500, keys.end());
  const Drift half = DriftFrom(*index, upper_half);
  CHECK(half.distance == Approx(0.5));
  CHECK(half.at_key == 1500);

  const Drift beyond = DriftFrom(*index, Keys{1, 2, 5000, 6000});
  CHECK(beyond.share_below == Approx(0.5));
  CHECK(beyond.share_above == Approx(0.5));
  CHECK(DriftFrom(*index, Keys{9000, 9001}).distance == Approx(1));
}

TEST_CASE("suggestions can be had as they say", "[index][report]") {
  const Keys keys = Sorted(test::OutlierIntegers(20000, 4));
  const auto index = RangeIndex::Build(
      keys, {.kind = RangeIndexKind::kRecursive, .root = RangeIndexRoot::kLinear});
  REQUIRE(index.has_value());
  const auto suggestions = Suggest(*index);
  REQUIRE_FALSE(suggestions.empty());
  bool smaller = false;
  for (const Suggestion& s : suggestions) {
    INFO(s.text);
    const auto better = RangeIndex::Build(keys, s.options);
    REQUIRE(better.has_value());
    CHECK(better->kind() == s.options.kind);
    CHECK(static_cast<double>(better->memory_bytes()) ==
          Approx(s.memory_ratio * static_cast<double>(index->memory_bytes())));
    smaller = smaller || s.memory_ratio < 0.9;
  }
  CHECK(smaller);
  const std::string report = Report(*index);
  for (const char* part : {"loss by range", "worst keys", "outliers", "would be better"}) {
    CHECK(report.find(part) != std::string::npos);
  }
}

TEST_CASE("signed integers, doubles and bytes keep their order as keys", "[index][report]") {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  CHECK(OrderedFromInt64(kLeast) == 0);
  CHECK(OrderedFromInt64(-1) < OrderedFromInt64(0));
  CHECK(OrderedFromInt64(std::numeric_limits<int64_t>::max()) == ~uint64_t{0});

  using Limits = std::numeric_limits<double>;
  const std::vector<double> doubles = {-Limits::infinity(),
                                       Limits::lowest(),
                                       -1.5,
                                       -Limits::min(),
                                       -Limits::denorm_min(),
                                       0.0,
                                       Limits::denorm_min(),
                                       2 * Limits::denorm_min(),
                                       Limits::min(),
                                       1,
                                       Limits::max(),
                                       Limits::infinity()};
  for (size_t i = 1; i < doubles.size(); ++i) {
    CHECK(OrderedFromDouble(doubles[i - 1]) < OrderedFromDouble(doubles[i]));
    CHECK(DoubleFromOrdered(OrderedFromDouble(doubles[i])) == doubles[i]);
  }
  CHECK(OrderedFromDouble(-0.0) == OrderedFromDouble(0.0));
  CHECK(OrderedFromDouble(Limits::quiet_NaN()) > OrderedFromDouble(Limits::infinity()));
  CHECK(std::isnan(DoubleFromOrdered(OrderedFromDouble(-Limits::quiet_NaN()))));

  std::mt19937_64 random(5);
  for (int i = 0; i < 1000; ++i) {
    const auto a = static_cast<int64_t>(random());
    const auto b = static_cast<int64_t>(random());
    CHECK((a < b) == (OrderedFromInt64(a) < OrderedFromInt64(b)));
    CHECK(Int64FromOrdered(OrderedFromInt64(a)) == a);
    const std::string left = test::BigEndian(random()).substr(0, 5);
    const std::string right = test::BigEndian(random()).substr(0, 5);
    CHECK((left < right) == (*OrderedFromBytes(left) < *OrderedFromBytes(right)));
    CHECK(BytesFromOrdered(*OrderedFromBytes(left), 5) == left);
  }
  CHECK(OrderedFromBytes("") == 0);
  CHECK_FALSE(OrderedFromBytes("ninebytes").has_value());
}

// Every key is found where std::lower_bound finds it by its own order.
template <typename Key, typename Map>
void CheckFoundThroughMap(std::vector<Key> keys, const Map& map) {
  std::sort(keys.begin(), keys.end());
  Keys images;
  for (const Key& key : keys) images.push_back(map(key));
  const auto index = RangeIndex::Build(images, {.kind = RangeIndexKind::kRecursive});
  REQUIRE(index.has_value());
  for (const Key& key : keys) {
    const auto equal = std::equal_range(keys.begin(), keys.end(), key);
    REQUIRE(index->EqualRange(map(key)) ==
            std::pair<uint64_t, uint64_t>(equal.first - keys.begin(), equal.second - keys.begin()));
  }
}

TEST_CASE("an index over images finds signed integers, doubles and bytes", "[index][report]") {
  std::mt19937_64 random(6);
  std::vector<int64_t> integers = {std::numeric_limits<int64_t>::min(), -1, 0, 1,
                                   std::numeric_limits<int64_t>::max()};
  std::vector<double> doubles = {-std::numeric_limits<double>::infinity(), -0.0, 0.0,
                                 std::numeric_limits<double>::denorm_min()};
  std::vector<std::string> bytes;
  for (int i = 0; i < 2000; ++i) {
    integers.push_back(static_cast<int64_t>(random()) >> (random() % 64));
    doubles.push_back(std::ldexp(static_cast<double>(random() % 2000) - 1000, i % 200 - 100));
    bytes.push_back(test::BigEndian(random() % 5000).substr(3));
  }
  CheckFoundThroughMap(integers, OrderedFromInt64);
  CheckFoundThroughMap(doubles, OrderedFromDouble);
  CheckFoundThroughMap(bytes, [](const std::string& key) { return *OrderedFromBytes(key); });
}

}  // namespace
}  // namespace sibyl::index
