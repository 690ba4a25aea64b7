#include "sibyl/string_report.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <utility>

#include "base/text.h"
#include "index/landmark.h"
#include "index/report_parts.h"
#include "index/string_auto.h"
#include "index/window.h"

namespace sibyl::index {

// Finds keys as the index does, and looks on.
class StringInspector {
 public:
  explicit StringInspector(const StringIndex& index) : parts_(*index.parts_) {}

  StringLoss Trace(std::string_view key) const {
    StringLoss loss;
    loss.key = key;
    loss.rank = parts_.LowerBound(key);
    loss.stages = parts_.model.CountNodes(key);
    const BlockPosition position = parts_.model.Find(key);
    loss.block_start = parts_.starts[position.block];
    loss.block_keys = parts_.starts[position.block + 1] - loss.block_start;
    loss.predicted = loss.block_start + (loss.block_keys * position.fraction >> 16);
    return loss;
  }

  const StringIndexOptions& options() const { return parts_.options; }

 private:
  const StringParts& parts_;
};

StringLoss LossOf(const StringIndex& index, std::string_view key) {
  return StringInspector(index).Trace(key);
}

std::vector<StringLoss> WorstKeys(const StringIndex& index, size_t count) {
  const StringInspector inspector(index);
  return WorstOf<StringLoss>(index.keys(), count,
                             [&](std::string_view key) { return inspector.Trace(key); });
}

std::vector<StringRangeLoss> LossByRange(const StringIndex& index, size_t ranges) {
  const StringInspector inspector(index);
  return LossByParts<StringRangeLoss>(index.keys(), ranges,
                                      [&](std::string_view key) { return inspector.Trace(key); });
}

namespace {

using Keys = std::span<const std::string_view>;

std::string_view SharedByAll(Keys keys) {
  return keys.front().substr(0, SharedBytes(keys.front(), keys.back()));
}

// Divides the keys where they part, and each part again, while it has enough keys.
class PrefixFinder {
 public:
  explicit PrefixFinder(Keys keys) : least_(std::max<size_t>(keys.size() / kParts, 2)) {
    std::vector<Keys> open = {keys};  // parts still to look at
    while (!open.empty()) {
      const Keys part = open.back();
      open.pop_back();
      if (part.size() < least_) continue;
      const std::string_view prefix = SharedByAll(part);
      if (!prefix.empty()) found_.push_back({prefix, part.size()});
      for (Keys rest = SkipEqual(part, prefix); !rest.empty();) {
        const Keys group = FirstGroup(rest, prefix.size());
        open.push_back(group);
        rest = rest.subspan(group.size());
      }
    }
  }

  std::vector<SharedPrefix> Heaviest() {
    const auto bytes = [](const SharedPrefix& p) { return p.prefix.size() * p.keys; };
    std::stable_sort(found_.begin(), found_.end(),
                     [&](const auto& a, const auto& b) { return bytes(a) > bytes(b); });
    std::vector<SharedPrefix> heaviest;
    for (const SharedPrefix& prefix : found_) {
      if (heaviest.size() < kMost && !IsTold(prefix, heaviest)) heaviest.push_back(prefix);
    }
    return heaviest;
  }

 private:
  static constexpr size_t kParts = 16;
  static constexpr size_t kMost = 8;

  // Whether nearly all of its keys begin with a longer prefix that is told of.
  static bool IsTold(const SharedPrefix& prefix, std::span<const SharedPrefix> told) {
    return std::any_of(told.begin(), told.end(), [&](const SharedPrefix& other) {
      return other.prefix.starts_with(prefix.prefix) && 10 * other.keys >= 9 * prefix.keys;
    });
  }

  // Without the keys that are the prefix itself.
  static Keys SkipEqual(Keys keys, std::string_view prefix) {
    const auto first = std::partition_point(keys.begin(), keys.end(), [&](std::string_view key) {
      return key.size() == prefix.size();
    });
    return keys.subspan(static_cast<size_t>(first - keys.begin()));
  }

  // Those with the same byte at `position` as the first.
  static Keys FirstGroup(Keys keys, size_t position) {
    const char byte = keys.front()[position];
    const auto end = std::partition_point(
        keys.begin(), keys.end(), [&](std::string_view key) { return key[position] == byte; });
    return keys.first(static_cast<size_t>(end - keys.begin()));
  }

  size_t least_;
  std::vector<SharedPrefix> found_;
};

// The fewest keys, of at most `limit`, without which those left share more bytes than all do; 0 if
// there are none. `rest(n)` are the keys without n at one end.
uint64_t CountOutliers(size_t limit, size_t all_share, const std::function<Keys(size_t)>& rest) {
  for (size_t n = 1; n <= limit; ++n) {
    if (SharedByAll(rest(n)).size() > all_share) return n;
  }
  return 0;
}

}  // namespace

StringShape ShapeOfStrings(Keys keys) {
  StringShape shape;
  if (keys.empty()) return shape;
  shape.shortest_bytes = shape.longest_bytes = keys.front().size();
  uint64_t run = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    shape.shortest_bytes = std::min<uint64_t>(shape.shortest_bytes, keys[i].size());
    shape.longest_bytes = std::max<uint64_t>(shape.longest_bytes, keys[i].size());
    shape.mean_bytes += static_cast<double>(keys[i].size());
    const bool repeated = i > 0 && keys[i] == keys[i - 1];
    run = repeated ? run + 1 : 1;
    shape.duplicates += repeated;
    shape.longest_run = std::max(shape.longest_run, run);
    const size_t shared = i > 0 ? SharedBytes(keys[i - 1], keys[i]) : 0;
    shape.mean_shared_bytes += static_cast<double>(shared);
    shape.deep += !repeated && shared > kMaxPlaceByte;
  }
  shape.mean_bytes /= static_cast<double>(keys.size());
  shape.mean_shared_bytes /= static_cast<double>(keys.size());
  shape.prefixes = PrefixFinder(keys).Heaviest();
  const size_t limit = keys.size() / 1000;
  const size_t all_share = SharedByAll(keys).size();
  shape.low_outliers = CountOutliers(limit, all_share, [&](size_t n) { return keys.subspan(n); });
  shape.high_outliers =
      CountOutliers(limit, all_share, [&](size_t n) { return keys.first(keys.size() - n); });
  return shape;
}

