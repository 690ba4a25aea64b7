// Why a StringIndex is as good as it is: what it loses on which keys, what its keys are like, how
// far other keys have drifted from them, and what would make it better. The twin of range_report.h.
//
// For researchers, and for people who wonder whether to rebuild. Nothing here is fast; all costs
// are O(keys) or more, as stated. Views in reports refer to the bytes of the keys they tell of.

#ifndef SIBYL_STRING_REPORT_H_
#define SIBYL_STRING_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/string_index.h"

namespace sibyl::index {

// How one key is found. The model names a block, and how far through it the key is expected.
struct StringLoss {
  std::string_view key;
  uint64_t rank = 0;         // LowerBound(key): what was to be found
  uint64_t predicted = 0;    // rank
  uint64_t block_start = 0;  // rank of the block's first key; what is found is in it or at its end
  uint64_t block_keys = 0;   // how many it has
  uint32_t stages = 0;       // nodes of the model read on the way to the block

  uint64_t loss() const { return rank > predicted ? rank - predicted : predicted - rank; }
};

// Time as of a slow LowerBound.
StringLoss LossOf(const StringIndex& index, std::string_view key);

// The `count` keys with the most stages, and of those with the largest loss. Time O(keys).
std::vector<StringLoss> WorstKeys(const StringIndex& index, size_t count);

struct StringRangeLoss {
  std::string_view first_key;
  std::string_view last_key;
  uint64_t keys = 0;
  double mean_loss = 0;
  uint64_t largest_loss = 0;
  double mean_stages = 0;
};

// For `ranges` parts of equally many keys (fewer if there are not so many keys). Time O(keys).
std::vector<StringRangeLoss> LossByRange(const StringIndex& index, size_t ranges);

// Keys that begin alike, as far as all of them do.
struct SharedPrefix {
  std::string_view prefix;
  uint64_t keys = 0;
};

// What the keys are like.
struct StringShape {
  uint64_t shortest_bytes = 0;
  uint64_t longest_bytes = 0;
  double mean_bytes = 0;
  double mean_shared_bytes = 0;  // with the key before
  uint64_t duplicates = 0;       // keys equal to their predecessor
  uint64_t longest_run = 0;      // of equal keys
  uint64_t deep = 0;  // keys that differ from the one before so far behind that no landmark tells

  // Of at least one key in sixteen each, those that account for the most bytes, at most eight; none
  // of which nearly all keys begin with a longer one that is here.
  std::vector<SharedPrefix> prefixes;

  // Few keys (at most one in 1000) at either end without which the rest would share more bytes.
  uint64_t low_outliers = 0;
  uint64_t high_outliers = 0;
};

// Time O(bytes). `keys` must be sorted.
StringShape ShapeOfStrings(std::span<const std::string_view> keys);

// How `others` differ from the keys of `index`, which could have drawn them.
struct StringDrift {
  // Kolmogorov and Smirnov's distance: the most by which the two shares of keys below one key
  // differ; 0 for equal distributions, 1 for disjoint ones.
  double distance = 0;
  std::string_view at_key;  // where
  double share_below = 0;   // of `others`, below the smallest key of `index`
  double share_above = 0;   // above the largest
};

// Time O(others) lookups. `others` must be sorted. No drift if either is empty.
StringDrift DriftFrom(const StringIndex& index, std::span<const std::string_view> others);

struct StringSuggestion {
  StringIndexOptions options;  // to build it
  std::string text;            // for people, with what was measured
  double memory_ratio = 1;     // of the suggested to the present index: below 1 is better
  double single_ratio = 1;
  double batch_ratio = 1;
};

// Builds the other kinds, blocks and landmarks over the same keys, measures all of them beside
// `index` and returns those that gain at least a tenth in memory or in any time, the best for
// single lookups first. Time: up to ten builds.
std::vector<StringSuggestion> Suggest(const StringIndex& index);

// All of the above, but the drift, as text.
std::string Report(const StringIndex& index);

}  // namespace sibyl::index

#endif  // SIBYL_STRING_REPORT_H_
