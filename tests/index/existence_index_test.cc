// Goal: an ExistenceIndex never denies a stored key, whatever the kind, the keys and the sample;
// its rate of false positives is about what was asked for; damaged bytes are refused. Method: every
// stored key of hostile and friendly sets is asked for, before and after a round trip of the
// portable form; rates are measured on absent keys that were not in the sample.

#include "sibyl/existence_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "index/blocked_bloom.h"
#include "index/score_regions.h"
#include "tests/index/serialized.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

using Strings = std::vector<std::string>;
using Views = std::vector<std::string_view>;
using Integers = std::vector<uint64_t>;

constexpr ExistenceKind kKinds[] = {ExistenceKind::kBlockedBloom, ExistenceKind::kLearnedBloom,
                                    ExistenceKind::kPartitioned};

template <typename Keys>
void CheckNoneDenied(const ExistenceIndex& index, const Keys& keys) {
  for (const auto& key : keys) {
    if (!index.MayContain(key)) FAIL("a stored key is denied");
  }
}

template <typename Key>
void CheckAllKinds(const std::string& name, const std::vector<Key>& keys,
                   const std::vector<Key>& absent) {
  for (const ExistenceKind kind : kKinds) {
    for (const double rate : {0.0001, 0.01, 0.5}) {
      INFO(name << ", kind " << static_cast<int>(kind) << ", rate " << rate);
      const auto index = ExistenceIndex::Build(std::span<const Key>(keys),
                                               std::span<const Key>(absent), {kind, rate});
      if (keys.empty() && kind != ExistenceKind::kBlockedBloom) {
        CHECK_FALSE(index.has_value());
        continue;
      }
      REQUIRE(index.has_value());
      CHECK(index->kind() == kind);
      CHECK(index->size() == keys.size());
      CheckNoneDenied(*index, keys);
      std::string bytes;
      index->Serialize(&bytes);
      const auto again = ExistenceIndex::Deserialize(bytes);
      REQUIRE(again.has_value());
      CheckNoneDenied(*again, keys);
      CHECK(again->memory_bytes() == index->memory_bytes());
      for (const Key& key : absent) {
        if (again->MayContain(key) != index->MayContain(key)) FAIL("another answer");
      }
      std::string bytes_again;
      again->Serialize(&bytes_again);
      CHECK((bytes == bytes_again));
    }
  }
}

Views ViewsOf(const Strings& strings) { return {strings.begin(), strings.end()}; }

TEST_CASE("no stored integer is denied", "[index][existence_index]") {
  const Integers absent = test::UniformIntegers(1500, 1);
  CheckAllKinds<uint64_t>("none", {}, absent);
  CheckAllKinds<uint64_t>("zero", {0}, absent);
  CheckAllKinds<uint64_t>("max", {kMax}, absent);
  CheckAllKinds<uint64_t>("both ends", {0, kMax}, absent);
  CheckAllKinds<uint64_t>("repeated", Integers(500, 42), absent);
  CheckAllKinds<uint64_t>("clustered", test::ClusteredIntegers(2000, 2), absent);
  CheckAllKinds<uint64_t>("doubling gaps", test::DoublingGapIntegers(2000), absent);
  CheckAllKinds<uint64_t>("absent are stored", absent, absent);
}

TEST_CASE("no stored string is denied", "[index][existence_index]") {
  const Strings random = test::RandomStrings(1500, 3);
  const Views absent = ViewsOf(random);
  const auto check = [&](const std::string& name, const Strings& keys) {
    CheckAllKinds<std::string_view>(name, ViewsOf(keys), absent);
  };
  check("none", {});
  check("the empty string", {""});
  check("long ones", {std::string(70000, 'x'), std::string(70000, '\0')});
  check("NULs", test::NulRunStrings());
  check("all short strings", test::ByteEdgeStrings());
  check("paths", test::PathStrings(2000, 4));
  check("absent are stored", random);
}

template <typename Key>
double RateOf(const ExistenceIndex& index, const std::vector<Key>& absent) {
  const auto yes = std::count_if(absent.begin(), absent.end(),
                                 [&](const Key& key) { return index.MayContain(key); });
  return static_cast<double>(yes) / static_cast<double>(absent.size());
}

TEST_CASE("a Bloom filter keeps its rate, in the bits it says", "[index][existence_index]") {
  const Integers keys = test::UniformIntegers(20000, 5);
  const Integers others = test::UniformIntegers(100000, 6);
  for (const double rate : {0.001, 0.01, 0.1, 0.5}) {
    const auto index =
        ExistenceIndex::Build(keys, Integers(), {ExistenceKind::kBlockedBloom, rate});
    REQUIRE(index.has_value());
    INFO("rate " << rate);
    CHECK(RateOf(*index, others) < 1.3 * rate);
    CHECK(RateOf(*index, others) > 0.7 * rate);
    const double bits = BlockedBloom::BitsPerKey(rate);
    CHECK(static_cast<double>(index->memory_bytes()) < 20000 * bits / 8 + 256);
  }
}

