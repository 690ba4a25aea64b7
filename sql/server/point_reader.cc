#include "sql/server/point_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/coding.h"
#include "base/text.h"
#include "sql/key_codec.h"
#include "sql/server/dialect/array_text.h"
#include "sql/server/type_oids.h"
#include "sql/store_of_schema.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostListBytes = 1 << 20;
constexpr size_t kKeptBytes = 16 << 10;  // in the buffers of a session that waits
constexpr size_t kKeptRecords = 8;
constexpr int kSchemaCookie = 1;  // among the header words of a database: BTREE_SCHEMA_VERSION

// SQLite's variable-length integer: 7 bits a byte, most significant first, 8 in the ninth. False:
// it goes beyond `bytes`.
bool TakeVarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < bytes->size() && i < 9; ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    const bool is_last = i == 8 || byte < 0x80;
    *value = i == 8 ? *value << 8 | byte : *value << 7 | (byte & 0x7f);
    if (!is_last) continue;
    bytes->remove_prefix(i + 1);
    return true;
  }
  return false;
}

int64_t SignedBigEndian(std::string_view bytes) {
  uint64_t value = static_cast<signed char>(bytes[0]) < 0 ? ~uint64_t{0} : 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(value);
}

// The field of serial type `type` at the front of `body`. False: there is no such type, or too
// little. SQLite's documentation, "Database File Format", section 2.1.
bool TakeField(uint64_t type, std::string_view* body, SqlValue* value) {
  static constexpr size_t kIntegerBytes[] = {0, 1, 2, 3, 4, 6, 8};
  constexpr uint64_t kReal = 7;
  constexpr uint64_t kZero = 8;  // 9: one
  constexpr uint64_t kFirstBytes = 12;
  *value = {};
  if (type == 0) return true;
  if (type == kZero || type == kZero + 1) {
    *value = SqlValue::Integer(static_cast<int64_t>(type - kZero));
    return true;
  }
  if (type > kZero && type < kFirstBytes) return false;
  const uint64_t size = type >= kFirstBytes ? (type - kFirstBytes) / 2
                        : type == kReal     ? sizeof(double)
                                            : kIntegerBytes[type];
  if (size > body->size()) return false;
  const std::string_view bytes = body->substr(0, size);
  body->remove_prefix(size);
  if (type >= kFirstBytes) {
    *value = type % 2 == 0 ? SqlValue::Blob(bytes) : SqlValue::Text(bytes);
  } else if (type == kReal) {
    const auto real = std::bit_cast<double>(base::LoadBig64(bytes.data()));
    if (!std::isnan(real)) *value = SqlValue::Real(real);  // else NULL, as everywhere in SQLite
  } else {
    *value = SqlValue::Integer(SignedBigEndian(bytes));
  }
  return true;
}

