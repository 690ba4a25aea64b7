// What a RangeIndex owns: its tables, and the lookup that points into them and into the array.

#ifndef SIBYL_INDEX_RANGE_PARTS_H_
#define SIBYL_INDEX_RANGE_PARTS_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "index/range_lookup.h"
#include "index/rank_line.h"
#include "index/recursive_array.h"
#include "index/static_btree.h"
#include "index/table_memory.h"
#include "sibyl/range_index.h"

namespace sibyl::index {

struct RangeParts {
  LookupShape shape;
  LookupFunctions functions;
  Lookup lookup;
  Table<uint64_t> padded_keys;  // arrays of up to one window are copied, and padded to a window
  Table<RankLine> lines;        // kRecursive: the records. kPieces: the lines, until packed
  Table<PieceBlock> blocks;     // kPieces
  StaticBTree tree;             // kPieces: over blocks. kStaticBTree: over windows
  std::vector<RangeIndexCandidate> candidates;

  uint64_t memory_bytes() const {
    return lines.size_bytes() + blocks.size_bytes() + tree.memory_bytes();
  }
};

// The functions that follow expect sorted keys and a shape with a valid window.

// A static B-tree; for arrays of up to one window, the only kind.
std::unique_ptr<RangeParts> MakeStaticBTree(std::span<const uint64_t> keys, LookupShape shape);

// From a model's records. Precondition: they form a tree that VisitLeaves accepts.
std::unique_ptr<RangeParts> MakeRecursive(std::span<const uint64_t> keys, LookupShape shape,
                                          std::span<const RankLine> lines,
                                          const std::optional<LogRoot>& root);

// From lines as BuildPieces returns them. Precondition: their x0 do not decrease.
std::unique_ptr<RangeParts> MakePieces(std::span<const uint64_t> keys, LookupShape shape,
                                       std::span<const RankLine> lines);

// Learns the model that `shape` asks for; null if it would take too much memory to be of use, or
// more than `max_lines` lines.
std::unique_ptr<RangeParts> Learn(std::span<const uint64_t> keys, LookupShape shape,
                                  size_t max_lines = std::numeric_limits<size_t>::max());

// For example "recursive, window 16, log-linear root".
std::string NameOf(const LookupShape& shape);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_PARTS_H_
