// What a StringIndex owns, and its lookups.

#ifndef SIBYL_INDEX_STRING_PARTS_H_
#define SIBYL_INDEX_STRING_PARTS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/block_model.h"
#include "index/landmark.h"
#include "index/table_memory.h"
#include "sibyl/string_index.h"

namespace sibyl::index {

inline constexpr uint32_t kMostBlockKeys = uint32_t{1} << 30;

struct StringParts {
  // Of sorted keys, at most StringIndex::kMaxKeys, under a model of their distinct ones. The tables
  // are empty: Fill or a decoder makes them.
  StringParts(std::span<const std::string_view> sorted_keys, const StringIndexOptions& wanted,
              BlockModel block_model)
      : keys(sorted_keys), options(wanted), model(std::move(block_model)) {}

  // Computes the tables from the keys.
  void Fill();

  // How many entries they have.
  size_t start_count() const { return std::max<size_t>(model.block_count(), 1) + 1; }
  size_t landmark_count() const {
    return options.landmark_keys == 0 ? 0 : keys.size() / options.landmark_keys + 2;
  }

  uint64_t LowerBound(std::string_view key) const;
  void LowerBoundBatch(std::span<const std::string_view> queries, uint64_t* ranks) const;

  uint64_t memory_bytes() const {
    return model.Shape().memory_bytes + starts.size_bytes() + landmarks.size_bytes();
  }

  // For example "recursive, blocks of 32, landmarks every 4".
  std::string Name() const;

  std::span<const std::string_view> keys;
  StringIndexOptions options;  // its kind is never kAuto
  BlockModel model;
  Table<uint32_t> starts;  // block b holds the ranks from starts[b] to starts[b + 1]
  // Of a block that begins at rank r: landmarks[r / landmark_keys + i] tells key r + landmark_keys
  // x i from the last one that has a landmark, or from key r. No two blocks share one with i > 0.
  Table<BitPlace> landmarks;
  bool has_duplicates = false;
  std::vector<StringIndexCandidate> candidates;

 private:
  struct Probe;

  void FillStarts();
  void FillLandmarks();
  Probe Begin(uint32_t block) const;
  size_t RankToRead(const Probe& probe) const;
  void FindKeyToRead(std::string_view query, Probe* probe) const;
  void ReadKey(std::string_view query, Probe* probe) const;
  void PrefetchViews(const Probe& probe) const;
  void PrefetchRestViews(const Probe& probe) const;
  void PrefetchRest(const Probe& probe) const;
  void Halve(std::string_view query, Probe* probe) const;
  void SearchGroup(std::span<const std::string_view> queries, uint64_t* ranks) const;
  void HalveGroup(std::span<const std::string_view> queries, Probe* probes) const;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_STRING_PARTS_H_
