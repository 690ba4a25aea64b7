#include "index/two_stage.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "index/recursive_array.h"
#include "index/window_fit.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kProbesPerLeaf = 16;
constexpr uint32_t kMostLeaves = uint32_t{1} << 24;
constexpr int kMaxSteps = 4;  // to a neighbour, before the borders are searched

}  // namespace

TwoStageParts::TwoStageParts(std::span<const uint64_t> keys, const RootOptions& root,
                             uint32_t leaves)
    : keys_(keys) {
  if (keys.empty()) return;
  queries_ = QueriesOf(keys);
  root_ = RootModel::Train(keys, root, leaves);
  CutLeaves(leaves);
  uint64_t rank = 0;
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const bool last = i + 1 == leaves_.size();
    const uint64_t end = last ? queries_.last : leaves_[i + 1].first_query;
    // A leaf that no query reaches begins where the next one does.
    if (!last && leaves_[i].first_query == end) {
      leaves_[i].rank = static_cast<double>(rank);
      continue;
    }
    FitLeaf(i, {leaves_[i].first_query, last ? end : end - 1}, &rank);
  }
}

// Where the root's choice passes a leaf's number for the first time, that leaf begins: so leaves
// are in the order of the keys whatever the root does.
void TwoStageParts::CutLeaves(uint32_t leaves) {
  leaves_.reserve(leaves);
  leaves_.push_back({queries_.first, 0, 0, 0, 0});
  const uint64_t step = std::max<uint64_t>(1, keys_.size() / (kProbesPerLeaf * leaves));
  for (uint64_t rank = 0; rank < keys_.size(); rank += step) {
    const uint32_t child = root_.ChildOf(keys_[rank]);
    while (leaves_.size() <= child) leaves_.push_back({keys_[rank], 0, 0, 0, 0});
  }
  while (leaves_.size() < leaves) leaves_.push_back({queries_.last, 0, 0, 0, 0});
}

void TwoStageParts::FitLeaf(size_t number, KeyRange queries, uint64_t* rank) {
  Leaf& leaf = leaves_[number];
  const auto begin = keys_.begin() + static_cast<ptrdiff_t>(*rank);
  const auto first =
      static_cast<uint64_t>(std::lower_bound(begin, keys_.end(), queries.first) - keys_.begin());
  const auto end =
      static_cast<uint64_t>(std::lower_bound(begin, keys_.end(), queries.last) - keys_.begin());
  leaf.rank = static_cast<double>(first);
  if (end > first + 1) {
    leaf.slope = static_cast<double>(end - 1 - first) /
                 static_cast<double>(std::max<uint64_t>(keys_[end - 1] - queries.first, 1));
  }
  int64_t below = 0;
  int64_t above = 0;
  GapReader gaps(keys_, queries, first);
  for (Gap gap{}; gaps.Next(&gap);) {
    const auto truth = static_cast<int64_t>(gap.rank);
    above = std::max(above, truth - RankAt(leaf, gap.queries.first));
    below = std::max(below, RankAt(leaf, gap.queries.last) - truth);
  }
  // One more, should another compiler's floating point round a rank the other way.
  leaf.below = static_cast<uint32_t>(below + 1);
  leaf.above = static_cast<uint32_t>(above + 1);
  *rank = end;
}

int64_t TwoStageParts::RankAt(const Leaf& leaf, uint64_t query) {
  // Beyond any array: a line may rise steeply in the space behind its last key.
  constexpr double kMost = 4294967295.0;
  const double rise = leaf.slope * static_cast<double>(query - leaf.first_query);
  return static_cast<int64_t>(std::min(leaf.rank + rise, kMost));
}

const TwoStageParts::Leaf& TwoStageParts::LeafOf(uint64_t query) const {
  size_t at = root_.ChildOf(query);
  for (int step = 0; step < kMaxSteps; ++step) {
    if (query < leaves_[at].first_query) {
      --at;
    } else if (at + 1 < leaves_.size() && query >= leaves_[at + 1].first_query) {
      ++at;
    } else {
      return leaves_[at];
    }
  }
  const auto next =
      std::upper_bound(leaves_.begin(), leaves_.end(), query,
                       [](uint64_t key, const Leaf& leaf) { return key < leaf.first_query; });
  return *(next - 1);
}

