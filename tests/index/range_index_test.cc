// Goal: a RangeIndex answers as std::lower_bound does, for every kind, window, root, last mile and
// SIMD target, for every query: stored, absent, extreme; and never reads outside the array.
// Method: small hostile and friendly key sets, each asked for every key, its neighbours and random
// keys; the array lies in exactly sized memory, so the address sanitizer sees a read past its ends.
// Damaged and crafted bytes must be refused or yield an index that stays inside the array.

#include "sibyl/range_index.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "hwy/targets.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

using Keys = std::vector<uint64_t>;

struct NamedKeys {
  std::string name;
  Keys keys;
};

template <typename Next>
Keys Generate(size_t count, Next next) {
  Keys keys(count);
  for (uint64_t& key : keys) key = next();
  std::sort(keys.begin(), keys.end());
  return keys;
}

// Sums of gaps: where `gap` returns 0 there are duplicates.
template <typename NextGap>
Keys Accumulate(size_t count, uint64_t first, NextGap gap) {
  Keys keys(count);
  uint64_t key = first;
  for (uint64_t& k : keys) {
    k = key;
    key += gap();
  }
  return keys;
}

std::vector<NamedKeys> EdgeSets() {
  std::vector<NamedKeys> sets = {
      {"empty", {}},
      {"zero", {0}},
      {"max", {kMax}},
      {"one key", {42}},
      {"two keys", {7, 9}},
      {"zero and max", {0, kMax}},
      {"zeros", Keys(100, 0)},
      {"maxima", Keys(100, kMax)},
      {"all equal", Keys(1000, 12345)},
      {"max and its predecessor", {kMax - 1, kMax}},
  };
  for (const size_t count : {15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300}) {
    sets.push_back(
        {"dense " + std::to_string(count), Accumulate(count, 0, [] { return uint64_t{1}; })});
    sets.push_back({"dense up to max " + std::to_string(count),
                    Accumulate(count, kMax - count + 1, [] { return uint64_t{1}; })});
    sets.push_back(
        {"spread " + std::to_string(count), Accumulate(count, 0, [&] { return kMax / count; })});
  }
  Keys two_values(500, 3);
  two_values.resize(1000, kMax);
  sets.push_back({"two values", two_values});
  Keys doubling;
  for (int bit = 0; bit < 64; ++bit) doubling.push_back(uint64_t{1} << bit);
  sets.push_back({"doubling", doubling});
  for (int bit = 0; bit < 64; ++bit) doubling.push_back(kMax - (uint64_t{1} << bit));
  std::sort(doubling.begin(), doubling.end());
  sets.push_back({"doubling from both ends", doubling});
  return sets;
}

// Keys in clusters of shrinking width inside clusters: each level of a model learns little.
Keys Nested(size_t count, std::mt19937_64* random) {
  return Generate(count, [&] {
    uint64_t key = 0;
    for (int level = 0; level < 8; ++level) key = key << 8 | ((*random)() % 4 == 0 ? 255 : 0);
    return key + (*random)() % 4;
  });
}

