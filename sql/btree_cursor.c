// What btree.h says of cursors: opening them, moving and seeking, comparing an entry with a key.
//
// Compiled inside SQLite's amalgamation: see btree_dispatch.c.

SQLITE_PRIVATE int sqlite3BtreeCursor(Btree* p, Pgno root, int writable, struct KeyInfo* info,
                                      BtCursor* cursor) {
  if (!sibylIsOurs(p)) return nativeBtreeCursor(p, root, writable, info, cursor);
  if (root < 1) return SQLITE_CORRUPT_BKPT;
  int rc = info != 0 ? shapeOf(p, info) : SQLITE_OK;
  if (rc != SQLITE_OK) return rc;
  rc = sibyl_cursor_open(storeOf(p), root, writable != 0, p->pSibyl->shape.bytes,
                         info != 0 ? info->nKeyField : 0, info != 0 ? uniqueFields(p, info) : 0,
                         &cursor->eState, &cursor->pSibyl);
  if (rc != SQLITE_OK) return rc;  // closing a cursor that has no Btree does nothing
  cursor->pBtree = p;
  cursor->pgnoRoot = root;
  cursor->pKeyInfo = info;
  return SQLITE_OK;
}

SQLITE_PRIVATE int sqlite3BtreeCloseCursor(BtCursor* cursor) {
  if (cursor->pSibyl == 0) return nativeBtreeCloseCursor(cursor);
  sibyl_cursor_close(cursor->pSibyl);
  cursor->pSibyl = 0;
  cursor->pBtree = 0;
  return SQLITE_OK;
}

SQLITE_PRIVATE void sqlite3BtreeClearCursor(BtCursor* cursor) {
  if (cursor->pSibyl == 0) {
    nativeBtreeClearCursor(cursor);
  } else {
    sibyl_cursor_clear(cursor->pSibyl);
  }
}

SQLITE_PRIVATE int sqlite3BtreeCursorRestore(BtCursor* cursor, int* different) {
  if (cursor->pSibyl == 0) return nativeBtreeCursorRestore(cursor, different);
  int same = 0;
  const int rc = sibyl_cursor_restore(cursor->pSibyl, &same);
  *different = !same;
  return rc;
}

SQLITE_PRIVATE int sqlite3BtreeFirst(BtCursor* cursor, int* empty) {
  if (cursor->pSibyl == 0) return nativeBtreeFirst(cursor, empty);
  return sibyl_cursor_first(cursor->pSibyl, empty);
}

SQLITE_PRIVATE int sqlite3BtreeLast(BtCursor* cursor, int* empty) {
  if (cursor->pSibyl == 0) return nativeBtreeLast(cursor, empty);
  return sibyl_cursor_last(cursor->pSibyl, empty);
}

SQLITE_PRIVATE int sqlite3BtreeNext(BtCursor* cursor, int flags) {
  if (cursor->pSibyl == 0) return nativeBtreeNext(cursor, flags);
  return sibyl_cursor_next(cursor->pSibyl);
}

SQLITE_PRIVATE int sqlite3BtreePrevious(BtCursor* cursor, int flags) {
  if (cursor->pSibyl == 0) return nativeBtreePrevious(cursor, flags);
  return sibyl_cursor_previous(cursor->pSibyl);
}

SQLITE_PRIVATE int sqlite3BtreeEof(BtCursor* cursor) {
  if (cursor->pSibyl == 0) return nativeBtreeEof(cursor);
  return sibyl_cursor_at_end(cursor->pSibyl);
}

// A seek that finds nothing claims (-1) that the cursor is at the record before the gap: SQLite
// then moves on from there, which a cursor in a gap can do without looking at that record.
SQLITE_PRIVATE int sqlite3BtreeTableMoveto(BtCursor* cursor, i64 rowid, int bias, int* result) {
  if (cursor->pSibyl == 0) return nativeBtreeTableMoveto(cursor, rowid, bias, result);
  int found = 0;
  const int rc = sibyl_cursor_seek_rowid(cursor->pSibyl, rowid, &found);
  *result = found ? 0 : -1;
  return rc;
}

// The same for a range that begins or ends there: not a lookup, which would have to be followed by
// another search.
static int sibylTableSeek(BtCursor* cursor, i64 rowid, int* result) {
  if (cursor->pSibyl == 0) return nativeBtreeTableMoveto(cursor, rowid, 0, result);
  return sibyl_cursor_seek_from_rowid(cursor->pSibyl, rowid, result);
}

// A seek for a whole key, of so many fields: at most one record has it.
static int movetoWholeKey(BtCursor* cursor, UnpackedRecord* wanted, int key_fields, int* result) {
  SibylBtree* ours = oursOf(cursor);
  int found = 0;
  int rc = sibyl_cursor_seek_key(cursor->pSibyl, ours->key.bytes, ours->key.size, &found);
  *result = -1;
  if (rc != SQLITE_OK || !found) return rc;
  if (wanted->nField <= key_fields) {
    wanted->eqSeen = 1;
    *result = wanted->default_rc;
    return SQLITE_OK;
  }
  const void* record = 0;  // fields beyond the key are compared with the record itself
  u32 size = 0;
  rc = sibyl_cursor_record(cursor->pSibyl, &record, &size);
  if (rc != SQLITE_OK) return rc;
  *result = sqlite3VdbeRecordCompare((int)size, record, wanted);
  return wanted->errCode;
}

