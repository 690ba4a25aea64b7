#include "engine/delta_index.h"

#include <atomic>
#include <new>

#include "engine/delta_node.h"

namespace sibyl::engine {

DeltaIndex::DeltaIndex(Arena* arena)
    : arena_(arena), root_(new (arena->Allocate(sizeof(Leaf), alignof(Leaf))) Leaf(0)) {}

const DeltaIndex::Leaf& DeltaIndex::LeafOf(std::string_view key) const {
  const Node* node = root_.load(std::memory_order_acquire);
  while (node->level > 0) {
    const Inner& inner = static_cast<const Inner&>(*node);
    const uint64_t order = inner.order.load(std::memory_order_acquire);
    node = inner.children[SlotOf(order, ChildRank(Locate(inner, order, key)))];
    PrefetchLines(node, inner.level == 1 ? sizeof(Leaf) : sizeof(Inner));
  }
  return static_cast<const Leaf&>(*node);
}

const DeltaIndex::Entry* DeltaIndex::Find(std::string_view key) const {
  const Leaf& leaf = LeafOf(key);
  const uint64_t order = leaf.order.load(std::memory_order_acquire);
  const Located at = Locate(leaf, order, key);
  return at.found ? leaf.entries[SlotOf(order, at.below)] : nullptr;
}

}  // namespace sibyl::engine
