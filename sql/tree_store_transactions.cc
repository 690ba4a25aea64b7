// Transactions, savepoints and the header words of a store: see tree_store.h.

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "sql/marker_file.h"
#include "sql/tree_cursor.h"
#include "sql/tree_store.h"

SibylStore::~SibylStore() {
  DetachCursors();
  EndWriting(false, false);
}

int SibylStore::Begin(bool write) {
  if (transaction_ != nullptr || (snapshot_ != nullptr && !write)) return SQLITE_OK;
  if (write && read_only_) return SQLITE_READONLY;  // SQLite's sentence says it all
  if (const int rc = OpenFile(); rc != SQLITE_OK) return rc;
  return write ? BeginWriting() : BeginReading();
}

int SibylStore::BeginReading() {
  auto snapshot = database_->GetSnapshot();
  if (!snapshot) return Fail(snapshot.error());
  snapshot_ = std::move(snapshot).value();
  const int rc = LoadHeader();
  if (rc != SQLITE_OK) snapshot_.reset();
  return rc;
}

int SibylStore::BeginWriting() {
  if (!file_->TryLockWriter(this)) return SQLITE_BUSY;
  auto begun = database_->BeginTransaction();
  if (!begun) {
    file_->UnlockWriter(this);
    return Fail(begun.error());
  }
  auto transaction = std::move(begun).value();
  if (snapshot_ != nullptr && snapshot_->sequence() != transaction->snapshot_sequence()) {
    transaction.reset();
    file_->UnlockWriter(this);
    return SQLITE_BUSY_SNAPSHOT;
  }
  DetachCursors();
  snapshot_.reset();
  transaction_ = std::move(transaction);
  beginning_ = transaction_->Savepoint();
  const int rc = LoadHeader();
  if (rc != SQLITE_OK) EndWriting(false, false);
  return rc;
}

// Reads the header words of the present state, unless they are known.
int SibylStore::LoadHeader() {
  const uint64_t sequence =
      transaction_ != nullptr ? transaction_->snapshot_sequence() : snapshot_->sequence();
  if (sequence != seen_sequence_) {
    if (seen_sequence_ != 0) data_version_++;
    seen_sequence_ = sequence;
  }
  const bool pristine = transaction_ == nullptr || transaction_->pending_records() == 0;
  if (pristine && header_sequence_ == sequence && sequence != 0) return SQLITE_OK;
  sibyl::Value value;
  bool found = false;
  const int rc = Get(file_->meta_tree(), sibyl::sql::kHeaderKey, &value, &found);
  if (rc != SQLITE_OK) return rc;
  header_.fill(0);
  const std::string_view roots =
      value.view().substr(std::min(value.view().size(), sizeof(header_)));
  if (!roots_.Decode(roots) || (found && value.view().size() < sizeof(header_))) {
    return Fail(SQLITE_CORRUPT, "the header of the SQL database has a wrong size");
  }
  if (found) {
    for (size_t i = 0; i < header_.size(); i++) {
      header_[i] = sibyl::base::Load32(value.view().data() + 4 * i);
    }
  }
  header_sequence_ = pristine ? sequence : 0;
  header_is_stored_ = true;
  return SQLITE_OK;
}

// Leaves the transaction, committed or not, for a fresh snapshot or for nothing. What it has left
// of the header, if it was committed, is that of the new state: nobody else could write meanwhile.
void SibylStore::EndWriting(bool keep_reading, bool committed) {
  savepoints_.clear();
  ends_.Forget();
  header_sequence_ = 0;
  snapshot_.reset();
  if (transaction_ == nullptr) return;
  transaction_.reset();
  if (auto now = database_->GetSnapshot()) {
    seen_sequence_ = (*now)->sequence();
    if (committed && header_is_stored_) header_sequence_ = seen_sequence_;
    if (keep_reading) snapshot_ = std::move(now).value();
  }
  file_->UnlockWriter(this);
  if (on_release_) on_release_();
}

