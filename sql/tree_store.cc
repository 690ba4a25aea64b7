// Stores and cursors over the engine: see the header.

#include "sql/tree_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "base/coding.h"
#include "sql/key_codec.h"
#include "sql/marker_file.h"

namespace {

using sibyl::Error;
using sibyl::ErrorCode;
using sibyl::Tree;

// SQLite's CURSOR_ states (btreeInt.h), of which it looks at CURSOR_VALID from outside.
constexpr unsigned char kValid = 0;
constexpr unsigned char kInvalid = 1;
constexpr unsigned char kInGap = 2;       // CURSOR_SKIPNEXT
constexpr unsigned char kPlaceSaved = 3;  // CURSOR_REQUIRESEEK
constexpr unsigned char kFaulty = 4;      // CURSOR_FAULT
constexpr unsigned char kPinned = 0x40;   // BTCF_Pinned, in the byte behind the state

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

std::string_view ViewOf(const void* bytes, size_t size) {
  return {static_cast<const char*>(bytes), size};
}

const unsigned char* BytesOf(std::string_view view) {
  return reinterpret_cast<const unsigned char*>(view.data());
}

}  // namespace

// ---- Store ----

SibylStore::~SibylStore() {
  DetachCursors();
  EndWriting(false);
}

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
  if (rc != SQLITE_OK) EndWriting(false);
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
  return SQLITE_OK;
}

// Leaves the transaction, committed or not, for a fresh snapshot or for nothing.
void SibylStore::EndWriting(bool keep_reading) {
  savepoints_.clear();
  ends_.Forget();
  header_sequence_ = 0;
  snapshot_.reset();
  if (transaction_ == nullptr) return;
  transaction_.reset();
  if (auto now = database_->GetSnapshot()) {
    seen_sequence_ = (*now)->sequence();
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
      EndWriting(keep_reading);
      if (snapshot_ != nullptr) (void)LoadHeader();  // as it was before
      return rc;
    }
  }
  EndWriting(keep_reading);
  return changed && sync ? SyncNow() : SQLITE_OK;
}

int SibylStore::Rollback(bool keep_reading) {
  if (transaction_ == nullptr && keep_reading) return SQLITE_OK;
  DetachCursors();
  EndWriting(keep_reading);
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
  return Put(file_->meta_tree(), sibyl::sql::kHeaderKey, bytes);
}

sibyl::sql::MovedRoots SibylStore::LatestRoots() const {
  sibyl::sql::MovedRoots roots;
  const auto header = database_->Get(file_->meta_tree(), sibyl::sql::kHeaderKey);
  if (header && *header && (*header)->size() > sizeof(header_)) {
    (void)roots.Decode(std::string_view(**header).substr(sizeof(header_)));
  }
  return roots;
}

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

// ---- Cursor ----

SibylCursor::SibylCursor(SibylStore* store, uint32_t root, bool writable, std::string_view shape,
                         int unique_fields, unsigned char* state)
    : store_(store),
      root_(root),
      writable_(writable),
      shape_(shape),
      unique_fields_(unique_fields),
      state_(state) {
  *state_ = kInvalid;
  store_->AddCursor(this);
}

SibylCursor::~SibylCursor() {
  *state_ = kInvalid;
  store_->RemoveCursor(this);
  store_->KeepIterator(tree(), std::move(iterator_));
  sibyl_key_free(&record_buffer_);
}

void SibylCursor::SetSource(Source source) {
  source_ = source;
  record_bytes_ = nullptr;
}

int SibylCursor::NeedIterator() {
  if (iterator_ == nullptr) iterator_ = store_->TakeIterator(tree());
  return iterator_ != nullptr ? SQLITE_OK : store_->NewIterator(tree(), &iterator_);
}

int SibylCursor::Land() {
  if (iterator_->Valid()) {
    *state_ = kValid;
    SetSource(Source::kIterator);
    iterator_here_ = true;
    return SQLITE_OK;
  }
  Clear();
  const auto status = iterator_->status();
  return status ? SQLITE_DONE : store_->Fail(status.error());
}

