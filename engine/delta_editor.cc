// How the delta's index grows: one writer, who publishes each change with one store.

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstring>
#include <new>

#include "base/check.h"
#include "engine/delta_index.h"
#include "engine/delta_node.h"

namespace sibyl::engine {
namespace {

using Entry = DeltaIndex::Entry;

// A full inner node with at most this many live slots is packed into one new node, else split.
constexpr int kPackedSlots = 10;

// More levels than any memory can fill: a split leaves five children or more on both sides, or one
// beside a full node.
constexpr int kMaxLevels = 32;

// Locate for the writer, who alone may look at all windows at once: others are being written
// while readers count.
template <typename Node>
Located LocateForWriter(const Node& node, uint64_t order, std::string_view key) {
  const auto [below, ties] =
      CountWindows(node.windows, node.live_slots, WindowOf(key, node.skip_bytes));
  if (ties == 0) [[likely]]
    return {below, false};
  return LocateAmongTies(node, order, key, below, ties);
}

// The number of bytes that every key in [low, high) begins with. Null: no bound on that side.
uint32_t SharedBytes(const Entry* low, const Entry* high) {
  if (low == nullptr || high == nullptr) return 0;
  const std::string_view a = low->key();
  const std::string_view b = high->key();
  const auto [end, ignored] =
      std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin());
  return static_cast<uint32_t>(end - a.begin());
}

}  // namespace

// A search from the root down, one node at a time. The writer's.
struct DeltaIndex::Way {
  Node* node;
  const Entry* low;  // the ends of the node's key range; null: none
  const Entry* high;

  // To the child that has the key, which is asked for and not waited for. Returns its rank.
  // Precondition: the node is an inner one.
  int Descend(std::string_view key) {
    const Inner& inner = static_cast<const Inner&>(*node);
    const uint64_t order = inner.order.load(std::memory_order_relaxed);
    const int rank = ChildRank(LocateForWriter(inner, order, key));
    low = inner.entries[SlotOf(order, rank)];
    if (rank + 1 < CountOf(order)) high = inner.entries[SlotOf(order, rank + 1)];
    node = inner.children[SlotOf(order, rank)];
    PrefetchLines(node, inner.level == 1 ? sizeof(Leaf) : sizeof(Inner));
    return rank;
  }
};

// One insertion. Everything here is the writer's, and nothing it changes is read by others before
// it is published.
class DeltaIndex::Editor {
 public:
  Editor(DeltaIndex& index, std::string_view key)
      : index_(index), key_(key), last_(index.LastPlace(key)) {}

  Inserted FindOrInsert();
  Inserted FindOrInsertAt(const Place& place);

 private:
  struct Step {
    Inner* node;
    int rank;           // of the child taken
    const Entry* high;  // the end of the node's key range; null: none
  };
  struct Children {
    int count = 0;
    std::array<Entry*, kSlots + 1> separators;
    std::array<Node*, kSlots + 1> nodes;

    void Add(Entry* separator, Node* node) {
      separators[count] = separator;
      nodes[count++] = node;
    }
  };

  // Keys in order, with their windows in the node that they leave.
  struct Keys {
    std::array<Entry*, kSlots + 1> entries;
    std::array<Window, kSlots + 1> windows;
    uint32_t skip_bytes;
  };

  void Descend();
  void Approach();
  Inserted FindOrInsertInPlace();
  bool IsBeyond(const Leaf& leaf, uint64_t order) const;
  Entry* NewEntry();
  void SplitLeaf(int rank, Entry* entry);
  void AppendLeaf(Entry* entry);
  Keys KeysWith(const Leaf& leaf, int rank, Entry* entry) const;
  void ReplaceInParent(Node* left, Entry* separator, Node* right);
  static uint64_t OrderAfter(Inner& node, uint64_t order, int rank, Node* left, Entry* separator,
                             Node* right);
  static Children ChildrenAfter(const Step& step, Node* left, Entry* separator, Node* right);

  template <typename T, typename... Args>
  T* New(Args... args) {
    return new (index_.arena_->Allocate(sizeof(T), alignof(T))) T(args...);
  }
  Leaf* NewLeaf(const Keys& keys, int begin, int end, const Entry* low, const Entry* high);
  Inner* NewInner(const Children& children, int begin, int end, int level, const Entry* high);

  DeltaIndex& index_;
  const std::string_view key_;
  Place& last_;  // of such keys

