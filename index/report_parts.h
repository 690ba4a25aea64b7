// What the reports on RangeIndex (range_report.cc) and StringIndex (string_report.cc) share.

#ifndef SIBYL_INDEX_REPORT_PARTS_H_
#define SIBYL_INDEX_REPORT_PARTS_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sibyl::index {

// A suggestion must leave at most this share of memory or of any time.
inline constexpr double kWorthSuggesting = 0.9;

inline double RatioOf(double a, double b) { return b > 0 ? a / b : 1; }

// For example ", memory -25 %".
inline std::string PercentOf(const char* what, double ratio) {
  char text[64];
  std::snprintf(text, sizeof text, ", %s %+.0f %%", what, (ratio - 1) * 100);
  return text;
}

// The `count` worst of what trace(key) says of each distinct key, by stages, then by loss.
template <typename Loss, typename Key, typename Trace>
std::vector<Loss> WorstOf(std::span<const Key> keys, size_t count, const Trace& trace) {
  const auto worse = [](const Loss& a, const Loss& b) {
    return std::pair(a.stages, a.loss()) > std::pair(b.stages, b.loss());
  };
  std::vector<Loss> worst;  // a heap with the least bad one in front
  for (size_t i = 0; i < keys.size() && count > 0; ++i) {
    if (i > 0 && keys[i] == keys[i - 1]) continue;
    const Loss loss = trace(keys[i]);
    if (worst.size() == count) {
      if (!worse(loss, worst.front())) continue;
      std::pop_heap(worst.begin(), worst.end(), worse);
      worst.pop_back();
    }
    worst.push_back(loss);
    std::push_heap(worst.begin(), worst.end(), worse);
  }
  std::sort(worst.begin(), worst.end(), worse);
  return worst;
}

// Sums of what trace(key) says, for `ranges` parts of equally many keys.
template <typename RangeSum, typename Key, typename Trace>
std::vector<RangeSum> LossByParts(std::span<const Key> keys, size_t ranges, const Trace& trace) {
  ranges = std::min(ranges, keys.size());
  std::vector<RangeSum> losses;
  for (size_t r = 0; r < ranges; ++r) {
    const size_t begin = keys.size() * r / ranges;
    const size_t end = keys.size() * (r + 1) / ranges;
    RangeSum range;
    range.first_key = keys[begin];
    range.last_key = keys[end - 1];
    range.keys = end - begin;
    for (size_t i = begin; i < end; ++i) {
      const auto loss = trace(keys[i]);
      range.mean_loss += static_cast<double>(loss.loss());
      range.mean_stages += loss.stages;
      range.largest_loss = std::max(range.largest_loss, loss.loss());
    }
    range.mean_loss /= static_cast<double>(range.keys);
    range.mean_stages /= static_cast<double>(range.keys);
    losses.push_back(range);
  }
  return losses;
}

// Kolmogorov and Smirnov's distance between the keys of `index` and `others`, both sorted.
template <typename DriftOfKeys, typename Index, typename Key>
DriftOfKeys DriftBetween(const Index& index, std::span<const Key> others) {
  DriftOfKeys drift;
  const auto keys = index.keys();
  if (keys.empty() || others.empty()) return drift;
  const auto count = static_cast<double>(others.size());
  const auto size = static_cast<double>(keys.size());
  const auto consider = [&](double share, uint64_t rank, const Key& key) {
    const double distance = std::abs(share - static_cast<double>(rank) / size);
    if (distance > drift.distance) {
      drift.distance = distance;
      drift.at_key = key;
    }
  };
  // Both shares only step at keys: just below and just above each of the others, where the index's
  // share has moved on since the last one.
  for (size_t i = 0; i < others.size(); ++i) {
    const bool first = i == 0 || others[i] != others[i - 1];
    const bool last = i + 1 == others.size() || others[i] != others[i + 1];
    if (first) consider(static_cast<double>(i) / count, index.LowerBound(others[i]), others[i]);
    if (last) consider(static_cast<double>(i + 1) / count, index.UpperBound(others[i]), others[i]);
    if (others[i] < keys.front()) drift.share_below += 1 / count;
    if (others[i] > keys.back()) drift.share_above += 1 / count;
  }
  return drift;
}

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_REPORT_PARTS_H_
