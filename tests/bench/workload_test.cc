// Goal: the operations are those that a workload's name promises, and their expected answers are
// those of a database that does them in order.
// Method: every generated operation replayed on a std::map; shares counted on a large sample.

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <string>

#include "bench/workload/key_set.h"
#include "bench/workload/operations.h"
#include "bench/workload/scan_answer.h"
#include "bench/workload/value_coder.h"
#include "bench/workload/zipf.h"

namespace sibyl::bench {
namespace {

constexpr uint64_t kSeed = 7;

KeySet EvenIntegers(uint64_t count) {
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(i * 2);
  auto set = KeySet::FromIntegers(std::move(keys));
  REQUIRE(set.has_value());
  return std::move(set).value();
}

TEST_CASE("a key set is sorted, unique and of big-endian bytes", "[bench][keys]") {
  const auto set = KeySet::FromIntegers({~uint64_t{0}, 1, 0, 1, 256});
  REQUIRE(set.has_value());
  REQUIRE(set->size() == 4);
  CHECK(set->Key(0) == std::string(8, '\0'));
  CHECK(set->Key(1) == std::string(7, '\0') + '\1');
  CHECK(set->Key(2) == std::string(6, '\0') + '\1' + '\0');
  CHECK(set->Key(3) == std::string(8, '\xff'));
  CHECK(set->Contains(set->Key(3)));
  CHECK_FALSE(set->Contains("x"));
}

TEST_CASE("text keys that an engine cannot store are left out and counted", "[bench][keys]") {
  const auto set =
      KeySet::FromLines({"b", "", std::string(512, 'x'), "a", std::string(511, 'x'), "a"}, 511);
  REQUIRE(set.has_value());
  CHECK(set->size() == 3);
  CHECK(set->skipped() == 2);
  CHECK(set->Key(0) == "a");
}

TEST_CASE("a set of fewer than two keys is refused", "[bench][keys]") {
  CHECK_FALSE(KeySet::FromIntegers({}).has_value());
  CHECK_FALSE(KeySet::FromIntegers({5, 5}).has_value());
  CHECK_FALSE(KeySet::FromLines({}, 511).has_value());
}

TEST_CASE("absent keys are absent, inside the range, and not promised where there are none",
          "[bench][keys]") {
  Random random(kSeed);
  const KeySet even = EvenIntegers(100);
  for (int i = 0; i < 1000; ++i) {
    const auto key = even.AbsentKey(random);
    REQUIRE(key.has_value());
    CHECK_FALSE(even.Contains(*key));
    CHECK(*key > even.Key(0));
    CHECK(*key < even.Key(even.size() - 1));
  }
  const auto dense = KeySet::FromIntegers({1, 2, 3});
  CHECK_FALSE(dense->AbsentKey(random).has_value());
  const auto text = KeySet::FromLines({"alpha", "beta"}, 511);
  for (int i = 0; i < 1000; ++i) {
    const auto key = text->AbsentKey(random);
    REQUIRE(key.has_value());
    CHECK_FALSE(key->empty());
    CHECK_FALSE(text->Contains(*key));
  }
}

TEST_CASE("a value matches its own seed only, in all its bytes", "[bench][values]") {
  const size_t value_bytes = GENERATE(8, 9, 15, 16, 100, 1000);
  INFO("value_bytes=" << value_bytes);
  const ValueCoder coder(value_bytes);
  std::string value;
  coder.Encode(ValueCoder::Seed(3, 1), &value);
  CHECK(value.size() == value_bytes);
  CHECK(coder.Matches(value, ValueCoder::Seed(3, 1)));
  CHECK_FALSE(coder.Matches(value, ValueCoder::Seed(3, 2)));
  CHECK_FALSE(coder.Matches(value, ValueCoder::Seed(4, 1)));
  CHECK_FALSE(coder.Matches(value + "x", ValueCoder::Seed(3, 1)));
  CHECK_FALSE(coder.Matches(value.substr(1), ValueCoder::Seed(3, 1)));
  CHECK(coder.SeedOf(value) == ValueCoder::Seed(3, 1));
  CHECK_FALSE(coder.SeedOf(value + "x").has_value());
  for (size_t i = 0; i < value_bytes; ++i) {
    std::string damaged = value;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    INFO("byte " << i);
    CHECK_FALSE(coder.Matches(damaged, ValueCoder::Seed(3, 1)));
    CHECK(coder.SeedOf(damaged) != ValueCoder::Seed(3, 1));
  }
}

TEST_CASE("a scan's answer tells its records, their order and their number",
          "[bench][operations]") {
  using Records = std::vector<std::pair<std::string, uint64_t>>;
  const auto digest = [](const Records& records) {
    ScanAnswer answer;
    for (const auto& [key, seed] : records) answer.Add(key, seed);
    CHECK(answer.records() == records.size());
    return answer.digest();
  };
  const std::string long_key(83, 'k');
  const Records records = {{"", 1}, {"a", 2}, {"abcdefgh", 3}, {"abcdefghi", 4}, {long_key, 5}};
  const uint64_t right = digest(records);
  CHECK(digest(records) == right);
  CHECK(digest({}) != right);
  for (size_t i = 0; i < records.size(); ++i) {
    INFO("record " << i);
    Records other = records;
    other.erase(other.begin() + static_cast<ptrdiff_t>(i));
    CHECK(digest(other) != right);
    other = records;
    other[i].second ^= 1;
    CHECK(digest(other) != right);
    other = records;
    other[i].first += '\0';
    CHECK(digest(other) != right);
    other = records;
    std::swap(other[i], other[(i + 1) % records.size()]);
    CHECK(digest(other) != right);
    for (size_t byte = 0; byte < records[i].first.size(); ++byte) {
      other = records;
      other[i].first[byte] ^= 1;
      CHECK(digest(other) != right);
    }
  }
}

TEST_CASE("Zipf's law: the first of a thousand items comes as often as it should",
          "[bench][zipf]") {
  constexpr uint64_t kItems = 1000;
  constexpr int kDraws = 200'000;
  const Zipf zipf(kItems, Zipf::kYcsbTheta);
  Random random(kSeed);
  std::vector<int> counts(kItems);
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t item = zipf.Next(random);
    REQUIRE(item < kItems);
    ++counts[item];
  }
  double zeta = 0;
  for (uint64_t i = 1; i <= kItems; ++i) zeta += std::pow(static_cast<double>(i), -0.99);
  CHECK(counts[0] == Approx(kDraws / zeta).epsilon(0.05));
  CHECK(counts[1] == Approx(kDraws / zeta / std::pow(2, 0.99)).epsilon(0.05));
  CHECK(counts[0] > counts[10]);
  CHECK(counts[10] > counts[500]);
}

TEST_CASE("Zipf with one and two items stays in range", "[bench][zipf]") {
  Random random(kSeed);
  for (const uint64_t items : {1, 2, 3}) {
    const Zipf zipf(items, Zipf::kYcsbTheta);
    for (int i = 0; i < 1000; ++i) {
      CHECK(zipf.Next(random) < items);
      CHECK(zipf.Scrambled(random) < items);
    }
  }
}

struct Counts {
  std::map<OperationKind, uint64_t> by_kind;
  uint64_t inserts = 0;
};

// Replays `operations` on `oracle`, which maps ranks to value seeds.
Counts Replay(const Operations& operations, const KeySet& keys,
              std::map<uint32_t, uint64_t>* oracle) {
  Counts counts;
  for (const Operation& operation : operations.list) {
    ++counts.by_kind[operation.kind];
    counts.inserts += operation.is_insert;
    if (operation.kind == OperationKind::kGetAbsent) {
      CHECK_FALSE(keys.Contains(operations.Key(operation)));
      continue;
    }
    REQUIRE(operations.Key(operation) == keys.Key(operation.rank));
    if (operation.kind == OperationKind::kScan) {
      ScanAnswer answer;
      auto record = oracle->find(operation.rank);
      for (; record != oracle->end() && answer.records() < operation.scan_records; ++record) {
        answer.Add(keys.Key(record->first), record->second);
      }
      REQUIRE(operation.scan_digest == answer.digest());
    }
    REQUIRE(operation.is_insert == (oracle->count(operation.rank) == 0));
    if (!operation.is_insert) REQUIRE(operation.read_seed == (*oracle)[operation.rank]);
    if (operation.kind == OperationKind::kPut ||
        operation.kind == OperationKind::kReadModifyWrite) {
      REQUIRE(operation.write_seed != (*oracle)[operation.rank]);
      (*oracle)[operation.rank] = operation.write_seed;
    }
  }
  return counts;
}

TEST_CASE("operations carry the answers that a map gives, in the shares YCSB names",
          "[bench][operations]") {
  const KeySet keys = EvenIntegers(3000);
  constexpr uint32_t kHeldOut = 600;
  constexpr uint64_t kCount = 10'000;
  DatabaseState state(keys, kHeldOut, kSeed);
  const Zipf zipf(state.present_count(), Zipf::kYcsbTheta);
  Random random(kSeed);
  std::map<uint32_t, uint64_t> oracle;
  for (uint32_t i = 0; i < state.present_count(); ++i) {
    oracle[state.PresentRank(i)] = state.ValueSeed(state.PresentRank(i));
  }
  REQUIRE(oracle.size() == keys.size() - kHeldOut);

  struct Expected {
    Workload workload;
    OperationKind other;
    double share;  // of `other`
  };
  for (const Expected& expected : {Expected{Workload::kYcsbA, OperationKind::kPut, 0.5},
                                   Expected{Workload::kYcsbB, OperationKind::kPut, 0.05},
                                   Expected{Workload::kYcsbC, OperationKind::kPut, 0},
                                   Expected{Workload::kYcsbE, OperationKind::kPut, 0.05},
                                   Expected{Workload::kYcsbF, OperationKind::kReadModifyWrite, 0.5},
                                   Expected{Workload::kUpdate, OperationKind::kPut, 1},
                                   Expected{Workload::kAbsent, OperationKind::kGetAbsent, 1},
                                   Expected{Workload::kUniform, OperationKind::kGet, 1}}) {
    INFO("workload " << WorkloadName(expected.workload));
    const auto operations = GenerateOperations(expected.workload, kCount, &state, zipf, &random);
    REQUIRE(operations.has_value());
    REQUIRE(operations->list.size() == kCount);
    Counts counts = Replay(*operations, keys, &oracle);
    const double share = static_cast<double>(counts.by_kind[expected.other]) / kCount;
    CHECK(share == Approx(expected.share).margin(0.02));
    CHECK((counts.inserts > 0) == (expected.workload == Workload::kYcsbE));
  }
  for (uint32_t rank = 0; rank < keys.size(); ++rank) {
    REQUIRE(state.IsPresent(rank) == (oracle.count(rank) == 1));
    if (state.IsPresent(rank)) REQUIRE(state.ValueSeed(rank) == oracle[rank]);
  }
}

TEST_CASE("a load puts every present key once, in its present version", "[bench][operations]") {
  const KeySet keys = EvenIntegers(1000);
  DatabaseState state(keys, 100, kSeed);
  state.Update(state.PresentRank(0));
  std::map<uint32_t, uint64_t> oracle;
  const Operations operations = LoadOperations(state);
  const Counts counts = Replay(operations, keys, &oracle);
  CHECK(counts.by_kind.at(OperationKind::kPut) == operations.list.size());
  CHECK(counts.inserts == state.present_count());
  REQUIRE(oracle.size() == state.present_count());
  for (const auto& [rank, seed] : oracle) CHECK(seed == state.ValueSeed(rank));
}

TEST_CASE("E scans on when there is nothing left to insert", "[bench][operations]") {
  const KeySet keys = EvenIntegers(100);
  DatabaseState state(keys, 3, kSeed);
  const Zipf zipf(state.present_count(), Zipf::kYcsbTheta);
  Random random(kSeed);
  const auto operations = GenerateOperations(Workload::kYcsbE, 2000, &state, zipf, &random);
  REQUIRE(operations.has_value());
  CHECK(state.held_out_count() == 0);
  CHECK(state.present_count() == 100);
}

TEST_CASE("every workload is found by its name", "[bench][operations]") {
  for (const char* name : {"load", "ingest", "uniform", "serial", "zipf", "absent", "multiget32",
                           "scan50", "A", "B", "C", "E", "F", "update"}) {
    INFO(name);
    REQUIRE(FindWorkload(name).has_value());
    CHECK(WorkloadName(*FindWorkload(name)) == std::string(name));
  }
  CHECK_FALSE(FindWorkload("D").has_value());
}

}  // namespace
}  // namespace sibyl::bench
