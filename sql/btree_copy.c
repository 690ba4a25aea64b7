// Copies whole databases of ours, which have no pages: for the backup interface, for
// sqlite3_serialize and for SQLITE_DBCONFIG_RESET_DATABASE.
//
// This file is compiled inside SQLite's amalgamation, in backup.c, behind the declaration of
// sqlite3_backup. A copy goes row by row; trees get new root pages, and the rows of sqlite_schema
// are rewritten to name them. Towards an SQLite file it goes through an *image*: a temporary
// native database, filled in the first step, whose pages SQLite's own code then copies.

enum { kSchemaRoot = 1, kTypeColumn = 0, kNameColumn = 1, kRootColumn = 3 };

// ---- Rows of sqlite_schema ----

// Where column `wanted` of a record is. Returns its serial type; 0 (NULL) if the record is damaged.
static u32 columnOfRecord(const u8* record, u32 size, int wanted, u32* type_at, u32* data_at) {
  u32 header_size = 0;
  u32 type = 0;
  u32 at = getVarint32(record, header_size);
  u64 data = header_size;
  if (header_size > size) return 0;
  for (int i = 0; i <= wanted; i++) {
    if (at >= header_size) return 0;
    *type_at = at;
    *data_at = (u32)data;
    at += getVarint32(record + at, type);
    data += sqlite3VdbeSerialTypeLen(type);
    if (data > size) return 0;
  }
  return type;
}

static void readColumn(sqlite3* db, const u8* record, u32 size, int column, Mem* value) {
  u32 type_at = 0, data_at = 0;
  const u32 type = columnOfRecord(record, size, column, &type_at, &data_at);
  sqlite3VdbeMemInit(value, db, MEM_Null);
  value->enc = ENC(db);
  if (type != 0) sqlite3VdbeSerialGet(record + data_at, type, value);
}

static Pgno rootOfRow(sqlite3* db, const u8* record, u32 size) {
  Mem value;
  readColumn(db, record, size, kRootColumn, &value);
  return (value.flags & MEM_Int) && value.u.i > 0 ? (Pgno)value.u.i : 0;
}

// The record with another root page, in 4 bytes whatever it had before. `out` has room for 4 bytes
// more than `record`. Returns its size.
static u32 recordWithRoot(const u8* record, u32 size, Pgno root, u8* out) {
  enum { kTypeOf4Bytes = 4 };
  u32 type_at = 0, data_at = 0;
  const u32 type = columnOfRecord(record, size, kRootColumn, &type_at, &data_at);
  const u32 behind = data_at + sqlite3VdbeSerialTypeLen(type);
  memcpy(out, record, data_at);
  out[type_at] = kTypeOf4Bytes;  // types of integers are one byte long, this one too
  sqlite3Put4byte(out + data_at, root);
  memcpy(out + data_at + 4, record + behind, size - behind);
  return data_at + 4 + (size - behind);
}

// What the tree of a row of sqlite_schema is: a rowid table (*info stays null), or an index or
// WITHOUT ROWID table, whose KeyInfo the caller unrefs.
static int keyInfoOfRow(sqlite3* db, const char* schema, const u8* record, u32 size,
                        KeyInfo** info) {
  Mem type, name;
  readColumn(db, record, size, kTypeColumn, &type);
  readColumn(db, record, size, kNameColumn, &name);
  const char* type_text = (const char*)sqlite3ValueText(&type, SQLITE_UTF8);
  const char* name_text = (const char*)sqlite3ValueText(&name, SQLITE_UTF8);
  Index* index = 0;
  int known = 0;
  if (type_text != 0 && name_text != 0) {
    if (strcmp(type_text, "index") == 0) {
      index = sqlite3FindIndex(db, name_text, schema);
      known = index != 0;
    } else {
      Table* table = sqlite3FindTable(db, name_text, schema);
      known = table != 0;
      if (known && !HasRowid(table)) index = sqlite3PrimaryKeyIndex(table);
    }
  }
  sqlite3VdbeMemRelease(&type);
  sqlite3VdbeMemRelease(&name);
  if (!known) return SQLITE_CORRUPT_BKPT;
  if (index == 0) return SQLITE_OK;
  Parse parse;
  sqlite3ParseObjectInit(&parse, db);
  *info = sqlite3KeyInfoOfIndex(&parse, index);
  const int rc = *info != 0 ? SQLITE_OK : parse.rc != SQLITE_OK ? parse.rc : SQLITE_NOMEM_BKPT;
  sqlite3DbFree(db, parse.zErrMsg);
  sqlite3ParseObjectReset(&parse);
  return rc;
}

