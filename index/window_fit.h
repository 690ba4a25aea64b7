// Fits a line to a stretch of a sorted array, such that a window of fixed width at the line's value
// contains the lower bound of every key that can be asked for, stored or not.
//
// The queries that share a lower bound form a gap: those after one distinct key, up to and
// including the next. A line is right for a gap if its window [y, y + window] holds the gap's rank
// at the gap's two ends, since it is monotone between them. So a line is right for a range if it
// passes every gap's first query at or above rank - window and its last query at or below rank:
// two half-planes per gap. Deciding whether a line passes them all is O'Rourke's on-line algorithm
// ("An on-line algorithm for fitting straight lines between data ranges", CACM 24(9), 1981), which
// PGM-index uses too (Ferragina and Vinciguerra, PVLDB 13(8), 2020). A fitted line is accepted only
// after the very expression that lookups evaluate has been checked on every gap.
//
// A run of equal keys of any length is one step between two gaps, so no run is too long.

#ifndef SIBYL_INDEX_WINDOW_FIT_H_
#define SIBYL_INDEX_WINDOW_FIT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/rank_line.h"

namespace sibyl::index {

struct Gap {
  KeyRange queries;
  uint64_t rank;  // the lower bound of all of them
};

// Enumerates the gaps of the queries in `range`, in order.
class GapReader {
 public:
  // `rank` must be the lower bound of range.first in `keys`.
  GapReader(std::span<const uint64_t> keys, KeyRange range, uint64_t rank)
      : keys_(keys), next_(range.first), last_(range.last), rank_(rank) {}

  // False after the last gap.
  bool Next(Gap* gap);

 private:
  std::span<const uint64_t> keys_;
  uint64_t next_;
  uint64_t last_;
  uint64_t rank_;
  bool done_ = false;
};

// Decides on line, gap by gap, whether some line of slope >= 0 still passes all half-planes.
class LineStabber {
 public:
  void Clear();

  // Adds the next gap to the right. If no line is left: false, Slope() as before, and only Clear()
  // may follow.
  bool Add(const Gap& gap, uint32_t window_keys);

  // A slope in the middle of those that are left, in ranks per key; 0 if any will do.
  double Slope() const;

 private:
  struct Point {
    uint64_t x;
    int64_t y;
  };
  // A slope as the direction between two points.
  struct Direction {
    uint64_t dx = 0;
    int64_t dy = 0;
  };

  struct Line {
    Point through;
    Direction slope;
  };

  // A convex chain of points; those before `head` can no longer touch any line.
  struct Hull {
    std::vector<Point> points;
    size_t head = 0;
  };

  static Direction Between(const Point& a, const Point& b);
  static int Compare(const Direction& a, const Direction& b);  // by slope; dx > 0 in both
  static void Append(Hull* hull, const Point& p, int turn);
  static std::optional<Line> Tangent(Hull* hull, const Point& p, int turn);
  static bool IsAbove(const Point& p, const Line& line);
  static bool IsBelow(const Point& p, const Line& line);

  Hull lower_;  // points that the line must pass above or at
  Hull upper_;  // points that it must pass below or at
  std::optional<Line> steepest_;
  std::optional<Line> flattest_;
};

// The line with bit 0 of its slope set that is right for all queries in `range`, or none if none
// was found. `rank` and `last_rank` are the lower bounds of range.first and range.last.
// Deterministic. Time O(gaps in range).
std::optional<RankLine> FitWindow(std::span<const uint64_t> keys, KeyRange range, uint64_t rank,
                                  uint64_t last_rank, uint64_t x0, uint32_t window_keys);

// As above with the slope given, in ranks per key: finds the base.
std::optional<RankLine> FitWindowWithSlope(std::span<const uint64_t> keys, KeyRange range,
                                           uint64_t rank, uint64_t x0, double slope,
                                           uint32_t window_keys);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_WINDOW_FIT_H_
