#include "sibyl/range_index.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>

#include "base/clock.h"
#include "base/status_macros.h"
#include "index/range_format.h"
#include "index/range_measure.h"
#include "index/range_parts.h"
#include "index/window_fit.h"

namespace sibyl::index {
namespace {

constexpr uint32_t kDefaultWindow = 16;
constexpr size_t kMinLearnedKeys = 64;        // shorter arrays need no choice of root
constexpr uint32_t kDefaultPieceWindow = 32;  // half the pieces, one more line of keys per lookup

Status CheckInput(std::span<const uint64_t> keys, const RangeIndexOptions& options) {
  const uint32_t window = options.window_keys;
  const bool tree_only = options.kind == RangeIndexKind::kStaticBTree;
  if (window != 0 && window != 16 && window != 32 && (window != 64 || tree_only)) {
    return Error{ErrorCode::kInvalidArgument,
                 "range index: no window of " + std::to_string(window) + " keys"};
  }
  if (keys.size() > RangeIndex::kMaxKeys) {
    return Error{ErrorCode::kNotSupported, "range index: " + std::to_string(keys.size()) +
                                               " keys are more than " +
                                               std::to_string(RangeIndex::kMaxKeys)};
  }
  const auto unsorted = std::is_sorted_until(keys.begin(), keys.end());
  if (unsorted != keys.end()) {
    return Error{ErrorCode::kInvalidArgument, "range index: keys are not sorted: the key at rank " +
                                                  std::to_string(unsorted - keys.begin()) +
                                                  " is smaller than the one before"};
  }
  return Ok();
}

// Builds one candidate; nothing if a learned one would be too large.
void AddCandidate(std::span<const uint64_t> keys, const LookupShape& shape,
                  std::vector<Measured>* candidates) {
  const uint64_t start_ns = base::NowNs();
  auto parts = shape.kind == RangeIndexKind::kStaticBTree ? MakeStaticBTree(keys, shape)
                                                          : Learn(keys, shape);
  if (parts == nullptr) return;
  Measured candidate;
  candidate.report.name = NameOf(parts->shape);
  candidate.report.memory_bytes = parts->memory_bytes();
  candidate.report.build_seconds = static_cast<double>(base::NowNs() - start_ns) * 1e-9;
  candidate.parts = std::move(parts);
  candidates->push_back(std::move(candidate));
}

// The shapes that `options` leave open.
std::vector<LookupShape> ShapesToTry(std::span<const uint64_t> keys,
                                     const RangeIndexOptions& options) {
  using Kind = RangeIndexKind;
  const bool any = options.kind == Kind::kAuto;
  std::vector<LookupShape> shapes;
  const auto add = [&](Kind kind, uint32_t window, bool log_root) {
    shapes.push_back({kind, window, log_root, options.last_mile});
  };
  const auto windows = [&](uint32_t usual) {
    if (options.window_keys != 0) return std::vector<uint32_t>{options.window_keys};
    return any ? std::vector<uint32_t>{16, 32} : std::vector<uint32_t>{usual};
  };
  if (any || options.kind == Kind::kStaticBTree) {
    for (const uint32_t w : windows(kDefaultWindow))
      add(Kind::kStaticBTree, std::min(w, 32u), false);
  }
  if (any || options.kind == Kind::kRecursive) {
    const bool log_root =
        keys.size() > kMinLearnedKeys && PickRoot(keys) == RootChoice::kLogarithmic;
    for (const uint32_t w : windows(kDefaultWindow)) add(Kind::kRecursive, w, log_root);
  }
  if (any || options.kind == Kind::kPieces) {
    for (const uint32_t w : windows(kDefaultPieceWindow)) add(Kind::kPieces, w, false);
  }
  return shapes;
}

// Keeps the chosen candidate's parts, with the reports of all.
std::unique_ptr<RangeParts> Keep(std::vector<Measured> candidates, size_t chosen) {
  candidates[chosen].report.chosen = true;
  auto parts = std::move(candidates[chosen].parts);
  for (Measured& candidate : candidates) parts->candidates.push_back(std::move(candidate.report));
  return parts;
}

std::unique_ptr<RangeParts> BuildParts(std::span<const uint64_t> keys,
                                       const RangeIndexOptions& options) {
  std::vector<Measured> candidates;
  const std::vector<LookupShape> shapes = ShapesToTry(keys, options);
  const LookupShape fallback{RangeIndexKind::kStaticBTree, std::min(shapes[0].window_keys, 32u),
                             false, options.last_mile};
  if (keys.size() <= shapes[0].window_keys) {
    LookupShape whole = shapes[0];
    whole.kind = RangeIndexKind::kStaticBTree;
    AddCandidate(keys, whole, &candidates);
    return Keep(std::move(candidates), 0);
  }
  for (const LookupShape& shape : shapes) {
    if (keys.size() > shape.window_keys) AddCandidate(keys, shape, &candidates);
  }
  if (candidates.empty()) AddCandidate(keys, fallback, &candidates);
  if (candidates.size() == 1) return Keep(std::move(candidates), 0);
  MeasureCandidates(keys, &candidates);
  const size_t fastest = PickFastest(candidates);
  return Keep(std::move(candidates), fastest);
}

// Asks for a run of queries in batches and remembers the first wrong answer.
class Checker {
 public:
  explicit Checker(const RangeIndex& index) : index_(index) {}

