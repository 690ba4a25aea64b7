// Goal: a StringIndex answers as std::lower_bound does, for every kind, block size and density of
// landmarks, for every query: stored, absent, a prefix, an extension, the empty string; and damaged
// bytes are refused.
// Method: small hostile and friendly key sets; each is asked for its keys, their mutations and
// random strings, one at a time and in batches. Seeds are fixed and printed.

#include "sibyl/string_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "index/landmark.h"
#include "tests/index/serialized.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

using Strings = std::vector<std::string>;
using Views = std::vector<std::string_view>;

Views ViewsOf(const Strings& strings) { return {strings.begin(), strings.end()}; }

std::vector<StringIndexOptions> AllOptions() {
  std::vector<StringIndexOptions> all;
  for (const auto kind : {StringIndexKind::kRecursive, StringIndexKind::kBTree}) {
    for (const auto& [block, landmarks] :
         {std::pair(4u, 1u), std::pair(16u, 0u), std::pair(16u, 3u), std::pair(32u, 1u),
          std::pair(256u, 8u)}) {
      all.push_back({kind, block, landmarks});
    }
  }
  return all;
}

// Keys, what is just beside them, their beginnings, and random strings.
Strings Queries(const Strings& keys, size_t limit, uint64_t seed) {
  std::mt19937_64 random(seed);
  Strings queries = {"",
                     std::string(1, '\0'),
                     std::string(9, '\0'),
                     "\xff",
                     std::string(40, '\xff'),
                     std::string(5000, 'a'),
                     std::string(5000, '\0')};
  for (size_t i = 0; i < std::min(limit, keys.size()); ++i) {
    const std::string& key = keys.size() <= limit ? keys[i] : keys[random() % keys.size()];
    queries.push_back(key);
    queries.push_back(key + '\0');
    queries.push_back(key + "\xff");
    queries.push_back(key.substr(0, random() % (key.size() + 1)));
    if (key.empty()) continue;
    std::string changed = key;
    changed[random() % key.size()] ^= static_cast<char>(1 << random() % 8);
    queries.push_back(changed);
    changed = key;
    changed.back() = static_cast<char>(changed.back() - 1);
    queries.push_back(changed + "\xff\xff");
  }
  for (std::string& query : test::RandomStrings(200, seed)) queries.push_back(std::move(query));
  std::shuffle(queries.begin(), queries.end(), random);
  return queries;
}

// Fails the test at the first wrong answer only: there may be many.
void CheckAnswers(const StringIndex& index, const Views& keys, const Strings& queries) {
  const Views views = ViewsOf(queries);
  std::vector<uint64_t> ranks(views.size());
  index.LowerBoundBatch(views, ranks);
  for (size_t i = 0; i < views.size(); ++i) {
    const auto range = std::equal_range(keys.begin(), keys.end(), views[i]);
    const auto lower = static_cast<uint64_t>(range.first - keys.begin());
    const auto upper = static_cast<uint64_t>(range.second - keys.begin());
    if (index.LowerBound(views[i]) == lower && ranks[i] == lower &&
        index.EqualRange(views[i]) == std::pair(lower, upper) &&
        index.UpperBound(views[i]) == upper) {
      continue;
    }
    INFO("query " << i << " of " << views[i].size() << " bytes: single "
                  << index.LowerBound(views[i]) << ", upper " << index.UpperBound(views[i]));
    REQUIRE(ranks[i] == lower);
    REQUIRE(index.LowerBound(views[i]) == lower);
    REQUIRE(index.EqualRange(views[i]) == std::pair(lower, upper));
    REQUIRE(index.UpperBound(views[i]) == upper);
  }
}

void CheckAllOptions(const std::string& name, const Strings& keys, size_t query_limit) {
  const Views views = ViewsOf(keys);
  const uint64_t seed = 1;
  const Strings queries = Queries(keys, query_limit, seed);
  for (const StringIndexOptions& options : AllOptions()) {
    INFO(name << ", kind " << static_cast<int>(options.kind) << ", blocks of " << options.block_keys
              << ", landmarks " << options.landmark_keys << ", seed " << seed);
    const auto index = StringIndex::Build(views, options);
    REQUIRE(index.has_value());
    CHECK(index->size() == keys.size());
    CHECK(index->kind() == options.kind);
    CheckAnswers(*index, views, queries);
  }
}