// The first fields of `record`, as many as `fields` has. False: it has fewer, or it is no record.
bool DecodeRecord(std::string_view record, std::span<SqlValue> fields) {
  std::string_view header = record;
  uint64_t header_bytes = 0;
  if (!TakeVarint(&header, &header_bytes) || header_bytes > record.size()) return false;
  const size_t size_bytes = record.size() - header.size();
  if (header_bytes < size_bytes) return false;
  header = header.substr(0, header_bytes - size_bytes);
  std::string_view body = record.substr(header_bytes);
  for (SqlValue& field : fields) {
    uint64_t type = 0;
    if (!TakeVarint(&header, &type) || !TakeField(type, &body, &field)) return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<const SibylPointPlan> PlanPointRead(sqlite3_stmt* statement) {
  SibylPointPlan plan;
  if (sibyl_point_plan(statement, &plan) == 0) return nullptr;
  return std::make_shared<const SibylPointPlan>(plan);
}

void PointReader::Open(sqlite3* connection) {
  if (store_ != nullptr) return;
  SibylStore* const store = sibyl_store_of_schema(connection, "main");
  if (store != nullptr) store_ = store->Another();
}

bool PointReader::Read(const SibylPointPlan& plan, std::span<const OwnedValue> parameters,
                       sqlite3* connection) {
  if (!TakeRowids(plan, parameters)) return false;
  if (connection != nullptr) {
    SibylStore* const store = sibyl_store_of_schema(connection, "main");
    return store != nullptr && store->writing() && ReadFrom(store, plan);
  }
  if (store_ == nullptr || store_->Begin(false) != SQLITE_OK) return false;
  const bool is_read = ReadFrom(store_.get(), plan);
  store_->Commit(false, false);  // of a read transaction: cannot fail
  return is_read;
}

// In order and each once; false if one is no integer.
bool PointReader::TakeRowids(const SibylPointPlan& plan, std::span<const OwnedValue> parameters) {
  rowids_.clear();
  for (const int parameter :
       std::span(plan.parameters, static_cast<size_t>(plan.parameter_count))) {
    const SqlValue value = parameters[static_cast<size_t>(parameter - 1)].view();
    if (plan.array_type != 0) {
      if (!TakeElements(plan.array_type, value)) return false;
      continue;
    }
    if (value.type == ValueType::kNull && plan.is_list != 0) continue;
    if (value.type != ValueType::kInteger) return false;
    rowids_.push_back(value.integer);
  }
  if (rowids_.size() > 1) {
    std::sort(rowids_.begin(), rowids_.end());
    rowids_.erase(std::unique(rowids_.begin(), rowids_.end()), rowids_.end());
  }
  return true;
}

// NULL, as an element or instead of the array, is among no elements.
bool PointReader::TakeElements(uint32_t type_oid, const SqlValue& array) {
  if (type_oid != kInt2Oid && type_oid != kInt4Oid && type_oid != kInt8Oid) return false;
  if (array.type == ValueType::kNull) return true;
  if (array.type != ValueType::kText || array.bytes.size() > kMostListBytes) return false;
  const auto elements = ParseArray(array.bytes);
  if (!elements) return false;
  for (const auto& element : *elements) {
    if (!element) continue;
    const auto number = base::ParseNumber<int64_t>(*element);
    if (!number) return false;
    rowids_.push_back(*number);
  }
  return true;
}

bool PointReader::ReadFrom(SibylStore* store, const SibylPointPlan& plan) {
  if (store->GetMeta(kSchemaCookie) != plan.schema_cookie) return false;
  const size_t count = rowids_.size();
  keys_.resize(count * SIBYL_ROWID_BYTES);
  key_views_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    char* const key = keys_.data() + i * SIBYL_ROWID_BYTES;
    sibyl_rowid_encode(rowids_[i], reinterpret_cast<unsigned char*>(key));
    key_views_[i] = {key, SIBYL_ROWID_BYTES};
  }
  if (records_.size() < count) records_.resize(count);
  const Tree tree = store->TreeOf(plan.root);
  bool found = false;
  const int rc = count == 1 ? store->Get(tree, key_views_[0], &records_[0], &found)
                            : store->MultiGet(tree, key_views_, records_);
  if (rc != SQLITE_OK) return false;
  found_.clear();
  found_bytes_ = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!records_[i].found()) continue;
    found_.push_back({rowids_[i], i});
    found_bytes_ += records_[i].view().size();
  }
  if (count == 1 || found_bytes_ <= kMostListBytes) return true;
  Rest();
  return false;
}

void PointReader::Rest() {
  if (found_bytes_ <= kKeptBytes && records_.size() <= kKeptRecords) return;
  found_bytes_ = 0;
  records_ = {};
  keys_ = {};
}

bool PointReader::Decode(const SibylPointPlan& plan, size_t row) {
  const Found& found = found_[row];
  const std::span<const SibylPointColumn> columns(plan.columns,
                                                  static_cast<size_t>(plan.column_count));
  int last = -1;
  for (const SibylPointColumn& column : columns) last = std::max<int>(last, column.field);
  fields_.resize(static_cast<size_t>(last + 1));
  if (!DecodeRecord(records_[found.record].view(), fields_)) return false;
  values_.clear();
  for (const SibylPointColumn& column : columns) {
    SqlValue value = column.field < 0 ? SqlValue::Integer(found.rowid)
                                      : fields_[static_cast<size_t>(column.field)];
    if (column.is_real != 0 && value.type == ValueType::kInteger) {
      value = SqlValue::Real(static_cast<double>(value.integer));
    }
    values_.push_back(value);
  }
  return true;
}

}  // namespace sibyl::sql::server
