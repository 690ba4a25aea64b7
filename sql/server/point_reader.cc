#include "sql/server/point_reader.h"

#include <algorithm>

#include "base/text.h"
#include "sql/bytes.h"
#include "sql/index_record.h"
#include "sql/server/dialect/array_text.h"
#include "sql/server/record_decoder.h"
#include "sql/server/type_oids.h"
#include "sql/store_of_schema.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostListBytes = 1 << 20;
constexpr size_t kKeptBytes = 16 << 10;  // in the buffers of a session that waits
constexpr size_t kKeptRecords = 8;
constexpr int kSchemaCookie = 1;  // among the header words of a database: BTREE_SCHEMA_VERSION

std::string RowidKey(int64_t rowid) {
  unsigned char key[SIBYL_ROWID_BYTES];
  sibyl_rowid_encode(rowid, key);
  return {reinterpret_cast<const char*>(key), sizeof key};
}

// Whether SQLite might take some of this text for a number.
bool MayBeNumber(std::string_view text) {
  return text.find_first_not_of("0123456789+-.eE \t\n\v\f\r") == std::string_view::npos;
}

// Whether SQLite's `affinity` certainly leaves the value as it is.
bool IsLeftAlone(const SqlValue& value, char affinity) {
  constexpr char kTextAffinity = 'B';
  constexpr char kNumericAffinity = 'C';
  switch (value.type) {
    case ValueType::kInteger:
      return affinity != kTextAffinity;
    case ValueType::kText:
      return affinity != kNumericAffinity || !MayBeNumber(value.bytes);
    case ValueType::kBlob:
      return true;
    default:
      return false;
  }
}

// Elements of these types become integers, and text, in pg_elements.
bool HasIntegers(uint32_t oid) { return oid == kInt2Oid || oid == kInt4Oid || oid == kInt8Oid; }
bool HasTexts(uint32_t oid) { return oid == kTextOid || oid == kVarcharOid || oid == kUuidOid; }

}  // namespace

std::shared_ptr<const SibylPointPlan> PlanPointRead(sqlite3_stmt* statement) {
  SibylPointPlan plan;
  if (sibyl_point_plan(statement, &plan) == 0) return nullptr;
  return std::make_shared<const SibylPointPlan>(plan);
}

PointReader::~PointReader() {
  sibyl_key_free(&key_);
  sibyl_key_free(&entry_record_);
}

void PointReader::Open(sqlite3* connection) {
  if (store_ != nullptr) return;
  SibylStore* const store = sibyl_store_of_schema(connection, "main");
  if (store != nullptr) store_ = store->Another();
}

bool PointReader::Read(const SibylPointPlan& plan, std::span<const OwnedValue> parameters,
                       sqlite3* connection) {
  if (!TakeKeys(plan, parameters)) return false;
  if (connection != nullptr) {
    SibylStore* const store = sibyl_store_of_schema(connection, "main");
    return store != nullptr && store->writing() && ReadFrom(store, plan);
  }
  if (store_ == nullptr || store_->Begin(false) != SQLITE_OK) return false;
  const bool is_read = ReadFrom(store_.get(), plan);
  store_->Commit(false, false);  // of a read transaction: cannot fail
  return is_read;
}

// In order and each once; false if one is of no use.
bool PointReader::TakeKeys(const SibylPointPlan& plan, std::span<const OwnedValue> parameters) {
  keys_.clear();
  for (const int parameter :
       std::span(plan.parameters, static_cast<size_t>(plan.parameter_count))) {
    const SqlValue value = parameters[static_cast<size_t>(parameter - 1)].view();
    if (plan.array_type != 0 ? !TakeElements(plan, value) : !TakeKey(plan, value)) return false;
  }
  if (keys_.size() > 1) {
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }
  return true;
}

// NULL, as an element or instead of the array, is among no elements.
bool PointReader::TakeElements(const SibylPointPlan& plan, const SqlValue& array) {
  const bool is_integer = HasIntegers(plan.array_type);
  if (!is_integer && !HasTexts(plan.array_type)) return false;
  if (array.type == ValueType::kNull) return true;
  if (array.type != ValueType::kText || array.bytes.size() > kMostListBytes) return false;
  const auto elements = ParseArray(array.bytes);
  if (!elements) return false;
  for (const auto& element : *elements) {
    if (!element) continue;
    const auto number = is_integer ? base::ParseNumber<int64_t>(*element) : std::nullopt;
    if (is_integer && !number) return false;
    if (!TakeKey(plan, number ? SqlValue::Integer(*number) : SqlValue::Text(*element)))
      return false;
  }
  return true;
}

// NULL is no key.
bool PointReader::TakeKey(const SibylPointPlan& plan, const SqlValue& value) {
  if (value.type == ValueType::kNull) return true;
  if (plan.entry_root == 0) {
    if (value.type == ValueType::kInteger) keys_.push_back(RowidKey(value.integer));
    return value.type == ValueType::kInteger;
  }
  if (!IsLeftAlone(value, plan.affinity)) return false;
  sibyl_key_clear(&key_);
  if (value.type == ValueType::kInteger) {
    sibyl_key_append_integer(&key_, value.integer, 0);
  } else if (value.type == ValueType::kText) {
    sibyl_key_append_text(&key_, value.bytes.data(), value.bytes.size(), SIBYL_COLLATE_BINARY, 0);
  } else {
    sibyl_key_append_blob(&key_, value.bytes.data(), value.bytes.size(), 0, 0);
  }
  if (key_.out_of_memory != 0) return false;
  keys_.emplace_back(reinterpret_cast<const char*>(key_.bytes), key_.size);
  return true;
}

