// Why a RangeIndex is as good as it is: what it loses on which keys, what its keys are like, how
// far other keys have drifted from them, and what would make it better.
//
// For researchers, and for people who wonder whether to rebuild. Nothing here is fast; all costs
// are O(keys) or more, as stated.

#ifndef SIBYL_RANGE_REPORT_H_
#define SIBYL_RANGE_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sibyl/range_index.h"

namespace sibyl::index {

// How one key is found. The model's prediction is the middle of the window it names.
struct KeyLoss {
  uint64_t key = 0;
  uint64_t rank = 0;          // LowerBound(key): what was to be found
  uint64_t predicted = 0;     // rank
  uint64_t window_start = 0;  // the last mile searches the window_keys from here on
  uint32_t window_keys = 0;
  uint32_t stages = 0;  // records or nodes read on the way to the window

  uint64_t loss() const { return rank > predicted ? rank - predicted : predicted - rank; }
};

// Time as of a slow LowerBound.
KeyLoss LossOf(const RangeIndex& index, uint64_t key);

// The `count` keys with the most stages, and of those with the largest loss. Time O(keys).
std::vector<KeyLoss> WorstKeys(const RangeIndex& index, size_t count);

struct RangeLoss {
  uint64_t first_key = 0;
  uint64_t last_key = 0;
  uint64_t keys = 0;
  double mean_loss = 0;
  uint64_t largest_loss = 0;
  double mean_stages = 0;
};

// For `ranges` parts of equally many keys (fewer if there are not so many keys). Time O(keys).
std::vector<RangeLoss> LossByRange(const RangeIndex& index, size_t ranges);

// What the keys are like.
struct KeyShape {
  uint32_t shared_leading_bits = 0;  // of all keys
  uint64_t duplicates = 0;           // keys equal to their predecessor
  uint64_t longest_run = 0;          // of equal keys
  // Few keys (at most one in 1000) at either end without which the rest would span a quarter or
  // less of what all span: they stretch a linear root.
  uint64_t low_outliers = 0;
  uint64_t high_outliers = 0;
};

// Time O(keys). `keys` must be sorted.
KeyShape ShapeOfKeys(std::span<const uint64_t> keys);

// How `others` differ from the keys of `index`, which could have drawn them.
struct Drift {
  // Kolmogorov and Smirnov's distance: the most by which the two shares of keys below one key
  // differ; 0 for equal distributions, 1 for disjoint ones.
  double distance = 0;
  uint64_t at_key = 0;     // where
  double share_below = 0;  // of `others`, below the smallest key of `index`
  double share_above = 0;  // above the largest
};

// Time O(others) lookups. `others` must be sorted. No drift if either is empty.
Drift DriftFrom(const RangeIndex& index, std::span<const uint64_t> others);

struct Suggestion {
  RangeIndexOptions options;  // to build it
  std::string text;           // for people, with what was measured
  double memory_ratio = 1;    // of the suggested to the present index: below 1 is better
  double single_ratio = 1;
  double batch_ratio = 1;
  double serial_ratio = 1;
};

// Builds the other kinds, windows and roots over the same keys, measures all of them beside `index`
// and returns those that gain at least a tenth in memory or in any time, the best for single
// lookups first. Time: up to a dozen builds.
std::vector<Suggestion> Suggest(const RangeIndex& index);

// All of the above, but the drift, as text.
std::string Report(const RangeIndex& index);

}  // namespace sibyl::index

#endif  // SIBYL_RANGE_REPORT_H_
