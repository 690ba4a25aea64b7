#include "engine/batch_codec.h"

#include <cstring>

#include "base/status_macros.h"
#include "base/text.h"
#include "sibyl/write_batch.h"

namespace sibyl::engine {

namespace {

bool HasValue(BatchOp op) { return op != BatchOp::kDelete && op != BatchOp::kDeleteToEnd; }

// As base::PutVarint and base::PutString, to bytes that have room. Return the end.
constexpr size_t kMostVarintBytes = 10;
char* WriteVarint(char* to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}
char* WriteString(char* to, std::string_view string) {
  to = WriteVarint(to, string.size());
  if (!string.empty()) std::memcpy(to, string.data(), string.size());
  return to + string.size();
}

}  // namespace

static_assert(static_cast<int>(BatchOp::kPut) == static_cast<int>(storage::RecordType::kValue));
static_assert(static_cast<int>(BatchOp::kDelete) ==
              static_cast<int>(storage::RecordType::kTombstone));

// In one piece: appending part by part looks for room a dozen times.
void AppendBatchRequest(const BatchRequest& request, std::string* bytes) {
  constexpr size_t kMostHeadBytes = 1 + 3 * kMostVarintBytes;
  const size_t begin = bytes->size();
  bytes->resize(begin + kMostHeadBytes + request.key.size() + request.value.size());
  char* to = bytes->data() + begin;
  *to++ = static_cast<char>(request.op);
  to = WriteString(WriteVarint(to, request.tree.id), request.key);
  if (HasValue(request.op)) to = WriteString(to, request.value);
  bytes->resize(static_cast<size_t>(to - bytes->data()));
}

void AppendBatchRecord(const BatchRecord& record, std::string* bytes) {
  AppendBatchRequest({static_cast<BatchOp>(record.type), record.tree, record.key, record.value},
                     bytes);
}

Status CheckRecordLimits(std::string_view key, std::string_view value) {
  if (key.size() > kMaxKeyBytes) {
    return Error{ErrorCode::kInvalidArgument, "key " + base::Quoted(key) +
                                                  " is longer than the limit of " +
                                                  std::to_string(kMaxKeyBytes) + " bytes"};
  }
  if (value.size() > kMaxValueBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "the value of key " + base::Quoted(key) + " has " + std::to_string(value.size()) +
                     " bytes, more than the limit of " + std::to_string(kMaxValueBytes)};
  }
  return Ok();
}

bool BatchReader::Next(BatchRequest* request) {
  if (!ok_ || decoder_.done()) return false;
  const uint8_t op = decoder_.Get8();
  const uint64_t tree_id = decoder_.GetVarint();
  request->op = static_cast<BatchOp>(op);
  request->tree = Tree{static_cast<uint32_t>(tree_id)};
  request->key = decoder_.GetString();
  request->value = HasValue(request->op) ? decoder_.GetString() : std::string_view();
  ok_ = decoder_.ok() && op <= static_cast<uint8_t>(BatchOp::kDeleteToEnd) && tree_id <= UINT32_MAX;
  return ok_;
}

bool BatchReader::NextLogged(BatchRequest* request) {
  if (!Next(request)) return false;
  const bool is_empty = request->op == BatchOp::kDeleteRange && request->key >= request->value;
  ok_ = request->op != BatchOp::kMerge && !is_empty;
  return ok_;
}

bool BatchReader::Next(BatchRecord* record) {
  BatchRequest request;
  if (!Next(&request)) return false;
  ok_ = request.op <= BatchOp::kDelete;
  *record = RecordOf(request);
  return ok_;
}

}  // namespace sibyl::engine

namespace sibyl {

namespace {

Status AppendChecked(const engine::BatchRequest& request, std::string* bytes) {
  SIBYL_RETURN_IF_ERROR(engine::CheckRecordLimits(request.key, request.value));
  const size_t record_bytes = request.key.size() + request.value.size() + 16;
  if (bytes->size() + record_bytes > kMaxBatchBytes) {
    return Error{ErrorCode::kInvalidArgument, "the batch would exceed the limit of " +
                                                  std::to_string(kMaxBatchBytes) +
                                                  " bytes at key " + base::Quoted(request.key)};
  }
  engine::AppendBatchRequest(request, bytes);
  return Ok();
}

}  // namespace

Status WriteBatch::Put(Tree tree, std::string_view key, std::string_view value) {
  SIBYL_RETURN_IF_ERROR(AppendChecked({engine::BatchOp::kPut, tree, key, value}, &bytes_));
  ++record_count_;
  return Ok();
}

Status WriteBatch::Delete(Tree tree, std::string_view key) {
  SIBYL_RETURN_IF_ERROR(AppendChecked({engine::BatchOp::kDelete, tree, key, {}}, &bytes_));
  ++record_count_;
  return Ok();
}

Status WriteBatch::Merge(Tree tree, std::string_view key, std::string_view operand) {
  SIBYL_RETURN_IF_ERROR(AppendChecked({engine::BatchOp::kMerge, tree, key, operand}, &bytes_));
  ++record_count_;
  return Ok();
}

Status WriteBatch::DeleteRange(Tree tree, std::string_view begin,
                               std::optional<std::string_view> end) {
  if (end) SIBYL_RETURN_IF_ERROR(engine::CheckRecordLimits(*end, {}));
  const engine::BatchOp op = end ? engine::BatchOp::kDeleteRange : engine::BatchOp::kDeleteToEnd;
  SIBYL_RETURN_IF_ERROR(AppendChecked({op, tree, begin, end.value_or("")}, &bytes_));
  ++record_count_;
  has_ranges_ = true;
  return Ok();
}

void WriteBatch::Clear() {
  bytes_.clear();
  record_count_ = 0;
  has_ranges_ = false;
}

}  // namespace sibyl