  // The way from the root down to the leaf for the key.
  std::array<Step, kMaxLevels> steps_;
  int depth_ = 0;
  Place place_;
};

void DeltaIndex::Editor::Descend() {
  Way way{index_.root_.load(std::memory_order_relaxed), nullptr, nullptr};
  // Counted, so that the leaf is asked for and not waited for.
  for (int level = way.node->level; level > 0; --level) {
    Inner* const inner = static_cast<Inner*>(way.node);
    const Entry* const high = way.high;
    SIBYL_CHECK(depth_ < kMaxLevels);
    steps_[depth_++] = {inner, way.Descend(key_), high};
  }
  place_ = {static_cast<Leaf*>(way.node), way.low, way.high, index_.cuts_};
}

// To the place of the key before, or to a leaf found from the root.
void DeltaIndex::Editor::Approach() {
  if (last_.Has(key_) && index_.IsCurrent(last_)) {
    place_ = last_;
  } else {
    Descend();
  }
}

DeltaIndex::Inserted DeltaIndex::Editor::FindOrInsert() {
  Approach();
  return FindOrInsertInPlace();
}

DeltaIndex::Inserted DeltaIndex::Editor::FindOrInsertAt(const Place& place) {
  if (!index_.IsCurrent(place)) return FindOrInsert();
  place_ = place;
  return FindOrInsertInPlace();
}

DeltaIndex::Inserted DeltaIndex::Editor::FindOrInsertInPlace() {
  // Whether keys keep to a place shows in the leaves they go to; one that was cut tells nothing.
  place_.is_busy = last_.is_busy;
  if (index_.IsCurrent(last_)) {
    place_.is_busy = place_.leaf == last_.leaf ||
                     place_.leaf == last_.leaf->next.load(std::memory_order_relaxed);
  }
  last_ = place_;
  Leaf& leaf = *place_.leaf;
  const uint64_t order = leaf.order.load(std::memory_order_relaxed);
  const Located at =
      IsBeyond(leaf, order) ? Located{CountOf(order), false} : LocateForWriter(leaf, order, key_);
  if (at.found) return {leaf.entries[SlotOf(order, at.below)], false};
  Entry* const entry = NewEntry();
  const int slot = CountOf(order);  // slots of a leaf are never given up
  if (slot < kSlots) {
    leaf.windows[slot] = WindowOf(key_, leaf.skip_bytes);
    leaf.entries[slot] = entry;
    leaf.live_slots = static_cast<uint16_t>(leaf.live_slots | 1 << slot);
    leaf.order.store(WithInserted(order, at.below, slot), std::memory_order_release);
    return {entry, true};
  }
  if (depth_ == 0) Descend();  // the nodes above change too
  if (at.below == kSlots) {
    AppendLeaf(entry);
  } else {
    SplitLeaf(at.below, entry);
  }
  return {entry, true};
}

// Whether the key is appended to the last leaf of all. Its windows have the first bytes of the
// keys, which are the same in all keys of a tree: telling the key from each of them takes longer.
bool DeltaIndex::Editor::IsBeyond(const Leaf& leaf, uint64_t order) const {
  const int count = CountOf(order);
  return place_.is_busy && place_.high == nullptr && count > 0 &&
         leaf.entries[SlotOf(order, count - 1)]->key() < key_;
}

DeltaIndex::Entry* DeltaIndex::Editor::NewEntry() {
  void* const memory = index_.arena_->Allocate(sizeof(Entry) + key_.size(), alignof(Entry));
  Entry* const entry = new (memory) Entry{nullptr, static_cast<uint32_t>(key_.size())};
  if (!key_.empty()) std::memcpy(static_cast<void*>(entry + 1), key_.data(), key_.size());
  return entry;
}

// A key beyond the end of a full leaf opens a new leaf, so that ascending keys leave full ones.
void DeltaIndex::Editor::AppendLeaf(Entry* entry) {
  Leaf* const leaf = place_.leaf;
  const uint32_t skip = leaf->skip_bytes;
  const Keys key{{entry}, {WindowOf(key_, skip)}, skip};
  Leaf* const right = NewLeaf(key, 0, 1, entry, place_.high);
  Leaf* const next = leaf->next.load(std::memory_order_relaxed);
  right->prev.store(leaf, std::memory_order_relaxed);
  right->next.store(next, std::memory_order_relaxed);
  leaf->next.store(right, std::memory_order_release);
  if (next != nullptr) next->prev.store(right, std::memory_order_release);
  ReplaceInParent(nullptr, entry, right);
  index_.NoteCut(leaf);
  last_ = {right, entry, place_.high, index_.cuts_, last_.is_busy};
}

