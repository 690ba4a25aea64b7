#include "index/piece_tree.h"

#include <algorithm>
#include <limits>

#include "index/recursive_array.h"
#include "index/window_fit.h"

namespace sibyl::index {
// One greedy pass: each line reaches as far as any could, or nearly.
std::optional<std::vector<RankLine>> BuildPieces(std::span<const uint64_t> keys,
                                                 uint32_t window_keys, size_t max_lines) {
  const WindowFitter fitter(keys, window_keys);
  std::vector<RankLine> lines;
  FitRange rest{QueriesOf(keys), 0, 0};
  rest.last_rank = static_cast<uint64_t>(
      std::lower_bound(keys.begin(), keys.end(), rest.queries.last) - keys.begin());
  for (;;) {
    if (lines.size() == max_lines) return std::nullopt;
    // A piece covers the queries after its origin: the key before, but for the first piece.
    const uint64_t x0 = rest.queries.first - (lines.empty() ? 0 : 1);
    const FittedLine fitted = fitter.FitLongest(rest, x0);
    lines.push_back(fitted.line);
    if (fitted.last_query == rest.queries.last) return lines;
    rest.queries.first = fitted.last_query + 1;
    rest.rank = fitted.next_rank;
  }
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
