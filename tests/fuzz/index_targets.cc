// The indexes of index/ as fuzz targets: their decoders on hostile bytes, and building and asking
// over whatever keys the bytes spell.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <optional>

#include "base/checksum.h"
#include "base/coding.h"
#include "sibyl/existence_index.h"
#include "sibyl/point_index.h"
#include "sibyl/range_index.h"
#include "sibyl/string_index.h"
#include "sibyl/two_stage_index.h"
#include "tests/fuzz/fuzz_targets.h"

namespace sibyl::testing {
namespace {

using index::ExistenceIndex;
using index::PointIndex;
using index::RangeIndex;
using index::StringIndex;
using index::TwoStageIndex;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr size_t kMostKeys = 4096;  // of those that bytes may spell

template <typename Key>
uint64_t TrueLowerBound(const std::vector<Key>& keys, const Key& query) {
  return static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), query) - keys.begin());
}

// Sorted integers, in the style that the first byte chooses: as they stand, or as sums of gaps of
// one, two or four bytes, shifted.
std::vector<uint64_t> IntegersOf(std::string_view bytes) {
  std::vector<uint64_t> keys;
  if (bytes.empty()) return keys;
  const auto style = static_cast<unsigned char>(bytes[0]);
  base::Decoder decoder(bytes.substr(1));
  uint64_t sum = 0;
  while (decoder.remaining_bytes() >= 8 && keys.size() < kMostKeys) {
    const uint64_t word = decoder.Get64();
    const int bits = style % 4 == 1 ? 8 : style % 4 == 2 ? 16 : 32;
    for (int at = 0; at < 64 && style % 4 != 0; at += bits) {
      const uint64_t gap = (word >> at & ((uint64_t{1} << bits) - 1)) << (style >> 2 & 31);
      sum += std::min(gap, kMax - sum);
      keys.push_back(sum);
    }
    if (style % 4 == 0) keys.push_back(word);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<uint64_t> QueriesAround(const std::vector<uint64_t>& keys) {
  std::vector<uint64_t> queries = {0, 1, kMax - 1, kMax};
  for (const uint64_t key : keys) queries.insert(queries.end(), {key - 1, key, key + 1});
  return queries;
}

// Lines, sorted.
std::vector<std::string_view> StringsOf(std::string_view bytes) {
  std::vector<std::string_view> keys;
  while (!bytes.empty() && keys.size() < kMostKeys) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    keys.push_back(bytes.substr(0, end));
    bytes.remove_prefix(std::min(bytes.size(), end + 1));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<uint64_t> SomeIntegers() {
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < 700; ++i) keys.push_back(i * i * 1000 + i % 3);
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string> SomeStrings() {
  std::vector<std::string> keys;
  for (int i = 0; i < 400; ++i) keys.push_back("dir/" + std::to_string(i * 37 % 400) + "/file");
  keys.push_back("dir/1/file");
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string_view> ViewsOf(const std::vector<std::string>& keys) {
  return {keys.begin(), keys.end()};
}

// ---- RangeIndex ----

// Whatever was decoded stays inside the array, answers alike alone and in batches, and answers
// right if it verifies.
void RunRangeBytes(std::string_view bytes) {
  static const std::vector<uint64_t> keys = SomeIntegers();
  const auto decoded = RangeIndex::Deserialize(WithChecksum(bytes), keys);
  if (!decoded) return;
  const bool verified = decoded->Verify().has_value();
  const std::vector<uint64_t> queries = QueriesAround(keys);
  std::vector<uint64_t> ranks(queries.size());
  decoded->LowerBoundBatch(queries, ranks);
  for (size_t i = 0; i < queries.size(); ++i) {
    Demand(ranks[i] <= keys.size() && decoded->LowerBound(queries[i]) == ranks[i]);
    if (verified) Demand(ranks[i] == TrueLowerBound(keys, queries[i]));
  }
}

std::vector<std::string> RangeSeeds() {
  static const std::vector<uint64_t> keys = SomeIntegers();
  std::vector<std::string> seeds;
  using index::RangeIndexKind;
  using index::RangeIndexRoot;
  for (const auto kind :
       {RangeIndexKind::kRecursive, RangeIndexKind::kPieces, RangeIndexKind::kStaticBTree}) {
    for (const auto root : {RangeIndexRoot::kLinear, RangeIndexRoot::kLogLinear}) {
      const auto index = RangeIndex::Build(keys, {.kind = kind, .window_keys = 16, .root = root});
      index->Serialize(&seeds.emplace_back());
    }
  }
  return seeds;
}

void RunRangeBuild(std::string_view bytes) {
  const std::vector<uint64_t> keys = IntegersOf(bytes);
  const std::vector<uint64_t> queries = QueriesAround(keys);
  std::vector<uint64_t> ranks(queries.size());
  using index::RangeIndexKind;
  using index::RangeIndexRoot;
  for (const auto kind : {RangeIndexKind::kRecursive, RangeIndexKind::kPieces}) {
    for (const auto root : {RangeIndexRoot::kLinear, RangeIndexRoot::kLogLinear}) {
      const auto index = RangeIndex::Build(keys, {.kind = kind, .window_keys = 16, .root = root});
      Demand(index.has_value() && index->Verify().has_value());
      index->LowerBoundBatch(queries, ranks);
      for (size_t i = 0; i < queries.size(); ++i) {
        Demand(ranks[i] == TrueLowerBound(keys, queries[i]));
        Demand(ranks[i] == index->LowerBound(queries[i]));
      }
    }
  }
}

std::vector<std::string> IntegerSeeds() {
  std::vector<std::string> seeds;
  for (const char style : {'\0', '\1', '\2', '\3', '\x15', '\x42'}) {
    std::string& seed = seeds.emplace_back(1, style);
    for (uint64_t i = 1; i <= 100; ++i) base::Put64(&seed, i * 0x9e3779b97f4a7c15);
  }
  return seeds;
}

// ---- TwoStageIndex ----

constexpr std::array<index::RootKind, 6> kRoots = {
    index::RootKind::kLinear, index::RootKind::kLogLinear, index::RootKind::kCubic,
    index::RootKind::kSpline, index::RootKind::kRadix,     index::RootKind::kNet1};

index::TwoStageOptions TwoStageOf(index::RootKind root) {
  return {.root = {.kind = root, .hidden_units = 3, .training_steps = 5, .spline_knots = 9},
          .leaves = 20};
}

// In bounds; right if it verifies; and what was accepted is written again as it was.
void RunTwoStageBytes(std::string_view bytes) {
  static const std::vector<uint64_t> keys = SomeIntegers();
  const std::string whole = WithChecksum(bytes);
  const auto decoded = TwoStageIndex::Deserialize(whole, keys);
  if (!decoded) return;
  std::string again;
  decoded->Serialize(&again);
  Demand(again == whole);
  const bool verified = decoded->Verify().has_value();
  for (const uint64_t query : QueriesAround(keys)) {
    const uint64_t rank = decoded->LowerBound(query);
    Demand(rank <= keys.size() && (!verified || rank == TrueLowerBound(keys, query)));
  }
}

std::vector<std::string> TwoStageSeeds() {
  const std::vector<uint64_t> keys = SomeIntegers();
  std::vector<std::string> seeds;
  for (const auto root : kRoots) {
    TwoStageIndex::Build(keys, TwoStageOf(root))->Serialize(&seeds.emplace_back());
  }
  return seeds;
}

void RunTwoStageBuild(std::string_view bytes) {
  const std::vector<uint64_t> keys = IntegersOf(bytes);
  for (const auto root : kRoots) {
    const auto index = TwoStageIndex::Build(keys, TwoStageOf(root));
    Demand(index.has_value() && index->Verify().has_value());
    for (const uint64_t query : QueriesAround(keys)) {
      Demand(index->LowerBound(query) == TrueLowerBound(keys, query));
    }
  }
}

// ---- StringIndex ----

void CheckStrings(const StringIndex& index, const std::vector<std::string_view>& keys,
                  bool trusted) {
  std::vector<std::string> changed;
  for (const std::string_view key : keys) changed.push_back(std::string(key) + '\0');
  for (const std::string_view key : keys) changed.emplace_back(key.substr(0, key.size() / 2));
  std::vector<std::string_view> queries = ViewsOf(changed);
  queries.insert(queries.end(), keys.begin(), keys.end());
  std::vector<uint64_t> ranks(queries.size());
  index.LowerBoundBatch(queries, ranks);
  for (size_t i = 0; i < queries.size(); ++i) {
    Demand(ranks[i] <= keys.size() && index.LowerBound(queries[i]) == ranks[i]);
    if (trusted) Demand(ranks[i] == TrueLowerBound(keys, queries[i]));
  }
}

void RunStringBytes(std::string_view bytes) {
  static const std::vector<std::string> keys = SomeStrings();
  const std::vector<std::string_view> views = ViewsOf(keys);
  const auto decoded = StringIndex::Deserialize(WithChecksum(bytes), views);
  if (decoded) CheckStrings(*decoded, views, false);
}

std::vector<std::string> StringSeeds() {
  static const std::vector<std::string> keys = SomeStrings();
  const std::vector<std::string_view> views = ViewsOf(keys);
  std::vector<std::string> seeds;
  using index::StringIndexKind;
  for (const auto kind : {StringIndexKind::kRecursive, StringIndexKind::kBTree}) {
    for (const uint32_t landmarks : {0u, 1u, 4u}) {
      StringIndex::Build(views, {kind, 16, landmarks})->Serialize(&seeds.emplace_back());
    }
  }
  return seeds;
}

void RunStringBuild(std::string_view bytes) {
  const std::vector<std::string_view> keys = StringsOf(bytes);
  using index::StringIndexKind;
  for (const auto kind : {StringIndexKind::kRecursive, StringIndexKind::kBTree}) {
    for (const uint32_t landmarks : {1u, 4u}) {
      const auto index = StringIndex::Build(keys, {kind, 8, landmarks});
      Demand(index.has_value());
      CheckStrings(*index, keys, true);
    }
  }
}

std::vector<std::string> LineSeeds() {
  std::string seed;
  for (const std::string& key : SomeStrings()) seed += key + '\n';
  return {seed, std::string("a\na\0\na\0\0\n\n\n", 11), "aaaaaaaaaaaaaaaaaaaaaaaab\nb"};
}

// ---- PointIndex ----

void RunPointBytes(std::string_view bytes) {
  const auto decoded = PointIndex::Deserialize(WithChecksum(bytes));
  if (!decoded) return;
  const std::vector<uint64_t> queries = QueriesAround(SomeIntegers());
  std::vector<std::optional<uint64_t>> values(queries.size());
  decoded->FindBatch(queries, values);
  for (size_t i = 0; i < queries.size(); ++i) Demand(decoded->Find(queries[i]) == values[i]);
}

constexpr std::array<index::PointHash, 3> kPointHashes = {
    index::PointHash::kXxh3, index::PointHash::kCdf, index::PointHash::kLearned};

std::vector<std::string> PointSeeds() {
  const std::vector<uint64_t> keys = SomeIntegers();
  std::vector<std::string> seeds;
  for (const auto hash : kPointHashes) {
    for (const auto table : {index::PointTable::kInPlace, index::PointTable::kChained}) {
      PointIndex::Build(keys, keys, {hash, table})->Serialize(&seeds.emplace_back());
    }
  }
  return seeds;
}

void RunPointBuild(std::string_view bytes) {
  std::vector<uint64_t> keys = IntegersOf(bytes);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<uint64_t> values;
  for (const uint64_t key : keys) values.push_back(~key);
  for (const auto hash : kPointHashes) {
    const auto map = PointIndex::Build(keys, values, {hash, index::PointTable::kInPlace});
    Demand(map.has_value());
    for (const uint64_t query : QueriesAround(keys)) {
      const bool stored = std::binary_search(keys.begin(), keys.end(), query);
      Demand(map->Find(query) == (stored ? std::optional(~query) : std::nullopt));
    }
  }
}

// ---- ExistenceIndex ----

void RunExistenceBytes(std::string_view bytes) {
  const auto decoded = ExistenceIndex::Deserialize(WithChecksum(bytes));
  if (!decoded) return;
  for (const uint64_t key : SomeIntegers()) (void)decoded->MayContain(key);
  for (const char* key : {"", "a", "dir/1/file", "a much longer name than any of the others"}) {
    (void)decoded->MayContain(std::string_view(key));
  }
}

std::vector<std::string> ExistenceSeeds() {
  const std::vector<uint64_t> keys = SomeIntegers();
  std::vector<uint64_t> absent;
  for (uint64_t i = 0; i < ExistenceIndex::kMinAbsentKeys; ++i) absent.push_back(i * i * i + 7);
  std::vector<std::string> seeds;
  using index::ExistenceKind;
  for (const auto kind :
       {ExistenceKind::kBlockedBloom, ExistenceKind::kLearnedBloom, ExistenceKind::kPartitioned}) {
    ExistenceIndex::Build(std::span<const uint64_t>(keys), std::span<const uint64_t>(absent),
                          {kind, 0.05})
        ->Serialize(&seeds.emplace_back());
  }
  return seeds;
}

// No stored key may be denied.
void RunExistenceBuild(std::string_view bytes) {
  const std::vector<std::string_view> keys = StringsOf(bytes);
  const auto filter = ExistenceIndex::Build(std::span<const std::string_view>(keys), {},
                                            {index::ExistenceKind::kBlockedBloom, 0.01});
  Demand(filter.has_value());
  for (const std::string_view key : keys) Demand(filter->MayContain(key));
}

}  // namespace

std::vector<FuzzTarget> IndexFuzzTargets() {
  return {
      {"range_index", RunRangeBytes, RangeSeeds, 5},
      {"range_build", RunRangeBuild, IntegerSeeds, 30},
      {"two_stage_index", RunTwoStageBytes, TwoStageSeeds, 5},
      {"two_stage_build", RunTwoStageBuild, IntegerSeeds, 30},
      {"string_index", RunStringBytes, StringSeeds, 5},
      {"string_build", RunStringBuild, LineSeeds, 30},
      {"point_index", RunPointBytes, PointSeeds, 5},
      {"point_build", RunPointBuild, IntegerSeeds, 30},
      {"existence_index", RunExistenceBytes, ExistenceSeeds, 5},
      {"existence_build", RunExistenceBuild, LineSeeds, 10},
  };
}

}  // namespace sibyl::testing
