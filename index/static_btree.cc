#include "index/static_btree.h"

#include <limits>
#include <vector>

namespace sibyl::index {

StaticBTree::StaticBTree(uint64_t children, const std::function<uint64_t(uint64_t)>& separator) {
  constexpr uint64_t kFanout = kSeparatorsPerNode + 1;
  std::vector<uint64_t> level_nodes;  // from the bottom
  uint64_t nodes = 0;
  for (uint64_t below = children; below > 1;) {
    below = (below + kFanout - 1) / kFanout;
    level_nodes.push_back(below);
    nodes += below;
  }
  nodes_ = Table<uint64_t>(nodes * kSeparatorsPerNode);
  view_.height = static_cast<uint32_t>(level_nodes.size());

  uint64_t* level = nodes_.data() + nodes_.size();  // the root is first in memory
  uint64_t span = 1;  // children below one child of a node on this level
  for (uint32_t i = 0; i < view_.height; ++i) {
    level -= level_nodes[i] * kSeparatorsPerNode;
    view_.level[i] = level;
    uint64_t* out = level;
    for (uint64_t node = 0; node < level_nodes[i]; ++node) {
      for (uint64_t s = 1; s <= kSeparatorsPerNode; ++s) {
        const uint64_t child = (node * kFanout + s) * span;
        *out++ = child < children ? separator(child) : std::numeric_limits<uint64_t>::max();
      }
    }
    span *= kFanout;
  }
}

}  // namespace sibyl::index
