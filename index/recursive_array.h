// Builds the adaptive recursive model of a RangeIndex.
//
// The staged models of Kraska et al., "The Case for Learned Index Structures" (SIGMOD 2018,
// sections 3.2 and 3.3), with two changes. Depth is not fixed: a record becomes a leaf as soon as
// one line is right for all queries that reach it (window_fit.h), and splits into children by
// another line if not. And no error is stored: every leaf has the same window, proven to be enough.
//
// Children are cut where the parent's line passes the next whole number, not at keys, so every
// split at least halves the distance that a child must cover, and outliers cannot keep it from
// ending: the depth is at most 65 or so, and 2 to 4 on real data.

#ifndef SIBYL_INDEX_RECURSIVE_ARRAY_H_
#define SIBYL_INDEX_RECURSIVE_ARRAY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "index/range_lookup.h"
#include "index/rank_line.h"

namespace sibyl::index {

struct RecursiveArray {
  std::vector<RankLine> lines;
  std::optional<LogRoot> root;  // none: lines[0] is the root
};

enum class RootChoice : uint8_t { kLinear, kLogarithmic };

// So few stretches of keys may not fit a leaf that most lookups end at the same stage: where some
// end later, the processor guesses wrongly, and forgets the lookups it had begun ahead.
inline constexpr uint64_t kEvenDepth = 32;
// Larger leaves, of less even depth: smaller models.
inline constexpr uint64_t kUnevenDepth = 5;

// The root's children get so many keys that of stretches of that length one in `one_misfit_in` does
// not fit a leaf.
// None if the model would take more than `max_lines` records, or any lookup more than 16 stages: so
// no key set, made to hurt or not, costs more than that. Precondition: keys is sorted and
// longer than a window.
std::optional<RecursiveArray> BuildRecursiveArray(std::span<const uint64_t> keys,
                                                  uint32_t window_keys, RootChoice root,
                                                  size_t max_lines,
                                                  uint64_t one_misfit_in = kEvenDepth);

// The root that suits the keys' distribution: linear, unless a sample needs many more records or
// stages under it. Precondition: keys is sorted and longer than a window.
RootChoice PickRoot(std::span<const uint64_t> keys);

// That root, and the other one if it may be faster all the same: fewer records and stages are not
// all that counts, since a logarithm costs time.
std::vector<RootChoice> RootsWorthTrying(std::span<const uint64_t> keys);

// How many records a lookup of one of `keys`, the array's own, reads on average: from a sample.
double MeanStages(const RecursiveArray& array, std::span<const uint64_t> keys);

// The keys for which lines are evaluated: the smallest to one more than the largest. Those outside
// have the same lower bounds as the ends. Precondition: keys is not empty.
KeyRange QueriesOf(std::span<const uint64_t> keys);

// Visits the queries of every leaf, in order of key, checking on the way that the records form a
// tree that lookups can walk: children in bounds, each with one parent, lines monotone over their
// range. False, having stopped, if they do not. For records that nobody has checked yet.
bool VisitLeaves(std::span<const RankLine> lines, const std::optional<LogRoot>& root,
                 KeyRange queries, const std::function<void(KeyRange)>& visit);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RECURSIVE_ARRAY_H_
