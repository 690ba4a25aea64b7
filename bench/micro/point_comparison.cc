#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include "bench/data/random.h"
#include "bench/micro/kind_comparison.h"
#include "bench/micro/query_set.h"
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
struct PointQueries {
  std::vector<uint64_t> keys;
  std::vector<uint64_t> sums;  // of the answers of each chunk
  std::vector<uint64_t> serial_sums;

  explicit PointQueries(std::span<const uint64_t> stored_keys) : sums(kChunks) {
    Random random(1);
    std::vector<uint64_t> answers;
    for (size_t i = 0; i < kChunkQueries * kChunks; ++i) {
      uint64_t key = stored_keys[random.Below(stored_keys.size())];
      if (i % 10 == 0) key += 1 + random.Below(1000);
      const bool stored = std::binary_search(stored_keys.begin(), stored_keys.end(), key);
      keys.push_back(key);
      answers.push_back(stored ? ValueOf(key) : kAbsent);
      sums[i / kChunkQueries] += answers.back();
    }
    for (size_t chunk = 0; chunk < kChunks; ++chunk) {
      serial_sums.push_back(
          SerialSum(chunk * kChunkQueries, kChunkQueries, [&](size_t i) { return answers[i]; }));
    }
  }

  std::span<const uint64_t> Chunk(size_t chunk) const {
    return std::span(keys).subspan(chunk * kChunkQueries, kChunkQueries);
  }

  template <typename Find>  // of one key: its value, or kAbsent
  Turn SerialTurn(const Find& find) const {
    return {"", [this, find](size_t chunk) {
              return SerialSum(chunk * kChunkQueries, kChunkQueries,
                               [&](size_t i) { return find(keys[i]); });
            }};
  }
};

// Edge queries and their answers.
struct PointEdges {
  std::vector<uint64_t> keys;
  std::vector<uint64_t> answers;

  explicit PointEdges(std::span<const uint64_t> stored_keys) {
    EdgeQueries edges(stored_keys);
    for (size_t i = 0; i < edges.queries.size(); ++i) {
      const uint64_t rank = edges.answers[i];
      const bool stored = rank < stored_keys.size() && stored_keys[rank] == edges.queries[i];
      answers.push_back(stored ? ValueOf(edges.queries[i]) : kAbsent);
    }
    keys = std::move(edges.queries);
  }

  // Whether all are answered right, alone and in batches.
  bool AreRight(const index::PointIndex& map) const {
    std::array<std::optional<uint64_t>, kBatchKeys> found;
    for (size_t i = 0; i < keys.size(); i += kBatchKeys) {
      const size_t count = std::min(kBatchKeys, keys.size() - i);
      map.FindBatch(std::span(keys).subspan(i, count), found);
      for (size_t k = 0; k < count; ++k) {
        if (found[k].value_or(kAbsent) != answers[i + k]) return false;
        if (map.Find(keys[i + k]) != found[k]) return false;
      }
    }
    return true;
  }
};

}  // namespace

bool ComparePointIndexes(const std::string& name, std::span<const uint64_t> sorted,
                         KindReport* report) {
  std::vector<uint64_t> keys(sorted.begin(), sorted.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<uint64_t> values;
  for (const uint64_t key : keys) values.push_back(ValueOf(key));
  const PointQueries queries(keys);
  const PointEdges edges(keys);
  bool right = true;
  const auto chunk_of = [&](size_t chunk) { return queries.Chunk(chunk); };
  std::vector<Entrant> entrants;
  std::vector<Turn> single;
  std::vector<Turn> batch;
  std::vector<Turn> serial;
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
      if (!edges.AreRight(*map)) {
        std::cerr << "FAILED: " << map->Explain() << "answers an edge query wrongly\n";
        right = false;
      }
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
      serial.push_back(
          queries.SerialTurn([map](uint64_t key) { return map->Find(key).value_or(kAbsent); }));
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
  const auto absl_find = [&map](uint64_t key) {
    const auto found = map.find(key);
    return found == map.end() ? kAbsent : found->second;
  };
  const auto absl_turn = [&](size_t chunk) {
    uint64_t sum = 0;
    for (const uint64_t key : chunk_of(chunk)) sum += absl_find(key);
    return sum;
  };
  single.push_back({"", absl_turn});
  batch.push_back({"", absl_turn});
  serial.push_back(queries.SerialTurn(absl_find));

  TakeTurns(single, queries.sums, kChunkQueries, kRounds);
  TakeTurns(batch, queries.sums, kChunkQueries, kRounds);
  TakeTurns(serial, queries.serial_sums, kChunkQueries / kSerialChoices, kRounds);
  std::printf("\n%s/%zu: ns per Find, one slot per key (median thread CPU time)\n", name.c_str(),
              keys.size());
  std::printf("%-22s %10s %8s %8s %8s %8s %8s\n", "map", "conflicts", "single", "batch", "serial",
              "B/key", "build s");
  KindTable table{"points", name + "/" + std::to_string(keys.size()), {}};
  const double count = static_cast<double>(keys.size());
  for (size_t i = 0; i < entrants.size(); ++i) {
    char conflicts[16] = "-";
    if (entrants[i].conflicts) {
      std::snprintf(conflicts, sizeof conflicts, "%.2f%%",
                    100 * static_cast<double>(*entrants[i].conflicts) / count);
    }
    const Row row{StructureName(entrants[i].name),
                  single[i].median_ns,
                  batch[i].median_ns,
                  serial[i].median_ns,
                  static_cast<double>(entrants[i].memory_bytes) / count,
                  entrants[i].build_seconds};
    std::printf("%-22s %10s %8.1f %8.1f %8.1f %8.2f %8.3f\n", entrants[i].name.c_str(), conflicts,
                row.single_ns, row.batch_ns, row.serial_ns, row.bytes_per_key, row.build_seconds);
    table.rows.push_back(row);
    if (single[i].right && batch[i].right && serial[i].right) continue;
    std::cerr << "FAILED: " << entrants[i].name << " gave wrong answers\n";
    right = false;
  }
  report->Add(std::move(table));
  return right;
}

}  // namespace sibyl::bench