// Names under a few roots against names under others: much to learn.
Strings Names(const char* const* roots, size_t root_count, size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  Strings names;
  for (size_t i = 0; i < count; ++i) {
    names.push_back(std::string(roots[random() % root_count]) +
                    std::to_string(random() % 10000000));
  }
  return names;
}

TEST_CASE("learned filters keep the rate in less memory where keys look different",
          "[index][existence_index]") {
  constexpr const char* kStored[] = {"user/", "order/", "shared/"};
  constexpr const char* kAbsent[] = {"tmp/", "cache/", "shared/"};
  const Strings keys = Names(kStored, 3, 30000, 7);
  const Strings sample = Names(kAbsent, 3, 9000, 8);
  const Strings others = Names(kAbsent, 3, 30000, 9);
  uint64_t bloom_bytes = 0;
  for (const ExistenceKind kind : kKinds) {
    const auto index = ExistenceIndex::Build(ViewsOf(keys), ViewsOf(sample), {kind, 0.01});
    REQUIRE(index.has_value());
    INFO("kind " << static_cast<int>(kind) << ", " << index->memory_bytes() << " bytes");
    CHECK(RateOf(*index, others) < 0.014);
    if (kind == ExistenceKind::kBlockedBloom) bloom_bytes = index->memory_bytes();
    if (kind == ExistenceKind::kPartitioned) CHECK(index->memory_bytes() < bloom_bytes * 3 / 4);
  }
}

TEST_CASE("auto learns where it pays and not where there is nothing to learn",
          "[index][existence_index]") {
  constexpr const char* kStored[] = {"user/"};
  constexpr const char* kAbsent[] = {"tmp/"};
  const Strings keys = Names(kStored, 1, 30000, 10);
  const Strings different = Names(kAbsent, 1, 6000, 11);
  const auto learned = ExistenceIndex::Build(ViewsOf(keys), ViewsOf(different));
  REQUIRE(learned.has_value());
  CHECK(learned->kind() != ExistenceKind::kBlockedBloom);
  CHECK(learned->candidates().size() == 3);
  CHECK(learned->Explain().find("* ") != std::string::npos);
  CheckNoneDenied(*learned, keys);
  const Strings alike = Names(kStored, 1, 6000, 12);
  const auto plain = ExistenceIndex::Build(ViewsOf(keys), ViewsOf(alike));
  REQUIRE(plain.has_value());
  CHECK(plain->kind() == ExistenceKind::kBlockedBloom);
  const auto without = ExistenceIndex::Build(ViewsOf(keys), Views());
  REQUIRE(without.has_value());
  CHECK(without->kind() == ExistenceKind::kBlockedBloom);
}

TEST_CASE("a key of the other type is never denied", "[index][existence_index]") {
  const auto integers = ExistenceIndex::Build(Integers{1, 2}, Integers());
  const auto strings = ExistenceIndex::Build(Views{"a"}, Views());
  CHECK(integers->MayContain(std::string_view("a")));
  CHECK(strings->MayContain(uint64_t{7}));
}

