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
  kAuto = 0,         // measures the others on this machine and keeps the best
  kRecursive = 1,    // a tree of linear models that ends in windows of proven width
  kPieces = 2,       // nearly the fewest lines possible, eight to a block, under a small SIMD tree
  kStaticBTree = 3,  // no model: a pointer-free B-tree with 16 SIMD separators per node (S+tree)
};

// How the last few keys are searched, once a window of them is known.
enum class LastMile : uint8_t {
  kSimd = 0,     // compares the whole window at once: best when many lookups are under way
  kBranchy = 1,  // binary search with branches: best when each lookup waits for the one before,
                 // since the processor guesses ahead instead of waiting for memory
};

// The first stage of kRecursive.
enum class RangeIndexRoot : uint8_t {
  kMeasured = 0,  // whichever a sample of the keys needs fewer records and stages under
  kLinear = 1,
  kLogLinear = 2,  // on a logarithmic scale of the distance from the smallest key
};

// What kAuto is to make best.
enum class RangeIndexObjective : uint8_t {
  kThroughput = 0,  // independent lookups, single and in batches
  kLatency = 1,     // each lookup waits for the one before: the last mile is chosen too
  kSmallest = 2,    // least memory among those as fast as the fastest static B-tree
};

struct RangeIndexOptions {
  RangeIndexKind kind = RangeIndexKind::kAuto;

  // Keys that the last step searches, a power of two from 16 on. Smaller: fewer cache lines per
  // lookup. Larger: a smaller model; above 64 the step is a binary search. 0: chosen by kind, or
  // measured by kAuto.
  uint32_t window_keys = 0;

  LastMile last_mile = LastMile::kSimd;

  RangeIndexRoot root = RangeIndexRoot::kMeasured;  // of kRecursive

  RangeIndexObjective objective = RangeIndexObjective::kThroughput;  // of kAuto

  // The most that the index may take, beside the array. Whatever `kind` would take more is built
  // with wider windows instead, as by RebuildWithBudget; with a budget of 0 nothing is left of it
  // but a binary search. window_keys is then only where it starts.
  uint64_t memory_budget_bytes = std::numeric_limits<uint64_t>::max();
};

// One index that Build considered.
struct RangeIndexCandidate {
  std::string name;  // for example "recursive, window 16, log-linear root"
  // From stretches of the array and the latency of this machine's memory; 0 if not predicted.
  uint64_t predicted_bytes = 0;
  double predicted_single_ns = 0;
  double predicted_serial_ns = 0;
  // What follows is 0 for candidates that were not built, since another was predicted to be better.
  uint64_t memory_bytes = 0;
  double build_seconds = 0;
  double single_ns = 0;  // per LowerBound, independent queries; 0 if not measured
  double batch_ns = 0;   // per key of LowerBoundBatch
  double serial_ns = 0;  // per LowerBound whose key depends on the last result
  bool chosen = false;
};

struct RangeParts;
class RangeInspector;

// Immutable once built: any number of threads may call any method at the same time.
class RangeIndex {
 public:
  // The largest array, in keys: ranks in a model are 32-bit.
  static constexpr uint64_t kMaxKeys = std::numeric_limits<uint32_t>::max() - 64;

  // Builds an index over `keys`, which must be sorted (duplicates allowed, any length of run) and
  // must outlive the index unchanged. Nothing need be readable behind the array's end.
  // Where a learned kind would take more than 2 bytes per key it is not built: the static B-tree
  // is, and kind() says so. Arrays of up to one window are searched directly, under any kind.
  // Time O(n): a static B-tree takes 0.5 ns per key, the learned kinds 2 to 8; kAuto builds the
  // static B-trees and up to five learned candidates that it predicts to be nearly the best, and
  // measures them, which takes 0.1 s each, and up to three times as long on a busy machine.
  // Errors: kInvalidArgument naming the rank of the first key smaller than its predecessor, or a
  // window of another width; kNotSupported above kMaxKeys.
  static Result<RangeIndex> Build(std::span<const uint64_t> keys,
                                  const RangeIndexOptions& options = {});

  // An index over the same keys that takes at most `memory_bytes`: of the static B-tree and the
  // piece tree the one with the smaller window, each with the smallest that fits. Never fails: half
  // the memory is about one halving step more in the binary search of the last mile, until none is
  // left and the array is searched by halving alone. Time as of Build, for one or two piece trees.
  RangeIndex RebuildWithBudget(uint64_t memory_bytes) const;

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
  std::span<const uint64_t> keys() const { return keys_; }
  RangeIndexKind kind() const;    // what was built: never kAuto
  uint32_t window_keys() const;   // that the last step searches
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
  friend class RangeInspector;  // index/range_report.cc

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