Strings Sorted(Strings keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

TEST_CASE("the smallest arrays", "[index][string_index]") {
  CheckAllOptions("no keys", {}, 10);
  CheckAllOptions("the empty string", {""}, 10);
  CheckAllOptions("one key", {"key"}, 10);
  CheckAllOptions("one long key", {std::string(70000, 'x')}, 10);
  CheckAllOptions("a key and its extension by NUL", {"a", std::string("a\0", 2)}, 10);
  CheckAllOptions("first and last", {"", std::string(30, '\xff')}, 10);
}

TEST_CASE("hostile keys: NULs, all short strings, nested prefixes", "[index][string_index]") {
  CheckAllOptions("runs of NUL", test::FromStrings("", test::NulRunStrings()).keys, 400);
  CheckAllOptions("all short strings", test::FromStrings("", test::ByteEdgeStrings()).keys, 600);
  CheckAllOptions("chains", test::FromStrings("", test::NestedPrefixChains(20, 60)).keys, 500);
}

TEST_CASE("friendly and random keys", "[index][string_index]") {
  CheckAllOptions("paths", test::FromStrings("", test::PathStrings(4000, 3)).keys, 600);
  CheckAllOptions("random", test::FromStrings("", test::RandomStrings(4000, 4)).keys, 600);
  CheckAllOptions("integers", test::FromIntegers("", test::UniformIntegers(4000, 5)).keys, 600);
}

TEST_CASE("equal keys, in runs of any length", "[index][string_index]") {
  CheckAllOptions("all equal", Strings(3000, "same"), 5);
  CheckAllOptions("all empty", Strings(100, ""), 5);
  Strings keys = test::RandomStrings(1000, 6);
  for (size_t i = 0; i < 1000; ++i) keys.insert(keys.end(), i % 7, keys[i]);
  keys.insert(keys.end(), 20000, "one long run");
  CheckAllOptions("runs", Sorted(keys), 500);
}

TEST_CASE("keys that part only behind the reach of a landmark", "[index][string_index]") {
  Strings keys;
  const std::string stem(kMaxPlaceByte + 5, 's');
  for (int i = 0; i < 60; ++i) keys.push_back(stem + std::to_string(i));
  for (int i = 0; i < 60; ++i) keys.push_back(stem.substr(0, kMaxPlaceByte - 2 + i % 5) + "t");
  for (int i = 0; i < 60; ++i) keys.push_back("a" + std::to_string(i));
  CheckAllOptions("deep", test::FromStrings("", keys).keys, 500);
}

TEST_CASE("real keys", "[index][string_index]") {
  for (const char* file : {"git_paths_1137429.txt.zst", "geonames_postal_keys_1192315.txt.zst"}) {
    const auto set = test::LoadRealKeys(file, 20000);
    if (set) CheckAllOptions(file, set->keys, 1500);
  }
}

// Few letters make deep shared prefixes, repetitions and keys that are prefixes of others likely.
std::string RandomKey(std::mt19937_64* random) {
  static constexpr char kLetters[] = {'\0', '\x01', 'a', '\xff'};
  const size_t letters = 1 + (*random)() % std::size(kLetters);
  std::string key((*random)() % 8 == 0 ? (*random)() % 40 : (*random)() % 12, '\0');
  for (char& byte : key) byte = kLetters[(*random)() % letters];
  return key;
}

TEST_CASE("random small arrays, under random options", "[index][string_index]") {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    std::mt19937_64 random(seed);
    Strings keys(random() % (seed % 10 == 0 ? 1000 : 60));
    for (std::string& key : keys) key = RandomKey(&random);
    keys = Sorted(keys);
    Strings queries(100);
    for (std::string& query : queries) query = RandomKey(&random);
    queries.insert(queries.end(), keys.begin(), keys.end());
    const uint32_t block = 4 + static_cast<uint32_t>(random() % 30);
    const StringIndexOptions options = {
        random() % 3 == 0 ? StringIndexKind::kBTree : StringIndexKind::kRecursive, block,
        static_cast<uint32_t>(random() % (block + 1))};
    INFO("seed " << seed << ", blocks of " << block << ", landmarks " << options.landmark_keys);
    const Views views = ViewsOf(keys);
    const auto index = StringIndex::Build(views, options);
    REQUIRE(index.has_value());
    CheckAnswers(*index, views, queries);
  }
}

