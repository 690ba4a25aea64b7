#include "index/range_auto.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "index/range_measure.h"
#include "index/range_predict.h"

namespace sibyl::index {
namespace {

using Kind = RangeIndexKind;
using Objective = RangeIndexObjective;

constexpr uint32_t kMinWindow = 16;
constexpr uint32_t kMaxWindow = uint32_t{1} << 31;
constexpr uint32_t kPieceWindow = 32;   // half the pieces, one more line of keys per lookup
constexpr size_t kMinLearnedKeys = 64;  // shorter arrays need no choice of root
constexpr size_t kMinPredictedKeys = 4'000'000;  // below, building is as quick as predicting
constexpr double kHopeless = 1.25;    // predicted slower than a rival by so much: not even tried
constexpr double kCloseRival = 1.12;  // the same, of two windows of one kind
constexpr size_t kMostLearned = 4;    // each takes up to 10 ns per key to build
// Of the finest static B-tree's memory. How fast so small a model is, predictions do not know:
// where keys repeat, all lines that lookups read may be in the cache.
constexpr double kSmall = 0.125;

struct Candidate {
  LookupShape shape;
  std::optional<Prediction> prediction;
};

LookupShape ShapeOf(Kind kind, uint32_t window, LastMile last_mile) {
  return {kind, window, false, last_mile};
}

bool HasLogRoot(std::span<const uint64_t> keys, RangeIndexRoot root) {
  if (root != RangeIndexRoot::kMeasured) return root == RangeIndexRoot::kLogLinear;
  return keys.size() > kMinLearnedKeys && PickRoot(keys) == RootChoice::kLogarithmic;
}

// Whether the roots that kAuto considers are logarithmic, the likelier one first.
std::vector<bool> LogRootsToTry(std::span<const uint64_t> keys, RangeIndexRoot root) {
  if (root != RangeIndexRoot::kMeasured || keys.size() <= kMinLearnedKeys) {
    return {root == RangeIndexRoot::kLogLinear};
  }
  std::vector<bool> log_roots;
  for (const RootChoice choice : RootsWorthTrying(keys)) {
    log_roots.push_back(choice == RootChoice::kLogarithmic);
  }
  return log_roots;
}

// Builds one candidate; nothing if a learned one would be too large.
std::optional<Measured> BuildOne(std::span<const uint64_t> keys, const LookupShape& shape) {
  const uint64_t start_ns = base::NowNs();
  auto parts = shape.kind == Kind::kStaticBTree ? MakeStaticBTree(keys, shape) : Learn(keys, shape);
  if (parts == nullptr) return std::nullopt;
  Measured built;
  built.shape = parts->shape;
  built.functions = parts->functions;
  built.report.name = NameOf(parts->shape);
  built.report.memory_bytes = parts->memory_bytes();
  built.report.build_seconds = static_cast<double>(base::NowNs() - start_ns) * 1e-9;
  built.parts = std::move(parts);
  return built;
}

// The parts of candidate `chosen`, with the reports of all.
std::unique_ptr<RangeParts> Keep(std::vector<Measured> built, size_t chosen,
                                 std::vector<RangeIndexCandidate> not_built) {
  built[chosen].report.chosen = true;
  auto parts = std::make_unique<RangeParts>(std::move(*built[chosen].parts));
  parts->shape = built[chosen].shape;
  parts->functions = built[chosen].functions;
  for (Measured& candidate : built) parts->candidates.push_back(std::move(candidate.report));
  for (RangeIndexCandidate& report : not_built) parts->candidates.push_back(std::move(report));
  return parts;
}

std::unique_ptr<RangeParts> KeepOnly(Measured built) {
  std::vector<Measured> all;
  all.push_back(std::move(built));
  return Keep(std::move(all), 0, {});
}

// Widths that kAuto considers for `kind`. Those of 64 keys make the smallest models, and chains do
// not mind that they touch many cache lines.
std::vector<uint32_t> WindowsToTry(Kind kind, const RangeIndexOptions& options) {
  if (options.window_keys != 0) return {options.window_keys};
  if (options.objective == Objective::kThroughput) return {16, 32};
  if (options.objective == Objective::kSmallest && kind == Kind::kStaticBTree) return {16, 32};
  return {16, 32, 64};
}

// Decides what to build: predicts the learned candidates of a large array, and leaves those that
// cannot win.
class Auto {
 public:
  Auto(std::span<const uint64_t> keys, const RangeIndexOptions& options)
      : keys_(keys), options_(options), predicts_(keys.size() >= kMinPredictedKeys) {
    if (predicts_) memory_.emplace(keys);
  }

