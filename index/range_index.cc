#include "sibyl/range_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdio>

#include "base/status_macros.h"
#include "index/range_auto.h"
#include "index/range_format.h"
#include "index/range_parts.h"
#include "index/window_fit.h"

namespace sibyl::index {
namespace {

constexpr uint32_t kMinWindow = 16;

Status CheckInput(std::span<const uint64_t> keys, const RangeIndexOptions& options) {
  const uint32_t window = options.window_keys;
  if (window != 0 && (window < kMinWindow || !std::has_single_bit(window))) {
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

// "-" for what was not measured or predicted.
std::string Number(int decimals, double value) {
  if (value == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string Pair(int decimals, double predicted, double measured) {
  return Number(decimals, predicted) + " -> " + Number(decimals, measured);
}

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
  return RangeIndex(keys, BuildRangeParts(keys, options));
}

RangeIndex RangeIndex::RebuildWithBudget(uint64_t memory_bytes) const {
  return RangeIndex(keys_, BuildWithinBudget(keys_, parts_->shape.last_mile, memory_bytes));
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

uint32_t RangeIndex::window_keys() const { return parts_->shape.window_keys; }

uint64_t RangeIndex::memory_bytes() const { return parts_->memory_bytes(); }

std::span<const RangeIndexCandidate> RangeIndex::candidates() const { return parts_->candidates; }

std::string RangeIndex::Explain() const {
  std::string text = std::to_string(keys_.size()) + " keys; predicted -> measured\n";
  char line[200];
  std::snprintf(line, sizeof line, "  %-44s %16s %16s %16s %8s %8s\n", "candidate", "B/key",
                "single ns", "serial ns", "batch ns", "build s");
  text += line;
  const double keys = static_cast<double>(std::max<uint64_t>(keys_.size(), 1));
  for (const RangeIndexCandidate& c : parts_->candidates) {
    const std::string bytes = Pair(3, static_cast<double>(c.predicted_bytes) / keys,
                                   static_cast<double>(c.memory_bytes) / keys);
    std::snprintf(line, sizeof line, "%c %-44s %16s %16s %16s %8s %8s\n", c.chosen ? '*' : ' ',
                  c.name.c_str(), bytes.c_str(),
                  Pair(1, c.predicted_single_ns, c.single_ns).c_str(),
                  Pair(1, c.predicted_serial_ns, c.serial_ns).c_str(),
                  Number(1, c.batch_ns).c_str(), Number(3, c.build_seconds).c_str());
    text += line;
  }
  return text;
}

void RangeIndex::Serialize(std::string* out) const { EncodeRangeParts(*parts_, keys_, out); }

Result<RangeIndex> RangeIndex::Deserialize(std::string_view bytes, std::span<const uint64_t> keys) {
  SIBYL_ASSIGN_OR_RETURN(auto parts, DecodeRangeParts(bytes, keys));
  RangeIndexCandidate only;
  only.name = NameOf(parts->shape);
  only.memory_bytes = parts->memory_bytes();
  only.chosen = true;
  parts->candidates.push_back(std::move(only));
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