void SibylCursor::Clear() {
  *state_ = kInvalid;
  SetSource(Source::kNone);
  iterator_here_ = false;
}

void SibylCursor::StandInGap(std::string_view key, Gap gap) {
  key_ = key;
  gap_ = gap;
  SetSource(Source::kNone);
  iterator_here_ = false;
  *state_ = kInGap;
}

void SibylCursor::StandAtPoint() {
  *state_ = kValid;
  SetSource(Source::kPoint);
  iterator_here_ = false;
}

std::string_view SibylCursor::CurrentKey() const {
  return source_ == Source::kIterator ? iterator_->key() : std::string_view(key_);
}

int SibylCursor::CurrentValue(std::string_view* value) {
  if (source_ == Source::kNone) {
    bool found = false;
    if (const int rc = store_->Get(tree(), key_, &value_, &found); rc != SQLITE_OK) return rc;
    if (!found) return store_->Fail(SQLITE_CORRUPT, "a record that was just there is gone");
    source_ = Source::kPoint;
  }
  *value = source_ == Source::kIterator ? iterator_->value() : value_.view();
  return SQLITE_OK;
}

int SibylCursor::NeedRecord() {
  if (source_ == Source::kIterator && is_rowid_tree()) {
    SetRecord(iterator_->value());
    return SQLITE_OK;
  }
  std::string_view value;
  if (const int rc = CurrentValue(&value); rc != SQLITE_OK) return rc;
  if (is_rowid_tree()) {
    SetRecord(value);
    return SQLITE_OK;
  }
  const std::string_view key = CurrentKey();
  const int key_fields =
      sibyl_record_key_fields(BytesOf(key), key.size(), BytesOf(value), value.size(),
                              BytesOf(shape_), unique_fields_, static_cast<int>(shape_.size()));
  const unsigned char* bytes = nullptr;
  size_t size = 0;
  const SibylRecordResult result =
      sibyl_record_join(BytesOf(key), key.size(), BytesOf(value), value.size(), BytesOf(shape_),
                        key_fields, &record_buffer_, &bytes, &size);
  if (result == SIBYL_RECORD_NO_MEMORY) return SQLITE_NOMEM;
  if (result != SIBYL_RECORD_OK) return FailCorrupt();
  SetRecord(ViewOf(bytes, size));
  return SQLITE_OK;
}

int SibylCursor::IndexRowid(int64_t* rowid) {
  const std::string_view key = CurrentKey();
  if (unique_fields_ > 0) {
    std::string_view value;
    if (const int rc = CurrentValue(&value); rc != SQLITE_OK) return rc;
    if (!value.empty()) return RowidBehindKey(value, rowid);
  }
  const SibylRecordResult result = sibyl_key_last_integer(BytesOf(key), key.size(), BytesOf(shape_),
                                                          static_cast<int>(shape_.size()), rowid);
  return result == SIBYL_RECORD_OK ? SQLITE_OK : FailCorrupt();
}

int SibylCursor::RowidBehindKey(std::string_view value, int64_t* rowid) {
  if (sibyl_tail_last_integer(BytesOf(value), value.size(), rowid) == SIBYL_RECORD_OK) {
    return SQLITE_OK;
  }
  if (const int rc = NeedRecord(); rc != SQLITE_OK) return rc;
  const auto* const record = reinterpret_cast<const unsigned char*>(record_bytes_);
  const SibylRecordResult result = sibyl_record_last_integer(record, record_size_, rowid);
  return result == SIBYL_RECORD_OK ? SQLITE_OK : FailCorrupt();
}

int SibylCursor::FailCorrupt() {
  return store_->Fail(SQLITE_CORRUPT,
                      "an entry of tree " + std::to_string(tree().id) + " is no index record");
}

void SibylCursor::SavePlace() {
  if (*state_ != kValid) return;
  if (source_ == Source::kIterator) key_ = iterator_->key();
  SetSource(Source::kNone);
  *state_ = kPlaceSaved;
}

