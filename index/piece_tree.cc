#include "index/piece_tree.h"

#include <algorithm>
#include <limits>

#include "index/recursive_array.h"
#include "index/window_fit.h"

namespace sibyl::index {
namespace {

// One greedy pass: each line reaches as far as any could.
class PieceBuilder {
 public:
  PieceBuilder(std::span<const uint64_t> keys, uint32_t window_keys)
      : keys_(keys), window_keys_(window_keys), gaps_(keys, QueriesOf(keys), 0) {}

  std::optional<std::vector<RankLine>> Build(size_t max_lines) {
    bool more = gaps_.Next(&gap_);
    while (more) {
      if (lines_.size() == max_lines) return std::nullopt;
      more = AddLine();
    }
    return std::move(lines_);
  }

 private:
  // Gathers gaps from gap_ on while one line is right for all of them. False at the end.
  bool AddLine() {
    const Gap first = gap_;
    const uint64_t x0 = OriginOf(first);
    stabber_.Clear();
    Gap last = first;
    bool more = true;
    while (more && gap_.rank - first.rank < kMaxPieceKeys && stabber_.Add(gap_, window_keys_)) {
      last = gap_;
      more = gaps_.Next(&gap_);
    }
    const double slope = stabber_.Slope();
    const KeyRange range{first.queries.first, last.queries.last};
    if (const auto line = FitWindowWithSlope(keys_, range, first.rank, x0, slope, window_keys_)) {
      lines_.push_back(*line);
    } else {
      AddFlatLines(range, first.rank);
    }
    return more;
  }

  // The slope could not be written down exactly enough. Lines of slope 0 cover a window each.
  void AddFlatLines(KeyRange range, uint64_t rank) {
    GapReader gaps(keys_, range, rank);
    std::optional<Gap> first;
    Gap last{};
    for (Gap gap{}; gaps.Next(&gap); last = gap) {
      if (first && gap.rank - first->rank <= window_keys_) continue;
      if (first) AddFlatLine(*first, last);
      first = gap;
    }
    AddFlatLine(*first, last);
  }

  // The key before the first that the line is for; that one itself at the start of the array.
  uint64_t OriginOf(const Gap& first) const {
    return first.queries.first - (first.queries.first > keys_[0] ? 1 : 0);
  }

  void AddFlatLine(const Gap& first, const Gap& last) {
    const uint64_t base = last.rank < window_keys_ ? 0 : last.rank - window_keys_;
    lines_.push_back({OriginOf(first), static_cast<uint32_t>(base), EncodeSlope(0, 0, true)});
  }

  static constexpr uint64_t kMaxPieceKeys = uint64_t{1} << 22;  // the mantissa reaches further

  const std::span<const uint64_t> keys_;
  const uint32_t window_keys_;
  GapReader gaps_;
  Gap gap_{};
  LineStabber stabber_;
  std::vector<RankLine> lines_;
};

}  // namespace

std::optional<std::vector<RankLine>> BuildPieces(std::span<const uint64_t> keys,
                                                 uint32_t window_keys, size_t max_lines) {
  return PieceBuilder(keys, window_keys).Build(max_lines);
}

std::vector<PieceBlock> PackPieces(std::span<const RankLine> lines) {
  std::vector<PieceBlock> blocks((lines.size() + kPiecesPerBlock - 1) / kPiecesPerBlock);
  for (size_t i = 0; i < blocks.size() * kPiecesPerBlock; ++i) {
    PieceBlock& block = blocks[i / kPiecesPerBlock];
    const size_t place = i % kPiecesPerBlock;
    const bool used = i < lines.size();
    block.first_key[place] = used ? lines[i].x0 : std::numeric_limits<uint64_t>::max();
    block.line[place] = used ? uint64_t{lines[i].slope} << 32 | lines[i].base : 0;
  }
  return blocks;
}

}  // namespace sibyl::index