  void Expect(uint64_t query, uint64_t rank) {
    queries_[count_] = query;
    expected_[count_] = rank;
    if (++count_ == queries_.size()) Flush();
  }

  Status Finish() {
    Flush();
    if (!wrong_) return Ok();
    return Error{ErrorCode::kCorruption,
                 "range index: wrong answer for key " + std::to_string(*wrong_)};
  }

 private:
  void Flush() {
    std::array<uint64_t, kQueries> ranks;
    index_.LowerBoundBatch(std::span(queries_).first(count_), ranks);
    for (size_t i = 0; i < count_ && !wrong_; ++i) {
      if (ranks[i] != expected_[i]) wrong_ = queries_[i];
    }
    count_ = 0;
  }

  static constexpr size_t kQueries = 256;
  const RangeIndex& index_;
  std::array<uint64_t, kQueries> queries_;
  std::array<uint64_t, kQueries> expected_;
  size_t count_ = 0;
  std::optional<uint64_t> wrong_;
};

}  // namespace

RangeIndex::RangeIndex(std::span<const uint64_t> keys, std::unique_ptr<const RangeParts> parts)
    : lower_bound_(parts->functions.lower_bound),
      lookup_(&parts->lookup),
      keys_(keys),
      parts_(std::move(parts)) {}

RangeIndex::RangeIndex(RangeIndex&&) noexcept = default;
RangeIndex& RangeIndex::operator=(RangeIndex&&) noexcept = default;
RangeIndex::~RangeIndex() = default;

Result<RangeIndex> RangeIndex::Build(std::span<const uint64_t> keys,
                                     const RangeIndexOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckInput(keys, options));
  return RangeIndex(keys, BuildParts(keys, options));
}

std::pair<uint64_t, uint64_t> RangeIndex::EqualRange(uint64_t key) const {
  const uint64_t first = LowerBound(key);
  if (first == keys_.size() || keys_[first] != key) return {first, first};
  const bool unique = first + 1 == keys_.size() || keys_[first + 1] != key;
  return {first, unique ? first + 1 : UpperBound(key)};
}

void RangeIndex::LowerBoundBatch(std::span<const uint64_t> keys, std::span<uint64_t> ranks) const {
  assert(ranks.size() >= keys.size());
  parts_->functions.batch(parts_->lookup, keys.data(), keys.size(), ranks.data());
}

RangeIndexKind RangeIndex::kind() const { return parts_->shape.kind; }

uint64_t RangeIndex::memory_bytes() const { return parts_->memory_bytes(); }

std::span<const RangeIndexCandidate> RangeIndex::candidates() const { return parts_->candidates; }

std::string RangeIndex::Explain() const {
  std::string text = std::to_string(keys_.size()) + " keys\n";
  char line[160];
  std::snprintf(line, sizeof line, "  %-42s %9s %8s %9s %9s %9s\n", "candidate", "B/key", "build s",
                "single ns", "batch ns", "serial ns");
  text += line;
  for (const RangeIndexCandidate& c : parts_->candidates) {
    const double keys = static_cast<double>(std::max<uint64_t>(keys_.size(), 1));
    std::snprintf(line, sizeof line, "%c %-42s %9.3f %8.3f %9.1f %9.1f %9.1f\n",
                  c.chosen ? '*' : ' ', c.name.c_str(), static_cast<double>(c.memory_bytes) / keys,
                  c.build_seconds, c.single_ns, c.batch_ns, c.serial_ns);
    text += line;
  }
  return text;
}

void RangeIndex::Serialize(std::string* out) const { EncodeRangeParts(*parts_, keys_, out); }

Result<RangeIndex> RangeIndex::Deserialize(std::string_view bytes, std::span<const uint64_t> keys) {
  SIBYL_ASSIGN_OR_RETURN(auto parts, DecodeRangeParts(bytes, keys));
  parts->candidates.push_back({NameOf(parts->shape), parts->memory_bytes(), 0, 0, 0, 0, true});
  return RangeIndex(keys, std::move(parts));
}

// Within one gap and one line the window moves one way only, so being right at the ends of both is
// being right everywhere.
Status RangeIndex::Verify() const {
  Checker checker(*this);
  GapReader gaps(keys_, {0, std::numeric_limits<uint64_t>::max()}, 0);
  for (Gap gap{}; gaps.Next(&gap);) {
    checker.Expect(gap.queries.first, gap.rank);
    checker.Expect(gap.queries.last, gap.rank);
  }
  const auto expect_at = [&](uint64_t query) {
    const auto place = std::lower_bound(keys_.begin(), keys_.end(), query);
    checker.Expect(query, static_cast<uint64_t>(place - keys_.begin()));
  };
  if (kind() == RangeIndexKind::kPieces) {
    for (const RankLine& line : LinesOf(*parts_)) {
      expect_at(line.x0);
      expect_at(line.x0 + 1);
    }
  } else if (kind() == RangeIndexKind::kRecursive) {
    const auto root = parts_->shape.log_root ? std::optional(parts_->lookup.root) : std::nullopt;
    VisitLeaves(parts_->lines.span(), root, parts_->lookup.queries, [&](KeyRange range) {
      expect_at(range.first);
      expect_at(range.last);
    });
  }
  return checker.Finish();
}

}  // namespace sibyl::index