bool SibylCursor::pinned() const {
  return (state_[1] & kPinned) != 0 && (*state_ == kValid || *state_ == kInGap);
}

void SibylCursor::Detach() {
  SavePlace();
  iterator_.reset();
  iterator_here_ = false;
}

void SibylCursor::Trip(int rc) {
  Detach();
  *state_ = kFaulty;
  fault_rc_ = rc;
}

void SibylCursor::CloseIfWatching(const std::string_view* key) {
  if (watches_row_ && *state_ != kFaulty && (key == nullptr || *key == key_)) Clear();
}

int SibylCursor::First(bool* empty) {
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->SeekToFirst();
  const int rc = Land();
  *empty = rc == SQLITE_DONE;
  return *empty ? SQLITE_OK : rc;
}

int SibylCursor::Last(bool* empty) {
  if (const int rc = PutCollected(); rc != SQLITE_OK) return rc;
  if (const std::string* last = KnownEnd()) {
    *empty = last->empty();
    if (*empty) {
      Clear();
      return SQLITE_OK;
    }
    key_ = *last;
    *state_ = kValid;
    SetSource(Source::kNone);
    iterator_here_ = false;
    return SQLITE_OK;
  }
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->SeekToLast();
  const int rc = Land();
  *empty = rc == SQLITE_DONE;
  if (*empty || rc == SQLITE_OK) LearnEnd(*empty ? std::string_view() : iterator_->key());
  return *empty ? SQLITE_OK : rc;
}

// The greatest key of a table that this connection writes, if it is known.
const std::string* SibylCursor::KnownEnd() const {
  if (!writable_ || !is_rowid_tree() || store_->ends() == nullptr) return nullptr;
  return store_->ends()->Find(tree());
}

void SibylCursor::LearnEnd(std::string_view key) {
  if (writable_ && is_rowid_tree() && store_->ends() != nullptr) store_->ends()->Learn(tree(), key);
}

// A row that is about to be inserted was looked for: are rows being appended?
int SibylCursor::NoteMiss() {
  if (!writable_ || !is_rowid_tree() || store_->ends() == nullptr) return SQLITE_OK;
  if (!store_->ends()->IsWorthLearning(tree())) return SQLITE_OK;
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->SeekToLast();
  if (const auto status = iterator_->status(); !status) return store_->Fail(status.error());
  LearnEnd(iterator_->Valid() ? iterator_->key() : std::string_view());
  return SQLITE_OK;
}

int SibylCursor::Next() {
  if (*state_ == kFaulty) return fault_rc_;
  if (*state_ == kInvalid) return SQLITE_DONE;
  if (iterator_here_) {
    iterator_->Next();
    return Land();
  }
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->Seek(key_);
  const bool key_lies_ahead = *state_ == kInGap && gap_ == Gap::kBeforeKey;
  if (!key_lies_ahead && iterator_->Valid() && iterator_->key() == key_) iterator_->Next();
  return Land();
}

int SibylCursor::Previous() {
  if (*state_ == kFaulty) return fault_rc_;
  if (*state_ == kInvalid) return SQLITE_DONE;
  if (iterator_here_) {
    iterator_->Prev();
    return Land();
  }
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->SeekForPrev(key_);
  if (iterator_->Valid() && iterator_->key() == key_) iterator_->Prev();
  return Land();
}

// After a seek that found nothing SQLite takes the cursor to be at the record before the gap, if
// there is one, and asks here whether there is.
bool SibylCursor::AtEnd() {
  if (*state_ == kInGap && gap_ == Gap::kBeforeKey) {
    if (Previous() != SQLITE_OK) return true;
  }
  return *state_ != kValid;
}

int SibylCursor::SeekKey(std::string_view key, bool* found) {
  if (*state_ == kValid && CurrentKey() == key) {
    *found = true;
    return SQLITE_OK;
  }
  StandInGap(key, Gap::kBeforeKey);
  if (const std::string* last = KnownEnd(); last != nullptr && key > *last) {
    *found = false;
    return SQLITE_OK;
  }
  if (const int rc = store_->Get(tree(), key_, &value_, found); rc != SQLITE_OK) {
    Clear();
    return rc;
  }
  if (!*found) return NoteMiss();
  StandAtPoint();
  return SQLITE_OK;
}

