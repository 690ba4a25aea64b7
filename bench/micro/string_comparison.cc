#include <absl/container/btree_map.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <numeric>

#include "base/status_macros.h"
#include "bench/data/key_files.h"
#include "bench/data/random.h"
#include "bench/micro/kind_comparison.h"
#include "bench/micro/query_set.h"
#include "bench/micro/structures.h"
#include "bench/micro/turns.h"
#include "sibyl/string_index.h"

namespace sibyl::bench {
namespace {

constexpr size_t kChunkQueries = 4096;
constexpr size_t kMostChunks = 64;  // of queries: more than caches hold
constexpr size_t kBatchKeys = 64;
constexpr size_t kRounds = 9;
constexpr uint64_t kSeed = 42;

using Keys = std::span<const std::string_view>;

// Queries as a program has them: bytes of their own, not those of the array.
struct StringQueries {
  std::string bytes;
  std::vector<std::string_view> keys;
  std::vector<uint64_t> sums;  // of the answers of each chunk
  std::vector<uint64_t> serial_sums;

  explicit StringQueries(Keys array) {
    Random random(kSeed);
    std::vector<size_t> ends;
    const size_t chunks = std::clamp<size_t>(array.size() / kChunkQueries, 1, kMostChunks);
    for (size_t i = 0; i < chunks * kChunkQueries; ++i) {
      bytes += array[random.Below(array.size())];
      if (i % 10 == 0) bytes.back() = static_cast<char>(bytes.back() + 1);
      ends.push_back(bytes.size());
    }
    size_t begin = 0;
    for (const size_t end : ends) {
      keys.push_back(std::string_view(bytes).substr(begin, end - begin));
      begin = end;
    }
    std::vector<uint64_t> answers;
    for (const std::string_view key : keys) {
      answers.push_back(
          static_cast<uint64_t>(std::lower_bound(array.begin(), array.end(), key) - array.begin()));
    }
    for (size_t chunk = 0; chunk < chunks; ++chunk) {
      const auto first = answers.begin() + static_cast<ptrdiff_t>(chunk * kChunkQueries);
      sums.push_back(std::accumulate(first, first + kChunkQueries, uint64_t{0}));
      serial_sums.push_back(
          SerialSum(chunk * kChunkQueries, kChunkQueries, [&](size_t i) { return answers[i]; }));
    }
  }

  Keys Chunk(size_t chunk) const {
    return Keys(keys).subspan(chunk * kChunkQueries, kChunkQueries);
  }
};

// A table of what takes part: two turns each, and what it takes.
struct Entrant {
  double bytes_per_key;
  double build_seconds;
};

class StringComparison {
 public:
  explicit StringComparison(const StringSet& set)
      : keys_(set.keys), queries_(set.keys), edges_(set.keys) {}

  void AddSibyl(const std::string& name, const index::StringIndexOptions& options) {
    const uint64_t start_ns = base::NowNs();
    auto built = index::StringIndex::Build(keys_, options);
    if (!built) {
      std::cerr << name << ": " << built.error().ToString() << "\n";
      ok_ = false;
      return;
    }
    const auto index = std::make_shared<index::StringIndex>(std::move(*built));
    if (options.kind == index::StringIndexKind::kAuto) note_ = index->Explain();
    AddIndex(name, start_ns, index);
  }

  // A rebuilt index, for a curve of size against time.
  void AddBudget(const index::StringIndex& from, double bytes_per_key) {
    const uint64_t start_ns = base::NowNs();
    const auto bytes = static_cast<uint64_t>(bytes_per_key * static_cast<double>(keys_.size()));
    const auto index = std::make_shared<index::StringIndex>(from.RebuildWithBudget(bytes));
    char name[32];
    std::snprintf(name, sizeof name, "budget, %g", bytes_per_key);
    AddIndex(name, start_ns, index);
  }