StringDrift DriftFrom(const StringIndex& index, Keys others) {
  return DriftBetween<StringDrift>(index, others);
}

namespace {

// The present shape first, then the others.
std::vector<StringIndexOptions> OptionsToTry(const StringIndexOptions& now) {
  std::vector<StringIndexOptions> all = {now};
  const auto add = [&](const StringIndexOptions& o) {
    const bool same = o.kind == now.kind && o.block_keys == now.block_keys &&
                      o.landmark_keys == now.landmark_keys;
    if (!same) all.push_back(o);
  };
  for (const StringIndexOptions& options : kStringShapes) add(options);
  add({StringIndexKind::kRecursive, 16, 0});
  add({StringIndexKind::kRecursive, 256, 32});
  return all;
}

StringSuggestion CompareWith(const StringIndexCandidate& present, const StringIndexCandidate& other,
                             const StringIndexOptions& options) {
  StringSuggestion s;
  s.options = options;
  s.memory_ratio =
      RatioOf(static_cast<double>(other.memory_bytes), static_cast<double>(present.memory_bytes));
  s.single_ratio = RatioOf(other.single_ns, present.single_ns);
  s.batch_ratio = RatioOf(other.batch_ns, present.batch_ns);
  s.text = other.name + PercentOf("memory", s.memory_ratio) + PercentOf("single", s.single_ratio) +
           PercentOf("batched", s.batch_ratio);
  return s;
}

}  // namespace

std::vector<StringSuggestion> Suggest(const StringIndex& index) {
  constexpr size_t kFewKeys = 64;  // one block, whatever the shape
  if (index.size() <= kFewKeys) return {};
  const auto builder = StringBuilder::Over(index.keys());
  std::vector<StringBuilder::Parts> built;
  std::vector<StringIndexOptions> kept;
  for (const StringIndexOptions& options : OptionsToTry(StringInspector(index).options())) {
    auto parts = builder->Build(options);
    if (!parts && built.empty()) return {};  // not even the present one: the process is out of luck
    if (!parts) continue;
    built.push_back(std::move(*parts));
    kept.push_back(options);
  }
  builder->Measure(built);
  std::vector<StringSuggestion> suggestions;
  for (size_t i = 1; i < built.size(); ++i) {
    auto s = CompareWith(built[0]->candidates[0], built[i]->candidates[0], kept[i]);
    if (std::min({s.memory_ratio, s.single_ratio, s.batch_ratio}) > kWorthSuggesting) continue;
    suggestions.push_back(std::move(s));
  }
  std::stable_sort(suggestions.begin(), suggestions.end(),
                   [](const auto& a, const auto& b) { return a.single_ratio < b.single_ratio; });
  return suggestions;
}

namespace {

std::string DescribeShape(Keys keys) {
  const StringShape shape = ShapeOfStrings(keys);
  char line[240];
  std::snprintf(line, sizeof line,
                "keys of %llu to %llu bytes, %.1f on average, of which %.1f shared with the key "
                "before; %llu duplicates, longest run %llu; %llu too deep for landmarks; outliers: "
                "%llu low, %llu high\n",
                static_cast<unsigned long long>(shape.shortest_bytes),
                static_cast<unsigned long long>(shape.longest_bytes), shape.mean_bytes,
                shape.mean_shared_bytes, static_cast<unsigned long long>(shape.duplicates),
                static_cast<unsigned long long>(shape.longest_run),
                static_cast<unsigned long long>(shape.deep),
                static_cast<unsigned long long>(shape.low_outliers),
                static_cast<unsigned long long>(shape.high_outliers));
  std::string text = line;
  text += "shared prefixes (keys, prefix):\n";
  for (const SharedPrefix& prefix : shape.prefixes) {
    std::snprintf(line, sizeof line, "  %12llu ", static_cast<unsigned long long>(prefix.keys));
    text += line + base::Quoted(prefix.prefix) + "\n";
  }
  return text;
}

}  // namespace

std::string Report(const StringIndex& index) {
  std::string text = index.Explain() + DescribeShape(index.keys());
  char line[200];
  text += "loss by range (keys, mean, largest, stages, first key):\n";
  for (const StringRangeLoss& r : LossByRange(index, 10)) {
    std::snprintf(line, sizeof line, "  %12llu %8.2f %6llu %6.2f ",
                  static_cast<unsigned long long>(r.keys), r.mean_loss,
                  static_cast<unsigned long long>(r.largest_loss), r.mean_stages);
    text += line + base::Quoted(r.first_key) + "\n";
  }
  text += "worst keys (rank, predicted, keys in the block, stages, key):\n";
  for (const StringLoss& k : WorstKeys(index, 5)) {
    std::snprintf(line, sizeof line, "  %12llu %12llu %8llu %4u ",
                  static_cast<unsigned long long>(k.rank),
                  static_cast<unsigned long long>(k.predicted),
                  static_cast<unsigned long long>(k.block_keys), k.stages);
    text += line + base::Quoted(k.key) + "\n";
  }
  text += "would be better:\n";
  for (const StringSuggestion& s : Suggest(index)) text += "  " + s.text + "\n";
  return text;
}

}  // namespace sibyl::index