  std::unique_ptr<RangeParts> Build() {
    for (const uint32_t window : WindowsToTry(Kind::kStaticBTree, options_)) {
      Add({ShapeOf(Kind::kStaticBTree, window, options_.last_mile), std::nullopt});
    }
    Consider(Kind::kRecursive, LogRootsToTry(keys_, options_.root));
    Consider(Kind::kPieces, {false});
    AddPromising();
    if (built_.empty()) {
      return BuildWithinBudget(keys_, options_.last_mile, options_.memory_budget_bytes);
    }
    if (options_.objective == Objective::kLatency) AddOtherLastMiles();
    const size_t best =
        built_.size() > 1 ? MeasureAndChoose(keys_, options_.objective, &built_) : 0;
    return Keep(std::move(built_), best, std::move(not_built_));
  }

 private:
  std::optional<Prediction> PredictIfWorthIt(const LookupShape& shape) const {
    if (!predicts_) return std::nullopt;
    return Predict(keys_, shape, *memory_);
  }

  void Consider(Kind kind, const std::vector<bool>& log_roots) {
    for (const uint32_t window : WindowsToTry(kind, options_)) {
      if (keys_.size() <= window) continue;
      for (const bool log_root : log_roots) {
        LookupShape shape = ShapeOf(kind, window, options_.last_mile);
        shape.log_root = log_root;
        learned_.push_back({shape, PredictIfWorthIt(shape)});
      }
    }
  }

  // What the objective wants little of.
  double CostOf(const Prediction& p) const {
    switch (options_.objective) {
      case Objective::kLatency:
        return p.serial_ns;
      case Objective::kSmallest:
        return p.memory_bytes;
      default:
        return p.single_ns;
    }
  }

  // Without predictions all; else the best, what is predicted to be nearly as good, and the
  // smallest.
  void AddPromising() {
    if (!predicts_) {
      for (const Candidate& candidate : learned_) Add(candidate);
      return;
    }
    AddSmallest();
    std::erase_if(learned_, [&](const Candidate& c) { return LeaveIfHopeless(c); });
    std::stable_sort(learned_.begin(), learned_.end(), [&](const auto& a, const auto& b) {
      return CostOf(*a.prediction) < CostOf(*b.prediction);
    });
    size_t tried = 0;
    for (size_t i = 0; i < learned_.size(); ++i) {
      if (tried < kMostLearned && IsClose(i)) {
        Add(learned_[i]);
        ++tried;
      } else {
        Leave(learned_[i]);
      }
    }
  }

  void AddSmallest() {
    const auto smallest =
        std::min_element(learned_.begin(), learned_.end(), [](const auto& a, const auto& b) {
          return a.prediction->memory_bytes < b.prediction->memory_bytes;
        });
    const uint64_t tree_bytes = StaticBTree::MemoryBytes(keys_.size() / kMinWindow);
    if (smallest == learned_.end() ||
        smallest->prediction->memory_bytes > kSmall * static_cast<double>(tree_bytes)) {
      return;
    }
    Add(*smallest);
    learned_.erase(smallest);
  }

  // Whether learned_[i] may still turn out to be the best. The prediction errs more between kinds
  // than between windows of one kind.
  bool IsClose(size_t i) const {
    if (options_.objective == Objective::kSmallest) return true;
    const auto same_kind = [&](const Candidate& c) {
      return c.shape.kind == learned_[i].shape.kind;
    };
    const Candidate& best_of_kind = *std::find_if(learned_.begin(), learned_.end(), same_kind);
    const double cost = CostOf(*learned_[i].prediction);
    return cost <= kCloseRival * CostOf(*best_of_kind.prediction) &&
           cost <= kHopeless * CostOf(*learned_[0].prediction);
  }

  // Against the predictions of the static B-trees: like is compared with like.
  bool LeaveIfHopeless(const Candidate& candidate) {
    double tree_ns = 1e300;
    for (const uint32_t window : WindowsToTry(Kind::kStaticBTree, options_)) {
      const auto tree = Predict(keys_, ShapeOf(Kind::kStaticBTree, window, {}), *memory_);
      tree_ns = std::min(
          tree_ns, options_.objective == Objective::kLatency ? tree.serial_ns : tree.single_ns);
    }
    const double ns = options_.objective == Objective::kLatency ? candidate.prediction->serial_ns
                                                                : candidate.prediction->single_ns;
    const bool hopeless =
        ns > kHopeless * tree_ns || candidate.prediction->memory_bytes >
                                        1.1 * static_cast<double>(options_.memory_budget_bytes);
    if (hopeless) Leave(candidate);
    return hopeless;
  }

