// Fits lines to stretches of a sorted array, such that a window of fixed width at the line's value
// contains the lower bound of every key that can be asked for, stored or not.
//
// The queries that share a lower bound form a gap: those after one distinct key, up to and
// including the next. A line is right for a gap if its window [y, y + window] holds the gap's rank
// at the gap's two ends, since it is monotone between them. So a line is right for a range if it
// passes every gap's first query at or above rank - window and its last query at or below rank:
// two half-planes per gap. Finding a line through them is a linear program in two unknowns, solved
// by cutting planes (Kelley, "The cutting-plane method for solving convex programs", SIAM 8(4),
// 1960): a slope is tried, in the very integers that lookups compute, gap by gap; where no base is
// left, the two half-planes that contradict each other bound the slopes worth trying. A slope that
// gets through is proven; bounds that cross prove that no line of slope >= 0 does.
// (PGM-index has the convex hulls of O'Rourke, CACM 24(9), 1981, decide the same; Ferragina and
// Vinciguerra, PVLDB 13(8), 2020. They cost five times as much here: a hull changes with most keys,
// where a trial takes a multiplication per key and rarely has to be repeated.)
//
// A run of equal keys of any length is one step between two gaps, so no run is too long.

#ifndef SIBYL_INDEX_WINDOW_FIT_H_
#define SIBYL_INDEX_WINDOW_FIT_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "index/rank_line.h"

namespace sibyl::index {

struct Gap {
  KeyRange queries;
  uint64_t rank;  // the lower bound of all of them
};

// The first rank after `rank` whose key is larger. Time O(log(equal keys)).
uint64_t EndOfRun(std::span<const uint64_t> keys, uint64_t rank);

// Enumerates the gaps of the queries in `range`, in order.
class GapReader {
 public:
  // `rank` must be the lower bound of range.first in `keys`.
  GapReader(std::span<const uint64_t> keys, KeyRange range, uint64_t rank)
      : keys_(keys), next_(range.first), last_(range.last), rank_(rank) {}

  // False after the last gap.
  bool Next(Gap* gap) {
    if (rank_ >= keys_.size() || keys_[rank_] >= last_) return NextAtEnd(gap);
    const uint64_t key = keys_[rank_];
    *gap = {{next_, key}, rank_};
    next_ = key + 1;
    rank_ = EndOfRun(keys_, rank_);
    return true;
  }

 private:
  bool NextAtEnd(Gap* gap);

  std::span<const uint64_t> keys_;
  uint64_t next_;
  uint64_t last_;
  uint64_t rank_;
  bool done_ = false;
};

// Queries and the lower bounds of the first and the last of them.
struct FitRange {
  KeyRange queries;
  uint64_t rank;
  uint64_t last_rank;
};

// A line that is right for all queries from where it was to begin, up to `last_query`.
struct FittedLine {
  RankLine line;  // a leaf
  uint64_t last_query;
  uint64_t next_rank;  // the lower bound of the query after that
};

// Deterministic. Holds no keys and no state between calls.
class WindowFitter {
 public:
  WindowFitter(std::span<const uint64_t> keys, uint32_t window_keys)
      : keys_(keys), window_(window_keys) {}

  // The line of origin `x0`, which is queries.first or the query before, that is right for all of
  // `range`, or none if none was found. Time O(keys in range).
  std::optional<RankLine> Fit(const FitRange& range, uint64_t x0) const;

  // The line that reaches as far into `range` as any, or nearly: at least over the first gap. It
  // covers fewer than 2^22 + window keys. Time O(keys covered).
  FittedLine FitLongest(const FitRange& range, uint64_t x0) const;

 private:
  // A point that the line must pass above (low) or below (high).
  struct Point {
    uint64_t x;
    int64_t y;
  };
  // Slopes in ranks per key that no contradiction has ruled out yet.
  struct Slopes {
    double least = 0;
    double most = std::numeric_limits<double>::infinity();

    // One that halves the doubt; while nothing is known of the steepest, one twice the flattest.
    double Middle() const { return std::isinf(most) ? 2 * least : (least + most) / 2; }
  };
  // How far one slope goes.
  struct Trial {
    RankLine line;
    uint64_t end;  // the first rank whose gap it is wrong for; range.last_rank + 1 if none
    Point low;     // where no base is left: the two points that contradict each other
    Point high;
  };

  Trial Try(const FitRange& range, uint64_t x0, double slope) const;
  template <bool kBelowOne>  // its slope, in ranks per key: then a multiplication is enough
  Trial TryLine(const FitRange& range, RankLine line) const;
  Point LowOf(const FitRange& range, uint64_t rank) const;
  Point HighOf(const FitRange& range, uint64_t rank) const;
  void Cut(const Point& low, const Point& high, Slopes* slopes) const;
  Trial Search(const FitRange& range, uint64_t x0, uint64_t chord_rank, int most_trials) const;

  std::span<const uint64_t> keys_;
  int64_t window_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_WINDOW_FIT_H_
