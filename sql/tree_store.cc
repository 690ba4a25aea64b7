// The store's file, errors, and what cursors read and write through it: see the header.
// Transactions are in tree_store_transactions.cc, trees in tree_store_trees.cc.

#include "sql/tree_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sql/tree_cursor.h"

namespace {

using sibyl::Error;
using sibyl::ErrorCode;
using sibyl::Tree;

// The engine has no code of its own for a full disk; the operating system's words are in the text.
bool SaysDiskFull(const std::string& message) {
  return message.find(std::strerror(ENOSPC)) != std::string::npos ||
         message.find(std::strerror(EDQUOT)) != std::string::npos;
}

int ResultCodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return SQLITE_ERROR;
    case ErrorCode::kCorruption:
      return SQLITE_CORRUPT;
    case ErrorCode::kIo:
      return SaysDiskFull(error.message) ? SQLITE_FULL : SQLITE_IOERR;
    case ErrorCode::kNotSupported:
      return SQLITE_ERROR;
    case ErrorCode::kConflict:
      return SQLITE_BUSY_SNAPSHOT;
    case ErrorCode::kBusy:
      return SQLITE_BUSY;
    case ErrorCode::kReadOnly:
      return SQLITE_READONLY;
  }
  return SQLITE_INTERNAL;
}

}  // namespace

// Programs look for SQLite's own words, such as "database is locked": they come first.
int SibylStore::Fail(int rc, const std::string& message) {
  error_ = rc == SQLITE_ERROR ? message : sqlite3_errstr(rc) + (": " + message);
  if (rc != SQLITE_BUSY) sqlite3_log(rc, "%s", error_.c_str());
  return rc;
}

int SibylStore::Fail(const Error& error) { return Fail(ResultCodeOf(error), error.ToString()); }

// A root page without a tree: the schema names what is not there.
int SibylStore::FailInTree(const Error& error) {
  const bool absent = error.code == ErrorCode::kInvalidArgument;
  return absent ? Fail(SQLITE_CORRUPT, error.ToString()) : Fail(error);
}

int SibylStore::OpenFile() {
  const bool in_use = snapshot_ != nullptr || transaction_ != nullptr;
  const bool may_change = file_->access() == sibyl::sql::Access::kReadOnly && !in_use;
  if (database_ != nullptr && !may_change) return SQLITE_OK;
  auto opened = file_->Open();
  if (!opened) {
    // A marker that cannot be followed means, to SQLite, that the file cannot be opened.
    const bool misplaced = opened.error().code == ErrorCode::kInvalidArgument;
    return Fail(misplaced ? SQLITE_CANTOPEN : ResultCodeOf(opened.error()),
                opened.error().ToString());
  }
  if (database_ != *opened) {
    DetachCursors();
    database_ = std::move(opened).value();
    header_sequence_ = 0;
  }
  return SQLITE_OK;
}

int SibylStore::Count(Tree tree, const sibyl::KeyRange& range, uint64_t* records) {
  const auto count = transaction_ != nullptr
                         ? transaction_->Count(tree, range)
                         : database_->Count({.snapshot = snapshot_.get()}, tree, range);
  if (!count) return FailInTree(count.error());
  *records = *count;
  return SQLITE_OK;
}

int SibylStore::RecordAt(Tree tree, uint64_t rank, std::optional<sibyl::OwnedRecord>* record) {
  auto found = transaction_ != nullptr ? transaction_->At(tree, rank)
                                       : database_->At({.snapshot = snapshot_.get()}, tree, rank);
  if (!found) return FailInTree(found.error());
  *record = std::move(found).value();
  return SQLITE_OK;
}

int SibylStore::Get(Tree tree, std::string_view key, sibyl::Value* value, bool* found) {
  if (key.size() > sibyl::kMaxKeyBytes) {  // for the engine an error, for SQL an unusual question
    value->Clear();
    *found = false;
    return SQLITE_OK;
  }
  const auto result = transaction_ != nullptr
                          ? transaction_->Get(tree, key, value)
                          : database_->Get({.snapshot = snapshot_.get()}, tree, key, value);
  if (!result) return FailInTree(result.error());
  *found = *result;
  return SQLITE_OK;
}

