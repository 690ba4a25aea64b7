#include "index/range_choice.h"

#include <algorithm>
#include <limits>

namespace sibyl::index {
namespace {

using Objective = RangeIndexObjective;
using Mode = std::vector<double> RoundTimes::*;

constexpr double kGain = 0.97;         // a change of structure must gain more than noise could
constexpr double kSerialSlack = 1.25;  // of throughput: chains are not what counts
constexpr double kSameSpeed = 1.01;    // as fast as, but for noise
constexpr double kNearTie = 1.02;      // of two learned ones as near as this the smaller

// Looks at rounds [first, end) of all candidates.
class Referee {
 public:
  Referee(std::span<const MeasuredCandidate> candidates, Objective objective, size_t first,
          size_t end)
      : candidates_(candidates), objective_(objective), first_(first), end_(end) {}

  size_t Choose() const {
    const size_t tree = BestTree();
    size_t best = tree;
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (i == tree || (HasTrees() && !IsWorthLeaving(i))) continue;
      if (IsBetter(i, best)) best = i;
    }
    return best;
  }

 private:
  std::span<const double> Rounds(size_t candidate, Mode mode) const {
    return std::span(candidates_[candidate].times.*mode).subspan(first_, end_ - first_);
  }
  double Typical(size_t candidate, Mode mode) const { return TypicalNs(Rounds(candidate, mode)); }
  bool IsTree(size_t candidate) const { return candidates_[candidate].is_tree; }
  bool HasTrees() const {
    return std::any_of(candidates_.begin(), candidates_.end(),
                       [](const MeasuredCandidate& c) { return c.is_tree; });
  }

  // The static B-tree, or without any the candidate, that is fastest in `mode`.
  size_t BarToBeat(Mode mode) const {
    size_t bar = 0;
    double bar_ns = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (HasTrees() && !IsTree(i)) continue;
      const double ns = Typical(i, mode);
      if (ns < bar_ns) bar = i;
      bar_ns = std::min(bar_ns, ns);
    }
    return bar;
  }

  // How long `candidate` takes against the bar, at the worst of two ways to look at it.
  double Ratio(size_t candidate, Mode mode) const {
    const size_t bar = BarToBeat(mode);
    const std::span<const double> own = Rounds(candidate, mode);
    const std::span<const double> other = Rounds(bar, mode);
    std::vector<double> ratios(own.size());
    for (size_t i = 0; i < own.size(); ++i) ratios[i] = own[i] / other[i];
    const auto middle = ratios.begin() + static_cast<ptrdiff_t>(ratios.size() / 2);
    std::nth_element(ratios.begin(), middle, ratios.end());
    return std::max(*middle, TypicalNs(own) / TypicalNs(other));
  }

  // How much of the time counts, against the bars.
  double Cost(size_t candidate) const {
    const auto ratio = [&](Mode mode) {
      return Typical(candidate, mode) / Typical(BarToBeat(mode), mode);
    };
    if (objective_ == Objective::kLatency) return ratio(&RoundTimes::serial);
    return (ratio(&RoundTimes::single) + ratio(&RoundTimes::batch)) / 2;
  }

  // Of the static B-trees, or without any of all, the one of least cost.
  size_t BestTree() const {
    size_t best = BarToBeat(&RoundTimes::single);
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (IsTree(i) == IsTree(best) && Cost(i) < Cost(best)) best = i;
    }
    return best;
  }

  // In the mean of single lookups and batches, and in neither slower.
  bool IsFasterOverall(size_t candidate) const {
    const double single = Ratio(candidate, &RoundTimes::single);
    const double batch = Ratio(candidate, &RoundTimes::batch);
    return (single + batch) / 2 <= kGain && std::max(single, batch) <= kSameSpeed;
  }

  // A learned one must be a little faster: its tables may meet fuller caches than they met here.
  bool IsAsFast(size_t candidate, Mode mode) const {
    return Ratio(candidate, mode) <= (IsTree(candidate) || !HasTrees() ? kSameSpeed : kGain);
  }

  bool IsWorthLeaving(size_t candidate) const {
    switch (objective_) {
      case Objective::kLatency:
        return !IsTree(candidate) && Ratio(candidate, &RoundTimes::serial) <= kGain;
      case Objective::kSmallest:
        return IsAsFast(candidate, &RoundTimes::single) && IsAsFast(candidate, &RoundTimes::batch);
      default:
        return !IsTree(candidate) && IsFasterOverall(candidate) &&
               Ratio(candidate, &RoundTimes::serial) <= kSerialSlack;
    }
  }

  bool IsBetter(size_t a, size_t b) const {
    const bool smaller = candidates_[a].memory_bytes < candidates_[b].memory_bytes;
    if (objective_ == Objective::kSmallest) return smaller;
    const double ratio = Cost(a) / Cost(b);
    return smaller ? ratio < kNearTie : ratio < 1 / kNearTie;
  }

  const std::span<const MeasuredCandidate> candidates_;
  const Objective objective_;
  const size_t first_;
  const size_t end_;
};

}  // namespace

double TypicalNs(std::span<const double> times) {
  std::vector<double> sorted(times.begin(), times.end());
  const auto place = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 4);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

size_t ChooseCandidate(std::span<const MeasuredCandidate> candidates, RangeIndexObjective objective,
                       size_t first, size_t end) {
  return Referee(candidates, objective, first, end).Choose();
}

bool IsSettled(std::span<const MeasuredCandidate> candidates, RangeIndexObjective objective) {
  const size_t rounds = candidates[0].times.single.size();
  return ChooseCandidate(candidates, objective, 0, rounds / 2) ==
         ChooseCandidate(candidates, objective, rounds / 2, rounds);
}

}  // namespace sibyl::index