std::vector<NamedKeys> RandomSets(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<NamedKeys> sets;
  sets.push_back({"uniform", Generate(count, [&] { return random(); })});
  sets.push_back({"dense with holes", Accumulate(count, 1000, [&] { return 1 + random() % 19; })});
  std::lognormal_distribution<double> lognormal(0, 2);
  sets.push_back({"lognormal",
                  Generate(count, [&] { return static_cast<uint64_t>(lognormal(random) * 1e9); })});
  Keys outliers = Accumulate(count - 20, 1, [&] { return 1 + random() % 64; });
  for (int i = 0; i < 20; ++i) outliers.push_back((uint64_t{1} << 50) + (uint64_t{1} << (44 + i)));
  std::sort(outliers.begin(), outliers.end());
  sets.push_back({"outliers", outliers});
  sets.push_back({"clusters", Generate(count, [&] {
                    return (random() % 20 << 58) + (random() % 1000 << 20) + random() % 100;
                  })});
  sets.push_back(
      {"exponential gaps", Accumulate(count, 0, [&] { return random() >> (10 + random() % 54); })});
  sets.push_back({"few values", Generate(count, [&] { return random() % 50; })});
  sets.push_back({"four of each", Accumulate(count, 0, [&] { return random() % 4 == 0 ? 1 : 0; })});
  sets.push_back({"long runs",
                  Accumulate(count, 5, [&] { return random() % 100 == 0 ? random() >> 20 : 0; })});
  Keys mixed = Generate(count / 2, [&] { return random(); });
  mixed.resize(count, mixed[mixed.size() / 2]);
  std::sort(mixed.begin(), mixed.end());
  sets.push_back({"one long run among uniform", mixed});
  sets.push_back({"nested", Nested(count, &random)});
  // Poisoned as in Kornaropoulos et al. (SIGMOD 2022): dense bursts where the line is steep
  // already.
  sets.push_back({"poisoned", Accumulate(count, 0, [&, i = 0]() mutable {
                    return ++i % 200 < 150 ? uint64_t{1} : random() >> 30;
                  })});
  return sets;
}

std::vector<RangeIndexOptions> AllOptions() {
  using Kind = RangeIndexKind;
  std::vector<RangeIndexOptions> all;
  for (const LastMile last_mile : {LastMile::kSimd, LastMile::kBranchy}) {
    for (const uint32_t window : {0u, 16u, 32u, 64u, 256u}) {
      for (const Kind kind : {Kind::kRecursive, Kind::kPieces, Kind::kStaticBTree}) {
        all.push_back({.kind = kind, .window_keys = window, .last_mile = last_mile});
      }
    }
  }
  all.push_back({.kind = Kind::kRecursive, .window_keys = 16, .root = RangeIndexRoot::kLinear});
  all.push_back({.kind = Kind::kRecursive, .window_keys = 16, .root = RangeIndexRoot::kLogLinear});
  return all;
}

std::string Describe(const RangeIndexOptions& options) {
  return "kind " + std::to_string(static_cast<int>(options.kind)) + ", window " +
         std::to_string(options.window_keys) + ", last mile " +
         std::to_string(static_cast<int>(options.last_mile)) + ", root " +
         std::to_string(static_cast<int>(options.root));
}

// Each key, its neighbours, the extremes, and random keys near and far.
Keys Queries(const Keys& keys, uint64_t seed) {
  std::mt19937_64 random(seed);
  Keys queries = {0, 1, kMax - 1, kMax};
  for (const uint64_t key : keys) {
    queries.insert(queries.end(), {key - 1, key, key + 1});  // wrap round at the ends: fine
  }
  for (int i = 0; i < 1000; ++i) queries.push_back(random() >> (random() % 64));
  for (size_t i = 0; i < 1000 && keys.size() > 1; ++i) {
    const size_t rank = 1 + random() % (keys.size() - 1);
    queries.push_back(keys[rank - 1] +
                      random() % std::max<uint64_t>(keys[rank] - keys[rank - 1], 1));
  }
  std::shuffle(queries.begin(), queries.end(), random);
  return queries;
}

uint64_t TrueLowerBound(const Keys& keys, uint64_t query) {
  return static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), query) - keys.begin());
}

// A copy in memory of exactly its size: nothing readable before or behind it under ASan.
class ExactArray {
 public:
  explicit ExactArray(const Keys& keys) : memory_(new uint64_t[keys.size()]), size_(keys.size()) {
    std::copy(keys.begin(), keys.end(), memory_.get());
  }
  std::span<const uint64_t> span() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<uint64_t[]> memory_;
  size_t size_;
};

