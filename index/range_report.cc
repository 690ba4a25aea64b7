#include "sibyl/range_report.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <utility>

#include "index/range_auto.h"
#include "index/range_measure.h"
#include "index/range_parts.h"
#include "index/report_parts.h"

namespace sibyl::index {

// Walks the tables of an index as its lookups do, one plain step at a time.
class RangeInspector {
 public:
  explicit RangeInspector(const RangeIndex& index) : index_(index), parts_(*index.parts_) {}

  KeyLoss Trace(uint64_t key) const {
    KeyLoss loss;
    loss.key = key;
    loss.rank = index_.LowerBound(key);
    loss.window_keys = static_cast<uint32_t>(parts_.lookup.window);
    loss.window_start = std::min(Start(key, &loss.stages), parts_.lookup.last_start);
    loss.predicted = std::min<uint64_t>(loss.window_start + loss.window_keys / 2, index_.size());
    return loss;
  }

  const RangeParts& parts() const { return parts_; }

 private:
  uint64_t Start(uint64_t key, uint32_t* stages) const {
    const Lookup& lookup = parts_.lookup;
    const uint64_t x = std::clamp(key, lookup.queries.first, lookup.queries.last);
    switch (parts_.shape.kind) {
      case RangeIndexKind::kRecursive:
        return StartOfRecursive(x, stages);
      case RangeIndexKind::kPieces:
        return StartOfPieces(key, x, stages);
      default:
        return Descend(key, stages) * parts_.shape.window_keys;
    }
  }

  uint64_t StartOfRecursive(uint64_t x, uint32_t* stages) const {
    const Lookup& lookup = parts_.lookup;
    const RankLine* line = lookup.lines;
    if (parts_.shape.log_root) {
      const uint64_t distance = lookup.root.DistanceOf(x);
      line += lookup.root.ChildOf(distance, std::countl_zero(distance));
    }
    for (*stages = 1; !IsLeaf(*line); ++*stages) line = lookup.lines + Evaluate(*line, x);
    return Evaluate(*line, x);
  }

  uint64_t StartOfPieces(uint64_t key, uint64_t x, uint32_t* stages) const {
    const PieceBlock& block = parts_.lookup.blocks[Descend(key, stages)];
    ++*stages;
    const auto smaller =
        std::lower_bound(block.first_key, block.first_key + kPiecesPerBlock, key) - block.first_key;
    const auto piece = static_cast<size_t>(std::max<ptrdiff_t>(smaller - 1, 0));
    return Evaluate({block.first_key[piece], static_cast<uint32_t>(block.line[piece]),
                     static_cast<uint32_t>(block.line[piece] >> 32)},
                    x);
  }

  uint64_t Descend(uint64_t key, uint32_t* stages) const {
    const SeparatorTree& tree = parts_.lookup.tree;
    uint64_t node = 0;
    for (uint32_t level = tree.height; level-- > 0;) {
      const uint64_t* separators = tree.level[level] + node * kSeparatorsPerNode;
      const auto smaller =
          std::lower_bound(separators, separators + kSeparatorsPerNode, key) - separators;
      node = node * (kSeparatorsPerNode + 1) + static_cast<uint64_t>(smaller);
    }
    *stages = tree.height;
    return node;
  }