// The keys of the full leaf, with `entry` at `rank`.
DeltaIndex::Editor::Keys DeltaIndex::Editor::KeysWith(const Leaf& leaf, int rank,
                                                      Entry* entry) const {
  const uint64_t order = leaf.order.load(std::memory_order_relaxed);
  Keys keys;
  keys.skip_bytes = leaf.skip_bytes;
  for (int i = 0; i < kSlots; ++i) {
    const int slot = SlotOf(order, i);
    keys.entries[i + (i >= rank)] = leaf.entries[slot];
    keys.windows[i + (i >= rank)] = leaf.windows[slot];
  }
  keys.entries[rank] = entry;
  keys.windows[rank] = WindowOf(key_, leaf.skip_bytes);
  return keys;
}

// Replaces the full leaf by two, with `entry` at `rank` of what they hold together.
void DeltaIndex::Editor::SplitLeaf(int rank, Entry* entry) {
  constexpr int kMiddle = (kSlots + 1) / 2;
  const Leaf& leaf = *place_.leaf;
  const Keys keys = KeysWith(leaf, rank, entry);
  Entry* const middle = keys.entries[kMiddle];
  Leaf* const left = NewLeaf(keys, 0, kMiddle, place_.low, middle);
  Leaf* const right = NewLeaf(keys, kMiddle, kSlots + 1, middle, place_.high);
  Leaf* const prev = leaf.prev.load(std::memory_order_relaxed);
  Leaf* const next = leaf.next.load(std::memory_order_relaxed);
  left->prev.store(prev, std::memory_order_relaxed);
  left->next.store(right, std::memory_order_relaxed);
  right->prev.store(left, std::memory_order_relaxed);
  right->next.store(next, std::memory_order_relaxed);
  if (prev != nullptr) prev->next.store(left, std::memory_order_release);
  if (next != nullptr) next->prev.store(right, std::memory_order_release);
  ReplaceInParent(left, middle, right);
  index_.NoteCut(&leaf);
}

// With the keys from `begin` to `end`. Their windows are those they had, unless more bytes are
// shared now: reading a key is a cache miss.
DeltaIndex::Leaf* DeltaIndex::Editor::NewLeaf(const Keys& keys, int begin, int end,
                                              const Entry* low, const Entry* high) {
  Leaf* const leaf = New<Leaf>(SharedBytes(low, high));
  const bool same_windows = leaf->skip_bytes == keys.skip_bytes;
  const int count = end - begin;
  for (int slot = 0; slot < count; ++slot) {
    Entry* const entry = keys.entries[begin + slot];
    leaf->entries[slot] = entry;
    leaf->windows[slot] =
        same_windows ? keys.windows[begin + slot] : WindowOf(entry->key(), leaf->skip_bytes);
  }
  leaf->live_slots = static_cast<uint16_t>((1 << count) - 1);
  leaf->order.store(IdentityOrder(count), std::memory_order_relaxed);
  return leaf;
}

DeltaIndex::Inner* DeltaIndex::Editor::NewInner(const Children& children, int begin, int end,
                                                int level, const Entry* high) {
  Inner* const inner = New<Inner>(SharedBytes(children.separators[begin], high), level);
  for (int i = begin; i < end; ++i) {
    inner->SetNextSlot(children.separators[i], children.nodes[i]);
  }
  inner->order.store(IdentityOrder(end - begin), std::memory_order_relaxed);
  return inner;
}