// ---- Trees ----

// A cursor, and a buffer for the record it stands at.
typedef struct Walk {
  BtCursor* cursor;
  u8* record;
  u32 size;
  u64 capacity;
} Walk;

static int openWalk(Walk* walk, Btree* p, Pgno root, int writable, KeyInfo* info) {
  memset(walk, 0, sizeof *walk);
  walk->cursor = sqlite3MallocZero(sqlite3BtreeCursorSize());
  if (walk->cursor == 0) return SQLITE_NOMEM_BKPT;
  const int rc = sqlite3BtreeCursor(p, root, writable ? BTREE_WRCSR : 0, info, walk->cursor);
  if (rc != SQLITE_OK) {
    sqlite3_free(walk->cursor);
    walk->cursor = 0;
  }
  return rc;
}

static void closeWalk(Walk* walk) {
  if (walk->cursor != 0) sqlite3BtreeCloseCursor(walk->cursor);
  sqlite3_free(walk->cursor);
  sqlite3_free(walk->record);
}

// Copies the record at the cursor into the buffer, which has room for `more` bytes behind it.
static int readRecord(Walk* walk, u32 more) {
  walk->size = sqlite3BtreePayloadSize(walk->cursor);
  const u64 needed = (u64)walk->size + more;
  if (needed > walk->capacity) {
    u8* record = sqlite3_realloc64(walk->record, needed + needed / 2);
    if (record == 0) return SQLITE_NOMEM_BKPT;
    walk->record = record;
    walk->capacity = needed + needed / 2;
  }
  return sqlite3BtreePayload(walk->cursor, 0, walk->size, walk->record);
}

static int appendRecord(BtCursor* to, i64 rowid, const u8* record, u32 size) {
  BtreePayload row;
  memset(&row, 0, sizeof row);
  if (to->pKeyInfo == 0) {
    row.nKey = rowid;
    row.pData = record;
    row.nData = (int)size;
  } else {
    row.pKey = record;
    row.nKey = size;
  }
  return sqlite3BtreeInsert(to, &row, BTREE_APPEND, 0);
}

