// The trees of a store: whether they are what the schema says, making, clearing and dropping them,
// and what is asked of the database as a whole. See tree_store.h.

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "sql/bytes.h"
#include "sql/index_record.h"
#include "sql/tree_store.h"

using sibyl::Tree;
using sibyl::sql::BytesOf;

int SibylStore::CheckRoot(uint32_t root, std::string_view shape) {
  constexpr size_t kSchemaVersion = 1;
  if (transaction_ == nullptr && snapshot_ == nullptr) return SQLITE_OK;  // nothing is read yet
  if (checked_schema_ != header_[kSchemaVersion]) {
    checked_roots_.fill(0);
    checked_schema_ = header_[kSchemaVersion];
  }
  const uint64_t checked = uint64_t{root} << 8 | std::min<size_t>(shape.size(), 255);
  uint64_t& slot = checked_roots_[root % checked_roots_.size()];
  if (slot == checked) return SQLITE_OK;
  const int rc = LookAtRoot(root, shape);
  if (rc == SQLITE_OK) slot = checked;
  return rc;
}

int SibylStore::LookAtRoot(uint32_t root, std::string_view shape) {
  const Tree tree = TreeOf(root);
  if (transaction_ == nullptr) {
    const auto exists = database_->HasTree({.snapshot = snapshot_.get()}, tree);
    if (!exists) return Fail(exists.error());
    if (!*exists) {
      return Fail(SQLITE_CORRUPT,
                  "the schema names tree " + std::to_string(root) + ", which is not there");
    }
  }
  std::unique_ptr<sibyl::Iterator> iterator;
  if (const int rc = NewIterator(tree, &iterator); rc != SQLITE_OK) return rc;
  iterator->SeekToFirst();
  if (const auto status = iterator->status(); !status) return Fail(status.error());
  const std::string_view key = iterator->Valid() ? iterator->key() : std::string_view();
  const bool fits = shape.empty() ? key.size() == SIBYL_ROWID_BYTES
                                  : sibyl_key_has_shape(BytesOf(key), key.size(), BytesOf(shape),
                                                        static_cast<int>(shape.size()));
  if (iterator->Valid() && !fits) {
    return Fail(SQLITE_CORRUPT, "tree " + std::to_string(root) + " is not what the schema says: " +
                                    (shape.empty() ? "a table" : "an index"));
  }
  KeepIterator(tree, std::move(iterator));
  return SQLITE_OK;
}

int SibylStore::CreateTree(uint32_t* root) {
  const auto tree = transaction_->CreateTree("");
  if (!tree) return Fail(tree.error());
  *root = tree->id;
  return SQLITE_OK;
}

int SibylStore::DropTree(uint32_t root) {
  const auto status = transaction_->DropTree(TreeOf(root));
  if (!status) return FailInTree(status.error());
  return roots_.Forget(root) ? WriteHeader() : SQLITE_OK;
}

int SibylStore::ClearTree(uint32_t root, int64_t* count) {
  constexpr uint64_t kFewRecords = 200;
  if (const int rc = SavePlacesIn(root, nullptr); rc != SQLITE_OK) return rc;
  CloseBlobHandles(root, nullptr);
  std::unique_ptr<sibyl::Iterator> iterator;
  if (const int rc = NewIterator(TreeOf(root), &iterator); rc != SQLITE_OK) return rc;
  const bool may_exchange = TreeOf(root) != sibyl::kDefaultTree;
  std::vector<std::string> keys;
  uint64_t records = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    const bool few = ++records <= kFewRecords || !may_exchange;
    if (!few) break;
    keys.emplace_back(iterator->key());
  }
  if (const auto status = iterator->status(); !status) return Fail(status.error());
  if (count != nullptr && records > keys.size()) {  // by arithmetic, where the tree is compacted
    const auto counted = transaction_->Count(TreeOf(root), {});
    if (!counted) return Fail(counted.error());
    records = *counted;
  }
  if (count != nullptr) *count += static_cast<int64_t>(records);
  if (records > keys.size()) return ExchangeTree(root);
  for (const std::string& key : keys) {
    if (const int rc = Delete(TreeOf(root), key); rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}

int SibylStore::ExchangeTree(uint32_t root) {
  DetachCursors();  // their iterators show the old tree
  if (const auto dropped = transaction_->DropTree(TreeOf(root)); !dropped) {
    return Fail(dropped.error());
  }
  const auto fresh = transaction_->CreateTree("");
  if (!fresh) return Fail(fresh.error());
  roots_.Move(root, *fresh);
  return WriteHeader();
}

int SibylStore::Compact() {
  if (const int rc = OpenFile(); rc != SQLITE_OK) return rc;
  const auto status = database_->Compact();
  return status ? SQLITE_OK : Fail(status.error());
}

int SibylStore::Verify(std::vector<std::string>* problems) {
  auto report = database_->Verify();
  if (!report) return Fail(report.error());
  *problems = std::move(report->problems);
  return SQLITE_OK;
}

int64_t SibylStore::SizeBytes() {
  if (OpenFile() != SQLITE_OK) return 0;
  const auto stats = database_->GetStats();
  if (!stats) return 0;
  uint64_t bytes = 0;
  for (const auto& generation : stats->generations) bytes += generation.bytes;
  for (const auto& level : stats->levels) {
    for (const auto& segment : level.segments) bytes += segment.file_bytes;
  }
  return static_cast<int64_t>(bytes);
}

int64_t SibylStore::EstimateRecords(Tree tree, const sibyl::KeyRange& range) {
  if (OpenFile() != SQLITE_OK) return 0;
  const auto records = database_->EstimateCount(tree, range);
  return records ? static_cast<int64_t>(*records) : 0;
}

bool SibylStore::IsLearned(Tree tree) {
  if (OpenFile() != SQLITE_OK) return false;
  const auto stats = database_->GetStats();
  if (!stats) return false;
  for (const auto& level : stats->levels) {
    for (const auto& segment : level.segments) {
      for (const auto& model : segment.models) {
        if (model.tree == tree && model.kind == "learned") return true;
      }
    }
  }
  return false;
}

int SibylStore::SetBudget(int64_t bytes) {
  constexpr int64_t kLeast = 1 << 20;
  constexpr int64_t kMost = int64_t{1} << 40;
  if (bytes < kLeast || bytes > kMost) {
    return Fail(SQLITE_ERROR, "a budget is between a megabyte and a terabyte");
  }
  if (file_->SetBudget(static_cast<uint64_t>(bytes))) return SQLITE_OK;
  return Fail(SQLITE_ERROR, "the database is open already, with a budget of " +
                                std::to_string(budget_bytes()) + " bytes");
}
