#include "index/static_btree.h"

#include <limits>
#include <vector>

namespace sibyl::index {

namespace {

constexpr uint64_t kFanout = kSeparatorsPerNode + 1;

// The nodes of each level, from the bottom.
std::vector<uint64_t> NodesPerLevel(uint64_t children) {
  std::vector<uint64_t> nodes;
  for (uint64_t below = children; below > 1;) {
    below = (below + kFanout - 1) / kFanout;
    nodes.push_back(below);
  }
  return nodes;
}

}  // namespace

uint64_t StaticBTree::MemoryBytes(uint64_t children) {
  uint64_t nodes = 0;
  for (const uint64_t level : NodesPerLevel(children)) nodes += level;
  return nodes * kSeparatorsPerNode * sizeof(uint64_t);
}

StaticBTree::StaticBTree(uint64_t children, const std::function<uint64_t(uint64_t)>& separator) {
  const std::vector<uint64_t> level_nodes = NodesPerLevel(children);
  nodes_ = Table<uint64_t>(MemoryBytes(children) / sizeof(uint64_t));
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
