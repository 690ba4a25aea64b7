#include "index/recursive_array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "index/window_fit.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kMaxFanout = uint64_t{1} << 24;  // leaves a bit of the mantissa to spare
constexpr double kKeysPerChildBelow = 64;   // what did not fit its parent's guess is rougher
constexpr uint64_t kKeysPerStretch = 4096;  // of those tried before a bulk of keys is divided
constexpr uint64_t kBulkKeys = 16384;
constexpr int kMaxDepth = 100;  // 64 halvings, and some to spare
constexpr int kMaxStages = 16;  // of a lookup: a model that needs more is not kept

uint64_t RankOf(std::span<const uint64_t> keys, uint64_t from, uint64_t key) {
  // Galloping from a known lower bound: ranges follow each other.
  uint64_t low = from;
  uint64_t step = 1;
  while (low + step <= keys.size() && keys[low + step - 1] < key) {
    low += step;
    step *= 2;
  }
  const auto begin = keys.begin() + static_cast<ptrdiff_t>(low);
  const auto end = keys.begin() + static_cast<ptrdiff_t>(std::min(low + step, keys.size()));
  return static_cast<uint64_t>(std::lower_bound(begin, end, key) - keys.begin());
}

// The slope that divides [0, span] into `fanout` equal parts, as nearly as it can be written.
uint32_t InnerSlope(uint64_t span, uint64_t fanout) {
  const auto ratio = ((static_cast<unsigned __int128>(fanout) << 64) - 1) / span;
  int bits = 0;
  while (ratio >> bits != 0) ++bits;
  const int shift = std::max(0, bits - kMantissaBits);
  return EncodeSlope(static_cast<uint32_t>(shift), static_cast<uint32_t>(ratio >> shift), false);
}

// The smallest distance whose position on a logarithmic scale is `scale` or more.
unsigned __int128 FirstDistanceAt(uint64_t scale, uint32_t leading_bits) {
  if (scale == 0) return 0;
  const uint64_t exponent = scale >> leading_bits;
  const uint64_t fraction = scale & ((uint64_t{1} << leading_bits) - 1);
  const auto one = static_cast<unsigned __int128>(1);
  // Rounded up: a small exponent has fewer bits than the scale has positions.
  return (one << exponent) +
         (((static_cast<unsigned __int128>(fraction) << exponent) + (one << leading_bits) - 1) >>
          leading_bits);
}

// The queries of child `child` of a log root.
std::optional<KeyRange> LogChildRange(const LogRoot& root, uint32_t child, KeyRange queries) {
  const auto first_key_at = [&](uint64_t scale) {
    return FirstDistanceAt(scale, root.leading_bits) + root.smallest_key;
  };
  const auto first = child == 0 ? queries.first : first_key_at(uint64_t{root.first} + child);
  auto end = static_cast<unsigned __int128>(queries.last) + 1;
  if (child + 1 < root.count) end = std::min(end, first_key_at(uint64_t{root.first} + child + 1));
  if (first >= end) return std::nullopt;
  return KeyRange{static_cast<uint64_t>(first), static_cast<uint64_t>(end - 1)};
}

// The queries of the child at `offset` of a record whose own queries are `range`.
std::optional<KeyRange> ChildRange(const RankLine& line, KeyRange range, uint64_t offset) {
  KeyRange child = range;
  if (offset > 0) {
    const auto first = FirstKeyAt(line, offset);
    if (!first || *first > range.last) return std::nullopt;
    child.first = std::max(child.first, *first);
  }
  if (const auto next = FirstKeyAt(line, offset + 1); next && *next <= range.last) {
    child.last = *next - 1;
  }
  if (child.first > child.last) return std::nullopt;
  return child;
}

class Builder {
 public:
  Builder(std::span<const uint64_t> keys, uint32_t window_keys, size_t max_lines,
          uint64_t one_misfit_in)
      : keys_(keys),
        window_keys_(window_keys),
        max_lines_(max_lines),
        one_misfit_in_(one_misfit_in),
        queries_(QueriesOf(keys)),
        fitter_(keys, window_keys) {}

  std::optional<RecursiveArray> Build(RootChoice root) {
    keys_per_child_ = PickKeysPerChild(0, keys_.size());
    RecursiveArray array;
    if (root == RootChoice::kLinear) {
      lines_.resize(1);
      BuildRecord(0, queries_, 0, 1, keys_per_child_);
    } else {
      array.root = BuildLogRoot();
    }
    if (too_large_) return std::nullopt;
    array.lines = std::move(lines_);
    return array;
  }