// Fails the test at the first wrong answer only: there may be many.
void CheckAnswers(const RangeIndex& index, const Keys& keys, const Keys& queries) {
  Keys ranks(queries.size());
  index.LowerBoundBatch(queries, ranks);
  for (size_t i = 0; i < queries.size(); ++i) {
    const uint64_t query = queries[i];
    const uint64_t truth = TrueLowerBound(keys, query);
    const auto equal = std::equal_range(keys.begin(), keys.end(), query);
    const uint64_t upper = static_cast<uint64_t>(equal.second - keys.begin());
    if (index.LowerBound(query) == truth && ranks[i] == truth && index.UpperBound(query) == upper &&
        index.EqualRange(query) == std::pair(truth, upper)) {
      continue;
    }
    INFO("query " << query << ", single " << index.LowerBound(query) << ", batch " << ranks[i]
                  << ", upper " << index.UpperBound(query));
    REQUIRE(index.LowerBound(query) == truth);
    REQUIRE(ranks[i] == truth);
    REQUIRE(index.UpperBound(query) == upper);
    REQUIRE(index.EqualRange(query) == std::pair(truth, upper));
  }
}

void CheckSet(const NamedKeys& set, const std::vector<RangeIndexOptions>& options_to_try) {
  const Keys queries = Queries(set.keys, 99);
  const ExactArray array(set.keys);
  for (const RangeIndexOptions& options : options_to_try) {
    INFO(set.name << ", " << set.keys.size() << " keys, " << Describe(options));
    const auto index = RangeIndex::Build(array.span(), options);
    REQUIRE(index.has_value());
    REQUIRE(index->size() == set.keys.size());
    CheckAnswers(*index, set.keys, queries);
    REQUIRE(index->Verify().has_value());

    std::string bytes;
    index->Serialize(&bytes);
    const auto decoded = RangeIndex::Deserialize(bytes, array.span());
    REQUIRE(decoded.has_value());
    REQUIRE(decoded->kind() == index->kind());
    REQUIRE(decoded->Verify().has_value());
    std::string again;
    decoded->Serialize(&again);
    REQUIRE(again == bytes);
  }
}

TEST_CASE("edge sets: every kind answers every query", "[index][range]") {
  for (const NamedKeys& set : EdgeSets()) CheckSet(set, AllOptions());
}

TEST_CASE("random sets: every kind answers every query", "[index][range]") {
  const auto seed = GENERATE(1u, 2u);
  const auto count = GENERATE(size_t{100}, size_t{1000}, size_t{5000});
  INFO("seed=" << seed);
  for (const NamedKeys& set : RandomSets(count, seed)) {
    // All options on the small sets; on the large one those that differ in how they are built.
    auto options = AllOptions();
    if (count > 1000) {
      std::erase_if(options, [](const RangeIndexOptions& o) {
        return o.last_mile != LastMile::kSimd || o.window_keys == 0;
      });
    }
    CheckSet(set, options);
  }
}

TEST_CASE("real sets: every kind answers every query", "[index][range]") {
  const std::string file =
      GENERATE("osm_s2_1039538_uint64.zst", "packoff_ansible_1702445_uint64.zst",
               "git_commit_times_2066374_uint64.zst", "ecoli_k16_4843913_uint64.zst");
  const auto set = test::LoadRealKeys(file, 100000);
  if (!set) return;
  Keys keys;
  for (const std::string& key : set->keys) keys.push_back(base::LoadBig64(key.data()));
  const Keys queries = Queries(Keys(keys.begin(), keys.begin() + 10000), 12);
  for (const auto kind : {RangeIndexKind::kRecursive, RangeIndexKind::kPieces,
                          RangeIndexKind::kStaticBTree, RangeIndexKind::kAuto}) {
    INFO(file << ", kind " << static_cast<int>(kind));
    const auto index = RangeIndex::Build(keys, {.kind = kind});
    REQUIRE(index.has_value());
    CHECK(index->Verify().has_value());
    CheckAnswers(*index, keys, queries);
  }
}