// values[i] answers keys[i].
int SibylStore::MultiGet(Tree tree, std::span<const std::string_view> keys,
                         std::span<sibyl::Value> values) {
  if (transaction_ == nullptr) {
    const auto status = database_->MultiGet({.snapshot = snapshot_.get()}, tree, keys, values);
    return status ? SQLITE_OK : FailInTree(status.error());
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = transaction_->Get(tree, keys[i], &values[i]);
    if (!found) return FailInTree(found.error());
  }
  return SQLITE_OK;
}

int SibylStore::NewIterator(Tree tree, std::unique_ptr<sibyl::Iterator>* iterator) {
  sibyl::IteratorOptions options;
  options.snapshot = snapshot_.get();
  auto made = transaction_ != nullptr ? transaction_->NewIterator(tree, options)
                                      : database_->NewIterator(tree, options);
  if (!made) return FailInTree(made.error());
  *iterator = std::move(made).value();
  return SQLITE_OK;
}

int SibylStore::Put(Tree tree, std::string_view key, std::string_view value) {
  if (key.size() > sibyl::kMaxKeyBytes) {
    return Fail(SQLITE_TOOBIG, "index key of " + std::to_string(key.size()) +
                                   " bytes: the limit is " + std::to_string(sibyl::kMaxKeyBytes));
  }
  ends_.NotePut(tree, key);
  DropIdleIterators(key.size() + value.size());
  const auto status = transaction_->Put(tree, key, value);
  return status ? SQLITE_OK : Fail(status.error());
}

int SibylStore::Delete(Tree tree, std::string_view key) {
  ends_.NoteDelete(tree, key);
  const auto status = transaction_->Delete(tree, key);
  return status ? SQLITE_OK : FailInTree(status.error());
}

std::unique_ptr<sibyl::Iterator> SibylStore::TakeIterator(Tree tree) {
  for (IdleIterator& idle : idle_iterators_) {
    if (idle.tree != tree || idle.iterator == nullptr) continue;
    auto iterator = std::move(idle.iterator);
    std::swap(idle, idle_iterators_.back());
    idle_iterators_.pop_back();
    return iterator;
  }
  return nullptr;
}

// Where they stand they may keep what the transaction has long spilled in memory.
void SibylStore::DropIdleIterators(size_t written_bytes) {
  constexpr size_t kBytesBetweenDrops = 16 << 20;
  written_bytes_ += written_bytes;
  if (written_bytes_ < kBytesBetweenDrops) return;
  written_bytes_ = 0;
  idle_iterators_.clear();
}

void SibylStore::KeepIterator(Tree tree, std::unique_ptr<sibyl::Iterator> iterator) {
  constexpr size_t kMostIdle = 8;
  if (iterator != nullptr && idle_iterators_.size() < kMostIdle) {
    idle_iterators_.push_back({tree, std::move(iterator)});
  }
}

int SibylStore::SavePlacesIn(uint32_t root, const SibylCursor* writer) {
  for (SibylCursor* cursor = cursors_; cursor != nullptr; cursor = cursor->next) {
    if (cursor == writer || cursor->root() != root) continue;
    if (cursor->pinned()) return SQLITE_CONSTRAINT_PINNED;
    cursor->SavePlace();
  }
  return SQLITE_OK;
}

void SibylStore::CloseBlobHandles(uint32_t root, const std::string_view* key) {
  for (SibylCursor* cursor = cursors_; cursor != nullptr; cursor = cursor->next) {
    if (cursor->root() == root) cursor->CloseIfWatching(key);
  }
}

void SibylStore::AddCursor(SibylCursor* cursor) {
  cursor->next = cursors_;
  if (cursors_ != nullptr) cursors_->previous = cursor;
  cursors_ = cursor;
}

void SibylStore::RemoveCursor(SibylCursor* cursor) {
  if (cursor->previous != nullptr) cursor->previous->next = cursor->next;
  if (cursor->next != nullptr) cursor->next->previous = cursor->previous;
  if (cursors_ == cursor) cursors_ = cursor->next;
}
