// Goal: a PointIndex finds what was put in and nothing else, under every hash and table; the
// learned hash never has more conflicts than XXH3; damaged bytes are refused.
// Method: hostile and friendly key sets against the keys themselves and their neighbours; portable
// bytes with every bit flipped, and with rings and wild links under a right checksum.

#include "sibyl/point_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "tests/index/serialized.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

using Keys = std::vector<uint64_t>;

Keys ValuesOf(const Keys& keys) {
  Keys values;
  for (const uint64_t key : keys) values.push_back(key * 3 + 1);
  return values;
}

std::vector<PointIndexOptions> AllOptions() {
  std::vector<PointIndexOptions> all;
  for (const PointHash hash : {PointHash::kXxh3, PointHash::kCdf, PointHash::kLearned}) {
    for (const double slots : {1.0, 1.3, 4.0}) all.push_back({hash, PointTable::kInPlace, slots});
    for (const double slots : {0.25, 1.0, 2.0}) all.push_back({hash, PointTable::kChained, slots});
  }
  return all;
}

Keys Distinct(Keys keys, uint64_t seed) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(seed));
  return keys;
}

// Fails the test at the first wrong answer only: there may be many.
void CheckAnswers(const PointIndex& index, const Keys& keys) {
  const std::set<uint64_t> stored(keys.begin(), keys.end());
  Keys queries = {0, 1, kMax - 1, kMax, uint64_t{1} << 63};
  for (const uint64_t key : keys) queries.insert(queries.end(), {key - 1, key, key + 1, ~key});
  std::vector<std::optional<uint64_t>> values(queries.size());
  index.FindBatch(queries, values);
  for (size_t i = 0; i < queries.size(); ++i) {
    const auto expected =
        stored.count(queries[i]) == 0 ? std::nullopt : std::optional(queries[i] * 3 + 1);
    if (index.Find(queries[i]) == expected && values[i] == expected) continue;
    INFO("key " << queries[i]);
    REQUIRE(index.Find(queries[i]) == expected);
    REQUIRE(values[i] == expected);
  }
}

void CheckAllOptions(const std::string& name, const Keys& keys) {
  for (const PointIndexOptions& options : AllOptions()) {
    INFO(name << ", hash " << static_cast<int>(options.hash) << ", table "
              << static_cast<int>(options.table) << ", slots " << options.slots_per_key);
    const auto index = PointIndex::Build(keys, ValuesOf(keys), options);
    REQUIRE(index.has_value());
    CHECK(index->size() == keys.size());
    CHECK(index->table() == options.table);
    CheckAnswers(*index, keys);
    std::string bytes;
    index->Serialize(&bytes);
    const auto again = PointIndex::Deserialize(bytes);
    REQUIRE(again.has_value());
    CheckAnswers(*again, keys);
    CHECK(again->conflicts() == index->conflicts());
    CHECK(again->memory_bytes() == index->memory_bytes());
    std::string bytes_again;
    again->Serialize(&bytes_again);
    CHECK((bytes == bytes_again));
  }
}

TEST_CASE("the smallest maps", "[index][point_index]") {
  CheckAllOptions("empty", {});
  CheckAllOptions("zero", {0});
  CheckAllOptions("max", {kMax});
  CheckAllOptions("both ends", {kMax, 0});
  CheckAllOptions("three", {7, 1, 3});
}

TEST_CASE("friendly and hostile keys, in any order", "[index][point_index]") {
  CheckAllOptions("dense", Distinct(test::DenseIntegers(800, 0), 1));
  CheckAllOptions("dense to the end", Distinct(test::DenseIntegers(800, kMax - 799), 1));
  CheckAllOptions("uniform", Distinct(test::UniformIntegers(800, 2), 3));
  CheckAllOptions("clustered", Distinct(test::ClusteredIntegers(800, 4), 5));
  CheckAllOptions("outliers", Distinct(test::OutlierIntegers(800, 6), 7));
  CheckAllOptions("doubling gaps", Distinct(test::DoublingGapIntegers(800), 8));
}

uint64_t Conflicts(const Keys& keys, PointHash hash) {
  return PointIndex::Build(keys, ValuesOf(keys), {hash})->conflicts();
}

