// Builds the packed piece tree of a RangeIndex.
//
// Cuts the array greedily into nearly the fewest lines with a proven window each (window_fit.h), as
// PGM-index does with its error bound, and packs eight of them, with their first keys, into a block
// of two adjacent cache lines. A static B-tree over the blocks, about one byte per piece, stays in
// the cache, so that finding and evaluating the line of a key costs one miss.

#ifndef SIBYL_INDEX_PIECE_TREE_H_
#define SIBYL_INDEX_PIECE_TREE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "index/range_lookup.h"
#include "index/rank_line.h"

namespace sibyl::index {

// The lines in order; line i is right for the queries after its x0, up to and including the x0 of
// line i + 1; the first also for all smaller queries. None if there would be more than `max_lines`.
// Precondition: keys is not empty.
std::optional<std::vector<RankLine>> BuildPieces(std::span<const uint64_t> keys,
                                                 uint32_t window_keys, size_t max_lines);

// Packs lines into blocks; unused places in the last one are never found.
std::vector<PieceBlock> PackPieces(std::span<const RankLine> lines);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_PIECE_TREE_H_
