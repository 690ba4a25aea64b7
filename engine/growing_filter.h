// GrowingFilter: a blocked Bloom filter that one thread fills and many probe, and that grows.
//
// Each key sets bits in one cache line (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient
// Bloom Filters", WEA 2007, section 3), so a probe costs one cache miss. When the lines are as full
// as the error bound allows, a table twice as large takes their place. The writer fills it from the
// hashes it kept, a few with each new key, so that no key pays for all, and publishes it with one
// store; readers still in the old one miss only newer keys.

#ifndef SIBYL_ENGINE_GROWING_FILTER_H_
#define SIBYL_ENGINE_GROWING_FILTER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace sibyl::engine {

// Add: one thread at a time. MayContain, memory_bytes: any thread beside it.
class GrowingFilter {
 public:
  GrowingFilter();
  ~GrowingFilter();
  GrowingFilter(const GrowingFilter&) = delete;
  GrowingFilter& operator=(const GrowingFilter&) = delete;

  // `hash` is a good 64-bit hash of the key. Add each key once: every call counts against the size.
  // Cost: a few cache misses.
  void Add(uint64_t hash);

  // False only if no Add of this hash happened before this call. Of the keys that were never
  // added, at most about one in a thousand answers true.
  bool MayContain(uint64_t hash) const;

  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Table;

  Table* AddTable(uint64_t blocks);
  void FillNext();

  std::atomic<const Table*> current_;
  std::vector<std::unique_ptr<Table>> tables_;  // old ones stay: readers may still probe them
  Table* filling_ = nullptr;                    // what readers probe
  Table* next_ = nullptr;                       // null: there is room for long
  std::deque<uint64_t> hashes_;                 // of all keys
  size_t in_next_ = 0;                          // so many of them are in next_
  std::atomic<uint64_t> memory_bytes_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_GROWING_FILTER_H_
