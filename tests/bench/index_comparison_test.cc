// Goal: sibyl_index_bench can be believed: a structure that answers one query in ten thousand
// wrongly, or only an edge, or only in a batch, makes the run fail; right ones make it pass; and
// the published methods that RangeIndex is compared with answer right at the edges too. Method: the
// comparison itself, run for a moment, with structures that are wrong on purpose.

#include "bench/micro/index_comparison.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "bench/micro/pareto_plot.h"
#include "bench/micro/published_indexes.h"
#include "tests/support/key_sets.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::bench {
namespace {

using Keys = std::vector<uint64_t>;

enum class Fault { kNone, kOneInTenThousand, kLastKeyOnly, kBatchOnly };

// std::lower_bound with a fault.
class Faulty {
 public:
  Faulty(std::span<const uint64_t> keys, Fault fault) : keys_(keys), fault_(fault) {}

  uint64_t LowerBound(uint64_t key) const {
    const uint64_t rank = Right(key);
    if (fault_ == Fault::kOneInTenThousand && key % 10000 == 0) return rank + 1;
    if (fault_ == Fault::kLastKeyOnly && key == ~uint64_t{0}) return rank - 1;
    return rank;
  }

  void LowerBoundBatch(std::span<const uint64_t> keys, std::span<uint64_t> ranks) const {
    for (size_t i = 0; i < keys.size(); ++i) ranks[i] = LowerBound(keys[i]);
    if (fault_ == Fault::kBatchOnly) std::swap(ranks[0], ranks[1]);
  }

  uint64_t memory_bytes() const { return 8; }

 private:
  uint64_t Right(uint64_t key) const {
    return static_cast<uint64_t>(std::lower_bound(keys_.begin(), keys_.end(), key) - keys_.begin());
  }