int SibylStore::SyncNow() {
  const auto status = database_->Sync();
  return status ? SQLITE_OK : Fail(status.error());
}

// The writer lock is released after the log has the commit and before it is durable, so that the
// next writer works while this one waits for the disk, and one sync serves both.
int SibylStore::Commit(bool sync, bool keep_reading) {
  if (transaction_ == nullptr) {
    if (!keep_reading) {
      DetachCursors();
      snapshot_.reset();
    }
    return SQLITE_OK;
  }
  DetachCursors();
  const bool changed = transaction_->pending_records() > 0;
  if (changed) {
    const auto status = transaction_->Commit({.sync = false});
    if (!status) {
      const int rc = Fail(status.error());
      EndWriting(keep_reading, false);
      if (snapshot_ != nullptr) (void)LoadHeader();  // as it was before
      return rc;
    }
  }
  EndWriting(keep_reading, true);
  return changed && sync ? SyncNow() : SQLITE_OK;
}

int SibylStore::Rollback(bool keep_reading) {
  if (transaction_ == nullptr && keep_reading) return SQLITE_OK;
  DetachCursors();
  EndWriting(keep_reading, false);
  return snapshot_ != nullptr ? LoadHeader() : SQLITE_OK;
}

void SibylStore::OpenSavepoints(int count) {
  if (transaction_ == nullptr) return;
  while (static_cast<int>(savepoints_.size()) < count) {
    savepoints_.push_back(transaction_->Savepoint());
  }
}

int SibylStore::RollbackTo(int index) {
  if (transaction_ == nullptr || index >= static_cast<int>(savepoints_.size())) return SQLITE_OK;
  DetachCursors();
  const uint64_t mark = index < 0 ? beginning_ : savepoints_[static_cast<size_t>(index)];
  ReleaseSavepoints(static_cast<size_t>(index + 1));
  ends_.Forget();
  const auto status = transaction_->RollbackTo(mark);
  if (!status) return Fail(status.error());
  return LoadHeader();
}

void SibylStore::Release(int index) {
  if (index >= 0) ReleaseSavepoints(static_cast<size_t>(index));
}

// All but the first `kept`.
void SibylStore::ReleaseSavepoints(size_t kept) {
  for (; savepoints_.size() > kept; savepoints_.pop_back()) {
    if (transaction_ != nullptr) transaction_->ReleaseSavepoint(savepoints_.back());
  }
}

void SibylStore::TripCursors(int rc, bool writers_only) {
  for (SibylCursor* cursor = cursors_; cursor != nullptr; cursor = cursor->next) {
    if (writers_only && !cursor->writable()) {
      cursor->Detach();
    } else {
      cursor->Trip(rc);
    }
  }
}

void SibylStore::DetachCursors() {
  idle_iterators_.clear();
  for (SibylCursor* cursor = cursors_; cursor != nullptr; cursor = cursor->next) cursor->Detach();
}

uint32_t SibylStore::GetMeta(int index) const {
  constexpr int kDataVersion = 15;
  return index == kDataVersion ? data_version_ : header_[static_cast<size_t>(index)];
}

int SibylStore::SetMeta(int index, uint32_t value) {
  header_[static_cast<size_t>(index)] = value;
  return WriteHeader();
}

int SibylStore::WriteHeader() {
  header_sequence_ = 0;
  std::string bytes;
  for (const uint32_t word : header_) sibyl::base::Put32(&bytes, word);
  roots_.AppendTo(&bytes);
  const int rc = Put(file_->meta_tree(), sibyl::sql::kHeaderKey, bytes);
  header_is_stored_ = rc == SQLITE_OK;
  return rc;
}

sibyl::sql::MovedRoots SibylStore::LatestRoots() const {
  sibyl::sql::MovedRoots roots;
  const auto header = database_->Get(file_->meta_tree(), sibyl::sql::kHeaderKey);
  if (header && *header && (*header)->size() > sizeof(header_)) {
    (void)roots.Decode(std::string_view(**header).substr(sizeof(header_)));
  }
  return roots;
}
