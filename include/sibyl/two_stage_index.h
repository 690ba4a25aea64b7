// TwoStageIndex: the learned index as it was published, two stages under a root of any kind, to
// compare with and to study roots.
//
// Kraska et al., "The Case for Learned Index Structures" (SIGMOD 2018, sections 3.2 and 3.3, and
// Algorithm 1 for two stages): a root, a neural net for example, picks one of 10,000 to 200,000
// leaves; a leaf is a line with the largest errors it makes; a binary search between them finds the
// rank. Unlike the published one it is exact for keys that are not stored, under every root.
// RangeIndex (range_index.h) is faster and smaller on every key set we have: use that one.
//
//   auto index = sibyl::index::TwoStageIndex::Build(keys, {.root = {.kind = RootKind::kNet2}});
//   if (!index) return index.error();
//   const uint64_t rank = index->LowerBound(x);

#ifndef SIBYL_TWO_STAGE_INDEX_H_
#define SIBYL_TWO_STAGE_INDEX_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sibyl/result.h"

namespace sibyl::index {

enum class RootKind : uint8_t {
  kLinear,     // least squares over the keys
  kLogLinear,  // over the logarithm of the distance from the smallest key
  kCubic,      // over the first three powers of the key
  kSpline,     // straight lines through keys at equal steps of rank
  kRadix,      // the leading bits of the distance from the smallest key
  kNet0,       // neural nets with no, one and two hidden layers of ReLU units, trained with Adam
  kNet1,
  kNet2,
};

struct RootOptions {
  RootKind kind = RootKind::kLinear;
  uint32_t hidden_units = 32;      // of each hidden layer: 1 to 32
  uint32_t training_steps = 1500;  // of a net, each with 256 keys
  uint32_t spline_knots = 64;      // 2 to 65536
};

struct TwoStageOptions {
  RootOptions root = {};
  uint32_t leaves = 100'000;  // 1 to 2^24; each takes 32 bytes
};

class TwoStageParts;

// Immutable once built: any number of threads may call any method at the same time.
class TwoStageIndex {
 public:
  // The largest array, in keys.
  static constexpr uint64_t kMaxKeys = std::numeric_limits<uint32_t>::max() - 64;

  // Builds an index over `keys`, which must be sorted (duplicates allowed) and must outlive it
  // unchanged. Deterministic: nets are trained with a fixed seed, on a sample of up to 64 Ki keys.
  // Time O(keys), and 16 evaluations of the root per leaf; a net trains for seconds at most.
  // Errors: kInvalidArgument naming the rank of the first key smaller than its predecessor, or an
  // option out of its range; kNotSupported above kMaxKeys.
  static Result<TwoStageIndex> Build(std::span<const uint64_t> keys,
                                     const TwoStageOptions& options = {});

  TwoStageIndex(TwoStageIndex&&) noexcept;
  TwoStageIndex& operator=(TwoStageIndex&&) noexcept;
  ~TwoStageIndex();

  // Keys smaller than `key`: the rank of the first key >= `key`, or size() if there is none.
  uint64_t LowerBound(uint64_t key) const;

  // Keys not greater than `key`.
  uint64_t UpperBound(uint64_t key) const;

  // {LowerBound, UpperBound}: the ranks of all keys equal to `key`.
  std::pair<uint64_t, uint64_t> EqualRange(uint64_t key) const {
    return {LowerBound(key), UpperBound(key)};
  }

  uint64_t size() const;
  uint64_t memory_bytes() const;  // of root and leaves, without the array

  // The mean width of the last search, over the stored keys: what the root and its leaves miss by.
  // Time O(keys).
  double MeanSearchedKeys() const;

  // Appends the index in its portable form: little-endian, versioned, checksummed. The array is not
  // part of it, only its length and a fingerprint of a sample of its keys.
  void Serialize(std::string* out) const;

  // Reads that form back and binds it to `keys`, under the conditions of Build. Ranks are the same
  // on every machine; a root that another mathematical library rounds otherwise is corrected as one
  // that is wrong. Lookups stay inside the array whatever the bytes were. Time O(index).
  // Errors: kCorruption for bytes that Serialize could not have written; kInvalidArgument if `keys`
  // are not those it was built over, as far as the fingerprint tells; kNotSupported for a newer
  // version.
  static Result<TwoStageIndex> Deserialize(std::string_view bytes, std::span<const uint64_t> keys);

  // Proves that the answer is right for every possible key, or reports kCorruption with a key for
  // which it is not. For indexes from untrusted bytes. Time O(keys + leaves).
  Status Verify() const;

 private:
  explicit TwoStageIndex(std::unique_ptr<const TwoStageParts> parts);
  std::unique_ptr<const TwoStageParts> parts_;
};

}  // namespace sibyl::index

#endif  // SIBYL_TWO_STAGE_INDEX_H_