// Turns "there is no further record" into *done.
static int stepped(int rc, int* done) {
  *done = rc != SQLITE_OK;
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int copyTree(Btree* from, Pgno from_root, Btree* to, Pgno to_root, KeyInfo* info) {
  Walk source, target;
  int done = 0;
  memset(&target, 0, sizeof target);
  int rc = openWalk(&source, from, from_root, 0, info);
  if (rc == SQLITE_OK) rc = openWalk(&target, to, to_root, 1, info);
  if (rc == SQLITE_OK) rc = sqlite3BtreeFirst(source.cursor, &done);
  while (rc == SQLITE_OK && !done) {
    const i64 rowid = info == 0 ? sqlite3BtreeIntegerKey(source.cursor) : 0;
    rc = readRecord(&source, 0);
    if (rc == SQLITE_OK) rc = appendRecord(target.cursor, rowid, source.record, source.size);
    if (rc == SQLITE_OK) rc = stepped(sqlite3BtreeNext(source.cursor, 0), &done);
  }
  closeWalk(&source);
  closeWalk(&target);
  return rc;
}

// Copies the tree that the schema row names, if it names one, and leaves the new root in *root.
static int copyTreeOfRow(sqlite3* from_db, const char* schema, Btree* from, const Walk* row,
                         Btree* to, Pgno* root) {
  const Pgno from_root = rootOfRow(from_db, row->record, row->size);
  *root = 0;
  if (from_root == 0) return SQLITE_OK;
  KeyInfo* info = 0;
  int rc = keyInfoOfRow(from_db, schema, row->record, row->size, &info);
  if (rc == SQLITE_OK) rc = sqlite3BtreeCreateTable(to, root, info ? BTREE_BLOBKEY : BTREE_INTKEY);
  if (rc == SQLITE_OK) rc = copyTree(from, from_root, to, *root, info);
  sqlite3KeyInfoUnref(info);
  return rc;
}

static int copySchemaAndTrees(sqlite3* from_db, const char* schema, Btree* from, Btree* to) {
  Walk source, target;
  int done = 0;
  memset(&target, 0, sizeof target);
  int rc = openWalk(&source, from, kSchemaRoot, 0, 0);
  if (rc == SQLITE_OK) rc = openWalk(&target, to, kSchemaRoot, 1, 0);
  if (rc == SQLITE_OK) rc = sqlite3BtreeFirst(source.cursor, &done);
  while (rc == SQLITE_OK && !done) {
    Pgno root = 0;
    const i64 rowid = sqlite3BtreeIntegerKey(source.cursor);
    rc = readRecord(&source, 0);
    if (rc == SQLITE_OK) rc = copyTreeOfRow(from_db, schema, from, &source, to, &root);
    if (rc != SQLITE_OK) break;
    u8* row = sqlite3_malloc64((u64)source.size + 4);
    if (row == 0) rc = SQLITE_NOMEM_BKPT;
    if (rc == SQLITE_OK) {
      u32 size = source.size;
      if (root != 0) {
        size = recordWithRoot(source.record, size, root, row);
      } else {
        memcpy(row, source.record, size);
      }
      rc = appendRecord(target.cursor, rowid, row, size);
    }
    sqlite3_free(row);
    if (rc == SQLITE_OK) rc = stepped(sqlite3BtreeNext(source.cursor, 0), &done);
  }
  closeWalk(&source);
  closeWalk(&target);
  return rc;
}

// ---- Databases ----

static int schemaIndexOf(sqlite3* db, const Btree* p) {
  int i = 0;
  while (i < db->nDb && db->aDb[i].pBt != p) i++;
  return i;
}

// Begins a read transaction, unless there is one (*began tells), with the schema known as it is
// there. Reading a schema is a statement, whose end ends a transaction that was begun before it: so
// the schema is read first, and again if it turns out to be out of date.
static int beginWithSchema(sqlite3* db, Btree* p, int* began) {
  const int index = schemaIndexOf(db, p);
  int rc = index == db->nDb ? SQLITE_ERROR : SQLITE_OK;
  *began = 0;
  for (int attempt = 0; rc == SQLITE_OK; attempt++) {
    char* message = 0;
    u32 cookie = 0;
    rc = sqlite3Init(db, &message);
    sqlite3DbFree(db, message);
    if (rc != SQLITE_OK) break;
    *began = sqlite3BtreeTxnState(p) == SQLITE_TXN_NONE;
    if (*began) rc = sqlite3BtreeBeginTrans(p, 0, 0);
    if (rc != SQLITE_OK) break;
    sqlite3BtreeGetMeta(p, BTREE_SCHEMA_VERSION, &cookie);
    if (db->aDb[index].pSchema->schema_cookie == (int)cookie) return SQLITE_OK;
    if (*began) sqlite3BtreeCommit(p);
    sqlite3ResetOneSchema(db, index);
    if (attempt == SQLITE_MAX_SCHEMA_RETRY) rc = SQLITE_SCHEMA;
  }
  return rc;
}

// Copies everything from `from`, a database of `from_db`, to the empty database `to`, which is in a
// write transaction. Leaves `from` in the transaction that it was in.
static int sibylCopyDatabase(sqlite3* from_db, Btree* from, Btree* to) {
  static const int words[] = {BTREE_SCHEMA_VERSION, BTREE_FILE_FORMAT,  BTREE_DEFAULT_CACHE_SIZE,
                              BTREE_TEXT_ENCODING,  BTREE_USER_VERSION, BTREE_APPLICATION_ID};
  int began = 0;
  int rc = beginWithSchema(from_db, from, &began);
  if (rc != SQLITE_OK) return rc;
  const char* schema = from_db->aDb[schemaIndexOf(from_db, from)].zDbSName;
  rc = copySchemaAndTrees(from_db, schema, from, to);
  for (int i = 0; rc == SQLITE_OK && i < ArraySize(words); i++) {
    u32 value = 0;
    sqlite3BtreeGetMeta(from, words[i], &value);
    rc = sqlite3BtreeUpdateMeta(to, words[i], value);
  }
  if (began) sqlite3BtreeCommit(from);
  return rc;
}

// Deletes everything in a database of ours, which is in a write transaction.
static int sibylEmptyDatabase(Btree* p) {
  Walk schema;
  int done = 0;
  int moved = 0;
  int rc = openWalk(&schema, p, kSchemaRoot, 0, 0);
  if (rc == SQLITE_OK) rc = sqlite3BtreeFirst(schema.cursor, &done);
  while (rc == SQLITE_OK && !done) {
    rc = readRecord(&schema, 0);
    const Pgno root = rc == SQLITE_OK ? rootOfRow(p->db, schema.record, schema.size) : 0;
    if (root != 0) rc = sqlite3BtreeDropTable(p, (int)root, &moved);
    if (rc == SQLITE_OK) rc = stepped(sqlite3BtreeNext(schema.cursor, 0), &done);
  }
  closeWalk(&schema);
  if (rc == SQLITE_OK) rc = sqlite3BtreeClearTable(p, kSchemaRoot, 0);
  for (int i = 1; rc == SQLITE_OK && i < BTREE_DATA_VERSION; i++) {
    rc = sqlite3BtreeUpdateMeta(p, i, 0);
  }
  return rc;
}

// SQLITE_DBCONFIG_RESET_DATABASE followed by VACUUM.
static int sibylResetDatabase(sqlite3* db, Btree* p) {
  int rc = sqlite3BtreeBeginTrans(p, 2, 0);
  if (rc == SQLITE_OK) rc = sibylEmptyDatabase(p);
  if (rc == SQLITE_OK) rc = sqlite3BtreeCommit(p);
  if (rc != SQLITE_OK) sqlite3BtreeRollback(p, SQLITE_OK, 0);
  sqlite3ResetAllSchemasOfConnection(db);
  return rc;
}

// ---- Images ----

// Opens an empty image, to be closed with sqlite3BtreeClose.
static int openImage(sqlite3* db, int page_size, Btree** image) {
  enum { kCacheKib = 16 << 10 };
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE |
                    SQLITE_OPEN_DELETEONCLOSE | SQLITE_OPEN_TEMP_DB;
  int rc = sqlite3BtreeOpen(db->pVfs, 0, db, image, BTREE_OMIT_JOURNAL, flags);
  if (rc != SQLITE_OK) return rc;
  sqlite3BtreeSetPagerFlags(*image, PAGER_SYNCHRONOUS_OFF | PAGER_CACHESPILL);
  sqlite3BtreeSetCacheSize(*image, -kCacheKib);
  return sqlite3BtreeSetPageSize(*image, page_size, 0, 0);
}

static int fillImage(sqlite3* db, Btree* ours, Btree* image) {
  int rc = sqlite3BtreeBeginTrans(image, 2, 0);
  if (rc == SQLITE_OK) rc = sibylCopyDatabase(db, ours, image);
  if (rc == SQLITE_OK) rc = sqlite3BtreeCommit(image);
  return rc;
}

static int readPages(Btree* image, i64 pages, int page_size, u8* out) {
  int rc = SQLITE_OK;
  for (i64 i = 0; rc == SQLITE_OK && i < pages; i++) {
    DbPage* page = 0;
    rc = sqlite3PagerGet(sqlite3BtreePager(image), (Pgno)(i + 1), &page, 0);
    if (rc == SQLITE_OK) memcpy(out + i * page_size, sqlite3PagerGetData(page), page_size);
    sqlite3PagerUnref(page);
  }
  return rc;
}

// sqlite3_serialize for a database of ours: the bytes of an SQLite file with the same content.
static u8* sibylSerialize(sqlite3* db, Btree* ours, i64* size, unsigned flags) {
  const int page_size = sqlite3BtreeGetPageSize(ours);
  Btree* image = 0;
  u8* bytes = 0;
  if (size != 0) *size = -1;
  if (flags & SQLITE_SERIALIZE_NOCOPY) return 0;
  sqlite3_mutex_enter(db->mutex);
  int rc = openImage(db, page_size, &image);
  if (rc == SQLITE_OK) rc = fillImage(db, ours, image);
  if (rc == SQLITE_OK) rc = sqlite3BtreeBeginTrans(image, 0, 0);
  if (rc == SQLITE_OK) {
    const i64 pages = sqlite3BtreeLastPage(image);
    bytes = sqlite3_malloc64(pages * page_size);
    if (size != 0) *size = pages * page_size;
    if (bytes != 0 && readPages(image, pages, page_size, bytes) != SQLITE_OK) {
      sqlite3_free(bytes);
      bytes = 0;
    }
  }
  if (image != 0) sqlite3BtreeClose(image);
  sqlite3_mutex_leave(db->mutex);
  return bytes;
}

// ---- The backup interface ----

// Called by sqlite3_backup_init when both sides are known: towards an SQLite file, an image takes
// the place of a source of ours.
static int sibylBackupInit(sqlite3_backup* p) {
  if (!sibylIsOurs(p->pSrc) || sibylIsOurs(p->pDest)) return SQLITE_OK;
  Btree* image = 0;
  const int rc = openImage(p->pSrcDb, sqlite3BtreeGetPageSize(p->pDest), &image);
  if (rc != SQLITE_OK) {
    if (image != 0) sqlite3BtreeClose(image);
    sqlite3Error(p->pDestDb, rc);
    return rc;
  }
  p->pOurSrc = p->pSrc;
  p->pOurSrc->nBackup++;  // it must not be closed meanwhile
  p->pSrc = image;
  return SQLITE_OK;
}

static int replaceOurs(sqlite3_backup* p) {
  int rc = sqlite3BtreeBeginTrans(p->pDest, 2, (int*)&p->iDestSchema);
  if (rc != SQLITE_OK) return rc;
  rc = sibylEmptyDatabase(p->pDest);
  if (rc == SQLITE_OK) rc = sibylCopyDatabase(p->pSrcDb, p->pSrc, p->pDest);
  if (rc == SQLITE_OK) {
    rc = sqlite3BtreeUpdateMeta(p->pDest, BTREE_SCHEMA_VERSION, p->iDestSchema + 1);
  }
  sqlite3ResetAllSchemasOfConnection(p->pDestDb);
  if (rc == SQLITE_OK) rc = sqlite3BtreeCommit(p->pDest);
  if (rc != SQLITE_OK) sqlite3BtreeRollback(p->pDest, SQLITE_OK, 0);
  return rc;
}

// A step of no pages: what there is to do, before anything is done.
static int countPages(sqlite3_backup* p) {
  const int begins = sqlite3BtreeTxnState(p->pSrc) == SQLITE_TXN_NONE;
  const int rc = begins ? sqlite3BtreeBeginTrans(p->pSrc, 0, 0) : SQLITE_OK;
  if (rc != SQLITE_OK) return rc;
  const i64 pages = sibylPageCount(p->pSrc);
  p->nPagecount = pages > 0 ? (Pgno)pages : 1;  // the first step is still to come
  p->nRemaining = p->nPagecount;
  return begins ? sqlite3BtreeCommit(p->pSrc) : SQLITE_OK;
}

// What a step of a backup has to do before SQLite's own code. Returns true if that was all: *result
// is the step's then.
static int sibylBackupStep(sqlite3_backup* p, int pages, int* result) {
  Btree* source = p->pOurSrc != 0 ? p->pOurSrc : p->pSrc;
  int rc = SQLITE_OK;
  if (!sibylIsOurs(source) && !sibylIsOurs(p->pDest)) return 0;
  if (sqlite3BtreeTxnState(source) == SQLITE_TXN_WRITE) {
    rc = SQLITE_BUSY;  // as between SQLite files
  } else if (p->pOurSrc == 0 && pages == 0) {
    *result = countPages(p);
    return 1;
  } else if (p->pOurSrc == 0) {
    rc = replaceOurs(p);
    if (rc == SQLITE_OK) {
      if (p->nPagecount == 0) p->nPagecount = (Pgno)sibylPageCount(p->pDest);
      p->nRemaining = 0;
      rc = SQLITE_DONE;
    }
  } else if (!p->bImageFilled) {
    rc = fillImage(p->pSrcDb, p->pOurSrc, p->pSrc);
    p->bImageFilled = rc == SQLITE_OK;
  }
  *result = rc;
  return rc != SQLITE_OK;
}

// Keeps the sentence that explains result code `rc` of a finished backup with its destination.
static void sibylBackupError(sqlite3_backup* p, int rc) {
  sqlite3* const said = sibylHasErrorText(p->pDestDb, rc)  ? p->pDestDb
                        : sibylHasErrorText(p->pSrcDb, rc) ? p->pSrcDb
                                                           : 0;
  if (said == 0 || rc == SQLITE_OK) {
    sqlite3Error(p->pDestDb, rc);
  } else {
    sqlite3ErrorWithMsg(p->pDestDb, rc, "%s", sibylErrorText(said, rc));
  }
}

static void sibylBackupFinish(sqlite3_backup* p) {
  if (p->pOurSrc == 0) return;
  p->pOurSrc->nBackup--;
  sqlite3BtreeClose(p->pSrc);
}
