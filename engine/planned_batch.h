// PlannedBatch: the records of a batch on their way into a generation, some at a time: their places
// are found together, so that the cache misses of different records overlap.

#ifndef SIBYL_ENGINE_PLANNED_BATCH_H_
#define SIBYL_ENGINE_PLANNED_BATCH_H_

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "engine/batch_codec.h"
#include "engine/generation.h"

namespace sibyl::engine {

// Used by one thread, the one that adds to the generation.
class PlannedBatch {
 public:
  PlannedBatch() = default;
  PlannedBatch(const PlannedBatch&) = delete;
  PlannedBatch& operator=(const PlannedBatch&) = delete;

  // Begins at the first of the encoded `records`, which stay where they are meanwhile, and asks for
  // what adding some of them to `generation` will need.
  void Begin(std::string_view records, Generation* generation);

  // False when no record is left.
  bool Valid() const { return next_ < count_; }

  // The record whose turn it is, a request that the log may have; its plan as if it were a plain
  // insertion. Precondition: Valid().
  const BatchRequest& request() const { return requests_[next_]; }
  std::string_view internal_key() const { return internal_keys_[next_]; }
  const Generation::Plan& plan() const { return plans_[next_]; }

  // To the next one, asking for more when those asked for are done. Precondition: Valid().
  void Advance();

  // False once the bytes turned out not to be whole records that a log may have.
  bool ok() const { return reader_.ok(); }

 private:
  void ReadMore();
  void SetKeys(size_t keys_bytes);

  BatchReader reader_{{}};
  Generation* generation_ = nullptr;
  std::array<BatchRequest, Generation::kMostPlanned> requests_;
  std::array<std::string_view, Generation::kMostPlanned> internal_keys_;
  std::array<Generation::Plan, Generation::kMostPlanned> plans_;
  size_t count_ = 0;
  size_t next_ = 0;
  std::vector<char> key_bytes_;  // kept for its memory
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_PLANNED_BATCH_H_
