#include "engine/delta_index.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/coding.h"
#include "engine/node_search.h"

namespace sibyl::engine {
namespace {

using Window = uint64_t;

// An order names its slots in four bits each, after four bits of count: 15 would fit, 14 make a
// leaf four cache lines.
constexpr int kSlots = 14;
constexpr size_t kCacheLineBytes = 64;

// A full inner node with at most this many live slots is packed into one new node, else split.
constexpr int kPackedSlots = 10;

// Asked for when a walk begins.
constexpr int kEntriesAfterSeek = 4;

// More levels than any memory can fill: a split leaves five children or more on both sides, or one
// beside a full node.
constexpr int kMaxLevels = 32;

int CountOf(uint64_t order) { return static_cast<int>(order & 15); }
int SlotOf(uint64_t order, int rank) { return static_cast<int>(order >> (4 * rank + 4) & 15); }

// Slots 0 to count - 1 in that order.
uint64_t IdentityOrder(int count) {
  const uint64_t all = uint64_t{0xdcba9876543210} << 4;
  return (all & ((uint64_t{1} << (4 * count + 4)) - 1)) | static_cast<uint64_t>(count);
}

uint64_t WithInserted(uint64_t order, int rank, int slot) {
  const uint64_t before = (uint64_t{1} << (4 * rank + 4)) - 1;
  const uint64_t moved = (order & ~before) << 4;
  return ((order & before) | moved | static_cast<uint64_t>(slot) << (4 * rank + 4)) + 1;
}

uint64_t WithReplaced(uint64_t order, int rank, int slot) {
  const int shift = 4 * rank + 4;
  return (order & ~(uint64_t{15} << shift)) | static_cast<uint64_t>(slot) << shift;
}

// Up to 8 bytes as a big-endian number, zeros after the end.
Window LoadShortWindow(const char* bytes, size_t size_bytes) {
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
Window WindowOf(std::string_view key, uint32_t skip_bytes) {
  assert(key.size() >= skip_bytes);
  const char* const bytes = key.data() + skip_bytes;
  const size_t size_bytes = key.size() - skip_bytes;
  return size_bytes < 8 ? LoadShortWindow(bytes, size_bytes) : base::LoadBig64(bytes);
}

void PrefetchLines(const void* object, size_t size_bytes) {
  const char* const bytes = static_cast<const char*>(object);
  for (size_t i = 0; i < size_bytes; i += kCacheLineBytes) __builtin_prefetch(bytes + i);
}

}  // namespace

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

namespace {

using Entry = DeltaIndex::Entry;

// For a walk that comes to `leaf` (null: there is none) soon.
template <typename Leaf>
void PrefetchEntries(const Leaf* leaf) {
  if (leaf == nullptr) return;
  const uint64_t order = leaf->order.load(std::memory_order_acquire);
  for (int rank = 0; rank < CountOf(order); ++rank) {
    PrefetchLines(leaf->entries[SlotOf(order, rank)], 3 * kCacheLineBytes);
  }
}

// How many keys of a node are below a key, and whether the next one is that key.
struct Located {
  int below;
  bool found;
};

// In an inner node, whose first separator is no key's upper.
int ChildRank(Located at) { return at.found ? at.below : at.below - 1; }

// Among the `ties` entries from rank `below` on, whose windows equal that of `key`.
// Precondition: a null separator is at rank 0 only; it is below every key.
template <typename Node>
Located LocateAmongTies(const Node& node, uint64_t order, std::string_view key, int below,
                        int ties) {
  const std::string_view rest = key.substr(node.skip_bytes);
  while (ties > 0) {
    const int half = ties / 2;
    const Entry* const entry = node.entries[SlotOf(order, below + half)];
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

// The same for the writer, who alone may look at all windows at once: others are being written
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

DeltaIndex::DeltaIndex(Arena* arena)
    : arena_(arena), root_(new (arena->Allocate(sizeof(Leaf), alignof(Leaf))) Leaf(0)) {}

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

void DeltaIndex::Position::SeekToFirst() { Seek({}); }

void DeltaIndex::Position::SeekToLast() {
  const Node* node = index_->root_.load(std::memory_order_acquire);
  while (node->level > 0) {
    const Inner& inner = static_cast<const Inner&>(*node);
    const uint64_t order = inner.order.load(std::memory_order_acquire);
    node = inner.children[SlotOf(order, CountOf(order) - 1)];
  }
  Enter(static_cast<const Leaf&>(*node));
  GoTo(CountOf(order_) - 1);
}

void DeltaIndex::Position::Seek(std::string_view key) {
  Enter(index_->LeafOf(key));
  GoTo(Locate(*leaf_, order_, key).below);
  sought_ = true;
}

void DeltaIndex::Position::SeekForPrev(std::string_view key) {
  Enter(index_->LeafOf(key));
  const Located at = Locate(*leaf_, order_, key);
  GoTo(at.found ? at.below : at.below - 1);
}

void DeltaIndex::Position::Next() {
  assert(Valid());
  if (std::exchange(sought_, false)) PrefetchRest();
  GoTo(rank_ + 1);
  if (Valid()) PrefetchAhead(rank_);
}

void DeltaIndex::Position::Skip(int count) {
  assert(Valid() && count > 0 && count <= EntriesAhead() + 1);
  if (std::exchange(sought_, false)) PrefetchRest();
  int from = rank_ + 1;
  if (count > EntriesAhead()) {  // into the next leaf
    rank_ = CountOf(order_) - 1;
    PrefetchAhead(from);
    from = 0;
    count = 1;
  }
  GoTo(rank_ + count);
  if (Valid()) PrefetchAhead(from);
}

void DeltaIndex::Position::Prev() {
  assert(Valid());
  GoTo(rank_ - 1);
}

int DeltaIndex::Position::EntriesAhead() const { return CountOf(order_) - 1 - rank_; }

const DeltaIndex::Entry& DeltaIndex::Position::EntryAhead(int n) const {
  return *leaf_->entries[SlotOf(order_, rank_ + n)];
}

void DeltaIndex::Position::Enter(const Leaf& leaf) {
  leaf_ = &leaf;
  order_ = leaf.order.load(std::memory_order_acquire);
}

// Goes to the entry at `rank` of the leaf; -1 means the last of the leaf before, and the number of
// its entries the first of the leaf after. Only the root can be an empty leaf: it has neither.
void DeltaIndex::Position::GoTo(int rank) {
  entry_ = nullptr;
  if (rank < 0) {
    const Leaf* const prev = leaf_->prev.load(std::memory_order_acquire);
    if (prev == nullptr) return;
    Enter(*prev);
    rank = CountOf(order_) - 1;
    PrefetchEntries(prev->prev.load(std::memory_order_acquire));
  } else if (rank == CountOf(order_)) {
    const Leaf* const next = leaf_->next.load(std::memory_order_acquire);
    if (next == nullptr) return;
    Enter(*next);
    rank = 0;
    const Leaf* const ahead = next->next.load(std::memory_order_acquire);
    if (ahead != nullptr) PrefetchLines(ahead->next.load(std::memory_order_acquire), sizeof(Leaf));
  }
  rank_ = rank;
  entry_ = leaf_->entries[SlotOf(order_, rank)];
}

// Who goes on from where it sought something asks for the next entries of the leaf that it is in.
// Not for many: mostly it does not walk far.
void DeltaIndex::Position::PrefetchRest() const {
  const int end = std::min(rank_ + 1 + kEntriesAfterSeek, CountOf(order_));
  for (int rank = rank_ + 1; rank < end; ++rank) {
    PrefetchLines(leaf_->entries[SlotOf(order_, rank)], 3 * kCacheLineBytes);
  }
}

// Asks for the entries of the next leaf that are as far in it as those from rank `from` to this one
// are here: one with each step. For all of them at once would be more than a processor can wait
// for, and what is too much it forgets.
void DeltaIndex::Position::PrefetchAhead(int from) const {
  const Leaf* const next = leaf_->next.load(std::memory_order_acquire);
  if (next == nullptr) return;
  const uint64_t order = next->order.load(std::memory_order_acquire);
  const int count = CountOf(order);
  const int end = rank_ + 1 == CountOf(order_) ? count : std::min(rank_ + 1, count);
  for (int rank = from; rank < end; ++rank) {
    PrefetchLines(next->entries[SlotOf(order, rank)], 3 * kCacheLineBytes);
  }
}

}  // namespace sibyl::engine
