// What btree.h says of rows: reading, blob handles, inserting, deleting, copying, counting.
//
// Compiled inside SQLite's amalgamation: see btree_dispatch.c.

SQLITE_PRIVATE i64 sqlite3BtreeIntegerKey(BtCursor* cursor) {
  if (cursor->pSibyl == 0) return nativeBtreeIntegerKey(cursor);
  return sibyl_cursor_rowid(cursor->pSibyl);
}

SQLITE_PRIVATE const void* sqlite3BtreePayloadFetch(BtCursor* cursor, u32* size) {
  if (cursor->pSibyl == 0) return nativeBtreePayloadFetch(cursor, size);
  const void* value = 0;
  sibyl_cursor_record(cursor->pSibyl, &value, size);
  return value;
}

SQLITE_PRIVATE u32 sqlite3BtreePayloadSize(BtCursor* cursor) {
  if (cursor->pSibyl == 0) return nativeBtreePayloadSize(cursor);
  const void* value = 0;
  u32 size = 0;
  sibyl_cursor_record(cursor->pSibyl, &value, &size);
  return size;
}

SQLITE_PRIVATE sqlite3_int64 sqlite3BtreeMaxRecordSize(BtCursor* cursor) {
  return cursor->pSibyl == 0 ? nativeBtreeMaxRecordSize(cursor) : 0x7fffffff;
}

SQLITE_PRIVATE int sqlite3BtreePayload(BtCursor* cursor, u32 offset, u32 amount, void* out) {
  if (cursor->pSibyl == 0) return nativeBtreePayload(cursor, offset, amount, out);
  const void* value = 0;
  u32 size = 0;
  const int rc = sibyl_cursor_record(cursor->pSibyl, &value, &size);
  if (rc != SQLITE_OK) return rc;
  if ((u64)offset + amount > size) return SQLITE_CORRUPT_BKPT;
  if (amount > 0) memcpy(out, (const u8*)value + offset, amount);
  return SQLITE_OK;
}

// For blob handles, whose row may have been changed or deleted since.
static int restoreForBlob(BtCursor* cursor) {
  int same = 0;
  if (cursor->eState == CURSOR_INVALID) return SQLITE_ABORT;
  const int rc = sibyl_cursor_restore(cursor->pSibyl, &same);
  return rc == SQLITE_OK && !same ? SQLITE_ABORT : rc;
}

SQLITE_PRIVATE int sqlite3BtreePayloadChecked(BtCursor* cursor, u32 offset, u32 amount, void* out) {
  if (cursor->pSibyl == 0) return nativeBtreePayloadChecked(cursor, offset, amount, out);
  const int rc = restoreForBlob(cursor);
  return rc == SQLITE_OK ? sqlite3BtreePayload(cursor, offset, amount, out) : rc;
}

SQLITE_PRIVATE int sqlite3BtreePutData(BtCursor* cursor, u32 offset, u32 amount, void* bytes) {
  if (cursor->pSibyl == 0) return nativeBtreePutData(cursor, offset, amount, bytes);
  const int rc = restoreForBlob(cursor);
  if (rc != SQLITE_OK) return rc;
  if (!sibyl_cursor_may_write(cursor->pSibyl)) return SQLITE_READONLY;
  return sibyl_cursor_overwrite(cursor->pSibyl, offset, amount, bytes);
}

SQLITE_PRIVATE void sqlite3BtreeIncrblobCursor(BtCursor* cursor) {
  if (cursor->pSibyl == 0) {
    nativeBtreeIncrblobCursor(cursor);
  } else {
    sibyl_cursor_watch_row(cursor->pSibyl);
  }
}

SQLITE_PRIVATE int sqlite3BtreeDelete(BtCursor* cursor, u8 flags) {
  if (cursor->pSibyl == 0) return nativeBtreeDelete(cursor, flags);
  return sibyl_cursor_delete(cursor->pSibyl);
}

// The row that OP_RowCell has put aside, as if it had come from the registers.
static BtreePayload transferredRow(const BtCursor* cursor, const BtreePayload* payload) {
  Btree* p = cursor->pBtree;
  BtreePayload row = *payload;
  if (cursor->pKeyInfo == 0) {
    row.pData = p->aTransfer;
    row.nData = (int)p->nTransfer;
    row.nZero = 0;
  } else {
    row.pKey = p->aTransfer;
    row.nKey = p->nTransfer;
    row.nMem = 0;
  }
  p->bTransfer = 0;
  return row;
}

// Text in UTF-16 whose keys are made of its UTF-8 form does not come back from them exactly.
static int isKeptWhole(const KeyInfo* info, const SibylKey* shape) {
  if (info->enc == SQLITE_UTF8) return 0;
  for (size_t i = 0; i < shape->size; i++) {
    if (shape->bytes[i] >> 2 != SIBYL_COLLATE_BINARY) return 1;
  }
  return 0;
}

