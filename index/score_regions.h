// Divides a classifier's scores into regions, each with a rate of false positives of its own.

#ifndef SIBYL_INDEX_SCORE_REGIONS_H_
#define SIBYL_INDEX_SCORE_REGIONS_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace sibyl::index {

inline constexpr int32_t kLowestScore = std::numeric_limits<int32_t>::min();

struct ScoreRegion {
  int32_t from;  // the scores from here up to the next region's
  double rate;   // of its filter; 1: no filter, the answer is yes
};

// Both expect scores in any order, neither list empty, and 0 < rate < 1, and return regions in
// ascending order, the first from kLowestScore, whose filters together reach `rate`.

// Two regions: scores from a threshold on are believed, the filter below has the rest. The
// threshold is the one with the fewest bits (Kraska et al., SIGMOD 2018, section 5.1.1).
std::vector<ScoreRegion> ChooseThreshold(std::span<const int32_t> key_scores,
                                         std::span<const int32_t> absent_scores, double rate);

// Several: Vaidya, Knorr, Mitzenmacher and Kraska, "Partitioned Learned Bloom Filters" (ICLR 2021),
// section 3: borders by dynamic programming over the divergence of the two distributions, then
// rates in proportion to the share of keys over the share of absent ones.
std::vector<ScoreRegion> ChoosePartition(std::span<const int32_t> key_scores,
                                         std::span<const int32_t> absent_scores, double rate);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_SCORE_REGIONS_H_