TEST_CASE("auto measures, explains its choice and answers every query", "[index][range]") {
  for (const NamedKeys& set : RandomSets(20000, 3)) {
    INFO(set.name);
    const ExactArray array(set.keys);
    const auto index = RangeIndex::Build(array.span());
    REQUIRE(index.has_value());
    CHECK(index->kind() != RangeIndexKind::kAuto);
    CHECK(index->candidates().size() >= 2);
    CHECK(std::count_if(index->candidates().begin(), index->candidates().end(),
                        [](const auto& c) { return c.chosen; }) == 1);
    const auto candidates = index->candidates();
    const auto has_branchy = [](const auto& c) {
      return c.name.find("branchy") != std::string::npos;
    };
    CHECK(std::none_of(candidates.begin(), candidates.end(), has_branchy));
    for (const RangeIndexCandidate& candidate : candidates) {
      CHECK(candidate.single_ns > 0);
      CHECK(candidate.batch_ns > 0);
      CHECK(candidate.serial_ns > 0);
      CHECK(index->Explain().find(candidate.name) != std::string::npos);
    }
    CheckAnswers(*index, set.keys, Queries(set.keys, 4));
  }
}

TEST_CASE("auto serves each objective, within its budget", "[index][range]") {
  for (const NamedKeys& set : RandomSets(20000, 13)) {
    INFO(set.name);
    const Keys queries = Queries(Keys(set.keys.begin(), set.keys.begin() + 2000), 14);
    const auto latency = RangeIndex::Build(set.keys, {.objective = RangeIndexObjective::kLatency});
    REQUIRE(latency.has_value());
    CHECK(latency->Explain().find("branchy") != std::string::npos);
    CheckAnswers(*latency, set.keys, queries);

    const auto smallest =
        RangeIndex::Build(set.keys, {.objective = RangeIndexObjective::kSmallest});
    REQUIRE(smallest.has_value());
    for (const RangeIndexCandidate& c : smallest->candidates()) {
      if (c.name.starts_with("static B-tree, window 16")) {
        CHECK(smallest->memory_bytes() <= c.memory_bytes);
      }
    }
    CheckAnswers(*smallest, set.keys, queries);

    for (const uint64_t budget : {0, 100, 1000, 4000}) {
      const auto bounded = RangeIndex::Build(set.keys, {.memory_budget_bytes = budget});
      REQUIRE(bounded.has_value());
      CHECK(bounded->memory_bytes() <= budget);
      CheckAnswers(*bounded, set.keys, queries);
    }
  }
}

TEST_CASE("auto predicts large arrays, and builds only what is promising", "[index][range]") {
  std::mt19937_64 random(15);
  const Keys keys = Generate(4'100'000, [&] { return random(); });
  const auto index = RangeIndex::Build(keys);
  REQUIRE(index.has_value());
  INFO(index->Explain());
  int built = 0;
  for (const RangeIndexCandidate& c : index->candidates()) {
    const bool tree = c.name.starts_with("static");
    CHECK((c.predicted_bytes > 0) == !tree);
    if (c.memory_bytes == 0) continue;
    ++built;
    if (tree) continue;
    // What was predicted from a part is what was built, about.
    CHECK(c.memory_bytes > c.predicted_bytes / 4);
    CHECK(c.memory_bytes < c.predicted_bytes * 4);
  }
  CHECK(built <= 7);
  CHECK(index->candidates().size() >= 6);
}