  void AddAbslBTree() {
    using Value = std::pair<const std::string_view, uint32_t>;
    using Map = absl::btree_map<std::string_view, uint32_t, std::less<>, CountingAllocator<Value>>;
    struct Tree {
      uint64_t bytes = 0;  // outlives the map
      Map map{std::less<>(), CountingAllocator<Value>(&bytes)};
    };
    const uint64_t start_ns = base::NowNs();
    const auto tree = std::make_shared<Tree>();
    for (size_t i = 0; i < keys_.size(); ++i) {
      tree->map.emplace_hint(tree->map.end(), keys_[i], static_cast<uint32_t>(i));
    }
    const uint64_t size = keys_.size();
    const auto find = [tree, size](std::string_view key) {
      const auto place = tree->map.lower_bound(key);
      return place == tree->map.end() ? size : place->second;
    };
    AddPlain("absl::btree_map", start_ns, tree->bytes, find);
  }

  void AddStdLowerBound() {
    const Keys keys = keys_;
    AddPlain("std::lower_bound", base::NowNs(), 0, [keys](std::string_view key) {
      return static_cast<uint64_t>(std::lower_bound(keys.begin(), keys.end(), key) - keys.begin());
    });
  }

  bool Run(const std::string& name, KindReport* report) {
    TakeTurns(single_, queries_.sums, kChunkQueries, kRounds);
    TakeTurns(batch_, queries_.sums, kChunkQueries, kRounds);
    TakeTurns(serial_, queries_.serial_sums, kChunkQueries / kSerialChoices, kRounds);
    std::printf("\n%s: ns per LowerBound (median thread CPU time)\n%-30s %8s %8s %8s %8s %8s\n",
                name.c_str(), "structure", "single", "batch", "serial", "B/key", "build s");
    KindTable table{"strings", name, {}};
    for (size_t i = 0; i < single_.size(); ++i) {
      const Row row{
          StructureName(single_[i].name), single_[i].median_ns,       batch_[i].median_ns,
          serial_[i].median_ns,           entrants_[i].bytes_per_key, entrants_[i].build_seconds};
      std::printf("%-30s %8.1f %8.1f %8.1f %8.3f %8.3f\n", single_[i].name.c_str(), row.single_ns,
                  row.batch_ns, row.serial_ns, row.bytes_per_key, row.build_seconds);
      table.rows.push_back(row);
      if (single_[i].right && batch_[i].right && serial_[i].right) continue;
      std::cerr << "FAILED: " << single_[i].name << " gave wrong answers\n";
      ok_ = false;
    }
    std::printf("auto considered: %s\n", note_.c_str());
    report->Add(std::move(table));
    return ok_;
  }

 private:
  void AddIndex(const std::string& name, uint64_t start_ns,
                const std::shared_ptr<const index::StringIndex>& index) {
    Add(
        name, start_ns, index->memory_bytes(),
        [index](std::string_view key) { return index->LowerBound(key); },
        [index](Keys keys, std::span<uint64_t> ranks) { index->LowerBoundBatch(keys, ranks); });
  }

  template <typename Find>
  void AddPlain(const std::string& name, uint64_t start_ns, uint64_t memory_bytes, Find find) {
    Add(name, start_ns, memory_bytes, find, [find](Keys keys, std::span<uint64_t> ranks) {
      for (size_t i = 0; i < keys.size(); ++i) ranks[i] = find(keys[i]);
    });
  }

  // Alone and in batches.
  template <typename Find, typename FindBatch>
  void CheckEdges(const std::string& name, const Find& find, const FindBatch& find_batch) {
    std::array<uint64_t, kBatchKeys> ranks{};
    for (size_t i = 0; i < edges_.queries.size(); i += kBatchKeys) {
      const size_t count = std::min(kBatchKeys, edges_.queries.size() - i);
      find_batch(Keys(edges_.queries).subspan(i, count), ranks);
      for (size_t k = 0; k < count; ++k) {
        const uint64_t answer = edges_.answers[i + k];
        if (ranks[k] == answer && find(edges_.queries[i + k]) == answer) continue;
        std::cerr << "FAILED: " << name << " answers edge query " << i + k << " wrongly\n";
        ok_ = false;
        return;
      }
    }
  }

