#include "index/window_fit.h"

#include <algorithm>
#include <cmath>

namespace sibyl::index {
namespace {

// The shift and mantissa of the largest representable slope <= `slope`, for distances of up to
// `span`; none if the line would rise beyond the mantissa.
std::optional<uint32_t> LeafSlope(double slope, uint64_t span) {
  if (!(slope > 0)) return EncodeSlope(0, 0, true);
  const double scaled = std::ldexp(slope, 64);
  const int shift = std::max(0, std::ilogb(scaled) + 1 - kMantissaBits);
  const int most = std::countl_zero(span | 1);
  if (shift > most) return std::nullopt;
  return EncodeSlope(static_cast<uint32_t>(shift),
                     static_cast<uint32_t>(std::ldexp(scaled, -shift)), true);
}

// The first rank after `rank` whose key is larger, galloping: runs may be long.
uint64_t EndOfRun(std::span<const uint64_t> keys, uint64_t rank) {
  const uint64_t key = keys[rank];
  if (rank + 1 == keys.size() || keys[rank + 1] != key) return rank + 1;
  uint64_t low = rank + 1;
  uint64_t step = 1;
  while (low + step <= keys.size() && keys[low + step - 1] == key) {
    low += step;
    step *= 2;
  }
  const auto begin = keys.begin() + static_cast<ptrdiff_t>(low);
  const auto end = keys.begin() + static_cast<ptrdiff_t>(std::min(low + step, keys.size()));
  return static_cast<uint64_t>(std::upper_bound(begin, end, key) - keys.begin());
}

}  // namespace

bool GapReader::Next(Gap* gap) {
  if (done_) return false;
  if (rank_ == keys_.size() || keys_[rank_] >= last_) {
    *gap = {{next_, last_}, rank_};
    done_ = true;
    return true;
  }
  const uint64_t key = keys_[rank_];
  *gap = {{next_, key}, rank_};
  next_ = key + 1;
  rank_ = EndOfRun(keys_, rank_);
  return true;
}

void LineStabber::Clear() {
  lower_.points.clear();
  lower_.head = 0;
  upper_.points.clear();
  upper_.head = 0;
  steepest_.reset();
  flattest_.reset();
}

LineStabber::Direction LineStabber::Between(const Point& a, const Point& b) {
  return {b.x - a.x, b.y - a.y};
}

int LineStabber::Compare(const Direction& a, const Direction& b) {
  const auto left = static_cast<__int128>(a.dy) * static_cast<__int128>(b.dx);
  const auto right = static_cast<__int128>(b.dy) * static_cast<__int128>(a.dx);
  return left < right ? -1 : left > right;
}

// Keeps the chain convex: turn > 0 for one seen from below (slopes rise), < 0 from above.
void LineStabber::Append(Hull* hull, const Point& p, int turn) {
  auto& points = hull->points;
  while (points.size() >= hull->head + 2) {
    const Point& a = points[points.size() - 2];
    const Point& b = points.back();
    if (Compare(Between(a, b), Between(b, p)) * turn < 0) break;
    points.pop_back();
  }
  points.push_back(p);
}

// The line to `p`, right of the hull, from the point where a line through `p` touches it.
std::optional<LineStabber::Line> LineStabber::Tangent(Hull* hull, const Point& p, int turn) {
  const auto& points = hull->points;
  size_t end = points.size();
  while (end > hull->head && points[end - 1].x >= p.x) --end;
  if (end == hull->head) return std::nullopt;
  Direction best = Between(points[hull->head], p);
  while (hull->head + 1 < end) {
    const Direction next = Between(points[hull->head + 1], p);
    if (Compare(next, best) * turn < 0) break;
    best = next;
    ++hull->head;
  }
  return Line{points[hull->head], best};
}

bool LineStabber::IsAbove(const Point& p, const Line& line) {
  return Compare(Between(line.through, p), line.slope) > 0;
}

bool LineStabber::IsBelow(const Point& p, const Line& line) {
  return Compare(Between(line.through, p), line.slope) < 0;
}

// Right of all points so far, the steepest line is the highest that is left and the flattest the
// lowest. A point that neither cuts off is implied by earlier ones, now and later: most are.
bool LineStabber::Add(const Gap& gap, uint32_t window_keys) {
  const Point low{gap.queries.first, static_cast<int64_t>(gap.rank) - window_keys};
  const Point high{gap.queries.last, static_cast<int64_t>(gap.rank)};
  const bool raises = !flattest_ || IsAbove(low, *flattest_);
  const auto flattest_before = flattest_;
  if (raises) {
    // The flattest line touches an upper point on its left and this lower point.
    if (const auto flat = Tangent(&upper_, low, +1)) flattest_ = flat;
    Append(&lower_, low, -1);
  }
  const bool lowers = !steepest_ || IsBelow(high, *steepest_);
  const auto steepest_before = steepest_;
  if (lowers) {
    if (const auto steep = Tangent(&lower_, high, -1)) steepest_ = steep;
    Append(&upper_, high, +1);
  }
  if (!steepest_ || (!raises && !lowers)) return true;
  if (steepest_->slope.dy >= 0 &&
      (!flattest_ || Compare(flattest_->slope, steepest_->slope) <= 0)) {
    return true;
  }
  flattest_ = flattest_before;
  steepest_ = steepest_before;
  return false;
}

double LineStabber::Slope() const {
  const auto value = [](const std::optional<Line>& line) {
    return line ? static_cast<double>(line->slope.dy) / static_cast<double>(line->slope.dx) : 0.0;
  };
  if (!steepest_) return std::max(0.0, value(flattest_));
  return (std::max(0.0, value(flattest_)) + value(steepest_)) / 2;
}

std::optional<RankLine> FitWindowWithSlope(std::span<const uint64_t> keys, KeyRange range,
                                           uint64_t rank, uint64_t x0, double slope,
                                           uint32_t window_keys) {
  const auto encoded = LeafSlope(slope, range.last > x0 ? range.last - x0 : 0);
  if (!encoded) return std::nullopt;
  RankLine line{x0, 0, *encoded};
  // The bases that are right for every gap so far.
  int64_t least = 0;
  int64_t most = UINT32_MAX;
  GapReader gaps(keys, range, rank);
  for (Gap gap{}; gaps.Next(&gap);) {
    const auto gap_rank = static_cast<int64_t>(gap.rank);
    const auto first = static_cast<int64_t>(Evaluate(line, gap.queries.first));
    const auto last = static_cast<int64_t>(Evaluate(line, gap.queries.last));
    least = std::max(least, gap_rank - window_keys - first);
    most = std::min(most, gap_rank - last);
    if (least > most) return std::nullopt;
  }
  line.base = static_cast<uint32_t>(least + (most - least) / 2);
  return line;
}

std::optional<RankLine> FitWindow(std::span<const uint64_t> keys, KeyRange range, uint64_t rank,
                                  uint64_t last_rank, uint64_t x0, uint32_t window_keys) {
  if (last_rank - rank <= window_keys) {
    const uint64_t least = last_rank < window_keys ? 0 : last_rank - window_keys;
    return RankLine{x0, static_cast<uint32_t>(least + (rank - least) / 2), EncodeSlope(0, 0, true)};
  }
  const uint64_t last_key = keys[last_rank - 1];  // the last key below range.last
  const double chord = static_cast<double>(last_rank - rank) /
                       static_cast<double>(std::max<uint64_t>(last_key - keys[rank], 1));
  if (const auto line = FitWindowWithSlope(keys, range, rank, x0, chord, window_keys)) return line;

  LineStabber stabber;
  GapReader gaps(keys, range, rank);
  for (Gap gap{}; gaps.Next(&gap);) {
    if (!stabber.Add(gap, window_keys)) return std::nullopt;
  }
  return FitWindowWithSlope(keys, range, rank, x0, stabber.Slope(), window_keys);
}

}  // namespace sibyl::index
