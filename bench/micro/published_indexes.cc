#include "bench/micro/published_indexes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "index/piece_tree.h"

namespace sibyl::bench {
namespace {

using index::RankLine;

// The rank of the first of keys[low, high) that is >= key. Precondition: low <= size.
uint64_t SearchRange(std::span<const uint64_t> keys, uint64_t low, uint64_t high, uint64_t key) {
  const auto end = keys.begin() + static_cast<ptrdiff_t>(std::min<uint64_t>(high, keys.size()));
  return static_cast<uint64_t>(
      std::lower_bound(keys.begin() + static_cast<ptrdiff_t>(low), end, key) - keys.begin());
}

}  // namespace

PgmLike::Level PgmLike::BuildLevel(std::span<const uint64_t> keys, uint32_t epsilon) {
  // A window of 2 epsilon from the line's value is an error of epsilon from its middle.
  return *index::BuildPieces(keys, 2 * epsilon, keys.size() + 1);
}

PgmLike::PgmLike(std::span<const uint64_t> keys, uint32_t epsilon)
    : keys_(keys), epsilon_(epsilon) {
  if (keys.empty()) return;
  levels_.push_back(BuildLevel(keys, epsilon));
  while (levels_.back().size() > 1) {
    std::vector<uint64_t> first_keys;
    for (const RankLine& line : levels_.back()) first_keys.push_back(line.x0);
    levels_.push_back(BuildLevel(first_keys, kUpperEpsilon));
  }
}

uint64_t PgmLike::LowerBound(uint64_t key) const {
  if (keys_.empty()) return 0;
  uint64_t at = 0;
  for (size_t level = levels_.size() - 1; level > 0; --level) {
    const RankLine& line = levels_[level][at];
    const Level& below = levels_[level - 1];
    // The first keys of the level below are what this level's lines were fitted to: a query beyond
    // them is asked for as if it was at their end.
    const uint64_t last = below.back().x0;
    const uint64_t x = std::clamp(key, line.x0, std::max(line.x0, last + (last + 1 != 0 ? 1 : 0)));
    const uint64_t low = std::min<uint64_t>(index::Evaluate(line, x), below.size());
    const uint64_t high = std::min<uint64_t>(low + 2 * kUpperEpsilon, below.size());
    const auto first = below.begin() + static_cast<ptrdiff_t>(low);
    const auto place =
        std::lower_bound(first, below.begin() + static_cast<ptrdiff_t>(high), key,
                         [](const RankLine& piece, uint64_t query) { return piece.x0 < query; });
    const auto smaller = static_cast<uint64_t>(place - below.begin());
    at = smaller > 0 ? smaller - 1 : 0;  // piece i covers the queries after its first key
  }
  const RankLine& line = levels_[0][at];
  const uint64_t end = keys_.back() + (keys_.back() + 1 != 0 ? 1 : 0);
  const uint64_t x = std::clamp(key, line.x0, std::max(line.x0, end));
  const uint64_t low = std::min<uint64_t>(index::Evaluate(line, x), keys_.size());
  return SearchRange(keys_, low, low + 2 * epsilon_, key);
}

uint64_t PgmLike::memory_bytes() const {
  uint64_t lines = 0;
  for (const Level& level : levels_) lines += level.size();
  return lines * sizeof(RankLine);
}

RadixSplineLike::RadixSplineLike(std::span<const uint64_t> keys, uint32_t radix_bits,
                                 uint32_t epsilon)
    : keys_(keys), epsilon_(epsilon) {
  if (keys.empty()) return;
  BuildSpline();
  BuildTable(radix_bits);
}

void RadixSplineLike::BuildSpline() {
  for (uint64_t rank = 0; rank < keys_.size();) {
    const uint64_t key = keys_[rank];
    AddPoint(key, rank);
    uint64_t next = rank + 1;
    while (next < keys_.size() && keys_[next] == key) ++next;
    // Behind a run, the next query's answer is far from the key's: it is a point of its own.
    const bool room = next < keys_.size() && keys_[next] > key + 1;
    if (next > rank + 1 && room) AddPoint(key + 1, next);
    rank = next;
  }
  if (last_.key != knots_.back().key) knots_.push_back(last_);
}

// Slopes from the last knot are compared as rise over run.
void RadixSplineLike::AddPoint(uint64_t key, uint64_t rank) {
  const Knot point{key, static_cast<double>(rank)};
  const auto slope_to = [&](const Knot& to) {
    return (to.rank - knots_.back().rank) / static_cast<double>(to.key - knots_.back().key);
  };
  if (knots_.empty()) {
    knots_.push_back(point);
    last_ = point;
    return;
  }
  if (open_ && (slope_to(point) > slope_to(upper_) || slope_to(point) < slope_to(lower_))) {
    knots_.push_back(last_);
    open_ = false;
  }
  const Knot above{key, point.rank + epsilon_};
  const Knot below{key, point.rank - epsilon_};
  if (!open_ || slope_to(above) < slope_to(upper_)) upper_ = above;
  if (!open_ || slope_to(below) > slope_to(lower_)) lower_ = below;
  open_ = true;
  last_ = point;
}

void RadixSplineLike::BuildTable(uint32_t radix_bits) {
  const int span_bits = std::bit_width(keys_.back() - keys_.front());
  shift_ =
      span_bits > static_cast<int>(radix_bits) ? static_cast<uint32_t>(span_bits) - radix_bits : 0;
  const uint64_t prefixes = ((keys_.back() - keys_.front()) >> shift_) + 1;
  table_.assign(prefixes + 1, static_cast<uint32_t>(knots_.size()));
  for (size_t i = knots_.size(); i-- > 0;) {
    table_[(knots_[i].key - keys_.front()) >> shift_] = static_cast<uint32_t>(i);
  }
  for (size_t p = prefixes; p-- > 0;) table_[p] = std::min(table_[p], table_[p + 1]);
}

double RadixSplineLike::Estimate(uint64_t key) const {
  const uint64_t prefix = (key - keys_.front()) >> shift_;
  const auto begin = knots_.begin() + table_[prefix];
  const auto end = knots_.begin() + static_cast<ptrdiff_t>(std::min<uint64_t>(
                                        uint64_t{table_[prefix + 1]} + 1, knots_.size()));
  const auto right = std::lower_bound(
      begin, end, key, [](const Knot& knot, uint64_t query) { return knot.key < query; });
  if (right->key == key || right == knots_.begin()) return right->rank;
  const Knot& left = *(right - 1);
  return left.rank + (right->rank - left.rank) * (static_cast<double>(key - left.key) /
                                                  static_cast<double>(right->key - left.key));
}

uint64_t RadixSplineLike::LowerBound(uint64_t key) const {
  if (keys_.empty() || key <= keys_.front()) return 0;
  if (key > keys_.back()) return keys_.size();
  const double estimate = Estimate(key);
  // One rank more for absent keys, one for rounding.
  const double reach = epsilon_ + 2.0;
  const auto low = static_cast<uint64_t>(std::max(0.0, estimate - reach));
  const auto high = static_cast<uint64_t>(estimate + reach) + 1;
  return SearchRange(keys_, std::min<uint64_t>(low, keys_.size()), high, key);
}

uint64_t RadixSplineLike::memory_bytes() const {
  return knots_.size() * sizeof(Knot) + table_.size() * sizeof(uint32_t);
}

}  // namespace sibyl::bench
