// The nodes of the delta's index, as its readers and its writer see them: what is in one, in which
// order, and where a key belongs among it. For the files delta_*.cc only.

#ifndef SIBYL_ENGINE_DELTA_NODE_H_
#define SIBYL_ENGINE_DELTA_NODE_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/coding.h"
#include "engine/delta_index.h"
#include "engine/node_search.h"

namespace sibyl::engine {

using Window = uint64_t;

// An order names its slots in four bits each, after four bits of count: 15 would fit, 14 make a
// leaf four cache lines.
inline constexpr int kSlots = 14;
inline constexpr size_t kCacheLineBytes = 64;

inline int CountOf(uint64_t order) { return static_cast<int>(order & 15); }
inline int SlotOf(uint64_t order, int rank) {
  return static_cast<int>(order >> (4 * rank + 4) & 15);
}

// Slots 0 to count - 1 in that order.
inline uint64_t IdentityOrder(int count) {
  const uint64_t all = uint64_t{0xdcba9876543210} << 4;
  return (all & ((uint64_t{1} << (4 * count + 4)) - 1)) | static_cast<uint64_t>(count);
}

inline uint64_t WithInserted(uint64_t order, int rank, int slot) {
  const uint64_t before = (uint64_t{1} << (4 * rank + 4)) - 1;
  const uint64_t moved = (order & ~before) << 4;
  return ((order & before) | moved | static_cast<uint64_t>(slot) << (4 * rank + 4)) + 1;
}

inline uint64_t WithReplaced(uint64_t order, int rank, int slot) {
  const int shift = 4 * rank + 4;
  return (order & ~(uint64_t{15} << shift)) | static_cast<uint64_t>(slot) << shift;
}

// Up to 8 bytes as a big-endian number, zeros after the end.
inline Window LoadShortWindow(const char* bytes, size_t size_bytes) {
  if (size_bytes >= 4) {
    const uint64_t tail = base::LoadBig32(bytes + size_bytes - 4);
    return uint64_t{base::LoadBig32(bytes)} << 32 | tail << (8 * (8 - size_bytes));
  }
  Window window = 0;
  for (size_t i = 0; i < size_bytes; ++i) {
    window |= uint64_t{static_cast<unsigned char>(bytes[i])} << (56 - 8 * i);
  }
  return window;
}

// The 8 bytes of `key` from skip_bytes on. Precondition: the key has skip_bytes bytes.
inline Window WindowOf(std::string_view key, uint32_t skip_bytes) {
  assert(key.size() >= skip_bytes);
  const char* const bytes = key.data() + skip_bytes;
  const size_t size_bytes = key.size() - skip_bytes;
  return size_bytes < 8 ? LoadShortWindow(bytes, size_bytes) : base::LoadBig64(bytes);
}

inline void PrefetchLines(const void* object, size_t size_bytes) {
  const char* const bytes = static_cast<const char*>(object);
  for (size_t i = 0; i < size_bytes; i += kCacheLineBytes) __builtin_prefetch(bytes + i);
}

// Slots are written by the writer before `order` names them, and never again.
struct DeltaIndex::Node {
  static_assert(kSlots <= kWindowsRead && 2 * kSlots >= kWindowsRead);  // entries follow windows
  std::atomic<uint64_t> order = 0;
  uint32_t skip_bytes;      // windows begin here: after the bytes that all keys here share
  uint8_t level;            // 0: a leaf
  uint8_t used_slots = 0;   // of an inner node, the writer's: slots written, named or not
  uint16_t live_slots = 0;  // the writer's: those that `order` names, a bit each
  Window windows[kSlots];
  Entry* entries[kSlots];  // of a leaf: its keys; of an inner node: the separators

  Node(uint32_t skip, int level_of_node)
      : skip_bytes(skip), level(static_cast<uint8_t>(level_of_node)) {}
};

struct alignas(kCacheLineBytes) DeltaIndex::Leaf : Node {
  std::atomic<Leaf*> next = nullptr;
  std::atomic<Leaf*> prev = nullptr;

  explicit Leaf(uint32_t skip) : Node(skip, 0) {}
};

// The child in a slot has the keys from the slot's separator (null: from the begin) up to the next
// one, or to the end of this node's own range.
struct alignas(kCacheLineBytes) DeltaIndex::Inner : Node {
  Node* children[kSlots];

  Inner(uint32_t skip, int level_of_node) : Node(skip, level_of_node) {}

  void SetNextSlot(Entry* separator, Node* child) {
    const int slot = used_slots++;
    live_slots = static_cast<uint16_t>(live_slots | 1 << slot);
    windows[slot] = separator == nullptr ? 0 : WindowOf(separator->key(), skip_bytes);
    entries[slot] = separator;
    children[slot] = child;
  }
};

// How many keys of a node are below a key, and whether the next one is that key.
struct Located {
  int below;
  bool found;
};

// In an inner node, whose first separator is no key's upper.
inline int ChildRank(Located at) { return at.found ? at.below : at.below - 1; }

// Among the `ties` entries from rank `below` on, whose windows equal that of `key`.
// Precondition: a null separator is at rank 0 only; it is below every key.
template <typename Node>
Located LocateAmongTies(const Node& node, uint64_t order, std::string_view key, int below,
                        int ties) {
  const std::string_view rest = key.substr(node.skip_bytes);
  while (ties > 0) {
    const int half = ties / 2;
    const DeltaIndex::Entry* const entry = node.entries[SlotOf(order, below + half)];
    const int comparison =
        entry == nullptr ? -1 : entry->key().substr(node.skip_bytes).compare(rest);
    if (comparison == 0) return {below + half, true};
    if (comparison < 0) {
      below += half + 1;
      ties -= half + 1;
    } else {
      ties = half;
    }
  }
  return {below, false};
}

// Counts instead of branching: a mispredicted branch costs more than the whole loop.
template <typename Node>
Located Locate(const Node& node, uint64_t order, std::string_view key) {
  const Window window = WindowOf(key, node.skip_bytes);
  int below = 0;
  int ties = 0;
  const int count = CountOf(order);
  for (int rank = 0; rank < count; ++rank) {
    const Window other = node.windows[SlotOf(order, rank)];
    below += other < window;
    ties += other == window;
  }
  if (ties == 0) return {below, false};
  return LocateAmongTies(node, order, key, below, ties);
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DELTA_NODE_H_