// Predictions are of arrays that the caches do not hold; of this one they hold all that is read.
TEST_CASE("auto measures a very small model, whatever it predicts of it", "[index][range]") {
  Keys keys;
  for (uint64_t run = 0; run < 410; ++run) keys.insert(keys.end(), 10'000, run << 32 | run);
  const auto index = RangeIndex::Build(keys);
  REQUIRE(index.has_value());
  INFO(index->Explain());
  CHECK(std::any_of(index->candidates().begin(), index->candidates().end(),
                    [](const RangeIndexCandidate& c) {
                      return c.name.starts_with("pieces") && c.single_ns > 0;
                    }));
  CHECK(index->LowerBound(0) == 0);
  CHECK(index->EqualRange(uint64_t{7} << 32 | 7) == std::pair<uint64_t, uint64_t>(70'000, 80'000));
}

TEST_CASE("half the memory is no failure, down to none", "[index][range]") {
  std::vector<NamedKeys> sets = RandomSets(20000, 16);
  for (NamedKeys& edge : EdgeSets()) sets.push_back(std::move(edge));
  for (const NamedKeys& set : sets) {
    INFO(set.name << ", " << set.keys.size() << " keys");
    const ExactArray array(set.keys);
    const auto index = RangeIndex::Build(array.span(), {.kind = RangeIndexKind::kStaticBTree});
    REQUIRE(index.has_value());
    const Keys few(set.keys.begin(), set.keys.begin() + std::min<ptrdiff_t>(1000, set.keys.size()));
    const Keys queries = Queries(few, 17);
    uint32_t last_window = 0;
    for (uint64_t budget = 2 * index->memory_bytes() + 1; budget > 0; budget /= 2) {
      const RangeIndex smaller = index->RebuildWithBudget(budget);
      INFO("budget " << budget << ", window " << smaller.window_keys());
      CHECK(smaller.memory_bytes() <= budget);
      CHECK(smaller.window_keys() >= last_window);  // it degrades one way only
      last_window = smaller.window_keys();
      CheckAnswers(smaller, set.keys, queries);
    }
    const RangeIndex none = index->RebuildWithBudget(0);
    CHECK(none.memory_bytes() == 0);
    CheckAnswers(none, set.keys, queries);
    std::string bytes;
    none.Serialize(&bytes);
    const auto decoded = RangeIndex::Deserialize(bytes, array.span());
    REQUIRE(decoded.has_value());
    CHECK(decoded->Verify().has_value());
  }
}

// Replaces the checksum at the end by the right one.
void Seal(std::string* bytes) {
  bytes->resize(bytes->size() - 8);
  base::Put64(bytes, base::Checksum(*bytes));
}

// Takes the better targets away, one after another, for as long as it lives.
class OnlyTarget {
 public:
  explicit OnlyTarget(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ~OnlyTarget() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

TEST_CASE("every SIMD target of this CPU gives the same answers", "[index][range]") {
  const int64_t supported = hwy::SupportedTargets();
  int tried = 0;
  for (int64_t target = 1; target > 0 && target <= supported; target <<= 1) {
    if ((supported & target) == 0) continue;
    const OnlyTarget only(target);
    INFO("target " << hwy::TargetName(target));
    auto options = AllOptions();
    std::erase_if(options, [](const RangeIndexOptions& o) {
      return o.last_mile != LastMile::kSimd || o.window_keys == 0;
    });
    for (const NamedKeys& set : RandomSets(200, 5)) CheckSet(set, options);
    ++tried;
  }
  CHECK(tried >= 1);
}

// Batches read the windows of arrays that no cache holds line by line. Verify asks for both ends of
// every gap, in batches; the keys are 4.1 million, with runs and with gaps of all sizes, and begin
// anywhere within a cache line.
TEST_CASE("batches of large arrays answer every query", "[index][range]") {
  std::mt19937_64 random(31);
  const auto gap = [&] { return random() % 8 == 0 ? 0 : random() >> (24 + random() % 40); };
  const ExactArray array(Accumulate(4'100'000, 77, gap));
  const auto check = [&](RangeIndexKind kind, uint32_t window, size_t skipped) {
    INFO("kind " << static_cast<int>(kind) << ", window " << window << ", skipped " << skipped);
    const auto index =
        RangeIndex::Build(array.span().subspan(skipped), {.kind = kind, .window_keys = window});
    REQUIRE(index.has_value());
    CHECK(index->kind() == kind);
    CHECK(index->Verify().has_value());
  };
  check(RangeIndexKind::kRecursive, 32, 0);
  check(RangeIndexKind::kRecursive, 64, 3);
  check(RangeIndexKind::kPieces, 64, 6);
  const auto targets = static_cast<uint64_t>(hwy::SupportedTargets());
  const OnlyTarget plainest(static_cast<int64_t>(std::bit_floor(targets)));
  check(RangeIndexKind::kPieces, 64, 1);
}

// Lines that point elsewhere than the builder's: what they answer tells where the window was.
TEST_CASE("every SIMD target predicts the same window, bit for bit", "[index][range]") {
  const int64_t supported = hwy::SupportedTargets();
  std::mt19937_64 random(19);
  for (const NamedKeys& set : RandomSets(1500, 18)) {
    const Keys queries = Queries(set.keys, 20);
    for (const auto root : {RangeIndexRoot::kLinear, RangeIndexRoot::kLogLinear}) {
      const auto index = RangeIndex::Build(
          set.keys, {.kind = RangeIndexKind::kRecursive, .window_keys = 16, .root = root});
      REQUIRE(index.has_value());
      if (index->kind() != RangeIndexKind::kRecursive) continue;
      std::string bytes;
      index->Serialize(&bytes);
      // Bases of leaves, by which a line is only shifted: every other one, by some windows.
      constexpr size_t kHeaderBytes = 64;
      for (size_t at = kHeaderBytes; at + 24 <= bytes.size(); at += 16) {
        if ((bytes[at + 12] & 1) == 0 || random() % 2 == 0) continue;
        bytes[at + 8] = static_cast<char>(random());
      }
      Seal(&bytes);
      std::vector<Keys> answers;
      for (int64_t target = 1; target > 0 && target <= supported; target <<= 1) {
        if ((supported & target) == 0) continue;
        const OnlyTarget only(target);
        INFO(set.name << ", target " << hwy::TargetName(target));
        const auto shifted = RangeIndex::Deserialize(bytes, set.keys);
        REQUIRE(shifted.has_value());
        Keys& ranks = answers.emplace_back(queries.size());
        shifted->LowerBoundBatch(queries, ranks);
        bool same = ranks == answers.front();
        for (size_t i = 0; i < queries.size(); ++i) {
          same = same && shifted->LowerBound(queries[i]) == ranks[i];
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE("small learned indexes are small, and no kind exceeds its bound", "[index][range]") {
  for (const NamedKeys& set : RandomSets(4000, 6)) {
    for (const RangeIndexOptions& options : AllOptions()) {
      INFO(set.name << ", " << Describe(options));
      const auto index = RangeIndex::Build(set.keys, options);
      REQUIRE(index.has_value());
      CHECK(index->memory_bytes() <= 2 * set.keys.size() + 16384);
    }
  }
  const Keys line = Accumulate(20000, 77, [] { return uint64_t{1000}; });
  for (const RangeIndexKind kind : {RangeIndexKind::kRecursive, RangeIndexKind::kPieces}) {
    const auto index = RangeIndex::Build(line, {.kind = kind, .window_keys = 16});
    REQUIRE(index.has_value());
    CHECK(index->kind() == kind);
    CHECK(index->memory_bytes() < 1024);
  }
}

TEST_CASE("bad input is refused with a reason", "[index][range]") {
  const Keys unsorted = {1, 2, 9, 8, 10};
  const auto refused = RangeIndex::Build(unsorted);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("rank 3") != std::string::npos);
  const Keys sorted = {1, 2};
  for (const RangeIndexOptions& options : {RangeIndexOptions{RangeIndexKind::kRecursive, 17},
                                           RangeIndexOptions{RangeIndexKind::kStaticBTree, 8}}) {
    const auto index = RangeIndex::Build(sorted, options);
    REQUIRE_FALSE(index.has_value());
    CHECK(index.error().code == ErrorCode::kInvalidArgument);
  }
}

std::string SerializedOver(const Keys& keys, RangeIndexKind kind) {
  const auto index = RangeIndex::Build(keys, {.kind = kind, .window_keys = 16});
  REQUIRE(index.has_value());
  std::string bytes;
  index->Serialize(&bytes);
  return bytes;
}

TEST_CASE("an index is bound to its array, and to its version", "[index][range]") {
  Keys keys = RandomSets(1000, 7)[0].keys;
  std::string bytes = SerializedOver(keys, RangeIndexKind::kRecursive);
  Keys shorter(keys.begin(), keys.end() - 1);
  Keys other = keys;
  other[500] = other[499];
  for (const Keys& wrong : {shorter, other}) {
    const auto decoded = RangeIndex::Deserialize(bytes, wrong);
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error().code == ErrorCode::kInvalidArgument);
  }
  bytes[8] = 3;
  const auto newer = RangeIndex::Deserialize(bytes, keys);
  REQUIRE_FALSE(newer.has_value());
  CHECK(newer.error().code == ErrorCode::kNotSupported);
}

TEST_CASE("version 1, which stored the window itself, is still read", "[index][range]") {
  const Keys keys = RandomSets(1000, 7)[0].keys;
  for (const uint32_t window : {16, 32, 64}) {
    const auto index =
        RangeIndex::Build(keys, {.kind = RangeIndexKind::kPieces, .window_keys = window});
    REQUIRE(index.has_value());
    std::string bytes;
    index->Serialize(&bytes);
    bytes[8] = 1;
    bytes[15] = static_cast<char>(window);
    Seal(&bytes);
    const auto old = RangeIndex::Deserialize(bytes, keys);
    REQUIRE(old.has_value());
    CHECK(old->window_keys() == window);
    CHECK(old->Verify().has_value());
  }
  std::string bytes = SerializedOver(keys, RangeIndexKind::kPieces);
  bytes[8] = 1;  // with a logarithm where the window was
  Seal(&bytes);
  CHECK_FALSE(RangeIndex::Deserialize(bytes, keys).has_value());
}

TEST_CASE("any damaged or missing byte is reported", "[index][range]") {
  const Keys keys = RandomSets(300, 8)[2].keys;
  for (const auto kind :
       {RangeIndexKind::kRecursive, RangeIndexKind::kPieces, RangeIndexKind::kStaticBTree}) {
    const std::string bytes = SerializedOver(keys, kind);
    for (size_t i = 0; i < bytes.size(); ++i) {
      INFO("kind " << static_cast<int>(kind) << ", byte " << i);
      CHECK_FALSE(RangeIndex::Deserialize(std::string_view(bytes).substr(0, i), keys).has_value());
      for (int bit = 0; bit < 8; ++bit) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
        CHECK_FALSE(RangeIndex::Deserialize(damaged, keys).has_value());
      }
    }
    CHECK_FALSE(RangeIndex::Deserialize(bytes + '\0', keys).has_value());
  }
}

TEST_CASE("hostile bytes with a right checksum cannot leave the array", "[index][range]") {
  std::mt19937_64 random(9);
  int accepted = 0;
  int caught = 0;
  for (const NamedKeys& set : RandomSets(2000, 10)) {
    const ExactArray array(set.keys);
    const Keys queries = Queries(set.keys, 11);
    for (const auto kind :
         {RangeIndexKind::kRecursive, RangeIndexKind::kPieces, RangeIndexKind::kStaticBTree}) {
      const std::string bytes = SerializedOver(set.keys, kind);
      for (int i = 0; i < 60; ++i) {
        std::string hostile = bytes;
        // Half of the time within the records: damage there is the harder to see.
        const size_t from = i % 2 == 0 || bytes.size() <= 80 ? 8 : 72;
        for (uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
          hostile[from + random() % (hostile.size() - 8 - from)] = static_cast<char>(random());
        }
        Seal(&hostile);
        const auto index = RangeIndex::Deserialize(hostile, array.span());
        if (!index) continue;
        ++accepted;
        bool right = true;
        Keys ranks(queries.size());
        index->LowerBoundBatch(queries, ranks);
        bool inside = true;
        for (size_t q = 0; q < queries.size(); ++q) {
          inside =
              inside && ranks[q] <= set.keys.size() && index->LowerBound(queries[q]) == ranks[q];
          right = right && ranks[q] == TrueLowerBound(set.keys, queries[q]);
        }
        REQUIRE(inside);
        const bool verified = index->Verify().has_value();
        if (!verified) ++caught;
        if (verified) CHECK(right);
      }
    }
  }
  CHECK(accepted > 0);
  CHECK(caught > 0);
}

}  // namespace
}  // namespace sibyl::index
