#include "engine/batch_encoding.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "engine/batch_codec.h"
#include "engine/internal_key.h"
#include "engine/user_iterator.h"
#include "sibyl/write_batch.h"

namespace sibyl::engine {

namespace {

// With more of them every read would pay: further ranges are deleted key by key.
constexpr size_t kMostRangeDeletions = 1000;

class BatchEncoder {
 public:
  explicit BatchEncoder(const EncodingState& state) : state_(state), view_(state.view) {}

  Result<EncodedBatch> Encode(std::string_view batch) {
    BatchRequest request;
    for (BatchReader reader(batch); reader.Next(&request);) {
      if (!view_.catalogue->IsUserTree(request.tree)) return NoSuchTree(request.tree);
      SIBYL_RETURN_IF_ERROR(Encode(request));
      if (bytes_ > kMaxBatchBytes) {
        return Error{ErrorCode::kInvalidArgument,
                     "the batch has more bytes of records than the limit of " +
                         std::to_string(kMaxBatchBytes)};
      }
    }
    return Encoded();
  }

 private:
  // A record, or a range deletion, with bytes of its own: what a later range has is taken out
  // again.
  struct Pending {
    BatchOp op;
    Tree tree;
    std::string key;
    std::string value;
  };

  Status Encode(const BatchRequest& request) {
    const TreeRules rules = TreeRules::Of(*view_.catalogue, state_.operators, request.tree);
    switch (request.op) {
      case BatchOp::kPut:
        Add(BatchOp::kPut, request.tree, request.key,
            rules.Wrap(request.value, state_.now_seconds));
        return Ok();
      case BatchOp::kDelete:
        Add(BatchOp::kDelete, request.tree, request.key, {});
        return Ok();
      case BatchOp::kMerge:
        if (!rules.merges()) return NoMergeOperator(request.tree);
        Add(BatchOp::kPut, request.tree, request.key, rules.WrapOperand(request.value));
        return Ok();
      case BatchOp::kDeleteRange:
        return DeleteRange(request, request.value);
      case BatchOp::kDeleteToEnd:
        return DeleteRange(request, std::nullopt);
    }
    return Ok();
  }

  void Add(BatchOp op, Tree tree, std::string_view key, std::string value) {
    bytes_ += key.size() + value.size() + 16;
    records_.push_back({op, tree, std::string(key), std::move(value)});
  }

  // What the batch has put there goes as if it had never been; then what the database has.
  Status DeleteRange(const BatchRequest& request, std::optional<std::string_view> end) {
    const std::string_view begin = request.key;
    if (end && *end <= begin) return Ok();
    std::erase_if(records_, [&](const Pending& record) {
      return record.tree == request.tree && record.key >= begin && (!end || record.key < *end);
    });
    const size_t records_before = records_.size();
    SIBYL_ASSIGN_OR_RETURN(const bool has_few, DeleteKeys(request.tree, begin, end));
    if (has_few) return Ok();
    records_.resize(records_before);
    ranges_.push_back(
        {request.op, request.tree, std::string(begin), std::string(end.value_or(""))});
    return Ok();
  }

  // False: the range has too many keys to delete each.
  Result<bool> DeleteKeys(Tree tree, std::string_view begin, std::optional<std::string_view> end) {
    const RangeDeletionsPtr& present = view_.range_deletions;
    const bool may_be_whole =
        (present == nullptr ? 0 : present->all().size()) + ranges_.size() < kMostRangeDeletions;
    IteratorOptions bounds;
    bounds.lower_bound = begin;
    if (end) bounds.upper_bound = *end;
    uint64_t keys = 0;
    const auto iterator = NewUserIterator(view_.NewCursor(state_.sequence), tree, bounds, nullptr);
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      if (++keys > state_.range_deletion_keys && may_be_whole) return false;
      Add(BatchOp::kDelete, tree, iterator->key(), {});
    }
    SIBYL_RETURN_IF_ERROR(iterator->status());
    return true;
  }

  EncodedBatch Encoded() const {
    EncodedBatch encoded;
    for (const auto* list : {&ranges_, &records_}) {
      for (const Pending& each : *list) {
        AppendBatchRequest({each.op, each.tree, each.key, each.value}, &encoded.records);
        ++encoded.record_count;
      }
    }
    return encoded;
  }

  const EncodingState& state_;
  const View& view_;
  std::vector<Pending> ranges_;
  std::vector<Pending> records_;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<bool> NeedsNoEncoding(std::string_view batch, const Catalogue& catalogue) {
  BatchReader reader(batch);
  BatchRequest request;
  bool as_it_is = true;
  while (reader.Next(&request)) {
    if (!catalogue.IsUserTree(request.tree)) return NoSuchTree(request.tree);
    as_it_is = as_it_is && request.op <= BatchOp::kDelete && !catalogue.HasRules(request.tree);
  }
  return as_it_is;
}

Result<EncodedBatch> EncodeBatch(std::string_view batch, const EncodingState& state) {
  return BatchEncoder(state).Encode(batch);
}

RangeDeletion DeletionOf(const BatchRequest& request, uint64_t sequence, uint64_t generation) {
  const bool to_the_end = request.op == BatchOp::kDeleteToEnd;
  return {EncodeInternalKey(request.tree, request.key),
          to_the_end ? EncodeInternalKey(Tree{request.tree.id + 1}, {})
                     : EncodeInternalKey(request.tree, request.value),
          sequence, generation};
}

}  // namespace sibyl::engine
