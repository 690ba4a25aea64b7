#include "index/window_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sibyl::index {
namespace {

constexpr uint64_t kMostKeys = uint64_t{1} << 22;  // under a line: the mantissa reaches further
constexpr int kTrialsOfOne = 4;                    // a range that resists is divided instead
constexpr int kTrialsOfLongest = 16;
constexpr double kSameWindow = 1.0 / 32;  // slopes that differ by less at the far end are the same

// The shift and mantissa of the largest representable slope <= `slope`, which is finite.
uint32_t LeafSlope(double slope) {
  if (!(slope > 0)) return EncodeSlope(0, 0, true);
  const double scaled = std::ldexp(slope, 64);
  const int shift = std::clamp(std::ilogb(scaled) + 1 - kMantissaBits, 0, 63);
  const double mantissa = std::min(std::ldexp(scaled, -shift), std::ldexp(1, kMantissaBits) - 1);
  return EncodeSlope(static_cast<uint32_t>(shift), static_cast<uint32_t>(mantissa), true);
}

// Where a trial that found no contradiction ends.
uint64_t StopOf(const FitRange& range) {
  return std::min(range.last_rank + 1, range.rank + kMostKeys);
}

// The bases of a line that are right for every gap so far, and the gaps that bound them; once none
// is left, the gaps that contradict each other.
struct Bases {
  int64_t least = 0;
  int64_t most = UINT32_MAX;
  uint64_t least_at;
  uint64_t most_at;

  explicit Bases(uint64_t rank) : least_at(rank), most_at(rank) {}

  // False, and the bases as before, if none would be left. Few gaps bound more than those before.
  bool AddLow(int64_t low, uint64_t rank) {
    if (low <= least) [[likely]]
      return true;
    least_at = rank;
    if (low > most) return false;
    least = low;
    return true;
  }
  bool AddHigh(int64_t high, uint64_t rank) {
    if (high >= most) [[likely]]
      return true;
    most_at = rank;
    if (high < least) return false;
    most = high;
    return true;
  }

  uint32_t Middle() const { return static_cast<uint32_t>(least + (most - least) / 2); }
};

}  // namespace

bool GapReader::NextAtEnd(Gap* gap) {
  if (done_) return false;
  *gap = {{next_, last_}, rank_};
  done_ = true;
  return true;
}

// Galloping: runs may be long.
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

// The first query of the gap at `rank`, which must find its rank in the window.
WindowFitter::Point WindowFitter::LowOf(const FitRange& range, uint64_t rank) const {
  const uint64_t first = rank == range.rank ? range.queries.first : keys_[rank - 1] + 1;
  return {first, static_cast<int64_t>(rank) - window_};
}

// The last query of the gap at `rank`.
WindowFitter::Point WindowFitter::HighOf(const FitRange& range, uint64_t rank) const {
  return {rank == range.last_rank ? range.queries.last : keys_[rank], static_cast<int64_t>(rank)};
}

// Every key is taken for the end of a gap of its own. That of equal keys the first has the least
// rank, and the query after them the last one's, is found by the extremes.
template <bool kBelowOne>
WindowFitter::Trial WindowFitter::TryLine(const FitRange& range, RankLine line) const {
  const uint64_t x0 = line.x0;
  const uint32_t shift = Shift(line);
  const uint64_t mantissa = Mantissa(line);
  const uint64_t rise = mantissa << shift;  // from a query to the next; below 2^64 if kBelowOne
  const uint64_t farthest = UINT64_MAX >> shift;
  const auto place_of = [=](uint64_t distance) {
    if constexpr (kBelowOne) return static_cast<unsigned __int128>(distance) * rise;
    return static_cast<unsigned __int128>(distance << shift) * mantissa;
  };
  const auto place_after = [=](unsigned __int128 place) {
    return place + (kBelowOne ? rise : static_cast<unsigned __int128>(mantissa) << shift);
  };
  Bases bases(range.rank);
  auto next_place = place_of(range.queries.first - x0);
  uint64_t rank = range.rank;
  const auto add_gap = [&](uint64_t last_query) {
    const auto rank_of_gap = static_cast<int64_t>(rank);
    if (!bases.AddLow(rank_of_gap - window_ - static_cast<int64_t>(next_place >> 64), rank)) {
      return false;
    }
    const uint64_t distance = last_query - x0;
    if (distance > farthest) [[unlikely]]
      return bases.AddHigh(INT64_MIN, rank);
    const auto place = place_of(distance);
    next_place = place_after(place);
    return bases.AddHigh(rank_of_gap - static_cast<int64_t>(place >> 64), rank);
  };
  const uint64_t last = std::min(range.last_rank, range.rank + kMostKeys);
  bool right = true;
  for (; rank < last && (right = add_gap(keys_[rank])); ++rank) continue;
  if (right && rank == range.last_rank && add_gap(range.queries.last)) ++rank;
  line.base = bases.Middle();
  return {line, rank, LowOf(range, bases.least_at), HighOf(range, bases.most_at)};
}

