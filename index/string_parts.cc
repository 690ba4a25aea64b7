#include "index/string_parts.h"

#include <algorithm>
#include <array>

#include "index/window.h"

namespace sibyl::index {
namespace {

// Longer lists of landmarks (of runs of equal keys) are not worth a scan.
constexpr uint32_t kMostLandmarks = 512;

constexpr size_t kCacheLineBytes = 64;

void PrefetchBytes(std::string_view key) {
  __builtin_prefetch(key.data());
  if (key.size() > kCacheLineBytes / 2) __builtin_prefetch(key.data() + key.size() - 1);
}

}  // namespace

// A lookup in one block on its way: the lower bound lies in [low, high].
struct StringParts::Probe {
  uint32_t low;
  uint32_t high;
  uint32_t found;  // the number of the landmark whose key is to be read, if `landmarks`
  bool landmarks;
  size_t same_bytes;  // the query and all keys in [low, high) share so many from their beginnings

  uint32_t Middle() const { return low + (high - low) / 2; }

  // What is left to compare of a key in [low, high). Landmarks from untrusted bytes may lie.
  std::string_view Rest(std::string_view key) const {
    return key.substr(std::min(key.size(), same_bytes));
  }
};

void StringParts::Fill() {
  FillStarts();
  if (options.landmark_keys > 0) FillLandmarks();
}

// Asks the model for every key, so that lookups and this agree whatever the model is.
void StringParts::FillStarts() {
  starts = Table<uint32_t>(start_count());
  uint32_t next = 0;  // the block whose start is not known yet
  constexpr size_t kGroup = 64;
  std::array<BlockPosition, kGroup> positions;
  for (size_t begin = 0; begin < keys.size(); begin += kGroup) {
    const auto group = keys.subspan(begin, std::min(kGroup, keys.size() - begin));
    model.FindBatch(group, positions);
    for (size_t i = 0; i < group.size(); ++i) {
      while (next <= positions[i].block) starts[next++] = static_cast<uint32_t>(begin + i);
    }
  }
  while (next < starts.size()) starts[next++] = static_cast<uint32_t>(keys.size());
}

void StringParts::FillLandmarks() {
  const uint32_t step = options.landmark_keys;
  landmarks = Table<BitPlace>(landmark_count());
  std::fill_n(landmarks.data(), landmarks.size(), kNoPlace);
  for (size_t block = 0; block + 1 < starts.size(); ++block) {
    const uint32_t begin = starts[block];
    BitPlace* places = landmarks.data() + begin / step;
    for (uint64_t rank = uint64_t{begin} + step; rank < starts[block + 1]; rank += step) {
      const std::string_view before = keys[rank - step];
      *++places = PlaceOfDifference(before, keys[rank], SharedBytes(before, keys[rank]));
    }
  }
}

StringParts::Probe StringParts::Begin(uint32_t block) const {
  const uint32_t begin = starts[block];
  const uint32_t end = starts[block + 1];
  const uint32_t step = options.landmark_keys;
  return {begin, end, 0, step > 0 && begin < end && (end - begin - 1) / step < kMostLandmarks, 0};
}

size_t StringParts::RankToRead(const Probe& probe) const {
  return probe.low + size_t{probe.found} * options.landmark_keys;
}

void StringParts::FindKeyToRead(std::string_view query, Probe* probe) const {
  const uint32_t step = options.landmark_keys;
  const BitPlace* places = landmarks.data() + probe->low / step;
  const uint32_t count = (probe->high - probe->low - 1) / step + 1;
  probe->found = static_cast<uint32_t>(BlindSearch(places, count, query));
}

// Narrows [low, high] to the keys between two landmarks.
void StringParts::ReadKey(std::string_view query, Probe* probe) const {
  const uint32_t step = options.landmark_keys;
  const uint32_t begin = probe->low;
  const uint32_t count = (probe->high - begin - 1) / step + 1;
  const BitPlace* places = landmarks.data() + begin / step;
  const std::string_view key = keys[RankToRead(*probe)];
  if (key == query && (step == 1 || !has_duplicates)) [[likely]] {
    probe->low = probe->high = begin + probe->found * step;
    return;
  }
  const size_t shared = SharedBytes(query, key);
  // So deep that landmarks do not reach: they may have led astray.
  if (shared > kMaxPlaceByte) return;
  const bool equal = shared == query.size() && shared == key.size();
  uint32_t place = probe->found;
  if (!equal) {
    const bool right = shared == key.size() ||
                       (shared < query.size() && static_cast<unsigned char>(query[shared]) >
                                                     static_cast<unsigned char>(key[shared]));
    place = static_cast<uint32_t>(
        PlaceAmong(places, count, probe->found, PlaceOfDifference(query, key, shared), right));
  }
  if (place < count) probe->high = begin + place * step;
  if (place > 0 && place < count) probe->same_bytes = std::min<size_t>(shared, places[place] >> 4);
  if (place > 0) probe->low = begin + (place - 1) * step + 1;
  if (place == 0) probe->high = begin;
}

// Precondition: low < high.
void StringParts::Halve(std::string_view query, Probe* probe) const {
  const uint32_t middle = probe->Middle();
  if (probe->Rest(keys[middle]) < probe->Rest(query)) {
    probe->low = middle + 1;
  } else {
    probe->high = middle;
  }
}

// Asks for the views of all keys that landmarks may point to: they arrive while landmarks are read.
void StringParts::PrefetchViews(const Probe& probe) const {
  constexpr uint32_t kViewsPerLine = kCacheLineBytes / sizeof(std::string_view);
  const uint32_t step = std::max(options.landmark_keys, kViewsPerLine);
  for (uint32_t rank = probe.low; rank < probe.high; rank += step) __builtin_prefetch(&keys[rank]);
}

// The same for the keys that the landmarks left.
void StringParts::PrefetchRestViews(const Probe& probe) const {
  if (probe.low >= probe.high) return;
  __builtin_prefetch(&keys[probe.low]);
  __builtin_prefetch(&keys[probe.high - 1]);
}

// Asks for the bytes in which those differ: halving then waits for memory once.
void StringParts::PrefetchRest(const Probe& probe) const {
  constexpr uint32_t kMost = 16;  // many are left only where landmarks did not reach
  for (uint32_t rank = probe.low; rank < std::min(probe.high, probe.low + kMost); ++rank) {
    __builtin_prefetch(probe.Rest(keys[rank]).data());
  }
}

uint64_t StringParts::LowerBound(std::string_view key) const {
  Probe probe = Begin(model.Find(key).block);
  if (probe.landmarks) {
    PrefetchViews(probe);
    FindKeyToRead(key, &probe);
    ReadKey(key, &probe);
    PrefetchRest(probe);
  }
  while (probe.low < probe.high) Halve(key, &probe);
  return probe.low;
}

namespace {
constexpr size_t kGroup = 32;  // lookups in flight
}

// Each step is taken for all queries before the next one is for any, and asks for what that needs.
void StringParts::SearchGroup(std::span<const std::string_view> queries, uint64_t* ranks) const {
  std::array<BlockPosition, kGroup> positions;
  std::array<Probe, kGroup> probes;
  model.FindBatch(queries, positions);
  for (size_t i = 0; i < queries.size(); ++i) __builtin_prefetch(&starts[positions[i].block]);
  for (size_t i = 0; i < queries.size(); ++i) {
    probes[i] = Begin(positions[i].block);
    if (probes[i].landmarks) {
      __builtin_prefetch(landmarks.data() + probes[i].low / options.landmark_keys);
    }
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    if (!probes[i].landmarks) continue;
    FindKeyToRead(queries[i], &probes[i]);
    __builtin_prefetch(&keys[RankToRead(probes[i])]);
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    if (probes[i].landmarks) PrefetchBytes(keys[RankToRead(probes[i])]);
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    if (!probes[i].landmarks) continue;
    ReadKey(queries[i], &probes[i]);
    PrefetchRestViews(probes[i]);
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    if (probes[i].landmarks) PrefetchRest(probes[i]);
  }
  HalveGroup(queries, probes.data());
  for (size_t i = 0; i < queries.size(); ++i) ranks[i] = probes[i].low;
}

// Halves all that are still open, in turns.
void StringParts::HalveGroup(std::span<const std::string_view> queries, Probe* probes) const {
  std::array<uint8_t, kGroup> open;
  size_t open_count = 0;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (probes[i].low < probes[i].high) open[open_count++] = static_cast<uint8_t>(i);
  }
  while (open_count > 0) {
    for (size_t k = 0; k < open_count; ++k) __builtin_prefetch(&keys[probes[open[k]].Middle()]);
    for (size_t k = 0; k < open_count; ++k) {
      const Probe& probe = probes[open[k]];
      PrefetchBytes(probe.Rest(keys[probe.Middle()]));
    }
    size_t still_open = 0;
    for (size_t k = 0; k < open_count; ++k) {
      Probe* probe = &probes[open[k]];
      Halve(queries[open[k]], probe);
      if (probe->low < probe->high) open[still_open++] = open[k];
    }
    open_count = still_open;
  }
}

void StringParts::LowerBoundBatch(std::span<const std::string_view> queries,
                                  uint64_t* ranks) const {
  for (size_t i = 0; i < queries.size(); i += kGroup) {
    SearchGroup(queries.subspan(i, std::min(kGroup, queries.size() - i)), ranks + i);
  }
}

std::string StringParts::Name() const {
  return std::string(options.kind == StringIndexKind::kBTree ? "B-tree" : "recursive") +
         ", blocks of " + std::to_string(options.block_keys) +
         (options.landmark_keys == 0
              ? ""
              : ", landmarks every " + std::to_string(options.landmark_keys));
}

}  // namespace sibyl::index