TEST_CASE("bad input is an error", "[index][existence_index]") {
  for (const double rate : {0.0, 1.0, -0.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_FALSE(ExistenceIndex::Build(Integers{1}, Integers(), {ExistenceKind::kAuto, rate}));
  }
  const auto few =
      ExistenceIndex::Build(Integers{1}, Integers(999, 2), {ExistenceKind::kLearnedBloom, 0.01});
  REQUIRE_FALSE(few.has_value());
  CHECK(few.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("regions cover all scores in order, and reach the rate", "[index][existence_index]") {
  std::mt19937_64 random(13);
  std::normal_distribution<double> stored(200, 300);
  std::normal_distribution<double> absent(-200, 300);
  std::vector<int32_t> key_scores(5000);
  std::vector<int32_t> absent_scores(5000);
  for (int32_t& score : key_scores) score = static_cast<int32_t>(stored(random));
  for (int32_t& score : absent_scores) score = static_cast<int32_t>(absent(random));
  for (const double rate : {0.001, 0.01, 0.2}) {
    for (const auto& regions : {ChooseThreshold(key_scores, absent_scores, rate),
                                ChoosePartition(key_scores, absent_scores, rate)}) {
      REQUIRE_FALSE(regions.empty());
      CHECK(regions[0].from == kLowestScore);
      double expected = 0;
      for (size_t i = 0; i < regions.size(); ++i) {
        CHECK(regions[i].rate > 0);
        CHECK(regions[i].rate <= 1);
        if (i > 0) CHECK(regions[i].from > regions[i - 1].from);
        for (const int32_t score : absent_scores) {
          const bool inside =
              score >= regions[i].from && (i + 1 == regions.size() || score < regions[i + 1].from);
          expected += inside ? regions[i].rate / 5000 : 0;
        }
      }
      INFO("rate " << rate << ", expected " << expected);
      CHECK(expected < 1.05 * rate + 0.0002);
    }
  }
}

// Trained once, when the files were written: training is in floating point and may round elsewhere.
constexpr const char* kGoldenRoots[] = {"user/", "order/"};
constexpr const char* kGoldenAbsentRoots[] = {"tmp/", "order/"};
constexpr char kGoldenFile[] = "existence_index_v1.bin";

struct Golden {
  const char* file;
  ExistenceOptions options;
  uint64_t yes;  // of 2000 absent keys
  uint64_t
      which;  // the sum of their squared numbers: the very answers of the machine that wrote it
};

constexpr Golden kGoldenStrings[] = {
    {kGoldenFile, {ExistenceKind::kPartitioned, 0.1}, 74, 89807434},
    {"existence_index_v1_learned.bin", {ExistenceKind::kLearnedBloom, 0.1}, 71, 100280066},
    {"existence_index_v1_bloom.bin", {ExistenceKind::kBlockedBloom, 0.1}, 163, 231335280},
};
constexpr Golden kGoldenIntegers[] = {
    {"existence_index_v1_integers_partitioned.bin",
     {ExistenceKind::kPartitioned, 0.1},
     13,
     18024776},
    {"existence_index_v1_integers_learned.bin", {ExistenceKind::kLearnedBloom, 0.1}, 78, 109091441},
    {"existence_index_v1_integers_bloom.bin", {ExistenceKind::kBlockedBloom, 0.1}, 162, 222693076},
};

Strings GoldenKeys() { return Names(kGoldenRoots, 2, 200, 14); }

// Two dense stretches in a wide space.
Integers GoldenIntegers() {
  Integers keys = test::DenseIntegers(100, uint64_t{1} << 40);
  const Integers more = test::DenseIntegers(100, uint64_t{1} << 50);
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

template <typename Key>
void CheckGolden(const Golden& golden, const std::vector<Key>& stored,
                 const std::vector<Key>& others) {
  INFO(golden.file);
  const std::string bytes = test::ReadGolden(golden.file);
  const auto index = ExistenceIndex::Deserialize(bytes);
  REQUIRE(index.has_value());
  CHECK(index->kind() == golden.options.kind);
  CheckNoneDenied(*index, stored);
  uint64_t yes = 0;
  uint64_t which = 0;
  for (size_t i = 0; i < others.size(); ++i) {
    if (!index->MayContain(others[i])) continue;
    ++yes;
    which += i * i;
  }
  CHECK(yes == golden.yes);
  CHECK(which == golden.which);
  std::string again;
  index->Serialize(&again);
  CHECK((again == bytes));
}

TEST_CASE("golden files of existence indexes", "[index][existence_index]") {
  const Strings others = Names(kGoldenAbsentRoots, 2, 2000, 16);
  for (const Golden& golden : kGoldenStrings) {
    CheckGolden(golden, ViewsOf(GoldenKeys()), ViewsOf(others));
  }
  for (const Golden& golden : kGoldenIntegers) {
    CheckGolden(golden, GoldenIntegers(), test::UniformIntegers(2000, 20));
  }
}

TEST_CASE("writes the golden files", "[.write-golden-files]") {
  const auto write = [](const Golden& golden, const auto& keys, const auto& sample) {
    std::string bytes;
    ExistenceIndex::Build(keys, sample, golden.options)->Serialize(&bytes);
    test::WriteGolden(golden.file, bytes);
  };
  const Strings keys = GoldenKeys();
  const Strings sample = Names(kGoldenAbsentRoots, 2, 1500, 15);
  for (const Golden& golden : kGoldenStrings) write(golden, ViewsOf(keys), ViewsOf(sample));
  for (const Golden& golden : kGoldenIntegers) {
    write(golden, GoldenIntegers(), test::UniformIntegers(1500, 19));
  }
}

TEST_CASE("damage is refused", "[index][existence_index]") {
  std::string bytes;
  ExistenceIndex::Build(test::UniformIntegers(300, 17), Integers())->Serialize(&bytes);
  const auto decode = [](const std::string& damaged) {
    return ExistenceIndex::Deserialize(damaged);
  };
  test::CheckDamageIsRefused(bytes, decode);
  test::CheckDamageIsRefused(test::ReadGolden(kGoldenFile), decode);
}

TEST_CASE("crafted bytes are refused or answer", "[index][existence_index]") {
  const std::string bytes = test::ReadGolden(kGoldenFile);
  std::mt19937_64 random(18);
  for (int i = 0; i < 3000; ++i) {
    std::string crafted = bytes.substr(0, bytes.size() - 8);
    // Half of the changes hit the regions, behind the classifier.
    const size_t from = i % 2 == 0 ? 12 : 12 + 10 + 16 + 8192;
    for (int change = 0; change < 2; ++change) {
      crafted[from + random() % std::min<size_t>(60, crafted.size() - from)] =
          static_cast<char>(random());
    }
    base::Put64(&crafted, base::Checksum(crafted));
    const auto index = ExistenceIndex::Deserialize(crafted);
    if (!index) continue;
    for (const std::string& key : GoldenKeys()) (void)index->MayContain(key);
    (void)index->MayContain(uint64_t{1});
  }
}

}  // namespace
}  // namespace sibyl::index