bool PointReader::ReadFrom(SibylStore* store, const SibylPointPlan& plan) {
  if (store->GetMeta(kSchemaCookie) != plan.schema_cookie) return false;
  found_.clear();
  found_bytes_ = 0;
  const bool is_read = plan.entry_root == 0 ? FindRows(store, plan.root) : FindEntries(store, plan);
  if (!is_read) return false;
  if (found_.size() <= 1 || found_bytes_ <= kMostListBytes) return true;
  Rest();
  return false;
}

// The record of each key; false if one cannot be read.
bool PointReader::GetAll(SibylStore* store, uint32_t root, const std::vector<std::string>& keys,
                         std::vector<sibyl::Value>* records) {
  if (records->size() < keys.size()) records->resize(keys.size());
  const Tree tree = store->TreeOf(root);
  if (keys.size() == 1) {
    bool is_found = false;
    return store->Get(tree, keys.front(), &records->front(), &is_found) == SQLITE_OK;
  }
  key_views_.assign(keys.begin(), keys.end());
  return store->MultiGet(tree, key_views_, *records) == SQLITE_OK;
}

bool PointReader::FindRows(SibylStore* store, uint32_t root) {
  if (!GetAll(store, root, keys_, &rows_)) return false;
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (!rows_[i].found()) continue;
    found_.push_back({i, i, sibyl_rowid_decode(BytesOf(keys_[i]))});
    found_bytes_ += rows_[i].view().size();
  }
  return true;
}

bool PointReader::FindEntries(SibylStore* store, const SibylPointPlan& plan) {
  if (!GetAll(store, plan.entry_root, keys_, &entries_)) return false;
  for (size_t i = 0; i < keys_.size(); ++i) {
    if (!entries_[i].found()) continue;
    found_.push_back({i, found_.size()});
    found_bytes_ += keys_[i].size() + entries_[i].view().size();
  }
  if (plan.root == 0 && plan.has_rowid == 0) return true;
  row_keys_.clear();
  for (Found& found : found_) {
    if (!TakeRowid(&found)) return false;
    row_keys_.push_back(RowidKey(found.rowid));
  }
  return plan.root == 0 || FindRowsOfEntries(store, plan.root);
}

// False also if one has none: SQLite will say what is wrong.
bool PointReader::FindRowsOfEntries(SibylStore* store, uint32_t root) {
  if (!GetAll(store, root, row_keys_, &rows_)) return false;
  for (size_t i = 0; i < row_keys_.size(); ++i) {
    if (!rows_[i].found()) return false;
    found_bytes_ += rows_[i].view().size();
  }
  return true;
}

bool PointReader::TakeRowid(Found* found) {
  const std::string_view entry = entries_[found->key].view();
  if (sibyl_tail_last_integer(BytesOf(entry), entry.size(), &found->rowid) == SIBYL_RECORD_OK) {
    return true;
  }
  std::string_view record;
  return JoinEntry(*found, &record) && sibyl_record_last_integer(BytesOf(record), record.size(),
                                                                 &found->rowid) == SIBYL_RECORD_OK;
}

// SQLite's record of an entry; valid until the next call.
bool PointReader::JoinEntry(const Found& found, std::string_view* record) {
  const SibylFieldShape shape = sibyl_field_shape(0, SIBYL_COLLATE_BINARY);
  const std::string_view key = keys_[found.key];
  const std::string_view value = entries_[found.key].view();
  const unsigned char* bytes = nullptr;
  size_t size = 0;
  const SibylRecordResult result =
      sibyl_record_join(BytesOf(key), key.size(), BytesOf(value), value.size(), &shape, 1,
                        &entry_record_, &bytes, &size);
  if (result != SIBYL_RECORD_OK) return false;
  *record = {reinterpret_cast<const char*>(bytes), size};
  return true;
}

void PointReader::Rest() {
  if (found_bytes_ <= kKeptBytes && keys_.capacity() <= kKeptRecords) return;
  found_bytes_ = 0;
  rows_ = {};
  entries_ = {};
  keys_ = {};
  row_keys_ = {};
  key_views_ = {};
  sibyl_key_free(&key_);
  sibyl_key_free(&entry_record_);
}

bool PointReader::Decode(const SibylPointPlan& plan, size_t row) {
  const Found& found = found_[row];
  row_fields_.resize(static_cast<size_t>(plan.row_fields));
  entry_fields_.resize(static_cast<size_t>(plan.entry_fields));
  if (plan.row_fields > 0 && !DecodeRecord(rows_[found.row].view(), row_fields_)) return false;
  std::string_view entry;
  if (plan.entry_fields > 0 && (!JoinEntry(found, &entry) || !DecodeRecord(entry, entry_fields_))) {
    return false;
  }
  values_.clear();
  for (const SibylPointColumn& column :
       std::span(plan.columns, static_cast<size_t>(plan.column_count))) {
    const std::vector<SqlValue>& fields = column.of_entry != 0 ? entry_fields_ : row_fields_;
    SqlValue value = column.field < 0 ? SqlValue::Integer(found.rowid)
                                      : fields[static_cast<size_t>(column.field)];
    if (column.is_real != 0 && value.type == ValueType::kInteger) {
      value = SqlValue::Real(static_cast<double>(value.integer));
    }
    values_.push_back(value);
  }
  return true;
}

}  // namespace sibyl::sql::server
