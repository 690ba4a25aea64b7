// DeltaIndex: an ordered index from byte strings to chains of versions, in memory, for one writer
// and any number of readers beside it without locks.
//
// A B+-tree in which everything a reader can reach is immutable but for four words, each published
// with one release store: the root, a node's `order`, a leaf's links to its neighbours, an entry's
// newest version. Slots of a node are written once, before `order` (a permutation of slot numbers,
// after Masstree: Mao, Kohler, Morris, EuroSys 2012, section 4.6.2) names them. A full node is
// replaced by one or two new ones; the old one stays in the arena as it was.
//
// Invariants that make it right:
// 1. A reader only meets nodes that were current at some moment after it began. Links of a replaced
//    leaf are frozen, and name leaves that were current when it was replaced, or later.
// 2. So every version added before the reader began is in the node it meets: a stale node misses
//    only versions that are newer than the reader.
// 3. Key ranges of nodes are only ever cut, never joined: walking over stale and current leaves in
//    turn neither repeats nor skips a range.
// 4. All keys of a node share the bytes that its two bounding separators share, and so does every
//    key that a search leads there: nodes compare 8-byte windows that begin after those bytes.
//
// delta_node.h has the nodes, delta_editor.cc the writer, delta_position.cc walks.

#ifndef SIBYL_ENGINE_DELTA_INDEX_H_
#define SIBYL_ENGINE_DELTA_INDEX_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/arena.h"
#include "storage/segment_writer.h"

namespace sibyl::engine {

using storage::RecordType;

struct VersionedRecord {
  uint64_t sequence;
  RecordType type;
  std::string_view value;
};

// Insert and AddVersion: one thread at a time. Everything else: any thread, beside it.
class DeltaIndex {
 public:
  // One write. Immutable; the value's bytes follow it.
  struct Version {
    const Version* older;  // null: none
    uint64_t sequence;
    uint32_t value_bytes;
    RecordType type;

    std::string_view value() const {
      return {reinterpret_cast<const char*>(this + 1), value_bytes};
    }
    VersionedRecord record() const { return {sequence, type, value()}; }
  };

  // One key; its bytes follow it.
  struct Entry {
    std::atomic<const Version*> newest;  // null: none (any more)
    uint32_t key_bytes;

    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_bytes}; }

    // The newest version with sequence <= max_sequence; null if there is none.
    const Version* At(uint64_t max_sequence) const {
      const Version* version = newest.load(std::memory_order_acquire);
      while (version != nullptr && version->sequence > max_sequence) version = version->older;
      return version;
    }
  };

  struct Node;
  struct Leaf;

  // A place in key order: an entry, or past the end, or before the begin. Moving sees entries
  // inserted meanwhile or not, as it comes. One thread at a time.
  class Position {
   public:
    explicit Position(const DeltaIndex& index) : index_(&index) {}

    void SeekToFirst();
    void SeekToLast();
    void Seek(std::string_view key);         // first entry >= key
    void SeekForPrev(std::string_view key);  // last entry <= key

    bool Valid() const { return entry_ != nullptr; }

    // Precondition of the next three: Valid().
    void Next();
    void Prev();
    const Entry& entry() const { return *entry_; }

    // How many entries are at hand after this one, and the n-th of them (0 <= n <= EntriesAhead();
    // 0: this one).
    int EntriesAhead() const;
    const Entry& EntryAhead(int n) const;

    // As Next() so many times. Precondition: 0 < count <= EntriesAhead() + 1.
    void Skip(int count);

   private:
    void Enter(const Leaf& leaf);
    void GoTo(int rank);
    void PrefetchAhead(int from) const;
    void PrefetchRest() const;

    const DeltaIndex* index_;
    const Leaf* leaf_ = nullptr;
    uint64_t order_ = 0;   // of leaf_, when it was reached
    int rank_ = 0;         // within leaf_
    bool sought_ = false;  // and not moved since
    const Entry* entry_ = nullptr;
  };

  // The index allocates all its memory from `arena`, which must outlive it.
  explicit DeltaIndex(Arena* arena);
  DeltaIndex(const DeltaIndex&) = delete;
  DeltaIndex& operator=(const DeltaIndex&) = delete;

  // The entry of `key`, or null.
  const Entry* Find(std::string_view key) const;

  // Where a key goes: a leaf, and the ends of its key range (null: none).
  struct Place {
    Leaf* leaf = nullptr;  // null: not known
    const Entry* low = nullptr;
    const Entry* high = nullptr;
    uint64_t cuts = 0;  // of key ranges of leaves, in the whole index, before it was found

    // Keys have lately gone where the key before went. Else the place is not looked at: keys in any
    // order would wait for its two entries, which no search reads.
    bool is_busy = false;

    bool Has(std::string_view key) const {
      return is_busy && (low == nullptr || low->key() <= key) &&
             (high == nullptr || key < high->key());
    }
  };

  struct Inserted {
    Entry* entry;
    bool is_new;  // it had no entry before; it now has one without versions, visible to readers
  };

  // The entry of `key`, made if there is none; the key is copied. A key that goes to the leaf of
  // the key before, as ascending ones do, need not be searched for from the root.
  Inserted FindOrInsert(std::string_view key);

  // The same in two steps, for who has something to do while the memory between them arrives: the
  // place of each key, sought in step, so that their cache misses overlap. Insertions between the
  // steps cost a place at most its use. By the thread that inserts; at most kMostInStep at once.
  struct Search {
    std::string_view key;
    Place* place;
  };
  static constexpr size_t kMostInStep = 16;
  void Approach(std::span<const Search> searches);
  Inserted FindOrInsertAt(const Place& place, std::string_view key);

  // Makes a version, its bytes copied to `arena`, and publishes it as the newest of `entry`.
  static void AddVersion(Arena& arena, Entry& entry, uint64_t sequence, RecordType type,
                         std::string_view value);

 private:
  struct Inner;
  struct Way;
  class Editor;

  const Leaf& LeafOf(std::string_view key) const;
  Place& LastPlace(std::string_view key) {
    return last_[key.size() < 4 ? 0 : static_cast<unsigned char>(key[3]) % kPlaces];
  }
  void NoteCut(const Leaf* leaf) { cut_leaves_[cuts_++ % kCutsKept] = leaf; }
  bool IsCurrent(const Place& place) const;

  Arena* const arena_;
  std::atomic<Node*> root_;
  // The writer's: where the last insertions went, and the next ones may. By the fourth byte of the
  // key, the last of a tree's number: who writes several trees in turn has a place in each.
  static constexpr size_t kPlaces = 8;
  Place last_[kPlaces];

  // The writer's: leaves whose key ranges were cut last, which voids the places found before.
  static constexpr size_t kCutsKept = kMostInStep;
  std::array<const Leaf*, kCutsKept> cut_leaves_ = {};
  uint64_t cuts_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DELTA_INDEX_H_
