// Goal: the comparisons of StringIndex, PointIndex and ExistenceIndex run, check every answer and
// pass when all are right; turns that answer wrongly are noticed; reports are printed.
// Method: small sets of keys, and one structure that lies.

#include "bench/micro/kind_comparison.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/data/generate.h"
#include "bench/micro/index_reports.h"
#include "bench/micro/query_set.h"
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

TEST_CASE("strings are compared, and right at every edge", "[bench]") {
  StringSet set;
  set.name = "made up";
  for (int i = 100; i < 700; ++i) set.bytes += "key " + std::to_string(i);
  for (size_t i = 0; i < 600; ++i) set.keys.push_back(std::string_view(set.bytes).substr(7 * i, 7));
  const StringEdgeQueries edges(set.keys);
  CHECK(edges.queries.size() >= 300'000);
  CHECK(std::find(edges.queries.begin(), edges.queries.end(), "") != edges.queries.end());
  CHECK(std::find(edges.answers.begin(), edges.answers.end(), 600) != edges.answers.end());
  KindReport report;
  CHECK(CompareStringIndexes(set, true, &report));
  CHECK(report.ToJson().find("budget-0.25") != std::string::npos);

  std::ostringstream out;
  PrintReport(set, &set, &out);
  const Dataset integers{"squares", {0, 1, 4, 9, 16, 25}};
  PrintReport(integers, &integers, &out);
  for (const char* part : {"made up: 600 keys", "shared prefixes", "squares/6: 6 keys",
                           "drift from squares/6: distance 0.0000"}) {
    INFO(part);
    CHECK(out.str().find(part) != std::string::npos);
  }
}

TEST_CASE("a serial chain takes the query that the last answer chooses", "[bench]") {
  const auto answer = [](size_t i) { return static_cast<uint64_t>(i * 7); };
  CHECK(SerialSum(0, 16, answer) == 0);
  CHECK(SerialSum(32, 32, answer) == 32 * 7 + (48 + 32 * 7 % 16) * 7);
}

}  // namespace
}  // namespace sibyl::bench