  void Add(const Candidate& candidate) {
    auto built = BuildOne(keys_, candidate.shape);
    if (!built || built->report.memory_bytes > options_.memory_budget_bytes) return;
    Describe(candidate.prediction, &built->report);
    built_.push_back(std::move(*built));
  }

  void Leave(const Candidate& candidate) {
    RangeIndexCandidate report;
    report.name = NameOf(candidate.shape);
    Describe(candidate.prediction, &report);
    not_built_.push_back(std::move(report));
  }

  static void Describe(const std::optional<Prediction>& prediction, RangeIndexCandidate* report) {
    if (!prediction) return;
    report->predicted_bytes = static_cast<uint64_t>(prediction->memory_bytes);
    report->predicted_single_ns = prediction->single_ns;
    report->predicted_serial_ns = prediction->serial_ns;
  }

  void AddOtherLastMiles() {
    for (size_t i = 0, count = built_.size(); i < count; ++i) {
      Measured other = built_[i];
      other.shape.last_mile =
          other.shape.last_mile == LastMile::kSimd ? LastMile::kBranchy : LastMile::kSimd;
      other.functions = SelectLookup(other.shape);
      other.report.name = NameOf(other.shape);
      built_.push_back(std::move(other));
    }
  }

  const std::span<const uint64_t> keys_;
  const RangeIndexOptions& options_;
  const bool predicts_;
  std::optional<MemoryProfile> memory_;
  std::vector<Candidate> learned_;
  std::vector<Measured> built_;
  std::vector<RangeIndexCandidate> not_built_;
};

std::unique_ptr<RangeParts> BuildOneKind(std::span<const uint64_t> keys,
                                         const RangeIndexOptions& options) {
  const uint32_t usual = options.kind == Kind::kPieces ? kPieceWindow : kMinWindow;
  LookupShape shape = ShapeOf(options.kind, options.window_keys != 0 ? options.window_keys : usual,
                              options.last_mile);
  if (keys.size() <= shape.window_keys) shape.kind = Kind::kStaticBTree;
  shape.log_root = shape.kind == Kind::kRecursive && HasLogRoot(keys, options.root);
  auto built = BuildOne(keys, shape);
  if (!built) {
    shape.kind = Kind::kStaticBTree;
    built = BuildOne(keys, shape);
  }
  if (built->report.memory_bytes > options.memory_budget_bytes) {
    return BuildWithinBudget(keys, options.last_mile, options.memory_budget_bytes);
  }
  return KeepOnly(std::move(*built));
}

// The smallest window, from `window` on, whose static B-tree fits; it is not built for that.
uint32_t TreeWindowWithin(uint64_t keys, uint64_t memory_bytes) {
  uint32_t window = kMinWindow;
  while (window < kMaxWindow &&
         StaticBTree::MemoryBytes((keys + window - 1) / window) > memory_bytes) {
    window *= 2;
  }
  return window;
}

}  // namespace

std::unique_ptr<RangeParts> BuildRangeParts(std::span<const uint64_t> keys,
                                            const RangeIndexOptions& options) {
  const uint32_t least = options.window_keys != 0 ? options.window_keys : kMinWindow;
  if (options.kind != Kind::kAuto || keys.size() <= least) return BuildOneKind(keys, options);
  return Auto(keys, options).Build();
}

std::unique_ptr<RangeParts> BuildWithinBudget(std::span<const uint64_t> keys, LastMile last_mile,
                                              uint64_t memory_bytes) {
  const uint32_t tree_window = TreeWindowWithin(keys.size(), memory_bytes);
  // A piece of a line takes 16 bytes and something for the tree above: how many there may be.
  const size_t most_lines = memory_bytes / sizeof(RankLine);
  for (uint32_t window = kMinWindow; window < tree_window && window < keys.size(); window *= 2) {
    // Hopeless windows are given up as soon as the lines are too many: early.
    const LookupShape shape = ShapeOf(Kind::kPieces, window, last_mile);
    auto parts = Learn(keys, shape, most_lines);
    if (parts == nullptr || parts->memory_bytes() > memory_bytes) continue;
    Measured built;
    built.shape = parts->shape;
    built.functions = parts->functions;
    built.report.name = NameOf(shape);
    built.report.memory_bytes = parts->memory_bytes();
    built.parts = std::move(parts);
    return KeepOnly(std::move(built));
  }
  return KeepOnly(*BuildOne(keys, ShapeOf(Kind::kStaticBTree, tree_window, last_mile)));
}

}  // namespace sibyl::index