TEST_CASE("the learned hash has fewer conflicts than XXH3, whatever the keys",
          "[index][point_index]") {
  for (const Keys& keys : {test::DenseIntegers(20000, 100), test::UniformIntegers(20000, 1),
                           test::ClusteredIntegers(20000, 2), test::OutlierIntegers(20000, 3),
                           test::LognormalIntegers(20000, 4), test::DoublingGapIntegers(20000)}) {
    const Keys distinct = Distinct(keys, 1);
    const uint64_t learned = Conflicts(distinct, PointHash::kLearned);
    INFO("learned " << learned << " of " << distinct.size());
    CHECK(learned < Conflicts(distinct, PointHash::kXxh3));
  }
  // Where groups are small, most get a seed without conflicts.
  const Keys uniform = Distinct(test::UniformIntegers(20000, 1), 1);
  CHECK(3 * Conflicts(uniform, PointHash::kLearned) < Conflicts(uniform, PointHash::kXxh3));
  // The model alone sees only regularity; here there is nothing else.
  CHECK(Conflicts(test::DenseIntegers(20000, 100), PointHash::kCdf) < 100);
}

TEST_CASE("in place takes no memory but the slots", "[index][point_index]") {
  const Keys keys = Distinct(test::UniformIntegers(5000, 9), 1);
  const auto index = PointIndex::Build(keys, ValuesOf(keys), {PointHash::kXxh3});
  REQUIRE(index.has_value());
  CHECK(index->slots() == keys.size());
  CHECK(index->memory_bytes() == 20 * keys.size());
}

TEST_CASE("auto reports both and keeps one", "[index][point_index]") {
  const Keys keys = Distinct(test::UniformIntegers(5000, 10), 1);
  const auto index = PointIndex::Build(keys, ValuesOf(keys));
  REQUIRE(index.has_value());
  CheckAnswers(*index, keys);
  REQUIRE(index->candidates().size() == 2);
  CHECK(index->candidates()[0].chosen != index->candidates()[1].chosen);
  for (const PointIndexCandidate& candidate : index->candidates()) CHECK(candidate.find_ns > 0);
  CHECK(index->Explain().find("* ") != std::string::npos);
}

TEST_CASE("bad input is an error that names it", "[index][point_index]") {
  const auto twice = PointIndex::Build(Keys{5, 3, 5}, Keys{1, 2, 3});
  REQUIRE_FALSE(twice.has_value());
  CHECK(twice.error().code == ErrorCode::kInvalidArgument);
  CHECK(twice.error().message.find("key 5") != std::string::npos);
  CHECK_FALSE(PointIndex::Build(Keys{5, 3}, Keys{1}).has_value());
  CHECK_FALSE(PointIndex::Build(Keys{1}, Keys{1}, {PointHash::kXxh3, PointTable::kInPlace, 0.9}));
  CHECK_FALSE(PointIndex::Build(Keys{1}, Keys{1}, {PointHash::kXxh3, PointTable::kChained, 0}));
  CHECK_FALSE(PointIndex::Build(Keys{1}, Keys{1}, {PointHash::kXxh3, PointTable::kChained, NAN}));
}

Keys GoldenKeys(uint64_t count = 260) {
  Keys keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(i * i * 11 + i % 7);
  return keys;
}

std::string GoldenBytes(const PointIndexOptions& options = {PointHash::kLearned},
                        uint64_t count = 260) {
  const Keys keys = GoldenKeys(count);
  std::string bytes;
  PointIndex::Build(keys, ValuesOf(keys), options)->Serialize(&bytes);
  return bytes;
}

struct Golden {
  const char* file;
  PointIndexOptions options;
  uint64_t keys = 600;  // fewer are not worth a model today
};

constexpr Golden kGoldenFiles[] = {
    {"point_index_v1.bin", {PointHash::kLearned}, 260},
    {"point_index_v1_learned_chained.bin", {PointHash::kLearned, PointTable::kChained, 1.5}},
    {"point_index_v1_cdf.bin", {PointHash::kCdf}},
    {"point_index_v1_cdf_chained.bin", {PointHash::kCdf, PointTable::kChained, 0.5}},
    {"point_index_v1_xxh3.bin", {PointHash::kXxh3, PointTable::kInPlace, 1.25}},
    {"point_index_v1_xxh3_chained.bin", {PointHash::kXxh3, PointTable::kChained}},
};