// In the node above, replaces the child taken by `left` (null: keeps it), and puts `right` (null:
// nothing) after it, from `separator` on. Where that does not fit, the node is itself replaced, and
// so on upwards: the one store at the end makes all of it visible.
void DeltaIndex::Editor::ReplaceInParent(Node* left, Entry* separator, Node* right) {
  bool appending = left == nullptr;
  while (depth_ > 0) {
    const Step& step = steps_[--depth_];
    Inner& node = *step.node;
    const uint64_t order = node.order.load(std::memory_order_relaxed);
    if (node.used_slots + (left != nullptr) + (right != nullptr) <= kSlots) {
      node.order.store(OrderAfter(node, order, step.rank, left, separator, right),
                       std::memory_order_release);
      return;
    }
    appending = appending && step.rank + 1 == CountOf(order);
    const Children children = ChildrenAfter(step, left, separator, right);
    const int count = children.count;
    if (count <= kPackedSlots) {
      left = NewInner(children, 0, count, node.level, step.high);
      right = nullptr;
    } else {
      const int middle = appending ? count - 1 : count / 2;
      separator = children.separators[middle];
      left = NewInner(children, 0, middle, node.level, separator);
      right = NewInner(children, middle, count, node.level, step.high);
    }
  }
  Node* const old_root = index_.root_.load(std::memory_order_relaxed);
  Node* root = left;
  if (right != nullptr) {
    Children children;
    children.Add(nullptr, left != nullptr ? left : old_root);
    children.Add(separator, right);
    root = NewInner(children, 0, 2, right->level + 1, nullptr);
  }
  index_.root_.store(root, std::memory_order_release);
}

// Writes the new children to free slots of `node`, and returns the order that shows them.
uint64_t DeltaIndex::Editor::OrderAfter(Inner& node, uint64_t order, int rank, Node* left,
                                        Entry* separator, Node* right) {
  if (left != nullptr) {
    const int replaced = SlotOf(order, rank);
    order = WithReplaced(order, rank, node.used_slots);
    node.SetNextSlot(node.entries[replaced], left);
    node.live_slots = static_cast<uint16_t>(node.live_slots & ~(1 << replaced));
  }
  if (right != nullptr) {
    order = WithInserted(order, rank + 1, node.used_slots);
    node.SetNextSlot(separator, right);
  }
  return order;
}

DeltaIndex::Editor::Children DeltaIndex::Editor::ChildrenAfter(const Step& step, Node* left,
                                                               Entry* separator, Node* right) {
  Children children;
  const uint64_t order = step.node->order.load(std::memory_order_relaxed);
  for (int rank = 0; rank < CountOf(order); ++rank) {
    const int slot = SlotOf(order, rank);
    const bool taken = rank == step.rank;
    Node* const child = step.node->children[slot];
    children.Add(step.node->entries[slot], taken && left != nullptr ? left : child);
    if (taken && right != nullptr) children.Add(separator, right);
  }
  return children;
}

DeltaIndex::Inserted DeltaIndex::FindOrInsert(std::string_view key) {
  return Editor(*this, key).FindOrInsert();
}

void DeltaIndex::Approach(std::span<const Search> searches) {
  assert(searches.size() <= kMostInStep);
  Node* const root = root_.load(std::memory_order_relaxed);
  std::array<Way, kMostInStep> ways;
  std::array<const Search*, kMostInStep> from_root;
  size_t count = 0;
  for (const Search& search : searches) {
    const Place& last = LastPlace(search.key);
    if (last.Has(search.key) && IsCurrent(last)) {
      *search.place = last;
    } else {
      ways[count] = {root, nullptr, nullptr};
      from_root[count++] = &search;
    }
  }
  for (int level = root->level; level > 0; --level) {
    for (size_t i = 0; i < count; ++i) ways[i].Descend(from_root[i]->key);
  }
  for (size_t i = 0; i < count; ++i) {
    *from_root[i]->place = {static_cast<Leaf*>(ways[i].node), ways[i].low, ways[i].high, cuts_};
  }
}

// Whether its leaf still has the key range it had.
bool DeltaIndex::IsCurrent(const Place& place) const {
  if (place.leaf == nullptr || cuts_ - place.cuts > kCutsKept) return false;
  for (uint64_t cut = place.cuts; cut < cuts_; ++cut) {
    if (cut_leaves_[cut % kCutsKept] == place.leaf) return false;
  }
  return true;
}

DeltaIndex::Inserted DeltaIndex::FindOrInsertAt(const Place& place, std::string_view key) {
  return Editor(*this, key).FindOrInsertAt(place);
}

void DeltaIndex::AddVersion(Arena& arena, Entry& entry, uint64_t sequence, RecordType type,
                            std::string_view value) {
  void* const memory = arena.Allocate(sizeof(Version) + value.size(), alignof(Version));
  Version* const version =
      new (memory) Version{entry.newest.load(std::memory_order_relaxed), sequence,
                           static_cast<uint32_t>(value.size()), type};
  if (!value.empty()) std::memcpy(version + 1, value.data(), value.size());
  entry.newest.store(version, std::memory_order_release);
}

}  // namespace sibyl::engine
