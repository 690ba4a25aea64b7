// EntryTable: where a generation has a key, by the key's hash: filter and point index in one.
//
// An open-addressed hash table: 16 bits of each hash lie in an array of their own, small enough to
// stay in a cache, and the addresses of the entries in another. So an absent key costs hardly more
// than a Bloom filter would, and a present one two cache misses, where a search of the ordered
// index (delta_index.h) costs one per level and the entry.
//
// One thread adds, others look up beside it without locks. When the table is full, one twice as
// large takes its place. The writer fills it from the old one, a few slots with each new key, so
// that no key pays for all, and publishes it with one store; readers still in the old one miss only
// newer keys.

#ifndef SIBYL_ENGINE_ENTRY_TABLE_H_
#define SIBYL_ENGINE_ENTRY_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/delta_index.h"

namespace sibyl::engine {

// Add: one thread at a time. Everything else: any thread beside it.
class EntryTable {
 public:
  using Entry = DeltaIndex::Entry;

  // `expected_keys`: so many are added without growing. Any number is right.
  explicit EntryTable(size_t expected_keys = 0);
  ~EntryTable();
  EntryTable(const EntryTable&) = delete;
  EntryTable& operator=(const EntryTable&) = delete;

  // `hash` is the checksum of the entry's key, which must not be here yet. The entry outlives the
  // table. Cost: a cache miss or two, most of them asked for ahead.
  void Add(uint64_t hash, Entry* entry);

  // The entry of `key`, whose checksum is `hash`. Null only if no Add of it happened before this
  // call. Asks for the first cache lines of what it finds.
  Entry* Find(std::string_view key, uint64_t hash) const;

  // Asks for what Find reads first, and for what Add, after Find, writes.
  void Prefetch(uint64_t hash) const;
  void PrefetchAdd(uint64_t hash) const;

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Table;

  Table* AddTable(size_t groups);
  void StartNext();
  void FillNext();

  std::atomic<const Table*> current_;
  std::vector<std::unique_ptr<Table>> tables_;  // old ones stay: readers may still be in them
  Table* filling_ = nullptr;                    // what readers look into
  Table* next_ = nullptr;                       // null: there is room for long
  size_t moved_slots_ = 0;                      // of filling_, from the begin, that are in next_
  std::atomic<size_t> size_ = 0;
  std::atomic<uint64_t> memory_bytes_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_ENTRY_TABLE_H_