int SibylCursor::SeekFrom(std::string_view key, bool* found) {
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->Seek(key);
  const int rc = Land();
  *found = rc == SQLITE_OK;
  if (rc != SQLITE_DONE) return rc;
  StandInGap(key, Gap::kBeforeKey);
  return SQLITE_OK;
}

int SibylCursor::SeekBefore(std::string_view key, bool* found) {
  if (const int rc = NeedIterator(); rc != SQLITE_OK) return rc;
  iterator_->SeekForPrev(key);
  if (iterator_->Valid() && iterator_->key() == key) iterator_->Prev();
  const int rc = Land();
  *found = rc == SQLITE_OK;
  if (rc != SQLITE_DONE) return rc;
  StandInGap(key, Gap::kBeforeKey);
  return SQLITE_OK;
}

int SibylCursor::Restore(bool* same) {
  *same = *state_ == kValid;
  if (*state_ == kFaulty) return fault_rc_;
  if (*state_ != kPlaceSaved) return SQLITE_OK;
  if (const int rc = store_->Get(tree(), key_, &value_, same); rc != SQLITE_OK) return rc;
  const bool iterator_was_here = iterator_here_;
  if (*same) {
    StandAtPoint();
  } else {
    StandInGap(std::string(key_), Gap::kInsteadOfKey);
  }
  iterator_here_ = iterator_was_here;
  return SQLITE_OK;
}

int SibylCursor::Put(std::string_view key, std::string_view value) {
  if (*state_ == kFaulty) return fault_rc_;
  if (const int rc = store_->SavePlacesIn(root_, this); rc != SQLITE_OK) return rc;
  store_->CloseBlobHandles(root_, &key);
  const int rc = store_->Put(tree(), key, value);
  if (rc != SQLITE_OK) return rc;
  iterator_here_ = iterator_here_ && *state_ == kValid && CurrentKey() == key;
  key_ = key;
  SetSource(Source::kNone);
  *state_ = kPlaceSaved;
  return SQLITE_OK;
}

int SibylCursor::PutLater(std::string_view key, std::string_view value) {
  if (collected_ == nullptr) collected_ = std::make_unique<sibyl::sql::SortedBatch>();
  collected_->Add(key, value);
  return collected_->IsFull() ? PutCollected() : SQLITE_OK;
}

int SibylCursor::PutCollected() {
  if (collected_ == nullptr || collected_->empty()) return SQLITE_OK;
  if (*state_ == kFaulty) return fault_rc_;
  if (const int rc = store_->SavePlacesIn(root_, this); rc != SQLITE_OK) return rc;
  return collected_->Take([this](std::string_view key, std::string_view value) {
    return store_->Put(tree(), key, value);
  });
}

int SibylCursor::Delete() {
  bool same = false;
  if (const int rc = Restore(&same); rc != SQLITE_OK || !same) return rc;
  if (source_ == Source::kIterator) key_ = iterator_->key();
  const std::string_view key = key_;
  if (const int rc = store_->SavePlacesIn(root_, this); rc != SQLITE_OK) return rc;
  store_->CloseBlobHandles(root_, &key);
  const int rc = store_->Delete(tree(), key_);
  if (rc != SQLITE_OK) return rc;
  SetSource(Source::kNone);
  gap_ = Gap::kInsteadOfKey;
  *state_ = kInGap;
  return SQLITE_OK;
}

int SibylCursor::Overwrite(uint32_t offset, std::string_view bytes) {
  std::string_view old;
  if (const int rc = CurrentValue(&old); rc != SQLITE_OK) return rc;
  if (offset > old.size() || bytes.size() > old.size() - offset) return SQLITE_CORRUPT;
  std::string value(old);
  value.replace(offset, bytes.size(), bytes);
  if (source_ == Source::kIterator) key_ = iterator_->key();
  if (const int rc = store_->SavePlacesIn(root_, this); rc != SQLITE_OK) return rc;
  const int rc = store_->Put(tree(), key_, value);
  if (rc != SQLITE_OK) return rc;
  value_.Assign(value);
  StandAtPoint();
  return SQLITE_OK;
}