  template <typename Find, typename FindBatch>
  void Add(const std::string& name, uint64_t start_ns, uint64_t memory_bytes, Find find,
           FindBatch find_batch) {
    entrants_.push_back({static_cast<double>(memory_bytes) / static_cast<double>(keys_.size()),
                         static_cast<double>(base::NowNs() - start_ns) * 1e-9});
    CheckEdges(name, find, find_batch);
    single_.push_back({name, [this, find](size_t chunk) {
                         uint64_t sum = 0;
                         for (const std::string_view key : queries_.Chunk(chunk)) sum += find(key);
                         return sum;
                       }});
    serial_.push_back({name, [this, find](size_t chunk) {
                         return SerialSum(chunk * kChunkQueries, kChunkQueries, [&](size_t i) {
                           return static_cast<uint64_t>(find(queries_.keys[i]));
                         });
                       }});
    batch_.push_back({name, [this, find_batch](size_t chunk) {
                        uint64_t sum = 0;
                        std::array<uint64_t, kBatchKeys> ranks{};
                        const Keys keys = queries_.Chunk(chunk);
                        for (size_t i = 0; i < keys.size(); i += kBatchKeys) {
                          find_batch(keys.subspan(i, kBatchKeys), ranks);
                          for (const uint64_t rank : ranks) sum += rank;
                        }
                        return sum;
                      }});
  }

  const Keys keys_;
  const StringQueries queries_;
  const StringEdgeQueries edges_;
  std::vector<Turn> single_;
  std::vector<Turn> batch_;
  std::vector<Turn> serial_;
  std::vector<Entrant> entrants_;
  std::string note_;
  bool ok_ = true;
};

}  // namespace

Result<StringSet> LoadStrings(const std::string& path, size_t copies) {
  SIBYL_ASSIGN_OR_RETURN(std::vector<std::string> lines, ReadLines(path));
  if (lines.empty()) return Error{ErrorCode::kInvalidArgument, path + ": no lines"};
  std::sort(lines.begin(), lines.end());
  StringSet set;
  set.name = std::filesystem::path(path).filename().replace_extension("").string();
  if (copies > 1) set.name += " x " + std::to_string(copies);
  std::vector<size_t> ends;
  for (size_t copy = 0; copy < copies; ++copy) {
    char directory[24];
    std::snprintf(directory, sizeof directory, "%06zu/", copy);
    for (const std::string& line : lines) {
      if (copies > 1) set.bytes += directory;
      set.bytes += line;
      ends.push_back(set.bytes.size());
    }
  }
  size_t begin = 0;
  set.keys.reserve(ends.size());
  for (const size_t end : ends) {
    set.keys.push_back(std::string_view(set.bytes).substr(begin, end - begin));
    begin = end;
  }
  return set;
}

bool CompareStringIndexes(const StringSet& set, bool sweep, KindReport* report) {
  using Kind = index::StringIndexKind;
  StringComparison comparison(set);
  comparison.AddSibyl("auto", {});
  comparison.AddSibyl("recursive, 16, halves", {Kind::kRecursive, 16, 0});
  comparison.AddSibyl("recursive, 16, landmarks/2", {Kind::kRecursive, 16, 2});
  comparison.AddSibyl("recursive, 32, landmarks", {Kind::kRecursive, 32, 1});
  comparison.AddSibyl("recursive, 64, landmarks/4", {Kind::kRecursive, 64, 4});
  comparison.AddSibyl("recursive, 64, landmarks/8", {Kind::kRecursive, 64, 8});
  comparison.AddSibyl("recursive, 128, landmarks/16", {Kind::kRecursive, 128, 16});
  comparison.AddSibyl("B-tree, 8, halves", {Kind::kBTree, 8, 0});
  comparison.AddSibyl("B-tree, 16, halves", {Kind::kBTree, 16, 0});
  comparison.AddSibyl("B-tree, 32, landmarks", {Kind::kBTree, 32, 1});
  if (sweep) {
    // The keys are in order: Build cannot fail.
    const auto index = index::StringIndex::Build(set.keys, {Kind::kRecursive, 64, 8}).value();
    for (const double bytes_per_key :
         {2.0, 1.0, 0.5, 0.25, 0.125, 0.06, 0.03, 0.015, 0.008, 0.004, 0.002, 0.001}) {
      comparison.AddBudget(index, bytes_per_key);
    }
  }
  comparison.AddAbslBTree();
  comparison.AddStdLowerBound();
  return comparison.Run(set.name + "/" + std::to_string(set.keys.size()), report);
}

}  // namespace sibyl::bench
