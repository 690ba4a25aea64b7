// The structures that sibyl_index_bench compares, behind one shape: LowerBound of one key, and of
// a batch. No virtual calls: each is timed as its users would call it.

#ifndef SIBYL_BENCH_MICRO_STRUCTURES_H_
#define SIBYL_BENCH_MICRO_STRUCTURES_H_

#include <absl/container/btree_map.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "sibyl/range_index.h"

namespace sibyl::bench {

// What a structure has to say about itself, printed under the table; empty if nothing.
template <typename Structure>
std::string ExplanationOf(const Structure&) {
  return {};
}

// A RangeIndex of any kind.
class SibylIndex {
 public:
  explicit SibylIndex(index::RangeIndex index) : index_(std::move(index)) {}
  uint64_t LowerBound(uint64_t key) const { return index_.LowerBound(key); }
  void LowerBoundBatch(std::span<const uint64_t> keys, std::span<uint64_t> ranks) const {
    index_.LowerBoundBatch(keys, ranks);
  }
  uint64_t memory_bytes() const { return index_.memory_bytes(); }
  const index::RangeIndex& index() const { return index_; }

 private:
  index::RangeIndex index_;
};

inline std::string ExplanationOf(const SibylIndex& structure) {
  return structure.index().candidates().size() > 1 ? structure.index().Explain() : "";
}

// For structures without a batch of their own: a batch is single lookups.
template <typename Structure>
class OneByOne {
 public:
  template <typename... Arguments>
  explicit OneByOne(Arguments&&... arguments) : structure_(std::forward<Arguments>(arguments)...) {}
  uint64_t LowerBound(uint64_t key) const { return structure_.LowerBound(key); }
  void LowerBoundBatch(std::span<const uint64_t> keys, std::span<uint64_t> ranks) const {
    for (size_t i = 0; i < keys.size(); ++i) ranks[i] = structure_.LowerBound(keys[i]);
  }
  uint64_t memory_bytes() const { return structure_.memory_bytes(); }

 private:
  Structure structure_;
};

// Binary search over the array itself.
class StdLowerBound {
 public:
  explicit StdLowerBound(std::span<const uint64_t> keys) : keys_(keys) {}
  uint64_t LowerBound(uint64_t key) const {
    return static_cast<uint64_t>(std::lower_bound(keys_.begin(), keys_.end(), key) - keys_.begin());
  }
  uint64_t memory_bytes() const { return 0; }

 private:
  std::span<const uint64_t> keys_;
};

// Counts what a container allocates.
template <typename T>
struct CountingAllocator {
  using value_type = T;
  explicit CountingAllocator(uint64_t* allocated) : bytes(allocated) {}
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other) : bytes(other.bytes) {}
  T* allocate(size_t count) {
    *bytes += count * sizeof(T);
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* memory, size_t count) {
    *bytes -= count * sizeof(T);
    std::allocator<T>().deallocate(memory, count);
  }
  template <typename U>
  bool operator==(const CountingAllocator<U>& other) const {
    return bytes == other.bytes;
  }
  uint64_t* bytes;
};

// absl::btree_map from each distinct key to its first rank. It holds a copy of the keys, which its
// memory counts.
class AbslBTree {
 public:
  explicit AbslBTree(std::span<const uint64_t> keys)
      : size_(keys.size()),
        bytes_(std::make_unique<uint64_t>(0)),
        map_(std::less<>(), Allocator(bytes_.get())) {
    for (size_t i = 0; i < keys.size(); ++i) {
      map_.emplace_hint(map_.end(), keys[i], static_cast<uint32_t>(i));
    }
  }
  uint64_t LowerBound(uint64_t key) const {
    const auto place = map_.lower_bound(key);
    return place == map_.end() ? size_ : place->second;
  }
  uint64_t memory_bytes() const { return *bytes_; }

 private:
  using Allocator = CountingAllocator<std::pair<const uint64_t, uint32_t>>;

  uint64_t size_;
  std::unique_ptr<uint64_t> bytes_;  // outlives the map's moves
  absl::btree_map<uint64_t, uint32_t, std::less<>, Allocator> map_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_STRUCTURES_H_