int SibylCursor::Count(int64_t* count) {
  uint64_t records = 0;
  const int rc = store_->Count(tree(), {}, &records);
  *count = static_cast<int64_t>(records);
  return rc;
}

int SibylCursor::Skip(uint64_t count, bool forward) {
  if (*state_ == kFaulty) return fault_rc_;
  if (*state_ != kValid) return SQLITE_OK;  // there is nothing to skip
  if (source_ == Source::kIterator) key_ = iterator_->key();
  uint64_t rank = 0;
  if (const int rc = store_->Count(tree(), {std::nullopt, key_}, &rank); rc != SQLITE_OK) return rc;
  std::optional<sibyl::OwnedRecord> record;
  if (forward || count <= rank) {
    const uint64_t wanted = forward ? rank + count : rank - count;
    if (const int rc = store_->RecordAt(tree(), wanted, &record); rc != SQLITE_OK) return rc;
  }
  if (!record) {
    Clear();
    return SQLITE_OK;
  }
  key_ = std::move(record->key);
  value_.Assign(record->value);
  StandAtPoint();
  return SQLITE_OK;
}

// ---- The C names ----

namespace {

// A rowid as a key on the stack.
struct RowidKey {
  explicit RowidKey(int64_t rowid) { sibyl_rowid_encode(rowid, bytes); }
  std::string_view view() const { return ViewOf(bytes, sizeof bytes); }
  unsigned char bytes[8];
};

}  // namespace