// A seek behind all records that begin with the wanted fields.
static int movetoBehind(BtCursor* cursor, UnpackedRecord* wanted, int* result) {
  SibylBtree* ours = oursOf(cursor);
  const int equality = (cursor->hints & BTREE_SEEK_EQ) != 0;
  int found = 0;
  int rc = SQLITE_OK;
  if (equality) keyOfFields(&ours->prefix, wanted->aMem, wanted->nField, cursor->pKeyInfo);
  if (ours->prefix.out_of_memory) return SQLITE_NOMEM_BKPT;
  sibyl_key_successor(&ours->key);
  if (!equality) {
    rc = sibyl_cursor_seek_from(cursor->pSibyl, ours->key.bytes, ours->key.size, &found);
    *result = found ? 1 : -1;
    return rc;
  }
  rc = sibyl_cursor_seek_before(cursor->pSibyl, ours->key.bytes, ours->key.size, &found);
  if (found) {
    wanted->eqSeen =
        sibyl_cursor_compare_key(cursor->pSibyl, ours->prefix.bytes, ours->prefix.size) == 0;
  }
  *result = -1;
  return rc;
}

// A seek before, or to, the first record that begins with the wanted fields.
static int movetoFirst(BtCursor* cursor, UnpackedRecord* wanted, int* result) {
  SibylBtree* ours = oursOf(cursor);
  int found = 0;
  const int rc = sibyl_cursor_seek_from(cursor->pSibyl, ours->key.bytes, ours->key.size, &found);
  *result = found ? 1 : -1;
  if (found && sibyl_cursor_compare_key(cursor->pSibyl, ours->key.bytes, ours->key.size) == 0) {
    wanted->eqSeen = 1;
    *result = wanted->default_rc;
  }
  return rc;
}

SQLITE_PRIVATE int sqlite3BtreeIndexMoveto(BtCursor* cursor, UnpackedRecord* wanted, int* result) {
  if (cursor->pSibyl == 0) return nativeBtreeIndexMoveto(cursor, wanted, result);
  const int key_fields = keyFieldsFor(cursor, wanted->aMem, wanted->nField);
  SibylKey* key = &oursOf(cursor)->key;
  keyOfFields(key, wanted->aMem, MIN(wanted->nField, key_fields), cursor->pKeyInfo);
  if (key->out_of_memory) return SQLITE_NOMEM_BKPT;
  wanted->errCode = 0;
  const int point = wanted->default_rc == 0 || (cursor->hints & BTREE_SEEK_EQ) != 0;
  if (wanted->nField > key_fields || (wanted->nField == key_fields && point)) {
    return movetoWholeKey(cursor, wanted, key_fields, result);
  }
  return wanted->default_rc < 0 ? movetoBehind(cursor, wanted, result)
                                : movetoFirst(cursor, wanted, result);
}

// How the entry that the cursor stands at compares with the fields, as sqlite3VdbeRecordCompare
// says, but without the record.
static int sibylCompareEntry(BtCursor* cursor, UnpackedRecord* wanted, int* result) {
  SibylKey* prefix = &oursOf(cursor)->prefix;
  if (wanted->nField > keyFieldsFor(cursor, wanted->aMem, wanted->nField)) {
    const void* record = 0;
    u32 size = 0;
    const int rc = sibyl_cursor_record(cursor->pSibyl, &record, &size);
    if (rc != SQLITE_OK) return rc;
    *result = sqlite3VdbeRecordCompare((int)size, record, wanted);
    return wanted->errCode;
  }
  keyOfFields(prefix, wanted->aMem, wanted->nField, cursor->pKeyInfo);
  if (prefix->out_of_memory) return SQLITE_NOMEM_BKPT;
  const int order = sibyl_cursor_compare_key(cursor->pSibyl, prefix->bytes, prefix->size);
  *result = order == 0 ? wanted->default_rc : order;
  return SQLITE_OK;
}

static int sibylIndexRowid(BtCursor* cursor, i64* rowid) {
  int64_t found = 0;
  const int rc = sibyl_cursor_index_rowid(cursor->pSibyl, &found);
  *rowid = found;
  return rc;
}

// ---- OFFSET ----

// Fewer rows are skipped one by one.
enum { SIBYL_FEWEST_SKIPPED = 64 };

// `op`, an OP_IfPos, counts rows that an OFFSET skips. If that is all its loop does with them (it is
// followed by the loop's OP_Next, and preceded by nothing that does anything), all rows but one are
// skipped here, by the arithmetic of ranks; the statement skips the last.
static int sibylSkipRows(Vdbe* v, const VdbeOp* ops, const VdbeOp* op, i64* rows) {
  const VdbeOp* move = &ops[op->p2];
  if (move->opcode != OP_Next && move->opcode != OP_Prev) return SQLITE_OK;
  const VdbeOp* first = &ops[move->p2];
  const int follows_seek =
      first == op - 1 && first->opcode == OP_DeferredSeek && first->p3 == move->p1;
  if (first != op && !follows_seek) return SQLITE_OK;
  const VdbeCursor* cursor = v->apCsr[move->p1];
  if (cursor == 0 || cursor->eCurType != CURTYPE_BTREE || cursor->uc.pCursor->pSibyl == 0) {
    return SQLITE_OK;
  }
  const i64 count = *rows - 1;
  const int rc = sibyl_cursor_skip(cursor->uc.pCursor->pSibyl, count, move->opcode == OP_Next);
  if (rc != SQLITE_OK) return rc;
  v->aCounter[move->p5] += (u32)count;
  *rows = 1;
  return SQLITE_OK;
}