TEST_CASE("auto tries both kinds and says what it chose", "[index][string_index]") {
  const auto set = test::FromStrings("", test::PathStrings(5000, 7));
  const Views keys = set.Views();
  const auto index = StringIndex::Build(keys);
  REQUIRE(index.has_value());
  CheckAnswers(*index, keys, Queries(set.keys, 300, 2));
  size_t chosen = 0;
  for (const StringIndexCandidate& candidate : index->candidates()) {
    CHECK(candidate.single_ns > 0);
    CHECK(candidate.batch_ns > 0);
    chosen += candidate.chosen;
    if (candidate.chosen) CHECK(candidate.memory_bytes == index->memory_bytes());
  }
  CHECK(index->candidates().size() > 1);
  CHECK(chosen == 1);
  CHECK(index->Explain().find("* ") != std::string::npos);
}

TEST_CASE("every budget is kept, and every answer right", "[index][string_index]") {
  for (const Strings& strings : {test::FromStrings("", test::PathStrings(5000, 11)).keys,
                                 Sorted(Strings(3000, "same")), Strings{"one"}, Strings{}}) {
    const Views keys = ViewsOf(strings);
    const Strings queries = Queries(strings, 200, 12);
    for (const auto kind : {StringIndexKind::kRecursive, StringIndexKind::kBTree}) {
      const auto index = StringIndex::Build(keys, {kind, 16, 1});
      REQUIRE(index.has_value());
      uint64_t before = std::numeric_limits<uint64_t>::max();
      for (uint64_t budget = 4 * index->memory_bytes(); budget > 300; budget /= 2) {
        INFO(keys.size() << " keys, kind " << static_cast<int>(kind) << ", budget " << budget);
        const StringIndex small = index->RebuildWithBudget(budget);
        CHECK(small.memory_bytes() <= budget);
        CHECK(small.memory_bytes() <= before);
        CHECK(small.kind() == kind);
        // Not far below, either, where there is something to keep.
        if (budget < index->memory_bytes() && budget > 2000) {
          CHECK(small.memory_bytes() > budget / 5);
        }
        CheckAnswers(small, keys, queries);
        before = small.memory_bytes();
      }
      const StringIndex least = index->RebuildWithBudget(0);
      CHECK(least.memory_bytes() <= 300);
      CheckAnswers(least, keys, queries);
    }
  }
}