TEST_CASE("golden files of point indexes", "[index][point_index]") {
  for (const Golden& golden : kGoldenFiles) {
    INFO(golden.file);
    const auto index = PointIndex::Deserialize(test::ReadGolden(golden.file));
    REQUIRE(index.has_value());
    CHECK(index->hash() == golden.options.hash);
    CHECK(index->table() == golden.options.table);
    std::string again;  // a map built today may have learned another model
    index->Serialize(&again);
    CHECK((again == test::ReadGolden(golden.file)));
    CheckAnswers(*index, GoldenKeys(golden.keys));
  }
}

TEST_CASE("writes the golden files", "[.write-golden-files]") {
  for (const Golden& golden : kGoldenFiles) {
    test::WriteGolden(golden.file, GoldenBytes(golden.options, golden.keys));
  }
}

TEST_CASE("damage is refused", "[index][point_index]") {
  test::CheckDamageIsRefused(
      GoldenBytes(), [](const std::string& bytes) { return PointIndex::Deserialize(bytes); });
}

std::string WithChecksum(std::string body) {
  base::Put64(&body, base::Checksum(body));
  return body;
}

TEST_CASE("rings and wild links are refused", "[index][point_index]") {
  const Keys keys = {1, 2, 3, 4};
  std::string bytes;
  PointIndex::Build(keys, ValuesOf(keys), {PointHash::kXxh3})->Serialize(&bytes);
  const std::string head = bytes.substr(0, bytes.size() - 8 - 4 * 20);
  const auto with_links = [&](const std::vector<uint32_t>& links) {
    std::string crafted = head;
    for (size_t i = 0; i < links.size(); ++i) {
      base::Put64(&crafted, i + 1);
      base::Put64(&crafted, i);
      base::Put32(&crafted, links[i]);
    }
    return PointIndex::Deserialize(WithChecksum(crafted));
  };
  constexpr uint32_t kEnd = UINT32_MAX;
  CHECK(with_links({1, 2, 3, kEnd}).has_value());
  CHECK_FALSE(with_links({1, 2, 3, 0}).has_value());           // a ring of all
  CHECK_FALSE(with_links({0, kEnd, kEnd, kEnd}).has_value());  // a ring of one
  CHECK_FALSE(with_links({kEnd, 2, 1, kEnd}).has_value());
  CHECK_FALSE(with_links({4, kEnd, kEnd, kEnd}).has_value());         // outside
  CHECK_FALSE(with_links({2, 2, kEnd, kEnd}).has_value());            // two before one
  CHECK_FALSE(with_links({kEnd - 1, kEnd, kEnd, kEnd}).has_value());  // fewer keys than it says
}

TEST_CASE("crafted bytes are refused, or lookups end", "[index][point_index]") {
  const std::string bytes = GoldenBytes();
  std::mt19937_64 random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string crafted = bytes.substr(0, bytes.size() - 8);
    const size_t from = 12 + (i % 2 == 0 ? 0 : crafted.size() - 200);
    const size_t reach = i % 2 == 0 ? 300 : 180;
    for (int change = 0; change < 2; ++change) {
      crafted[std::min(from + random() % reach, crafted.size() - 1)] = static_cast<char>(random());
    }
    const auto index = PointIndex::Deserialize(WithChecksum(crafted));
    if (!index) continue;
    for (const uint64_t key : GoldenKeys()) (void)index->Find(key);
    for (const uint64_t key : {uint64_t{0}, kMax, kMax / 2}) (void)index->Find(key);
  }
}

TEST_CASE("a newer version is not damage", "[index][point_index]") {
  std::string newer = GoldenBytes();
  newer[8] = 2;
  CHECK(PointIndex::Deserialize(newer).error().code == ErrorCode::kNotSupported);
}

}  // namespace
}  // namespace sibyl::index
