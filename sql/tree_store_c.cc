// The C names for stores and cursors: see tree_store_c.h.

#include "sql/tree_store_c.h"

#include <sqlite3.h>

#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include "sql/bytes.h"
#include "sql/marker_file.h"
#include "sql/store_file.h"
#include "sql/tree_cursor.h"
#include "sql/tree_store.h"

namespace {

using sibyl::sql::ViewOf;

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