 private:
  // How many neighbouring keys most leaves can hold: tried on stretches of the `count` keys from
  // `first` on.
  double PickKeysPerChild(uint64_t first, uint64_t count) const {
    const uint64_t stretches = std::clamp<uint64_t>(count / kKeysPerStretch, 8, 200);
    for (const uint64_t length : {1024, 512, 384, 256, 192, 128, 96, 64, 48}) {
      if (length >= count) continue;
      uint64_t fits = 0;
      for (uint64_t i = 0; i < stretches; ++i) {
        const uint64_t begin = first + (count - length) * i / stretches;
        const KeyRange queries{keys_[begin], keys_[begin + length]};
        const uint64_t rank = RankOf(keys_, 0, queries.first);
        if (Fit({queries, rank, RankOf(keys_, rank, queries.last)})) ++fits;
      }
      if (fits * one_misfit_in_ >= stretches * (one_misfit_in_ - 1))
        return static_cast<double>(length);
    }
    return 32;
  }

  std::optional<RankLine> Fit(const FitRange& range) const {
    // No line of use holds more, and trying costs time.
    if (range.last_rank - range.rank > 64ull * window_keys_ * window_keys_) return std::nullopt;
    return fitter_.Fit(range, range.queries.first);
  }

  // Fills record `at` for the queries in `range`, whose first one has lower bound `rank`.
  void BuildRecord(size_t at, KeyRange range, uint64_t rank, int depth, double keys_per_child) {
    if (too_large_) return;
    const uint64_t last_rank = RankOf(keys_, rank, range.last);
    if (const auto leaf = Fit({range, rank, last_rank})) {
      lines_[at] = *leaf;
      return;
    }
    const uint64_t span = range.last - range.first;
    // A child that got far more keys than its parent meant it to have is a bulk of its own.
    const uint64_t count = last_rank - rank;
    keys_per_child =
        count > kBulkKeys && depth > 1 ? PickKeysPerChild(rank, count) : keys_per_child;
    RankLine line{range.first, static_cast<uint32_t>(lines_.size()), 0};
    line.slope = InnerSlope(span, Fanout(last_rank - rank, span, depth, keys_per_child));
    const uint64_t fanout = Evaluate(line, range.last) - line.base + 1;
    if (lines_.size() + fanout > max_lines_ || depth >= kMaxStages) {
      too_large_ = true;
      return;
    }
    lines_[at] = line;
    lines_.resize(lines_.size() + fanout);
    for (uint64_t i = 0; i < fanout; ++i) {
      rank = BuildChild(line.base + i, ChildRange(line, range, i), rank, depth,
                        std::min(keys_per_child, kKeysPerChildBelow));
    }
  }

  // Builds the child record at `at`; one that no query reaches gets a leaf all the same. Returns
  // the rank where the next child starts.
  uint64_t BuildChild(size_t at, const std::optional<KeyRange>& range, uint64_t rank, int depth,
                      double keys_per_child) {
    if (!range) {
      lines_[at] = {0, 0, EncodeSlope(0, 0, true)};
      return rank;
    }
    rank = RankOf(keys_, rank, range->first);
    BuildRecord(at, *range, rank, depth + 1, keys_per_child);
    return rank;
  }

  uint64_t Fanout(uint64_t keys, uint64_t span, int depth, double keys_per_child) const {
    double fanout = std::clamp(static_cast<double>(keys) / keys_per_child, 2.0,
                               static_cast<double>(kMaxFanout));
    // Far down, something resists splitting (an outlier): rather wide than deep.
    if (keys <= 8 * window_keys_ && depth > 12) fanout = std::max(fanout, 16.0);
    const auto whole = static_cast<uint64_t>(fanout);
    return span < whole ? span + 1 : whole;
  }

  LogRoot BuildLogRoot() {
    LogRoot root;
    root.smallest_key = keys_[0];
    root.leading_bits =
        static_cast<uint32_t>(std::clamp<int>(std::bit_width(keys_.size()) - 15, 2, 10));
    const auto scale_of = [&](uint64_t key) {
      const uint64_t distance = root.DistanceOf(key);
      return static_cast<uint32_t>(
          LogRoot::ScaleOf(distance, std::countl_zero(distance), root.leading_bits));
    };
    // The nearest 1/4096 of the keys share the first child.
    root.first = scale_of(keys_[std::min(keys_.size() - 1, keys_.size() / 4096 + 1)]);
    root.count = scale_of(keys_.back()) - root.first + 1;
    lines_.resize(root.count);
    too_large_ = root.count > max_lines_;
    uint64_t rank = 0;
    for (uint32_t i = 0; i < root.count && !too_large_; ++i) {
      rank = BuildChild(i, LogChildRange(root, i, queries_), rank, 0, keys_per_child_);
    }
    return root;
  }

  const std::span<const uint64_t> keys_;
  const uint32_t window_keys_;
  const size_t max_lines_;
  const uint64_t one_misfit_in_;
  const KeyRange queries_;
  const WindowFitter fitter_;
  double keys_per_child_ = 0;
  std::vector<RankLine> lines_;
  bool too_large_ = false;
};

// Walks records of unknown origin. The builder numbers children in the order in which it visits
// their parents, so `next_child_` is the only number a record's first child may have.
class Walker {
 public:
  Walker(std::span<const RankLine> lines, const std::function<void(KeyRange)>& visit)
      : lines_(lines), visit_(visit) {}

