#include "engine/batch_codec.h"

#include "base/text.h"
#include "sibyl/write_batch.h"

namespace sibyl::engine {

void AppendBatchRecord(const BatchRecord& record, std::string* bytes) {
  base::Put8(bytes, static_cast<uint8_t>(record.type));
  base::PutVarint(bytes, record.tree.id);
  base::PutString(bytes, record.key);
  if (record.type == storage::RecordType::kValue) base::PutString(bytes, record.value);
}

Status CheckRecordLimits(std::string_view key, std::string_view value) {
  if (key.size() > kMaxKeyBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "key " + base::Quoted(key) + " is longer than the limit of " +
                     std::to_string(kMaxKeyBytes) + " bytes"};
  }
  if (value.size() > kMaxValueBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "the value of key " + base::Quoted(key) + " has " + std::to_string(value.size()) +
                     " bytes, more than the limit of " + std::to_string(kMaxValueBytes)};
  }
  return Ok();
}

bool BatchReader::Next(BatchRecord* record) {
  if (!ok_ || decoder_.done()) return false;
  const uint8_t op = decoder_.Get8();
  const uint64_t tree_id = decoder_.GetVarint();
  record->type = static_cast<storage::RecordType>(op);
  record->tree = Tree{static_cast<uint32_t>(tree_id)};
  record->key = decoder_.GetString();
  record->value = record->type == storage::RecordType::kValue ? decoder_.GetString()
                                                              : std::string_view();
  ok_ = decoder_.ok() && op <= static_cast<uint8_t>(storage::RecordType::kTombstone) &&
        tree_id <= UINT32_MAX;
  return ok_;
}

}  // namespace sibyl::engine

namespace sibyl {

namespace {

Status AppendChecked(const engine::BatchRecord& record, std::string* bytes) {
  const size_t record_bytes = record.key.size() + record.value.size() + 16;
  if (bytes->size() + record_bytes > kMaxBatchBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "the batch would exceed the limit of " + std::to_string(kMaxBatchBytes) +
                     " bytes at key " + base::Quoted(record.key)};
  }
  engine::AppendBatchRecord(record, bytes);
  return Ok();
}

}  // namespace

Status WriteBatch::Put(Tree tree, std::string_view key, std::string_view value) {
  if (auto limits = engine::CheckRecordLimits(key, value); !limits) return limits;
  auto appended = AppendChecked({tree, storage::RecordType::kValue, key, value}, &bytes_);
  if (appended) ++record_count_;
  return appended;
}

Status WriteBatch::Delete(Tree tree, std::string_view key) {
  if (auto limits = engine::CheckRecordLimits(key, {}); !limits) return limits;
  auto appended = AppendChecked({tree, storage::RecordType::kTombstone, key, {}}, &bytes_);
  if (appended) ++record_count_;
  return appended;
}

void WriteBatch::Clear() {
  bytes_.clear();
  record_count_ = 0;
}

}  // namespace sibyl