WindowFitter::Trial WindowFitter::Try(const FitRange& range, uint64_t x0, double slope) const {
  const RankLine line{x0, 0, LeafSlope(slope)};
  return Shift(line) + kMantissaBits <= 64 ? TryLine<true>(range, line)
                                           : TryLine<false>(range, line);
}

// Rules out the slopes of lines that pass below `low` or above `high`.
void WindowFitter::Cut(const Point& low, const Point& high, Slopes* slopes) const {
  const auto rise = static_cast<double>(high.y - low.y);
  if (low.x > high.x) {
    slopes->least = std::max(slopes->least, -rise / static_cast<double>(low.x - high.x));
  } else if (low.x < high.x) {
    slopes->most = std::min(slopes->most, rise / static_cast<double>(high.x - low.x));
  }
}

// The trial that got furthest, of at most so many, of which the first has the slope between the
// first key and `chord_rank`.
WindowFitter::Trial WindowFitter::Search(const FitRange& range, uint64_t x0, uint64_t chord_rank,
                                         int most_trials) const {
  const uint64_t distance = keys_[chord_rank] - keys_[range.rank];
  const double chord = static_cast<double>(chord_rank - range.rank) /
                       static_cast<double>(std::max<uint64_t>(distance, 1));
  Slopes slopes;
  Trial best = Try(range, x0, chord);
  Trial last = best;
  const uint64_t stop = StopOf(range);
  for (int trial = 1; trial < most_trials && best.end < stop; ++trial) {
    Cut(last.low, last.high, &slopes);
    const Point end = HighOf(range, last.end);
    Cut(LowOf(range, range.rank), end, &slopes);
    Cut(LowOf(range, last.end), HighOf(range, range.rank), &slopes);
    const double doubt = (slopes.most - slopes.least) * static_cast<double>(end.x - x0);
    if (!(doubt > kSameWindow * static_cast<double>(window_))) break;
    last = Try(range, x0, slopes.Middle());
    if (last.end > best.end) best = last;
  }
  return best;
}

std::optional<RankLine> WindowFitter::Fit(const FitRange& range, uint64_t x0) const {
  const uint64_t rank = range.rank;
  const uint64_t last_rank = range.last_rank;
  const auto window = static_cast<uint64_t>(window_);
  if (last_rank - rank <= window) {
    const uint64_t least = last_rank < window ? 0 : last_rank - window;
    return RankLine{x0, static_cast<uint32_t>(least + (rank - least) / 2), EncodeSlope(0, 0, true)};
  }
  const Trial trial = Search(range, x0, last_rank - 1, kTrialsOfOne);
  if (trial.end <= last_rank) return std::nullopt;
  return trial.line;
}

FittedLine WindowFitter::FitLongest(const FitRange& range, uint64_t x0) const {
  if (range.last_rank - range.rank <= static_cast<uint64_t>(window_)) {
    return {*Fit(range, x0), range.queries.last, range.last_rank};
  }
  const uint64_t near = range.rank + 2 * static_cast<uint64_t>(window_);
  Trial trial = Search(range, x0, std::min(near, range.last_rank - 1), kTrialsOfLongest);
  // A level line reaches over a window, whatever the keys are.
  if (trial.end - range.rank < static_cast<uint64_t>(window_)) trial = Try(range, x0, 0);
  if (trial.end > range.last_rank) return {trial.line, range.queries.last, range.last_rank};
  return {trial.line, keys_[trial.end - 1], EndOfRun(keys_, trial.end - 1)};
}

}  // namespace sibyl::index