  bool Walk(const std::optional<LogRoot>& root, KeyRange queries) {
    next_child_ = root ? root->count : 1;
    if (next_child_ > lines_.size()) return false;
    if (!root) return WalkRecord(0, queries, 1) && next_child_ == lines_.size();
    for (uint32_t i = 0; i < root->count; ++i) {
      const auto range = LogChildRange(*root, i, queries);
      if (range && !WalkRecord(i, *range, 1)) return false;
    }
    return next_child_ == lines_.size();
  }

 private:
  bool WalkRecord(size_t at, KeyRange range, int depth) {
    const RankLine& line = lines_[at];
    if (!IsMonotoneOver(line, range) || depth > kMaxDepth) return false;
    if (IsLeaf(line)) {
      visit_(range);
      return true;
    }
    const uint64_t fanout = Evaluate(line, range.last) - line.base + 1;
    if (line.base != next_child_ || fanout > lines_.size() - next_child_) return false;
    next_child_ += fanout;
    for (uint64_t i = 0; i < fanout; ++i) {
      const auto child = ChildRange(line, range, i);
      if (child && !WalkRecord(line.base + i, *child, depth + 1)) return false;
    }
    return true;
  }

  const std::span<const RankLine> lines_;
  const std::function<void(KeyRange)>& visit_;
  uint64_t next_child_ = 0;
};

}  // namespace

std::optional<RecursiveArray> BuildRecursiveArray(std::span<const uint64_t> keys,
                                                  uint32_t window_keys, RootChoice root,
                                                  size_t max_lines, uint64_t one_misfit_in) {
  return Builder(keys, window_keys, max_lines, one_misfit_in).Build(root);
}

double MeanStages(const RecursiveArray& array, std::span<const uint64_t> keys) {
  constexpr size_t kProbes = 1024;
  uint64_t stages = 0;
  for (size_t i = 0; i < kProbes; ++i) {
    const uint64_t key = keys[i * keys.size() / kProbes];
    const RankLine* line = array.lines.data();
    if (array.root) {
      const uint64_t distance = array.root->DistanceOf(key);
      line += array.root->ChildOf(distance, std::countl_zero(distance));
    }
    for (++stages; !IsLeaf(*line); ++stages) line = array.lines.data() + Evaluate(*line, key);
  }
  return static_cast<double>(stages) / kProbes;
}

std::vector<RootChoice> RootsWorthTrying(std::span<const uint64_t> keys) {
  constexpr size_t kSampleKeys = size_t{1} << 18;
  constexpr uint32_t kWindow = 16;
  constexpr size_t kEnd = 64;
  constexpr double kGain = 1.5;
  constexpr double kStagesGain = 0.75;
  constexpr double kHopeless = 2.5;
  // At random: evenly spaced keys would be far smoother than all of them. And the ends: a few keys
  // far from all others decide how wide a root must be.
  std::mt19937_64 random(1);
  std::vector<uint64_t> sample(std::min(keys.size(), kSampleKeys));
  for (uint64_t& key : sample) key = keys[random() % keys.size()];
  const size_t ends = std::min(keys.size(), kEnd);
  sample.insert(sample.end(), keys.begin(), keys.begin() + static_cast<ptrdiff_t>(ends));
  sample.insert(sample.end(), keys.end() - static_cast<ptrdiff_t>(ends), keys.end());
  std::sort(sample.begin(), sample.end());
  struct Trial {
    double lines;
    double stages;
  };
  const auto trial = [&](RootChoice root) {
    const auto array = BuildRecursiveArray(sample, kWindow, root, sample.size(), kUnevenDepth);
    const auto most = static_cast<double>(sample.size());
    return array ? Trial{static_cast<double>(array->lines.size()), MeanStages(*array, sample)}
                 : Trial{most, most};
  };
  const Trial linear = trial(RootChoice::kLinear);
  const Trial logarithmic = trial(RootChoice::kLogarithmic);
  const bool smaller = linear.lines > kGain * logarithmic.lines;
  const bool shallower = linear.stages > logarithmic.stages + kStagesGain;
  if (!smaller && !shallower) return {RootChoice::kLinear};
  if (linear.lines > kHopeless * logarithmic.lines) return {RootChoice::kLogarithmic};
  return {RootChoice::kLogarithmic, RootChoice::kLinear};
}

RootChoice PickRoot(std::span<const uint64_t> keys) { return RootsWorthTrying(keys).front(); }

KeyRange QueriesOf(std::span<const uint64_t> keys) {
  const bool at_end = keys.back() == std::numeric_limits<uint64_t>::max();
  return {keys.front(), at_end ? keys.back() : keys.back() + 1};
}

bool VisitLeaves(std::span<const RankLine> lines, const std::optional<LogRoot>& root,
                 KeyRange queries, const std::function<void(KeyRange)>& visit) {
  return Walker(lines, visit).Walk(root, queries);
}

}  // namespace sibyl::index
