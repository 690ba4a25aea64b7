// RangeIndex: finds the place of any key in a sorted array, through a model learned from the array.
//
// For programs that hold sorted 64-bit keys in memory and ask "how many are smaller than x?" often.
// The array stays where it is and as it is; the index beside it takes a fraction of a byte per key.
// How each kind works, what it costs and which papers it comes from: docs/range-index.md.
//
//   std::vector<uint64_t> keys = ...;               // sorted; duplicates are fine
//   auto index = sibyl::index::RangeIndex::Build(keys);
//   if (!index) return index.error();
//   const uint64_t rank = index->LowerBound(x);      // == std::lower_bound(...) - keys.begin()

#ifndef SIBYL_RANGE_INDEX_H_
#define SIBYL_RANGE_INDEX_H_

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

enum class RangeIndexKind : uint8_t {
  kAuto = 0,         // builds the others, measures them on this machine, keeps the fastest
  kRecursive = 1,    // a tree of linear models that ends in windows of proven width
  kPieces = 2,       // the fewest possible lines, eight to a block, under a small SIMD tree
  kStaticBTree = 3,  // no model: a pointer-free B-tree with 16 SIMD separators per node (S+tree)
};

// How the last few keys are searched, once a window of them is known.
enum class LastMile : uint8_t {
  kSimd = 0,     // compares the whole window at once: best when many lookups are under way
  kBranchy = 1,  // binary search with branches: best when each lookup waits for the one before,
                 // since the processor guesses ahead instead of waiting for memory
};

struct RangeIndexOptions {
  RangeIndexKind kind = RangeIndexKind::kAuto;

  // Keys that the last step searches: 16, 32 or 64 (a static B-tree: 16 or 32). Smaller: fewer
  // cache lines per lookup. Larger: a smaller model. 0: chosen by kind, or measured by kAuto.
  uint32_t window_keys = 0;

  LastMile last_mile = LastMile::kSimd;
};

// One index that Build considered.
struct RangeIndexCandidate {
  std::string name;  // for example "recursive, window 16, log-linear root"
  uint64_t memory_bytes = 0;
  double build_seconds = 0;
  double single_ns = 0;  // per LowerBound, independent queries; 0 if not measured
  double batch_ns = 0;   // per key of LowerBoundBatch
  double serial_ns = 0;  // per LowerBound whose key depends on the last result
  bool chosen = false;
};

struct RangeParts;

// Immutable once built: any number of threads may call any method at the same time.
class RangeIndex {
 public:
  // The largest array, in keys: ranks in a model are 32-bit.
  static constexpr uint64_t kMaxKeys = std::numeric_limits<uint32_t>::max() - 64;

  // Builds an index over `keys`, which must be sorted (duplicates allowed, any length of run) and
  // must outlive the index unchanged. Nothing need be readable behind the array's end.
  // Where a learned kind would take more than 2 bytes per key it is not built: the static B-tree
  // is, and kind() says so. Arrays of up to one window are searched directly, under any kind.
  // Time O(n); the learned kinds take 20 to 100 ns per key, kAuto the sum of its candidates.
  // Errors: kInvalidArgument naming the rank of the first key smaller than its predecessor, or a
  // window of another width; kNotSupported above kMaxKeys.
  static Result<RangeIndex> Build(std::span<const uint64_t> keys,
                                  const RangeIndexOptions& options = {});

  RangeIndex(RangeIndex&&) noexcept;
  RangeIndex& operator=(RangeIndex&&) noexcept;
  ~RangeIndex();

  // Keys smaller than `key`: the rank of the first key >= `key`, or size() if there is none.
  uint64_t LowerBound(uint64_t key) const { return lower_bound_(lookup_, key); }

  // Keys not greater than `key`.
  uint64_t UpperBound(uint64_t key) const {
    return key == std::numeric_limits<uint64_t>::max() ? keys_.size() : LowerBound(key + 1);
  }

  // {LowerBound, UpperBound}: the ranks of all keys equal to `key`.
  std::pair<uint64_t, uint64_t> EqualRange(uint64_t key) const;

  // ranks[i] = LowerBound(keys[i]), two to three times faster per key than one at a time: the
  // cache misses of many lookups overlap. Any order of keys; batches of 32 and more pay best.
  // Precondition (asserted): ranks.size() >= keys.size().
  void LowerBoundBatch(std::span<const uint64_t> keys, std::span<uint64_t> ranks) const;

  uint64_t size() const { return keys_.size(); }
  RangeIndexKind kind() const;    // what was built: never kAuto
  uint64_t memory_bytes() const;  // of the index, without the array

  // What was considered, measured and chosen; one entry unless built with kAuto.
  std::span<const RangeIndexCandidate> candidates() const;

  // The same as a table for people.
  std::string Explain() const;

  // Appends the index in its portable form: little-endian, versioned, checksummed. The array is
  // not part of it, only its length, its ends and a fingerprint of a sample of its keys.
  void Serialize(std::string* out) const;

  // Reads that form back and binds it to `keys`, under the conditions of Build. Lookups stay
  // inside the array whatever the bytes were. Time O(index).
  // Errors: kCorruption for bytes that Serialize could not have written; kInvalidArgument if `keys`
  // are not those it was built over, as far as the fingerprint tells; kNotSupported for a newer
  // version.
  static Result<RangeIndex> Deserialize(std::string_view bytes, std::span<const uint64_t> keys);

  // Proves that the answer is right for every possible key, or reports kCorruption with a key for
  // which it is not. For indexes from untrusted bytes. Time O(n).
  Status Verify() const;

 private:
  RangeIndex(std::span<const uint64_t> keys, std::unique_ptr<const RangeParts> parts);

  // A lookup is one indirect call: the function for this machine's SIMD, kind, window and root is
  // looked up once, when the index is built.
  uint64_t (*lower_bound_)(const void* lookup, uint64_t key);
  const void* lookup_;
  std::span<const uint64_t> keys_;
  std::unique_ptr<const RangeParts> parts_;
};

}  // namespace sibyl::index

#endif  // SIBYL_RANGE_INDEX_H_
