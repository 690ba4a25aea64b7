// What a TwoStageIndex (sibyl/two_stage_index.h) owns: a root of any kind over many lines.
//
// Two differences to the published index make it exact for keys that are not stored: each leaf
// keeps the first query that is its own, so a root that is wrong or not monotone is corrected, and
// errors are taken over all queries, not over keys.

#ifndef SIBYL_INDEX_TWO_STAGE_H_
#define SIBYL_INDEX_TWO_STAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/rank_line.h"
#include "index/root_model.h"

namespace sibyl::index {

// Immutable once built; any number of threads may ask.
class TwoStageParts {
 public:
  // Preconditions: `keys` is sorted, fewer than 2^32, and outlives the index; leaves > 0.
  // Time O(keys + 16 leaves x the root's evaluation).
  TwoStageParts(std::span<const uint64_t> keys, const RootOptions& root, uint32_t leaves);

  // Reads what Encode wrote of an index over `keys`; nothing if Encode could not have written it.
  // Lookups in what is returned stay inside the array. Precondition: `keys` is sorted.
  static std::unique_ptr<TwoStageParts> Decode(base::Decoder* decoder,
                                               std::span<const uint64_t> keys);
  void Encode(std::string* out) const;

  // The first query found that is answered wrongly, of enough to know that all are right if none
  // is. Time O(keys + leaves).
  std::optional<uint64_t> FirstWrong() const;

  // Keys smaller than `key`.
  uint64_t LowerBound(uint64_t key) const;

  std::span<const uint64_t> keys() const { return keys_; }
  uint64_t size() const { return keys_.size(); }
  uint64_t memory_bytes() const;

  // The mean width of the last search, over the stored keys: what the root and its leaves miss by.
  double MeanSearchedKeys() const;

 private:
  struct Leaf {
    uint64_t first_query;  // this leaf's are the queries from here to the next leaf's
    double slope;          // ranks per key
    double rank;           // at first_query
    uint32_t below;        // the rank is at most so much smaller than the line says
    uint32_t above;        // and so much larger
  };

  explicit TwoStageParts(std::span<const uint64_t> keys) : keys_(keys) {}

  void CutLeaves(uint32_t leaves);
  void FitLeaf(size_t leaf, KeyRange queries, uint64_t* rank);
  const Leaf& LeafOf(uint64_t query) const;
  bool AreLeavesSound() const;
  static int64_t RankAt(const Leaf& leaf, uint64_t query);

  std::span<const uint64_t> keys_;
  KeyRange queries_{0, 0};
  RootModel root_;
  std::vector<Leaf> leaves_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_TWO_STAGE_H_
