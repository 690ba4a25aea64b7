// The prefix B-tree that a block model has where lines do not pay: separators between blocks, each
// the shortest within a slack of an even division (Bayer and Unterauer, "Prefix B-trees", TODS
// 2(1), 1977).

#ifndef SIBYL_INDEX_SEPARATOR_BUILDER_H_
#define SIBYL_INDEX_SEPARATOR_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "index/block_model_tree.h"
#include "index/model_packer.h"
#include "index/record_layout.h"

namespace sibyl::index {

// A B-tree for a range, not yet part of a model: its nodes number each other from 0, the root.
struct SeparatorTree {
  std::vector<TreeNode> nodes;
  uint64_t bytes = 0;  // once packed
  double lookup_ns = 0;
};

// One thread at a time.
class SeparatorBuilder {
 public:
  // `layout` is complete, and outlives the builder and its trees. Borders of blocks are at most
  // `epsilon_blocks`, and never more than half a block, from an even division.
  SeparatorBuilder(const RecordLayout& layout, double epsilon_blocks);

  // Time: O(records); of ranges within one another, nearly that of the largest.
  SeparatorTree Build(const RankRange& range);

  // What no tree over the range is smaller than, once packed.
  uint64_t LeastBytes(const RankRange& range) const {
    return static_cast<uint64_t>(layout_.BlocksSpanned(range)) * kLeastSeparatorBytes;
  }

 private:
  // Where one block ends, as a choice among the ranks [first, end).
  struct Border {
    size_t first = 0;
    size_t end = 0;  // 0: not chosen yet
    size_t rank = 0;
  };

  // A choice of block borders: block first_block + i begins at rank ranks[i - 1].
  struct Borders {
    uint64_t first_block = 0;
    std::vector<size_t> ranks;
  };

  Borders ChooseBorders(const RankRange& range);
  Border ChooseBorder(size_t least, size_t end, uint64_t border_bytes) const;
  size_t ShortestSeparator(size_t first, size_t end, uint64_t border_bytes) const;
  uint32_t AddNode(const RankRange& range, std::span<const size_t> borders, uint64_t first_block,
                   SeparatorTree* tree) const;
  std::string_view SeparatorAt(size_t rank, size_t position) const {
    return layout_.keys()[rank].substr(position, layout_.SharedWithPrevious(rank) + 1 - position);
  }

  const RecordLayout& layout_;
  const uint64_t slack_bytes_;
  std::vector<Border> border_choices_;  // among all keys: of block i, its end
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_SEPARATOR_BUILDER_H_