  const RangeIndex& index_;
  const RangeParts& parts_;
};

KeyLoss LossOf(const RangeIndex& index, uint64_t key) { return RangeInspector(index).Trace(key); }

std::vector<KeyLoss> WorstKeys(const RangeIndex& index, size_t count) {
  const RangeInspector inspector(index);
  return WorstOf<KeyLoss>(index.keys(), count, [&](uint64_t key) { return inspector.Trace(key); });
}

std::vector<RangeLoss> LossByRange(const RangeIndex& index, size_t ranges) {
  const RangeInspector inspector(index);
  return LossByParts<RangeLoss>(index.keys(), ranges,
                                [&](uint64_t key) { return inspector.Trace(key); });
}

namespace {

// How many keys at one end, of at most `limit`, are outliers: taken off one by one, the last of
// those that made the rest span a quarter of what it did since the one before. `span_without(n)` is
// the span without n keys.
template <typename SpanWithout>
uint64_t CountOutliers(uint64_t limit, SpanWithout span_without) {
  constexpr uint64_t kShrinks = 4;
  uint64_t outliers = 0;
  uint64_t span = span_without(uint64_t{0});
  for (uint64_t n = 1; n <= limit; ++n) {
    const uint64_t rest = span_without(n);
    if (rest > span / kShrinks) continue;
    outliers = n;
    span = rest;
  }
  return outliers;
}

}  // namespace

KeyShape ShapeOfKeys(std::span<const uint64_t> keys) {
  KeyShape shape;
  if (keys.empty()) return shape;
  const uint64_t differ = keys.front() ^ keys.back();
  shape.shared_leading_bits = static_cast<uint32_t>(std::countl_zero(differ));
  uint64_t run = 1;
  shape.longest_run = 1;
  for (size_t i = 1; i < keys.size(); ++i) {
    run = keys[i] == keys[i - 1] ? run + 1 : 1;
    if (run > 1) ++shape.duplicates;
    shape.longest_run = std::max(shape.longest_run, run);
  }
  const uint64_t limit = keys.size() / 1000;
  shape.low_outliers = CountOutliers(limit, [&](uint64_t n) { return keys.back() - keys[n]; });
  shape.high_outliers =
      CountOutliers(limit, [&](uint64_t n) { return keys[keys.size() - 1 - n] - keys.front(); });
  return shape;
}

Drift DriftFrom(const RangeIndex& index, std::span<const uint64_t> others) {
  return DriftBetween<Drift>(index, others);
}

namespace {

std::vector<RangeIndexOptions> OptionsToTry(LastMile last_mile) {
  std::vector<RangeIndexOptions> all;
  for (const uint32_t window : {16u, 32u, 64u}) {
    const auto add = [&](RangeIndexKind kind, RangeIndexRoot root) {
      RangeIndexOptions options;
      options.kind = kind;
      options.window_keys = window;
      options.last_mile = last_mile;
      options.root = root;
      all.push_back(options);
    };
    add(RangeIndexKind::kStaticBTree, RangeIndexRoot::kMeasured);
    add(RangeIndexKind::kPieces, RangeIndexRoot::kMeasured);
    add(RangeIndexKind::kRecursive, RangeIndexRoot::kLinear);
    add(RangeIndexKind::kRecursive, RangeIndexRoot::kLogLinear);
  }
  return all;
}

Measured MeasuredOf(std::shared_ptr<RangeParts> parts) {
  Measured measured;
  measured.shape = parts->shape;
  measured.functions = parts->functions;
  measured.report.name = NameOf(parts->shape);
  measured.report.memory_bytes = parts->memory_bytes();
  measured.parts = std::move(parts);
  return measured;
}

// The present one first, then those that came out as asked for and are not the same.
std::vector<Measured> Alternatives(const RangeIndex& index, const LookupShape& now,
                                   std::vector<RangeIndexOptions>* options) {
  std::vector<Measured> all;
  std::vector<RangeIndexOptions> kept;
  const auto is = [](const LookupShape& a, const LookupShape& b) {
    return a.kind == b.kind && a.window_keys == b.window_keys && a.log_root == b.log_root;
  };
  RangeIndexOptions present;
  present.kind = now.kind;
  present.window_keys = now.window_keys;
  present.last_mile = now.last_mile;
  present.root = now.log_root ? RangeIndexRoot::kLogLinear : RangeIndexRoot::kLinear;
  kept.push_back(present);
  all.push_back(MeasuredOf(BuildRangeParts(index.keys(), present)));
  for (const RangeIndexOptions& o : *options) {
    auto parts = BuildRangeParts(index.keys(), o);
    if (parts->shape.kind != o.kind || is(parts->shape, now)) continue;
    kept.push_back(o);
    all.push_back(MeasuredOf(std::move(parts)));
  }
  *options = std::move(kept);
  return all;
}

}  // namespace

std::vector<Suggestion> Suggest(const RangeIndex& index) {
  const LookupShape now = RangeInspector(index).parts().shape;
  if (index.size() <= now.window_keys) return {};
  std::vector<RangeIndexOptions> options = OptionsToTry(now.last_mile);
  std::vector<Measured> all = Alternatives(index, now, &options);
  MeasureCandidates(index.keys(), &all);
  std::vector<Suggestion> suggestions;
  const RangeIndexCandidate& present = all[0].report;
  for (size_t i = 1; i < all.size(); ++i) {
    const RangeIndexCandidate& c = all[i].report;
    Suggestion s;
    s.options = options[i];
    s.memory_ratio =
        RatioOf(static_cast<double>(c.memory_bytes), static_cast<double>(present.memory_bytes));
    s.single_ratio = RatioOf(c.single_ns, present.single_ns);
    s.batch_ratio = RatioOf(c.batch_ns, present.batch_ns);
    s.serial_ratio = RatioOf(c.serial_ns, present.serial_ns);
    const double best = std::min({s.memory_ratio, s.single_ratio, s.batch_ratio, s.serial_ratio});
    if (best > kWorthSuggesting) continue;
    s.text = c.name + PercentOf("memory", s.memory_ratio) + PercentOf("single", s.single_ratio) +
             PercentOf("batched", s.batch_ratio) + PercentOf("serial", s.serial_ratio);
    suggestions.push_back(std::move(s));
  }
  std::stable_sort(suggestions.begin(), suggestions.end(),
                   [](const auto& a, const auto& b) { return a.single_ratio < b.single_ratio; });
  return suggestions;
}

std::string Report(const RangeIndex& index) {
  std::string text = index.Explain();
  char line[200];
  const KeyShape shape = ShapeOfKeys(index.keys());
  std::snprintf(
      line, sizeof line,
      "keys share %u leading bits; %llu duplicates, longest run %llu; outliers: %llu low, "
      "%llu high\n",
      shape.shared_leading_bits, static_cast<unsigned long long>(shape.duplicates),
      static_cast<unsigned long long>(shape.longest_run),
      static_cast<unsigned long long>(shape.low_outliers),
      static_cast<unsigned long long>(shape.high_outliers));
  text += line;
  text += "loss by range (first key, keys, mean, largest, stages):\n";
  for (const RangeLoss& r : LossByRange(index, 10)) {
    std::snprintf(line, sizeof line, "  %20llu %12llu %8.2f %6llu %6.2f\n",
                  static_cast<unsigned long long>(r.first_key),
                  static_cast<unsigned long long>(r.keys), r.mean_loss,
                  static_cast<unsigned long long>(r.largest_loss), r.mean_stages);
    text += line;
  }
  text += "worst keys (key, rank, predicted, stages):\n";
  for (const KeyLoss& k : WorstKeys(index, 5)) {
    std::snprintf(line, sizeof line, "  %20llu %12llu %12llu %4u\n",
                  static_cast<unsigned long long>(k.key), static_cast<unsigned long long>(k.rank),
                  static_cast<unsigned long long>(k.predicted), k.stages);
    text += line;
  }
  text += "would be better:\n";
  for (const Suggestion& s : Suggest(index)) text += "  " + s.text + "\n";
  return text;
}

}  // namespace sibyl::index
