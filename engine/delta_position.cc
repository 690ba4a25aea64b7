// Walks over the delta's index, beside its writer.

#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/delta_index.h"
#include "engine/delta_node.h"

namespace sibyl::engine {
namespace {

// Asked for when a walk begins.
constexpr int kEntriesAfterSeek = 4;

// For a walk that comes to `leaf` (null: there is none) soon.
template <typename Leaf>
void PrefetchEntries(const Leaf* leaf) {
  if (leaf == nullptr) return;
  const uint64_t order = leaf->order.load(std::memory_order_acquire);
  for (int rank = 0; rank < CountOf(order); ++rank) {
    PrefetchLines(leaf->entries[SlotOf(order, rank)], 3 * kCacheLineBytes);
  }
}

}  // namespace

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
  const Leaf* const next = leaf_->next.load(std::memory_order_acquire);
  if (next != nullptr) PrefetchLines(next, sizeof(Leaf));
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
  const bool first = std::exchange(sought_, false);
  if (first) PrefetchRest();
  GoTo(rank_ + 1);
  if (Valid()) PrefetchAhead(first ? 0 : rank_);
}

void DeltaIndex::Position::Skip(int count) {
  assert(Valid() && count > 0 && count <= EntriesAhead() + 1);
  const bool first = std::exchange(sought_, false);
  if (first) PrefetchRest();
  int from = first ? 0 : rank_ + 1;
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