TEST_CASE("bad input is an error that names it", "[index][string_index]") {
  const Views unsorted = {"a", "c", "b"};
  const auto index = StringIndex::Build(unsorted);
  REQUIRE_FALSE(index.has_value());
  CHECK(index.error().code == ErrorCode::kInvalidArgument);
  CHECK(index.error().message.find("rank 2") != std::string::npos);
  const Views sorted = {"a", "b"};
  for (const auto& [block, landmarks] :
       {std::pair(3u, 0u), std::pair((1u << 30) + 1, 0u), std::pair(8u, 9u)}) {
    const auto refused =
        StringIndex::Build(sorted, {StringIndexKind::kRecursive, block, landmarks});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a landmark is the first bit that differs, in the order of strings",
          "[index][string_index]") {
  const auto place = [](std::string_view a, std::string_view b) {
    return PlaceOfDifference(a, b, SharedBytes(a, b));
  };
  CHECK(place("a", "a") == kNoPlace);
  CHECK(place("", "a") == 0);
  CHECK(place("a", "ab") == 16);
  CHECK(place("a", "b") == 7);  // 0x61, 0x62: bit 6 from the highest
  CHECK(place("ab", "a\xff") == 16 + 1);
  CHECK(place("aaa", "ab") > place("a", "ab"));
}

// What follows a round trip: same answers, same bytes.
void CheckRoundTrip(const Strings& strings, const StringIndexOptions& options) {
  const Views keys = ViewsOf(strings);
  const auto index = StringIndex::Build(keys, options);
  REQUIRE(index.has_value());
  std::string bytes;
  index->Serialize(&bytes);
  const auto again = StringIndex::Deserialize(bytes, keys);
  REQUIRE(again.has_value());
  CheckAnswers(*again, keys, Queries(strings, 200, 9));
  CHECK(again->memory_bytes() == index->memory_bytes());
  std::string bytes_again;
  again->Serialize(&bytes_again);
  CHECK(bytes == bytes_again);
}

TEST_CASE("the portable form comes back as it was", "[index][string_index]") {
  for (const StringIndexOptions& options : AllOptions()) {
    CheckRoundTrip({}, options);
    CheckRoundTrip({""}, options);
    CheckRoundTrip(Strings(300, "same"), options);
    CheckRoundTrip(test::FromStrings("", test::PathStrings(1000, 8)).keys, options);
  }
}

const Strings& GoldenKeys() {
  static const Strings keys = test::FromStrings("", {"", "a", std::string("a\0", 2), "ab", "abc",
                                                     "geo/de/10115", "geo/de/10117", "geo/fr/75001",
                                                     "geo/fr/75002", "x", std::string(30, 'x')})
                                  .keys;
  return keys;
}

std::string GoldenBytes(const StringIndexOptions& options = {StringIndexKind::kRecursive, 4, 1}) {
  const Views keys = ViewsOf(GoldenKeys());
  std::string bytes;
  StringIndex::Build(keys, options)->Serialize(&bytes);
  return bytes;
}

struct Golden {
  const char* file;
  StringIndexOptions options;
};

constexpr Golden kGoldenFiles[] = {
    {"string_index_v1.bin", {StringIndexKind::kRecursive, 4, 1}},
    {"string_index_v1_halves.bin", {StringIndexKind::kRecursive, 4, 0}},
    {"string_index_v1_btree.bin", {StringIndexKind::kBTree, 4, 2}},
};

TEST_CASE("golden files of string indexes", "[index][string_index]") {
  const Views keys = ViewsOf(GoldenKeys());
  for (const Golden& golden : kGoldenFiles) {
    INFO(golden.file);
    const auto index = StringIndex::Deserialize(test::ReadGolden(golden.file), keys);
    REQUIRE(index.has_value());
    CHECK(index->kind() == golden.options.kind);
    CheckAnswers(*index, keys, Queries(GoldenKeys(), 100, 3));
    std::string again;  // an index built today may have learned another model
    index->Serialize(&again);
    CHECK((again == test::ReadGolden(golden.file)));
  }
}

TEST_CASE("writes the golden files", "[.write-golden-files]") {
  for (const Golden& golden : kGoldenFiles) {
    test::WriteGolden(golden.file, GoldenBytes(golden.options));
  }
}

TEST_CASE("damage is refused", "[index][string_index]") {
  const Views keys = ViewsOf(GoldenKeys());
  test::CheckDamageIsRefused(GoldenBytes(), [&](const std::string& bytes) {
    return StringIndex::Deserialize(bytes, keys);
  });
}

TEST_CASE("other keys and newer versions are told apart from damage", "[index][string_index]") {
  Strings others = GoldenKeys();
  others[4] = "abd";
  const auto other = StringIndex::Deserialize(GoldenBytes(), ViewsOf(others));
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().code == ErrorCode::kInvalidArgument);
  std::string newer = GoldenBytes();
  newer[8] = 2;
  const auto refused = StringIndex::Deserialize(newer, ViewsOf(GoldenKeys()));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kNotSupported);
}

// Bytes that are wrong but carry the right checksum, as an attacker would make them.
TEST_CASE("crafted bytes are refused or stay inside the array", "[index][string_index]") {
  const auto set = test::FromStrings("", test::PathStrings(300, 10));
  const Views keys = set.Views();
  const Strings queries = Queries(set.keys, 50, 4);
  const Views views = ViewsOf(queries);
  std::string bytes;
  StringIndex::Build(keys, {StringIndexKind::kRecursive, 8, 2})->Serialize(&bytes);
  std::mt19937_64 random(5);
  std::vector<uint64_t> ranks(views.size());
  for (int i = 0; i < 3000; ++i) {
    std::string crafted = bytes;
    for (int change = 0; change < 3; ++change) {
      crafted[12 + random() % (crafted.size() - 20)] = static_cast<char>(random());
    }
    crafted.resize(crafted.size() - 8);
    base::Put64(&crafted, base::Checksum(crafted));
    const auto index = StringIndex::Deserialize(crafted, keys);
    if (!index) continue;
    index->LowerBoundBatch(views, ranks);
    for (size_t q = 0; q < views.size(); ++q) {
      if (index->LowerBound(views[q]) > keys.size() || ranks[q] > keys.size()) FAIL("outside");
    }
  }
}

}  // namespace
}  // namespace sibyl::index
