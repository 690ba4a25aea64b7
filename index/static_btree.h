// A static B-tree without pointers, over children numbered from 0.
//
// The layout of Khuong and Morin, "Array Layouts for Comparison-Based Searching" (ACM Journal of
// Experimental Algorithmics 22, 2017), in the form with SIMD nodes that Sergey Slotin describes as
// the S+ tree ("Static B-Trees", in Algorithms for Modern Hardware): every node is 16 separators,
// two cache lines, compared at once; child i of node k is node 17 k + i of the next level, so
// nodes hold no pointers. Here the leaves are the user's array itself, or the blocks of a piece
// tree.

#ifndef SIBYL_INDEX_STATIC_BTREE_H_
#define SIBYL_INDEX_STATIC_BTREE_H_

#include <cstdint>
#include <functional>

#include "index/range_lookup.h"
#include "index/table_memory.h"

namespace sibyl::index {

class StaticBTree {
 public:
  StaticBTree() = default;

  // A tree over `children` children, where child i > 0 holds the keys larger than separator(i).
  // The separators must not decrease. Time and memory O(children).
  StaticBTree(uint64_t children, const std::function<uint64_t(uint64_t)>& separator);

  // Where a lookup starts; valid as long as this tree.
  SeparatorTree view() const { return view_; }
  const Table<uint64_t>& nodes() const { return nodes_; }
  uint64_t memory_bytes() const { return nodes_.size_bytes(); }

  // What a tree over `children` children takes.
  static uint64_t MemoryBytes(uint64_t children);

 private:
  Table<uint64_t> nodes_;
  SeparatorTree view_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_STATIC_BTREE_H_