extern "C" {

int sibyl_is_marker(const void* bytes, size_t size) {
  return sibyl::sql::IsMarker(ViewOf(bytes, size));
}

int sibyl_store_open(const char* path, SibylAccess access, SibylStore** store) {
  using sibyl::sql::Access;
  auto file =
      sibyl::sql::StoreFile::Acquire(path, access == SIBYL_READ_WRITE  ? Access::kReadWrite
                                           : access == SIBYL_READ_ONLY ? Access::kReadOnly
                                                                       : Access::kImmutable);
  if (!file) {
    sqlite3_log(SQLITE_CANTOPEN, "%s", file.error().ToString().c_str());
    return SQLITE_CANTOPEN;
  }
  *store = new SibylStore(std::move(file).value(), access != SIBYL_READ_WRITE);
  return SQLITE_OK;
}

void sibyl_store_close(SibylStore* store) { delete store; }
const char* sibyl_store_error(const SibylStore* store) { return store->error().c_str(); }
void sibyl_store_clear_error(SibylStore* store) { store->ClearError(); }
int sibyl_store_refuse_collation(SibylStore* store, const char* collation) {
  return store->Fail(SQLITE_ERROR, std::string("collation ") + collation +
                                       " cannot be indexed: only BINARY, NOCASE and RTRIM have an "
                                       "order of bytes");
}
int sibyl_store_has_short_keys(const SibylStore* store) { return store->has_short_keys(); }
int sibyl_store_begin(SibylStore* store, int write) { return store->Begin(write != 0); }
int sibyl_store_commit(SibylStore* store, int sync, int keep_reading) {
  return store->Commit(sync != 0, keep_reading != 0);
}
int sibyl_store_rollback(SibylStore* store, int keep_reading) {
  return store->Rollback(keep_reading != 0);
}
int sibyl_store_open_savepoints(SibylStore* store, int count) {
  store->OpenSavepoints(count);
  return SQLITE_OK;
}
int sibyl_store_rollback_to(SibylStore* store, int index) { return store->RollbackTo(index); }
void sibyl_store_release(SibylStore* store, int index) { store->Release(index); }
int sibyl_store_trip_cursors(SibylStore* store, int rc, int writers_only) {
  store->TripCursors(rc, writers_only != 0);
  return SQLITE_OK;
}
uint32_t sibyl_store_get_meta(SibylStore* store, int index) { return store->GetMeta(index); }
int sibyl_store_set_meta(SibylStore* store, int index, uint32_t value) {
  return store->SetMeta(index, value);
}
int sibyl_store_create_tree(SibylStore* store, uint32_t* root) { return store->CreateTree(root); }
int sibyl_store_drop_tree(SibylStore* store, uint32_t root) { return store->DropTree(root); }
int sibyl_store_clear_tree(SibylStore* store, uint32_t root, int64_t* count) {
  return store->ClearTree(root, count);
}
int64_t sibyl_store_estimate(SibylStore* store, uint32_t root, const SibylKey* begin,
                             const SibylKey* end) {
  sibyl::KeyRange range;
  if (begin != nullptr && begin->size > 0) range.begin = ViewOf(begin->bytes, begin->size);
  if (end != nullptr && end->size > 0) range.end = ViewOf(end->bytes, end->size);
  return store->EstimateRecords(store->TreeOf(root), range);
}
int sibyl_store_is_learned(SibylStore* store, uint32_t root) {
  return store->IsLearned(store->TreeOf(root));
}
int64_t sibyl_store_budget(SibylStore* store) {
  return static_cast<int64_t>(store->budget_bytes());
}
int sibyl_store_set_budget(SibylStore* store, int64_t bytes) { return store->SetBudget(bytes); }
int sibyl_store_compact(SibylStore* store) { return store->Compact(); }
int64_t sibyl_store_size_bytes(SibylStore* store) { return store->SizeBytes(); }

int sibyl_store_verify(SibylStore* store, char** report, int* problems) {
  std::vector<std::string> found;
  const int rc = store->Verify(&found);
  *problems = static_cast<int>(found.size());
  *report = nullptr;
  if (found.empty()) return rc;
  std::string text;
  for (const std::string& problem : found) text += (text.empty() ? "" : "\n") + problem;
  *report = sqlite3_mprintf("%s", text.c_str());
  return rc;
}

int sibyl_cursor_open(SibylStore* store, uint32_t root, int writable, const unsigned char* shape,
                      int key_fields, int unique_fields, unsigned char* state,
                      SibylCursor** cursor) {
  const std::string_view key_shape = ViewOf(shape, static_cast<size_t>(key_fields));
  if (const int rc = store->CheckRoot(root, key_shape); rc != SQLITE_OK) return rc;
  *cursor = new SibylCursor(store, root, writable != 0, key_shape, unique_fields, state);
  return SQLITE_OK;
}
void sibyl_cursor_close(SibylCursor* cursor) { delete cursor; }
void sibyl_cursor_clear(SibylCursor* cursor) { cursor->Clear(); }
void sibyl_cursor_watch_row(SibylCursor* cursor) { cursor->WatchRow(); }

int sibyl_cursor_first(SibylCursor* cursor, int* empty) {
  bool is_empty = false;
  const int rc = cursor->First(&is_empty);
  *empty = is_empty;
  return rc;
}
int sibyl_cursor_last(SibylCursor* cursor, int* empty) {
  bool is_empty = false;
  const int rc = cursor->Last(&is_empty);
  *empty = is_empty;
  return rc;
}
int sibyl_cursor_next(SibylCursor* cursor) { return cursor->Next(); }
int sibyl_cursor_previous(SibylCursor* cursor) { return cursor->Previous(); }
int sibyl_cursor_at_end(SibylCursor* cursor) { return cursor->AtEnd(); }
int sibyl_cursor_skip(SibylCursor* cursor, int64_t count, int forward) {
  return cursor->Skip(static_cast<uint64_t>(count), forward != 0);
}

int sibyl_cursor_seek_rowid(SibylCursor* cursor, int64_t rowid, int* found) {
  bool is_found = false;
  const int rc = cursor->SeekKey(RowidKey(rowid).view(), &is_found);
  *found = is_found;
  return rc;
}
int sibyl_cursor_seek_key(SibylCursor* cursor, const void* key, size_t size, int* found) {
  bool is_found = false;
  const int rc = cursor->SeekKey(ViewOf(key, size), &is_found);
  *found = is_found;
  return rc;
}
int sibyl_cursor_seek_from(SibylCursor* cursor, const void* key, size_t size, int* found) {
  bool is_found = false;
  const int rc = cursor->SeekFrom(ViewOf(key, size), &is_found);
  *found = is_found;
  return rc;
}
int sibyl_cursor_seek_before(SibylCursor* cursor, const void* key, size_t size, int* found) {
  bool is_found = false;
  const int rc = cursor->SeekBefore(ViewOf(key, size), &is_found);
  *found = is_found;
  return rc;
}
int sibyl_cursor_seek_from_rowid(SibylCursor* cursor, int64_t rowid, int* order) {
  const RowidKey key(rowid);
  bool is_found = false;
  const int rc = cursor->SeekFrom(key.view(), &is_found);
  *order = !is_found ? -1 : cursor->CurrentKey() == key.view() ? 0 : 1;
  return rc;
}
int sibyl_cursor_compare_key(const SibylCursor* cursor, const void* prefix, size_t size) {
  return cursor->CurrentKey().substr(0, size).compare(ViewOf(prefix, size));
}
int sibyl_cursor_restore(SibylCursor* cursor, int* same) {
  bool is_same = false;
  const int rc = cursor->Restore(&is_same);
  *same = is_same;
  return rc;
}

int64_t sibyl_cursor_rowid(const SibylCursor* cursor) {
  const std::string_view key = cursor->CurrentKey();
  assert(key.size() == SIBYL_ROWID_BYTES);
  return sibyl_rowid_decode(reinterpret_cast<const unsigned char*>(key.data()));
}

int sibyl_cursor_index_rowid(SibylCursor* cursor, int64_t* rowid) {
  return cursor->IndexRowid(rowid);
}

int sibyl_cursor_record(SibylCursor* cursor, const void** record, uint32_t* size) {
  // A header that is longer than the record.
  static constexpr std::string_view kCorruptRecord("\x7f\0\0\0\0\0\0\0", 8);
  if (!cursor->record_known()) {
    if (const int rc = cursor->NeedRecord(); rc != SQLITE_OK) {
      *record = kCorruptRecord.data();
      *size = static_cast<uint32_t>(kCorruptRecord.size());
      return rc;
    }
  }
  *record = cursor->record_bytes();
  *size = cursor->record_size();
  return SQLITE_OK;
}

int sibyl_cursor_put_row(SibylCursor* cursor, int64_t rowid, const void* value, size_t size,
                         size_t zeros) {
  const RowidKey key(rowid);
  if (zeros == 0) return cursor->Put(key.view(), ViewOf(value, size));
  std::string padded(ViewOf(value, size));
  padded.append(zeros, '\0');
  return cursor->Put(key.view(), padded);
}
int sibyl_cursor_put_key(SibylCursor* cursor, const void* key, size_t key_size, const void* value,
                         size_t size) {
  return cursor->Put(ViewOf(key, key_size), ViewOf(value, size));
}
int sibyl_cursor_put_key_later(SibylCursor* cursor, const void* key, size_t key_size,
                               const void* value, size_t size) {
  return cursor->PutLater(ViewOf(key, key_size), ViewOf(value, size));
}
int sibyl_cursor_delete(SibylCursor* cursor) { return cursor->Delete(); }
int sibyl_cursor_may_write(const SibylCursor* cursor) { return cursor->MayWrite(); }
int sibyl_cursor_overwrite(SibylCursor* cursor, uint32_t offset, uint32_t size, const void* bytes) {
  return cursor->Overwrite(offset, ViewOf(bytes, size));
}
int sibyl_cursor_count(SibylCursor* cursor, int64_t* count) { return cursor->Count(count); }
int64_t sibyl_cursor_estimate(SibylCursor* cursor) { return cursor->EstimateRecords(); }

}  // extern "C"