  std::span<const uint64_t> keys_;
  Fault fault_;
};

Contender FaultyContender(Fault fault) {
  return MakeContender<Faulty>("faulty",
                               [=](std::span<const uint64_t> keys) { return Faulty(keys, fault); });
}

void InitializeBenchmarkOnce() {
  // Google Benchmark keeps a pointer to the program's name.
  static std::array<char, 5> program = {"test"};
  static std::array<char, 32> flag = {"--benchmark_min_time=0.001"};
  static std::array<char*, 3> arguments = {program.data(), flag.data(), nullptr};
  static int count = 2;
  if (count == 2) benchmark::Initialize(&count, arguments.data());
}

TEST_CASE("one wrong answer fails the run", "[bench][index]") {
  InitializeBenchmarkOnce();
  ComparisonOptions options;
  options.generated = {"dense:20000"};
  CHECK(Compare(options, {FaultyContender(Fault::kNone)}));
  CHECK_FALSE(Compare(options, {FaultyContender(Fault::kOneInTenThousand)}));
  CHECK_FALSE(Compare(options, {FaultyContender(Fault::kLastKeyOnly)}));
  CHECK_FALSE(Compare(options, {FaultyContender(Fault::kBatchOnly)}));
}

TEST_CASE("a data set or a file that is not there fails the run", "[bench][index]") {
  InitializeBenchmarkOnce();
  const std::vector<Contender> right = {FaultyContender(Fault::kNone)};
  CHECK_FALSE(Compare({.sosd_files = {"/nonexistent"}}, right));
  CHECK_FALSE(Compare({.generated = {"wrong:100"}}, right));
  CHECK_FALSE(Compare({.generated = {"dense:1000"}, .json_file = "/nonexistent/x"}, right));
  CHECK_FALSE(Compare({.generated = {"dense:1000"}, .plot_directory = "/nonexistent"}, right));
}

TEST_CASE("every run is in the JSON file", "[bench][index]") {
  InitializeBenchmarkOnce();
  const testing::TemporaryDirectory directory;
  const std::string file = (directory.path() / "runs.json").string();
  REQUIRE(
      Compare({.generated = {"dense:1000"}, .json_file = file}, {FaultyContender(Fault::kNone)}));
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  for (const char* name : {"LowerBound/faulty/dense/1000\"", "LowerBound/faulty/dense/1000/batch",
                           "LowerBound/faulty/dense/1000/serial", "bytes_per_key"}) {
    CHECK(text.str().find(name) != std::string::npos);
  }
}

TEST_CASE("the contenders that a name or a family selects", "[bench][index]") {
  CHECK(Contenders(false, {"pgm"}).size() == 1);
  CHECK(Contenders(true, {"pgm", "auto"}).size() == 6);
  CHECK(Contenders(false, {"splus-16"}).size() == 1);
  CHECK(Contenders(true, {}).size() > Contenders(false, {}).size());
}

// Sets that trap published indexes: duplicates, runs, the extremes, nearly empty arrays.
std::vector<Keys> EdgeSets() {
  std::mt19937_64 random(1);
  std::vector<Keys> sets = {{7}, {0, ~uint64_t{0}}, Keys(500, 3), {1, 1, 2, 2, 3}};
  Keys runs;
  for (uint64_t key = 0; runs.size() < 5000; key += random() % 3 == 0 ? random() >> 30 : 1) {
    runs.insert(runs.end(), 1 + (random() % 20 == 0 ? random() % 300 : 0), key);
  }
  sets.push_back(runs);
  sets.push_back(test::DenseIntegers(3000, ~uint64_t{0} - 2999));
  sets.push_back(test::UniformIntegers(5000, 2));
  sets.push_back(test::ClusteredIntegers(5000, 3));
  sets.push_back(test::OutlierIntegers(5000, 4));
  sets.push_back(test::DoublingGapIntegers(5000));
  for (Keys& set : sets) std::sort(set.begin(), set.end());
  return sets;
}

TEST_CASE("the published methods answer every edge query", "[bench][index]") {
  for (const Keys& keys : EdgeSets()) {
    const EdgeQueries edges(keys);
    INFO(keys.size() << " keys from " << keys.front() << " to " << keys.back());
    for (const uint32_t epsilon : {8u, 64u}) {
      CHECK_FALSE(FirstWrongAnswer(OneByOne<PgmLike>(keys, epsilon), edges).has_value());
      CHECK_FALSE(
          FirstWrongAnswer(OneByOne<RadixSplineLike>(keys, 10u, epsilon), edges).has_value());
    }
  }
}

TEST_CASE("the Pareto front holds what nothing beats in size and time", "[bench][index]") {
  const Rows rows = {{.structure = "slow-and-large", .single_ns = 90, .bytes_per_key = 9},
                     {.structure = "small", .single_ns = 80, .bytes_per_key = 1},
                     {.structure = "fast", .single_ns = 10, .bytes_per_key = 4},
                     {.structure = "beaten", .single_ns = 80, .bytes_per_key = 2},
                     {.structure = "unmeasured", .bytes_per_key = 0.5}};
  const Rows front = ParetoFront(rows, &Row::single_ns);
  REQUIRE(front.size() == 2);
  CHECK(front[0].structure == "small");
  CHECK(front[1].structure == "fast");
  const std::string script = ParetoScript("it's a set/5", rows, "out.svg");
  CHECK(script.find("'it''s a set/5'") != std::string::npos);
  CHECK(script.find("4 10 \"\"") != std::string::npos);
  CHECK(script.find("with labels") == std::string::npos);  // none has a shape beside others
}

TEST_CASE("a plot names the smallest and the largest of a family", "[bench][index]") {
  const Rows rows = {{.structure = "pieces-16", .batch_ns = 1, .bytes_per_key = 3},
                     {.structure = "pieces-32", .batch_ns = 2, .bytes_per_key = 2},
                     {.structure = "pieces-64", .batch_ns = 3, .bytes_per_key = 1}};
  const std::string script = ParetoScript("set/5", rows, "out.svg");
  CHECK(script.find("every ::0::0 using 1:2:3 with labels") != std::string::npos);
  CHECK(script.find("every ::1::1") == std::string::npos);
  CHECK(script.find("every ::2::2 using 1:2:3 with labels") != std::string::npos);
}

TEST_CASE("the best static B-tree is chosen for each mode apart", "[bench][index]") {
  const Rows rows = {
      {"splus-16", 10, 30, 70, 0, 0}, {"splus-32", 20, 20, 0, 0, 0}, {"pieces-16", 1, 1, 1, 0, 0}};
  const Row best = BestStaticBTree(rows);
  CHECK(best.single_ns == 10);
  CHECK(best.batch_ns == 20);
  CHECK(best.serial_ns == 70);
}

}  // namespace
}  // namespace sibyl::bench
