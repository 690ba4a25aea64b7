// Goal: the comparisons of StringIndex, PointIndex and ExistenceIndex run, check every answer and
// pass when all are right; turns that answer wrongly are noticed.
// Method: small sets of keys, and one structure that lies.

#include "bench/micro/kind_comparison.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/data/generate.h"
#include "bench/micro/turns.h"

namespace sibyl::bench {
namespace {

TEST_CASE("a turn that answers wrongly once is noticed", "[bench]") {
  std::vector<Turn> turns = {{"right", [](size_t chunk) { return chunk; }},
                             {"wrong", [](size_t chunk) { return chunk == 2 ? 7 : chunk; }}};
  const std::vector<uint64_t> expected = {0, 1, 2};
  TakeTurns(turns, expected, 1, 3);
  CHECK(turns[0].right);
  CHECK_FALSE(turns[1].right);
}

TEST_CASE("strings come from a file, sorted, in copies", "[bench]") {
  const auto path = std::filesystem::temp_directory_path() / "sibyl_kind_comparison_test.txt";
  std::ofstream(path) << "b\na\n\nc\n";
  const auto set = LoadStrings(path.string(), 2);
  std::filesystem::remove(path);
  REQUIRE(set.has_value());
  const std::vector<std::string> keys(set->keys.begin(), set->keys.end());
  CHECK(keys == std::vector<std::string>{"000000/a", "000000/b", "000000/c", "000001/a", "000001/b",
                                         "000001/c"});
  CHECK_FALSE(LoadStrings(path.string(), 1).has_value());
}

TEST_CASE("filters and maps are compared, and right", "[bench]") {
  const auto keys = GenerateKeys("uniform", 2000);
  REQUIRE(keys.has_value());
  KindReport report;
  CHECK(ComparePointIndexes("uniform", *keys, &report));
  CHECK(CompareFilters("uniform", *keys, &report));
  const std::string json = report.ToJson();
  for (const char* word : {"points", "filters", "uniform/2000", "absl::flat_hash_map",
                           "XXH3-in_place", "serial_ns", "bytes_per_key"}) {
    INFO(word);
    CHECK(json.find(word) != std::string::npos);
  }
}

TEST_CASE("a serial chain takes the query that the last answer chooses", "[bench]") {
  const auto answer = [](size_t i) { return static_cast<uint64_t>(i * 7); };
  CHECK(SerialSum(0, 16, answer) == 0);
  CHECK(SerialSum(32, 32, answer) == 32 * 7 + (48 + 32 * 7 % 16) * 7);
}

}  // namespace
}  // namespace sibyl::bench
