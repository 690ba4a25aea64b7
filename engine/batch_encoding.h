// From what a batch asks for to the records that the log keeps: values wrapped by the rules of
// their trees; ranges with few keys as the deletions of these, others as range deletions.

#ifndef SIBYL_ENGINE_BATCH_ENCODING_H_
#define SIBYL_ENGINE_BATCH_ENCODING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/batch_codec.h"
#include "engine/catalogue.h"
#include "engine/range_deletions.h"
#include "engine/tree_rules.h"
#include "engine/view.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// Whether the records of an encoded batch are what the log keeps as they are. Errors:
// kInvalidArgument for a tree that does not exist.
Result<bool> NeedsNoEncoding(std::string_view batch, const Catalogue& catalogue);

// Its range deletions stand first: so they may be applied before all records, at one sequence.
struct EncodedBatch {
  std::string records;
  uint64_t record_count = 0;
};

// The state that a batch is written to.
struct EncodingState {
  const View& view;
  uint64_t sequence;
  const MergeOperators& operators;
  uint64_t now_seconds;
  uint64_t range_deletion_keys;  // see Options
};

// Errors: kInvalidArgument for a tree that does not exist or does not merge, and over
// kMaxBatchBytes; kIo, kCorruption from reading ranges.
Result<EncodedBatch> EncodeBatch(std::string_view batch, const EncodingState& state);

// The deletion that a logged request, kDeleteRange or kDeleteToEnd, is.
RangeDeletion DeletionOf(const BatchRequest& request, uint64_t sequence, uint64_t generation);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_BATCH_ENCODING_H_
