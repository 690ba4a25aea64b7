// Cursors over trees of the engine: see the header.

#include "sql/tree_cursor.h"

#include <sqlite3.h>

#include <utility>

#include "sql/bytes.h"

namespace {

using sibyl::sql::BytesOf;
using sibyl::sql::ViewOf;

// SQLite's CURSOR_ states (btreeInt.h), of which it looks at CURSOR_VALID from outside.
constexpr unsigned char kValid = 0;
constexpr unsigned char kInvalid = 1;
constexpr unsigned char kInGap = 2;       // CURSOR_SKIPNEXT
constexpr unsigned char kPlaceSaved = 3;  // CURSOR_REQUIRESEEK
constexpr unsigned char kFaulty = 4;      // CURSOR_FAULT
constexpr unsigned char kPinned = 0x40;   // BTCF_Pinned, in the byte behind the state

}  // namespace

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