uint64_t TwoStageParts::LowerBound(uint64_t key) const {
  if (keys_.empty()) return 0;
  const uint64_t query = std::clamp(key, queries_.first, queries_.last);
  const Leaf& leaf = LeafOf(query);
  const int64_t rank = RankAt(leaf, query);
  const auto size = static_cast<int64_t>(keys_.size());
  const int64_t low = std::clamp<int64_t>(rank - leaf.below, 0, size);
  const int64_t high = std::clamp<int64_t>(rank + leaf.above, low, size);
  return static_cast<uint64_t>(std::lower_bound(keys_.begin() + low, keys_.begin() + high, key) -
                               keys_.begin());
}

uint64_t TwoStageParts::memory_bytes() const {
  return leaves_.size() * sizeof(Leaf) + root_.memory_bytes();
}

double TwoStageParts::MeanSearchedKeys() const {
  double sum = 0;
  for (const uint64_t key : keys_) {
    const Leaf& leaf = LeafOf(key);
    sum += leaf.below + leaf.above;
  }
  return keys_.empty() ? 0 : sum / static_cast<double>(keys_.size());
}

void TwoStageParts::Encode(std::string* out) const {
  base::Put32(out, static_cast<uint32_t>(leaves_.size()));
  if (leaves_.empty()) return;
  root_.Encode(out);
  for (const Leaf& leaf : leaves_) {
    base::Put64(out, leaf.first_query);
    base::AppendLittle(out, leaf.slope);
    base::AppendLittle(out, leaf.rank);
    base::Put32(out, leaf.below);
    base::Put32(out, leaf.above);
  }
}

std::unique_ptr<TwoStageParts> TwoStageParts::Decode(base::Decoder* decoder,
                                                     std::span<const uint64_t> keys) {
  std::unique_ptr<TwoStageParts> parts(new TwoStageParts(keys));
  const uint32_t count = decoder->Get32();
  if ((count == 0) != keys.empty() || count > kMostLeaves) return nullptr;
  if (count > 0) {
    parts->queries_ = QueriesOf(keys);
    auto root = RootModel::Decode(decoder, keys, count);
    if (!root || decoder->remaining_bytes() != count * sizeof(Leaf)) return nullptr;
    parts->root_ = std::move(*root);
  }
  parts->leaves_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t first_query = decoder->Get64();
    const auto slope = std::bit_cast<double>(decoder->Get64());
    const auto rank = std::bit_cast<double>(decoder->Get64());
    const uint32_t below = decoder->Get32();
    parts->leaves_.push_back({first_query, slope, rank, below, decoder->Get32()});
  }
  if (!decoder->ok() || !decoder->done() || !parts->AreLeavesSound()) return nullptr;
  return parts;
}

// In order, between the ends of the queries, and lines that rise from within the array.
bool TwoStageParts::AreLeavesSound() const {
  uint64_t before = queries_.first;
  for (const Leaf& leaf : leaves_) {
    const bool sound = leaf.first_query >= before && leaf.first_query <= queries_.last &&
                       std::isfinite(leaf.slope) && leaf.slope >= 0 && leaf.rank >= 0 &&
                       leaf.rank <= static_cast<double>(keys_.size());
    if (!sound) return false;
    before = leaf.first_query;
  }
  return leaves_.empty() || leaves_.front().first_query == queries_.first;
}

// Between two keys, and within one leaf, what is searched moves one way only: right at the ends of
// both is right everywhere.
std::optional<uint64_t> TwoStageParts::FirstWrong() const {
  constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
  GapReader gaps(keys_, {0, kLargest}, 0);
  for (Gap gap{}; gaps.Next(&gap);) {
    for (const uint64_t query : {gap.queries.first, gap.queries.last}) {
      if (LowerBound(query) != gap.rank) return query;
    }
  }
  for (const Leaf& leaf : leaves_) {
    for (const uint64_t query : {leaf.first_query - 1, leaf.first_query}) {
      const auto place = std::lower_bound(keys_.begin(), keys_.end(), query);
      if (LowerBound(query) != static_cast<uint64_t>(place - keys_.begin())) return query;
    }
  }
  return std::nullopt;
}

}  // namespace sibyl::index
