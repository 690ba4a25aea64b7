// StringIndex: finds the place of any byte string in a sorted array of them, through a model
// learned from the array.
//
// For programs that hold sorted strings in memory (paths, names, encoded composite keys) and ask
// "how many are smaller than x?" often. The strings stay where they are; the index beside them
// takes a byte or two per key and reads one or two of them per lookup, where a binary search reads
// twenty. How it works, and which papers it comes from: docs/string-index.md.
//
//   std::vector<std::string_view> keys = ...;        // sorted; duplicates are fine
//   auto index = sibyl::index::StringIndex::Build(keys);
//   if (!index) return index.error();
//   const uint64_t rank = index->LowerBound("geonames/de/");

#ifndef SIBYL_STRING_INDEX_H_
#define SIBYL_STRING_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::index {

enum class StringIndexKind : uint8_t {
  kAuto = 0,  // builds the others, measures them on this machine, keeps the faster
  kRecursive =
      1,       // a tree of linear models over 8-byte windows; B-tree nodes where lines cost more
  kBTree = 2,  // no model: a B-tree with truncated separators and prefixes
};

struct StringIndexOptions {
  // kAuto chooses block_keys and landmark_keys too, whatever they are here.
  StringIndexKind kind = StringIndexKind::kAuto;

  // Keys per block, on average: 4 to 2^30. What is above the blocks shrinks as they grow.
  uint32_t block_keys = 32;

  // Of every so many keys in a block, the index keeps the bit that tells it from the one before: 2
  // bytes. They lead to the place of a query among them while only one of the keys is read. 1: one
  // key is read per lookup; 4: up to three, at a quarter of the memory; 0: none are kept, blocks
  // are searched by halves. At most block_keys.
  uint32_t landmark_keys = 1;
};

// One index that Build considered.
struct StringIndexCandidate {
  std::string name;  // for example "recursive, blocks of 32, landmarks every 4"
  uint64_t memory_bytes = 0;
  double build_seconds = 0;
  double single_ns = 0;  // per LowerBound; 0 if not measured
  double batch_ns = 0;   // per key of LowerBoundBatch
  bool chosen = false;
};

struct StringParts;
class StringInspector;

// Immutable once built: any number of threads may call any method at the same time.
class StringIndex {
 public:
  // The largest array, in keys.
  static constexpr uint64_t kMaxKeys = std::numeric_limits<uint32_t>::max() - 1;

  // Builds an index over `keys`, which must be sorted by unsigned bytes (duplicates allowed, any
  // bytes, any lengths) and must outlive the index unchanged, the views as well as their bytes.
  // Time O(total bytes), 50 to 200 ns per key; kAuto the sum of its candidates.
  // Errors: kInvalidArgument naming the rank of the first key smaller than its predecessor, or an
  // option out of its range; kNotSupported above kMaxKeys, or if the index would pass 256 MiB.
  static Result<StringIndex> Build(std::span<const std::string_view> keys,
                                   const StringIndexOptions& options = {});

  // An index of the same kind over the same keys that takes at most `memory_bytes`, if that is at
  // least 300: larger blocks, with as many landmarks each. Half the memory is about one halving
  // more in each block, until there is one block, which is searched by halves alone. Never fails.
  // Time as of Build, for two to four indexes.
  StringIndex RebuildWithBudget(uint64_t memory_bytes) const;

  StringIndex(StringIndex&&) noexcept;
  StringIndex& operator=(StringIndex&&) noexcept;
  ~StringIndex();

  // Keys smaller than `key`: the rank of the first key >= `key`, or size() if there is none.
  uint64_t LowerBound(std::string_view key) const;

  // Keys not greater than `key`.
  uint64_t UpperBound(std::string_view key) const { return EqualRange(key).second; }

  // {LowerBound, UpperBound}: the ranks of all keys equal to `key`.
  std::pair<uint64_t, uint64_t> EqualRange(std::string_view key) const;

  // ranks[i] = LowerBound(keys[i]), faster per key than one at a time: the cache misses of many
  // lookups overlap. Any order of keys; batches of 32 and more pay best.
  // Precondition (asserted): ranks.size() >= keys.size().
  void LowerBoundBatch(std::span<const std::string_view> keys, std::span<uint64_t> ranks) const;

  uint64_t size() const;
  std::span<const std::string_view> keys() const;
  StringIndexKind kind() const;   // what was built: never kAuto
  uint64_t memory_bytes() const;  // of the index, without keys and views

  // What was considered, measured and chosen; one entry unless built with kAuto.
  std::span<const StringIndexCandidate> candidates() const;

  // The same as a table for people.
  std::string Explain() const;

  // Appends the index in its portable form: little-endian, versioned, checksummed. The keys are not
  // part of it, only their number and a fingerprint of a sample of them.
  void Serialize(std::string* out) const;

  // Reads that form back and binds it to `keys`, under the conditions of Build. Lookups stay inside
  // the array and end, whatever the bytes were. Time O(index).
  // Errors: kCorruption for bytes that Serialize could not have written; kInvalidArgument if `keys`
  // are not those it was built over, as far as the fingerprint tells; kNotSupported for a newer
  // version.
  static Result<StringIndex> Deserialize(std::string_view bytes,
                                         std::span<const std::string_view> keys);

 private:
  friend class StringInspector;  // index/string_report.cc

  explicit StringIndex(std::unique_ptr<const StringParts> parts);
  std::unique_ptr<const StringParts> parts_;
};

}  // namespace sibyl::index

#endif  // SIBYL_STRING_INDEX_H_
