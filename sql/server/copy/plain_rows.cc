#include "sql/server/copy/plain_rows.h"

#include <limits>

#include "sql/key_codec.h"
#include "sql/server/copy/record_encoder.h"
#include "sql/store_of_schema.h"
#include "sql/tree_cursor.h"

namespace sibyl::sql::server {
namespace {

unsigned char* BytesOf(char* key) { return reinterpret_cast<unsigned char*>(key); }

}  // namespace

std::unique_ptr<PlainRows> PlainRows::For(sqlite3_stmt* insert) {
  SibylAppendPlan plan;
  if (sibyl_append_plan(insert, &plan) == 0) return nullptr;
  sqlite3* const connection = sqlite3_db_handle(insert);
  SibylStore* const store = sibyl_store_of_schema(connection, "main");
  if (store == nullptr || !store->writing()) return nullptr;
  return std::unique_ptr<PlainRows>(new PlainRows(connection, store, plan));
}

// Cursors of SQLite's on the table save their places, as before any insertion.
bool PlainRows::FindEnd() {
  unsigned char state[2] = {};
  SibylCursor cursor(store_, plan_.root, true, {}, 0, state);
  if (store_->SavePlacesIn(plan_.root, &cursor) != SQLITE_OK) return false;
  store_->CloseBlobHandles(plan_.root, nullptr);
  bool empty = false;
  if (cursor.Last(&empty) != SQLITE_OK) return false;
  last_rowid_ =
      empty
          ? 0
          : sibyl_rowid_decode(reinterpret_cast<const unsigned char*>(cursor.CurrentKey().data()));
  knows_end_ = true;
  return true;
}

bool PlainRows::Append(std::span<const SqlValue> row) {
  if (row.size() != static_cast<size_t>(plan_.column_count)) return false;
  for (size_t i = 0; i < row.size(); ++i) {
    if (plan_.not_null[i] != 0 && row[i].type == ValueType::kNull) return false;
  }
  const auto record = EncodeRecord(row, {plan_.affinities, row.size()}, &buffer_);
  if (!record) return false;
  if (!knows_end_ && !FindEnd()) return false;
  // SQLite then looks for a rowid that is free.
  if (last_rowid_ == std::numeric_limits<int64_t>::max()) return false;
  char key[SIBYL_ROWID_BYTES];
  sibyl_rowid_encode(last_rowid_ + 1, BytesOf(key));
  if (store_->Put(store_->TreeOf(plan_.root), {key, sizeof(key)}, *record) != SQLITE_OK) {
    return false;
  }
  ++last_rowid_;
  has_appended_ = true;
  return true;
}

void PlainRows::Finish() {
  if (has_appended_) sqlite3_set_last_insert_rowid(connection_, last_rowid_);
}

}  // namespace sibyl::sql::server
