#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include "bench/data/random.h"
#include "bench/micro/kind_comparison.h"
#include "bench/micro/structures.h"
#include "bench/micro/turns.h"
#include "sibyl/point_index.h"

namespace sibyl::bench {
namespace {

constexpr size_t kChunkQueries = 16384;
constexpr size_t kChunks = 32;
constexpr size_t kBatchKeys = 64;
constexpr size_t kRounds = 9;
constexpr uint64_t kAbsent = 0x5eed;  // what an absent key adds to a sum

uint64_t ValueOf(uint64_t key) { return Mix64(key); }

struct Entrant {
  std::string name;
  std::optional<uint64_t> conflicts;
  uint64_t memory_bytes;
  double build_seconds;
};

// Nine stored keys in ten, and one that is not.
std::vector<uint64_t> DrawQueries(std::span<const uint64_t> keys, std::vector<uint64_t>* sums) {
  Random random(1);
  std::vector<uint64_t> queries(kChunkQueries * kChunks);
  sums->assign(kChunks, 0);
  for (size_t i = 0; i < queries.size(); ++i) {
    queries[i] = keys[random.Below(keys.size())];
    if (i % 10 == 0) queries[i] += 1 + random.Below(1000);
    const bool stored = std::binary_search(keys.begin(), keys.end(), queries[i]);
    (*sums)[i / kChunkQueries] += stored ? ValueOf(queries[i]) : kAbsent;
  }
  return queries;
}

}  // namespace

bool ComparePointIndexes(const std::string& name, std::span<const uint64_t> sorted) {
  std::vector<uint64_t> keys(sorted.begin(), sorted.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<uint64_t> values;
  for (const uint64_t key : keys) values.push_back(ValueOf(key));
  std::vector<uint64_t> sums;
  const std::vector<uint64_t> queries = DrawQueries(keys, &sums);
  const auto chunk_of = [&](size_t chunk) {
    return std::span(queries).subspan(chunk * kChunkQueries, kChunkQueries);
  };
  std::vector<Entrant> entrants;
  std::vector<Turn> single;
  std::vector<Turn> batch;
  const auto seconds_since = [](uint64_t start_ns) {
    return static_cast<double>(base::NowNs() - start_ns) * 1e-9;
  };

  using index::PointHash;
  using index::PointTable;
  for (const PointTable table : {PointTable::kInPlace, PointTable::kChained}) {
    for (const PointHash hash : {PointHash::kXxh3, PointHash::kCdf, PointHash::kLearned}) {
      const uint64_t start_ns = base::NowNs();
      // Keys are distinct and options valid: Build cannot fail.
      const auto map = std::make_shared<index::PointIndex>(
          index::PointIndex::Build(keys, values, {hash, table}).value());
      if (map->hash() != hash) continue;  // the model would have been too large
      entrants.push_back({map->candidates()[0].name, map->conflicts(), map->memory_bytes(),
                          seconds_since(start_ns)});
      single.push_back({"", [map, chunk_of](size_t chunk) {
                          uint64_t sum = 0;
                          for (const uint64_t key : chunk_of(chunk)) {
                            sum += map->Find(key).value_or(kAbsent);
                          }
                          return sum;
                        }});
      batch.push_back({"", [map, chunk_of](size_t chunk) {
                         uint64_t sum = 0;
                         std::array<std::optional<uint64_t>, kBatchKeys> found;
                         const auto all = chunk_of(chunk);
                         for (size_t i = 0; i < all.size(); i += kBatchKeys) {
                           map->FindBatch(all.subspan(i, kBatchKeys), found);
                           for (const auto& value : found) sum += value.value_or(kAbsent);
                         }
                         return sum;
                       }});
    }
  }

  using Value = std::pair<const uint64_t, uint64_t>;
  using Map = absl::flat_hash_map<uint64_t, uint64_t, absl::Hash<uint64_t>, std::equal_to<>,
                                  CountingAllocator<Value>>;
  const uint64_t start_ns = base::NowNs();
  uint64_t bytes = 0;
  Map map(0, absl::Hash<uint64_t>(), std::equal_to<>(), CountingAllocator<Value>(&bytes));
  map.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) map.emplace(keys[i], values[i]);
  entrants.push_back({"absl::flat_hash_map", std::nullopt, bytes, seconds_since(start_ns)});
  const auto absl_turn = [&](size_t chunk) {
    uint64_t sum = 0;
    for (const uint64_t key : chunk_of(chunk)) {
      const auto found = map.find(key);
      sum += found == map.end() ? kAbsent : found->second;
    }
    return sum;
  };
  single.push_back({"", absl_turn});
  batch.push_back({"", absl_turn});

  TakeTurns(single, sums, kChunkQueries, kRounds);
  TakeTurns(batch, sums, kChunkQueries, kRounds);
  std::printf("\n%s/%zu: ns per Find, one slot per key (median thread CPU time)\n", name.c_str(),
              keys.size());
  std::printf("%-22s %10s %8s %8s %8s %8s\n", "map", "conflicts", "single", "batch", "B/key",
              "build s");
  const double count = static_cast<double>(keys.size());
  bool right = true;
  for (size_t i = 0; i < entrants.size(); ++i) {
    char conflicts[16] = "-";
    if (entrants[i].conflicts) {
      std::snprintf(conflicts, sizeof conflicts, "%.2f%%",
                    100 * static_cast<double>(*entrants[i].conflicts) / count);
    }
    std::printf("%-22s %10s %8.1f %8.1f %8.2f %8.3f\n", entrants[i].name.c_str(), conflicts,
                single[i].median_ns, batch[i].median_ns,
                static_cast<double>(entrants[i].memory_bytes) / count, entrants[i].build_seconds);
    if (single[i].right && batch[i].right) continue;
    std::cerr << "FAILED: " << entrants[i].name << " gave wrong answers\n";
    right = false;
  }
  return right;
}

}  // namespace sibyl::bench