// What the generated program of CREATE INDEX and REINDEX says of its insertions: they come in the
// order of the table, and the cursor is used for nothing else until OP_Last ends them.
enum { SIBYL_FILL_CURSOR = BTREE_BULKLOAD, SIBYL_FILL_INSERT = BTREE_SAVEPOSITION };

// Whether that program leaves the sorting to the cursor. Entries of unique indexes must be sorted
// before they are inserted, to find equal ones.
static int sibylSortsEntries(const Btree* p, const Index* index) {
  return sibylIsOurs(p) && !IsUniqueIndex(index);
}

static int putEntry(BtCursor* cursor, int flags, const SibylKey* key, const void* value,
                    size_t size) {
  const int fills = (cursor->hints & SIBYL_FILL_CURSOR) && (flags & SIBYL_FILL_INSERT);
  return fills ? sibyl_cursor_put_key_later(cursor->pSibyl, key->bytes, key->size, value, size)
               : sibyl_cursor_put_key(cursor->pSibyl, key->bytes, key->size, value, size);
}

static int insertEntry(BtCursor* cursor, const BtreePayload* row, int flags) {
  SibylBtree* ours = oursOf(cursor);
  int rc = shapeOf(cursor->pBtree, cursor->pKeyInfo);
  if (rc != SQLITE_OK) return rc;
  const int unique = uniqueFields(cursor->pBtree, cursor->pKeyInfo);
  int key_fields = cursor->pKeyInfo->nKeyField;
  if (unique > 0 && unique < key_fields &&
      !sibyl_record_has_null(row->pKey, (size_t)row->nKey, unique)) {
    key_fields = unique;
  }
  if (isKeptWhole(cursor->pKeyInfo, &ours->shape)) {
    rc = keyOfRecord(&ours->key, row->pKey, row->nKey, key_fields, cursor->pKeyInfo);
    if (rc != SQLITE_OK) return rc;
    return putEntry(cursor, flags, &ours->key, row->pKey, (size_t)row->nKey);
  }
  switch (sibyl_record_split(row->pKey, (size_t)row->nKey, ours->shape.bytes,
                             key_fields, &ours->key, &ours->value)) {
    case SIBYL_RECORD_OK:
      return putEntry(cursor, flags, &ours->key, ours->value.bytes, ours->value.size);
    case SIBYL_RECORD_CORRUPT:
      return SQLITE_CORRUPT_BKPT;
    default:
      return SQLITE_NOMEM_BKPT;
  }
}

static int insertRow(BtCursor* cursor, const BtreePayload* row, int flags) {
  if (cursor->pKeyInfo != 0) return insertEntry(cursor, row, flags);
  return sibyl_cursor_put_row(cursor->pSibyl, row->nKey, row->pData, (size_t)row->nData,
                              (size_t)row->nZero);
}

SQLITE_PRIVATE int sqlite3BtreeInsert(BtCursor* cursor, const BtreePayload* payload, int flags,
                                      int seek_result) {
  if ((flags & BTREE_PREFORMAT) && cursor->pBtree->bTransfer) {
    const BtreePayload row = transferredRow(cursor, payload);
    if (cursor->pSibyl != 0) return insertRow(cursor, &row, flags);
    return nativeBtreeInsert(cursor, &row, flags & ~BTREE_PREFORMAT, seek_result);
  }
  if (cursor->pSibyl == 0) return nativeBtreeInsert(cursor, payload, flags, seek_result);
  return insertRow(cursor, payload, flags);
}

// Copies a row from one table to another of the same form. Between two SQLite files SQLite copies
// the cell; if one side is ours the row waits, as bytes, for sqlite3BtreeInsert.
SQLITE_PRIVATE int sqlite3BtreeTransferRow(BtCursor* to, BtCursor* from, i64 rowid) {
  Btree* p = to->pBtree;
  p->bTransfer = 0;
  if (to->pSibyl == 0 && from->pSibyl == 0) return nativeBtreeTransferRow(to, from, rowid);
  const u32 size = sqlite3BtreePayloadSize(from);
  u8* row = sqlite3_realloc64(p->aTransfer, (u64)size + 1);
  if (row == 0) return SQLITE_NOMEM_BKPT;
  p->aTransfer = row;
  p->nTransfer = size;
  const int rc = sqlite3BtreePayload(from, 0, size, row);
  p->bTransfer = rc == SQLITE_OK;
  return rc;
}

SQLITE_PRIVATE i64 sqlite3BtreeRowCountEst(BtCursor* cursor) {
  if (cursor->pSibyl == 0) return nativeBtreeRowCountEst(cursor);
  return sibyl_cursor_estimate(cursor->pSibyl);
}

SQLITE_PRIVATE int sqlite3BtreeCount(sqlite3* db, BtCursor* cursor, i64* count) {
  if (cursor->pSibyl == 0) return nativeBtreeCount(db, cursor, count);
  int64_t records = 0;
  const int rc = sibyl_cursor_count(cursor->pSibyl, &records);
  *count = records;
  return rc;
}
