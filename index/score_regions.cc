#include "index/score_regions.h"

#include <algorithm>
#include <cmath>

#include "index/blocked_bloom.h"

namespace sibyl::index {
namespace {

constexpr size_t kSegments = 64;  // borders are chosen among those of so many
constexpr size_t kRegions = 6;
constexpr double kSmoothing = 0.5;  // counts of absent keys are those of a sample

// Shares of keys and of absent keys with a score from `from` on, up to the next segment's.
struct Segment {
  int32_t from;
  double keys;
  double absent;
};

std::vector<int32_t> BordersOf(std::span<const int32_t> scores) {
  std::vector<int32_t> sorted(scores.begin(), scores.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<int32_t> borders;
  for (size_t i = 1; i <= kSegments / 2; ++i) {
    // Nearer and nearer to the top, where a few absent keys decide.
    const double below = 1 - std::pow(0.75, static_cast<double>(i));
    borders.push_back(sorted[static_cast<size_t>(below * static_cast<double>(sorted.size() - 1))]);
  }
  for (size_t i = 1; i < kSegments / 2; ++i) {
    borders.push_back(sorted[i * (sorted.size() - 1) / (kSegments / 2)]);
  }
  return borders;
}

std::vector<Segment> MakeSegments(std::span<const int32_t> key_scores,
                                  std::span<const int32_t> absent_scores) {
  std::vector<int32_t> borders = BordersOf(absent_scores);
  const std::vector<int32_t> more = BordersOf(key_scores);
  borders.insert(borders.end(), more.begin(), more.end());
  borders.push_back(kLowestScore);
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  std::vector<Segment> segments;
  for (const int32_t border : borders) segments.push_back({border, 0, kSmoothing});
  const auto segment_of = [&](int32_t score) {
    return std::upper_bound(borders.begin(), borders.end(), score) - borders.begin() - 1;
  };
  for (const int32_t score : key_scores) ++segments[segment_of(score)].keys;
  for (const int32_t score : absent_scores) ++segments[segment_of(score)].absent;
  const double all_absent =
      static_cast<double>(absent_scores.size()) + kSmoothing * static_cast<double>(segments.size());
  for (Segment& segment : segments) {
    segment.keys /= static_cast<double>(key_scores.size());
    segment.absent /= all_absent;
  }
  return segments;
}

// A share of absent keys as it may well be, when a sample of `count` has `share`: a standard
// deviation more. Borders are chosen where the sample looks best, which is where it flatters.
double Cautious(double share, size_t count) {
  return share + std::sqrt(share / static_cast<double>(count));
}

// What telling the two apart is worth in a region, in nats per key.
double Divergence(double keys, double absent) {
  return keys == 0 ? 0 : keys * std::log(keys / absent);
}

// Joins segments to at most kRegions regions of the greatest divergence in sum.
std::vector<Segment> JoinSegments(const std::vector<Segment>& segments) {
  const size_t count = segments.size();
  std::vector<double> keys(count + 1);
  std::vector<double> absent(count + 1);
  for (size_t i = 0; i < count; ++i) {
    keys[i + 1] = keys[i] + segments[i].keys;
    absent[i + 1] = absent[i] + segments[i].absent;
  }
  const size_t regions = std::min(kRegions, count);
  // best[r][end]: of the first `end` segments in r regions; from[r][end]: where the last begins.
  std::vector<std::vector<double>> best(regions + 1, std::vector<double>(count + 1, -HUGE_VAL));
  std::vector<std::vector<size_t>> from(regions + 1, std::vector<size_t>(count + 1, 0));
  best[0][0] = 0;
  for (size_t r = 1; r <= regions; ++r) {
    for (size_t end = r; end <= count; ++end) {
      for (size_t begin = r - 1; begin < end; ++begin) {
        const double value =
            best[r - 1][begin] + Divergence(keys[end] - keys[begin], absent[end] - absent[begin]);
        if (value <= best[r][end]) continue;
        best[r][end] = value;
        from[r][end] = begin;
      }
    }
  }
  std::vector<Segment> joined;
  for (size_t r = regions, end = count; r > 0; --r) {
    const size_t begin = from[r][end];
    joined.push_back({segments[begin].from, keys[end] - keys[begin], absent[end] - absent[begin]});
    end = begin;
  }
  std::reverse(joined.begin(), joined.end());
  return joined;
}

}  // namespace

std::vector<ScoreRegion> ChooseThreshold(std::span<const int32_t> key_scores,
                                         std::span<const int32_t> absent_scores, double rate) {
  const std::vector<Segment> segments = MakeSegments(key_scores, absent_scores);
  std::vector<ScoreRegion> best = {{kLowestScore, rate}};  // no score is believed
  double fewest_bits = BlockedBloom::BitsPerKey(rate);
  double keys_above = 0;
  double absent_above = 0;
  for (size_t i = segments.size() - 1; i > 0; --i) {
    keys_above += segments[i].keys;
    absent_above += segments[i].absent;
    const double believed = Cautious(absent_above, absent_scores.size());
    if (believed >= rate) break;
    const double filter_rate = (rate - believed) / (1 - believed);
    const double bits = (1 - keys_above) * BlockedBloom::BitsPerKey(filter_rate);
    if (bits >= fewest_bits) continue;
    fewest_bits = bits;
    best = {{kLowestScore, filter_rate}, {segments[i].from, 1}};
  }
  return best;
}

std::vector<ScoreRegion> ChoosePartition(std::span<const int32_t> key_scores,
                                         std::span<const int32_t> absent_scores, double rate) {
  std::vector<Segment> parts = JoinSegments(MakeSegments(key_scores, absent_scores));
  for (Segment& part : parts) part.absent = Cautious(part.absent, absent_scores.size());
  std::vector<bool> believed(parts.size());
  std::vector<double> rates(parts.size(), 1);
  for (bool changed = true; changed;) {
    changed = false;
    double keys_left = 0;
    double rate_left = rate;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (believed[i]) {
        rate_left -= parts[i].absent;
      } else {
        keys_left += parts[i].keys;
      }
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      if (believed[i] || keys_left == 0) continue;
      rates[i] = parts[i].keys / keys_left * rate_left / parts[i].absent;
      if (rates[i] >= 1) {
        believed[i] = true;
        changed = true;
      }
    }
  }
  std::vector<ScoreRegion> regions;
  for (size_t i = 0; i < parts.size(); ++i) {
    regions.push_back({parts[i].from, believed[i] ? 1 : std::clamp(rates[i], 1e-7, 0.999)});
  }
  return regions;
}

}  // namespace sibyl::index
