// Goal: what a report on a string index says is true: every key lies in the block it is said to be
// in, the worst keys are the worst, ranges cover all keys, shared prefixes, runs, outliers and
// drift are found where they were put, suggestions can be built as they say. Method: small sets
// whose properties are known.

#include "sibyl/string_report.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

using Strings = std::vector<std::string>;
using Views = std::vector<std::string_view>;

Views ViewsOf(const Strings& strings) { return {strings.begin(), strings.end()}; }

TEST_CASE("losses stay within the block, and the worst keys are the worst", "[index][report]") {
  const std::vector<Strings> sets = {test::FromStrings("", test::PathStrings(4000, 1)).keys,
                                     test::FromStrings("", test::RandomStrings(4000, 2)).keys,
                                     Strings(100, "same"),
                                     {""},
                                     {}};
  for (const Strings& strings : sets) {
    const Views keys = ViewsOf(strings);
    for (const auto kind : {StringIndexKind::kRecursive, StringIndexKind::kBTree}) {
      const auto index = StringIndex::Build(keys, {kind, 16, 2});
      REQUIRE(index.has_value());
      INFO(keys.size() << " keys, kind " << static_cast<int>(kind));
      std::pair<uint32_t, uint64_t> worst{0, 0};
      for (const std::string_view key : keys) {
        const StringLoss loss = LossOf(*index, key);
        REQUIRE(loss.rank == index->LowerBound(key));
        REQUIRE(loss.block_start <= loss.rank);
        REQUIRE(loss.rank < loss.block_start + loss.block_keys);
        REQUIRE(loss.predicted <= loss.block_start + loss.block_keys);
        REQUIRE(loss.stages >= 1);
        worst = std::max(worst, std::pair(loss.stages, loss.loss()));
      }
      const auto worst_keys = WorstKeys(*index, 3);
      CHECK(worst_keys.size() <= 3);
      if (!keys.empty()) CHECK(std::pair(worst_keys[0].stages, worst_keys[0].loss()) == worst);
      uint64_t covered = 0;
      for (const StringRangeLoss& range : LossByRange(*index, 7)) {
        covered += range.keys;
        CHECK(range.first_key <= range.last_key);
        CHECK(range.mean_loss <= static_cast<double>(range.largest_loss));
        CHECK(range.mean_stages <= worst.first);
      }
      CHECK(covered == keys.size());
    }
  }
  const Views none;
  const auto empty = StringIndex::Build(none, {StringIndexKind::kRecursive, 16, 2});
  CHECK(LossOf(*empty, "anything").rank == 0);
}

Strings Numbered(const std::string& stem, size_t count) {
  Strings keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(stem + std::to_string(100'000 + i));
  return keys;
}

TEST_CASE("the shape of strings is found", "[index][report]") {
  Strings strings = Numbered("home/a/", 3000);
  for (std::string& key : Numbered("home/bcd/", 2000)) strings.push_back(std::move(key));
  const StringShape shape = ShapeOfStrings(ViewsOf(strings));
  CHECK(shape.shortest_bytes == 13);
  CHECK(shape.longest_bytes == 15);
  CHECK(shape.mean_bytes == Approx((3000 * 13 + 2000 * 15) / 5000.0));
  CHECK(shape.duplicates == 0);
  CHECK(shape.longest_run == 1);
  CHECK(shape.low_outliers == 0);
  CHECK(shape.high_outliers == 0);
  const auto has = [&](std::string_view prefix, uint64_t keys) {
    return std::any_of(shape.prefixes.begin(), shape.prefixes.end(),
                       [&](const SharedPrefix& p) { return p.prefix == prefix && p.keys == keys; });
  };
  CHECK(has("home/", 5000));
  CHECK(has("home/a/10", 3000));
  CHECK(has("home/bcd/101", 1000));
  CHECK(shape.prefixes.size() <= 8);

  strings.insert(strings.begin(), {"a", "a", "a"});
  strings.push_back("z");
  const StringShape stretched = ShapeOfStrings(ViewsOf(strings));
  CHECK(stretched.duplicates == 2);
  CHECK(stretched.longest_run == 3);
  CHECK(stretched.low_outliers == 0);  // without them, "z" still is there
  strings.pop_back();
  CHECK(ShapeOfStrings(ViewsOf(strings)).low_outliers == 3);
  CHECK(ShapeOfStrings({}).prefixes.empty());

  const std::string stem(5000, 's');
  CHECK(ShapeOfStrings(ViewsOf({stem + "a", stem + "b", stem + "b"})).deep == 1);
}

TEST_CASE("drift is the largest difference of shares", "[index][report]") {
  const Strings strings = Numbered("k", 1000);
  const Views keys = ViewsOf(strings);
  const auto index = StringIndex::Build(keys, {StringIndexKind::kRecursive, 16, 2});
  REQUIRE(index.has_value());
  CHECK(DriftFrom(*index, keys).distance == 0);
  CHECK(DriftFrom(*index, {}).distance == 0);
  const StringDrift half = DriftFrom(*index, Views(keys.begin() + 500, keys.end()));
  CHECK(half.distance == Approx(0.5));
  CHECK(half.at_key == "k100500");
  const StringDrift beyond = DriftFrom(*index, Views{"a", "b", "x", "y"});
  CHECK(beyond.share_below == Approx(0.5));
  CHECK(beyond.share_above == Approx(0.5));
}

TEST_CASE("suggestions can be had as they say", "[index][report]") {
  const auto set = test::FromStrings("", test::PathStrings(20000, 4));
  const Views keys = set.Views();
  const auto index = StringIndex::Build(keys, {StringIndexKind::kBTree, 8, 1});
  REQUIRE(index.has_value());
  const auto suggestions = Suggest(*index);
  REQUIRE_FALSE(suggestions.empty());
  bool smaller = false;
  for (const StringSuggestion& s : suggestions) {
    INFO(s.text);
    const auto better = StringIndex::Build(keys, s.options);
    REQUIRE(better.has_value());
    CHECK(static_cast<double>(better->memory_bytes()) ==
          Approx(s.memory_ratio * static_cast<double>(index->memory_bytes())));
    smaller = smaller || s.memory_ratio < 0.9;
  }
  CHECK(smaller);
  const std::string report = Report(*index);
  for (const char* part :
       {"loss by range", "worst keys", "outliers", "shared prefixes", "better"}) {
    CHECK(report.find(part) != std::string::npos);
  }
  const Views none;
  CHECK(Report(*StringIndex::Build(none)).find("0 keys") == 0);
}

}  // namespace
}  // namespace sibyl::index
