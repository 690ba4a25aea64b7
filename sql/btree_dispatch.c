// btree.h for two kinds of database: SQLite's own files and ours.
//
// This file is compiled inside SQLite's amalgamation, right after btree.c, whose functions
// patch_sqlite.tcl has renamed to nativeBtree*. A Btree of ours is a native one of an empty
// in-memory database, which keeps the settings (page size, cache size, schema, pager) that SQLite
// expects of any Btree, plus a SibylBtree, to which everything that touches data goes. What is not
// implemented here works unchanged for both kinds. docs/sql.md lists what each caller of
// sqlite3BtreePager meets.
//
// The names follow SQLite where SQLite declares them and start with "sibyl" elsewhere.

#include "sql/index_record.h"
#include "sql/key_codec.h"
#include "sql/statistics.h"
#include "sql/tree_store_c.h"

// What a Btree of ours has beside the native fields.
struct SibylBtree {
  SibylStore* store;
  const char* file_name;  // in SQLite's form, with the URI parameters behind it
  int synchronous;        // PAGER_SYNCHRONOUS_*
  int read_only;
  u32 own_commits;        // of write transactions
  SibylKey key, prefix;  // for building seek keys, reused
  SibylKey value;        // for splitting index records, reused
  SibylKey shape;        // for opening cursors, reused
};
typedef struct SibylBtree SibylBtree;

static int nocaseCollatingFunc(void*, int, const void*, int, const void*);
static int rtrimCollFunc(void*, int, const void*, int, const void*);
static int binCollFunc(void*, int, const void*, int, const void*);

static int sibylIsOurs(const Btree* p) { return p != 0 && p->pSibyl != 0; }

static SibylStore* storeOf(const Btree* p) { return p->pSibyl->store; }

// ---- Errors ----

// The store of `db` that has something to say about its last error.
static SibylStore* storeWithError(sqlite3* db) {
  for (int i = 0; i < db->nDb; i++) {
    Btree* p = db->aDb[i].pBt;
    if (sibylIsOurs(p) && sibyl_store_error(storeOf(p))[0] != 0) return storeOf(p);
  }
  return 0;
}

// Constraints and the like are SQLite's own errors: the engine has nothing to do with them.
static int sibylHasErrorText(sqlite3* db, int rc) {
  switch (rc & 0xff) {
    case SQLITE_ERROR:
    case SQLITE_BUSY:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_TOOBIG:
      return storeWithError(db) != 0;
  }
  return 0;
}

// The sentence for result code `rc`: the engine's if it has one. Valid until the next operation.
static const char* sibylErrorText(sqlite3* db, int rc) {
  return sibylHasErrorText(db, rc) ? sibyl_store_error(storeWithError(db)) : sqlite3ErrStr(rc);
}

// ---- Which kind ----

typedef enum { kNativeFile, kOurFile } FileKind;

// Looks at the file through its VFS: opening and closing it in any other way would drop the locks
// that SQLite's own connections of this process hold on it. Creates an empty file if the flags say
// so, as SQLite does on opening.
static FileKind kindOfFile(sqlite3_vfs* vfs, const char* path, int flags, int* read_only) {
  sqlite3_file* file = 0;
  int flags_out = 0;
  if (sqlite3OsOpenMalloc(vfs, path, &file, flags, &flags_out) != SQLITE_OK) return kNativeFile;
  char start[16];
  i64 size = 0;
  FileKind kind = kNativeFile;
  *read_only = (flags_out & SQLITE_OPEN_READONLY) != 0;
  if (sqlite3OsFileSize(file, &size) == SQLITE_OK) {
    if (size == 0) {
      if (!*read_only) kind = kOurFile;  // without writing, an empty database is anybody's
    } else if (size >= (i64)sizeof start &&
               sqlite3OsRead(file, start, sizeof start, 0) == SQLITE_OK &&
               sibyl_is_marker(start, sizeof start)) {
      kind = kOurFile;
    }
  }
  sqlite3OsCloseFree(file);
  return kind;
}

// The URI parameter engine=sqlite keeps an absent or empty file SQLite's.
static int wantsNative(const char* file_name) {
  const char* engine = sqlite3_uri_parameter(file_name, "engine");
  return engine != 0 && sqlite3StrICmp(engine, "sqlite") == 0;
}

static int mayBeOurs(sqlite3_vfs* vfs, const char* file_name, int flags, int vfs_flags) {
  if (file_name == 0 || file_name[0] == 0 || strcmp(file_name, ":memory:") == 0) return 0;
  if ((flags & BTREE_MEMORY) != 0 || (vfs_flags & SQLITE_OPEN_MEMORY) != 0) return 0;
  if ((vfs_flags & SQLITE_OPEN_MAIN_DB) == 0) return 0;
  if (strncmp(vfs->zName, "unix", 4) != 0) return 0;
  return !wantsNative(file_name);
}

// `path` in the form of sqlite3_db_filename, with the URI parameters of `original`.
static const char* fileNameLike(const char* path, const char* original) {
  const char* parameters[32];
  int count = 0;
  for (int i = 0; count < 16; i++) {
    const char* name = sqlite3_uri_key(original, i);
    if (name == 0) break;
    parameters[2 * count] = name;
    parameters[2 * count + 1] = sqlite3_uri_parameter(original, name);
    count++;
  }
  return sqlite3_create_filename(path, "", "", count, parameters);
}

static int openOurs(const char* path, const char* original, int read_only, sqlite3_vfs* vfs,
                    sqlite3* db, Btree** out) {
  Btree* p = 0;
  int rc = nativeBtreeOpen(vfs, ":memory:", db, &p, 0, SQLITE_OPEN_READWRITE | SQLITE_OPEN_TEMP_DB);
  if (rc != SQLITE_OK) return rc;
  SibylBtree* ours = sqlite3MallocZero(sizeof *ours);
  if (ours == 0) {
    nativeBtreeClose(p);
    return SQLITE_NOMEM_BKPT;
  }
  ours->file_name = fileNameLike(path, original);
  ours->synchronous = PAGER_SYNCHRONOUS_FULL;
  const int immutable = sqlite3_uri_boolean(original, "immutable", 0);
  ours->read_only = read_only || immutable;
  const SibylAccess access = immutable ? SIBYL_IMMUTABLE : read_only ? SIBYL_READ_ONLY
                                                                     : SIBYL_READ_WRITE;
  rc = ours->file_name ? sibyl_store_open(path, access, &ours->store) : SQLITE_NOMEM_BKPT;
  if (rc != SQLITE_OK) {
    sqlite3_free_filename(ours->file_name);
    sqlite3_free(ours);
    nativeBtreeClose(p);
    return rc;
  }
  p->pSibyl = ours;
  *out = p;
  return SQLITE_OK;
}

SQLITE_PRIVATE int sqlite3BtreeOpen(sqlite3_vfs* vfs, const char* file_name, sqlite3* db,
                                    Btree** out, int flags, int vfs_flags) {
  if (!mayBeOurs(vfs, file_name, flags, vfs_flags)) {
    return nativeBtreeOpen(vfs, file_name, db, out, flags, vfs_flags);
  }
  char* path = sqlite3MallocZero(vfs->mxPathname + 2);  // SQLite's file names end in two NULs
  if (path == 0) return SQLITE_NOMEM_BKPT;
  int rc = sqlite3OsFullPathname(vfs, file_name, vfs->mxPathname + 1, path);
  int read_only = 0;
  const char* name = 0;
  const int refused_link = rc == SQLITE_OK_SYMLINK && (vfs_flags & SQLITE_OPEN_NOFOLLOW) != 0;
  if ((rc == SQLITE_OK || rc == SQLITE_OK_SYMLINK) && !refused_link) {
    name = fileNameLike(path, file_name);
  }
  if (name != 0 && kindOfFile(vfs, name, vfs_flags, &read_only) == kOurFile) {
    rc = openOurs(path, file_name, read_only, vfs, db, out);
  } else {
    rc = nativeBtreeOpen(vfs, file_name, db, out, flags, vfs_flags);
  }
  sqlite3_free_filename(name);
  sqlite3_free(path);
  return rc;
}

SQLITE_PRIVATE int sqlite3BtreeClose(Btree* p) {
  sqlite3_free(p->aTransfer);
  p->aTransfer = 0;
  SibylBtree* ours = p->pSibyl;
  if (ours != 0) {
    sibyl_store_close(ours->store);
    sqlite3_free_filename(ours->file_name);
    sibyl_key_free(&ours->key);
    sibyl_key_free(&ours->prefix);
    sibyl_key_free(&ours->value);
    sibyl_key_free(&ours->shape);
    sqlite3_free(ours);
    p->pSibyl = 0;
    p->inTrans = TRANS_NONE;
  }
  return nativeBtreeClose(p);
}

// ---- Settings ----

SQLITE_PRIVATE int sqlite3BtreeSetPagerFlags(Btree* p, unsigned flags) {
  if (sibylIsOurs(p)) p->pSibyl->synchronous = flags & PAGER_SYNCHRONOUS_MASK;
  return nativeBtreeSetPagerFlags(p, flags);
}

SQLITE_PRIVATE int sqlite3BtreeSetAutoVacuum(Btree* p, int mode) {
  return sibylIsOurs(p) ? SQLITE_OK : nativeBtreeSetAutoVacuum(p, mode);
}

SQLITE_PRIVATE int sqlite3BtreeIncrVacuum(Btree* p) {
  return sibylIsOurs(p) ? SQLITE_DONE : nativeBtreeIncrVacuum(p);
}

SQLITE_PRIVATE int sqlite3BtreeSetVersion(Btree* p, int version) {
  return sibylIsOurs(p) ? SQLITE_OK : nativeBtreeSetVersion(p, version);
}

SQLITE_PRIVATE int sqlite3BtreeIsReadonly(Btree* p) {
  return sibylIsOurs(p) ? p->pSibyl->read_only : nativeBtreeIsReadonly(p);
}

SQLITE_PRIVATE const char* sqlite3BtreeGetFilename(Btree* p) {
  return sibylIsOurs(p) ? p->pSibyl->file_name : nativeBtreeGetFilename(p);
}

SQLITE_PRIVATE const char* sqlite3BtreeGetJournalname(Btree* p) {
  return sibylIsOurs(p) ? 0 : nativeBtreeGetJournalname(p);
}

// There is no write-ahead log to copy back: both page counts are 0.
SQLITE_PRIVATE int sqlite3BtreeCheckpoint(Btree* p, int mode, int* log_pages, int* copied_pages) {
  if (!sibylIsOurs(p)) return nativeBtreeCheckpoint(p, mode, log_pages, copied_pages);
  if (p->inTrans != TRANS_NONE) return SQLITE_LOCKED;
  if (log_pages != 0) *log_pages = 0;
  if (copied_pages != 0) *copied_pages = 0;
  return SQLITE_OK;
}

// The greatest root page that a schema may name.
SQLITE_PRIVATE Pgno sqlite3BtreeLastPage(Btree* p) {
  return sibylIsOurs(p) ? 0x7fffffff : nativeBtreeLastPage(p);
}

// SQLITE_FCNTL_DATA_VERSION: unlike the pragma it changes with this connection's own commits too.
static u32 sibylDataVersion(Btree* p) {
  return sibyl_store_get_meta(storeOf(p), BTREE_DATA_VERSION) + p->pSibyl->own_commits;
}

static i64 sibylPageCount(Btree* p) {
  if (!sibylIsOurs(p)) return nativeBtreeLastPage(p);
  const i64 page_size = sqlite3BtreeGetPageSize(p);
  return (sibyl_store_size_bytes(storeOf(p)) + page_size - 1) / page_size;
}

// ---- Transactions ----

static int reachesOtherStatements(Btree* p) { return p->db->nVdbeRead > 1; }

static void endTransaction(Btree* p, int keep_reading) {
  p->inTrans = keep_reading ? TRANS_READ : TRANS_NONE;
}

SQLITE_PRIVATE int sqlite3BtreeBeginTrans(Btree* p, int write, int* schema_version) {
  if (!sibylIsOurs(p)) return nativeBtreeBeginTrans(p, write, schema_version);
  int rc = SQLITE_OK;
  if (p->inTrans == TRANS_NONE || (p->inTrans == TRANS_READ && write)) {
    sibyl_store_clear_error(storeOf(p));
    do {
      rc = sibyl_store_begin(storeOf(p), write);
      // Only a connection that reads nothing may wait: one that does would wait for a writer
      // whose commit makes its own snapshot stale.
    } while ((rc & 0xff) == SQLITE_BUSY && p->inTrans == TRANS_NONE &&
             sqlite3InvokeBusyHandler(&p->db->busyHandler));
    if (rc != SQLITE_OK) return rc;
    p->inTrans = write ? TRANS_WRITE : TRANS_READ;
  }
  if (schema_version != 0) {
    *schema_version = (int)sibyl_store_get_meta(storeOf(p), BTREE_SCHEMA_VERSION);
  }
  return write ? sibyl_store_open_savepoints(storeOf(p), p->db->nSavepoint) : SQLITE_OK;
}

// Everything happens in phase two, so that an attached SQLite file that cannot be written is known
// before ours is committed.
SQLITE_PRIVATE int sqlite3BtreeCommitPhaseOne(Btree* p, const char* super_journal) {
  return sibylIsOurs(p) ? SQLITE_OK : nativeBtreeCommitPhaseOne(p, super_journal);
}

SQLITE_PRIVATE int sqlite3BtreeCommitPhaseTwo(Btree* p, int cleanup) {
  if (!sibylIsOurs(p)) return nativeBtreeCommitPhaseTwo(p, cleanup);
  if (p->inTrans == TRANS_NONE) return SQLITE_OK;
  const int keep_reading = reachesOtherStatements(p);
  const int sync = p->pSibyl->synchronous >= PAGER_SYNCHRONOUS_FULL;
  const int rc = sibyl_store_commit(storeOf(p), sync, keep_reading);
  if (rc == SQLITE_OK && p->inTrans == TRANS_WRITE) p->pSibyl->own_commits++;
  if (rc == SQLITE_OK || cleanup) endTransaction(p, keep_reading);
  return rc;
}

SQLITE_PRIVATE int sqlite3BtreeCommit(Btree* p) {
  return sibylIsOurs(p) ? sqlite3BtreeCommitPhaseTwo(p, 0) : nativeBtreeCommit(p);
}

SQLITE_PRIVATE int sqlite3BtreeRollback(Btree* p, int trip_code, int writers_only) {
  if (!sibylIsOurs(p)) return nativeBtreeRollback(p, trip_code, writers_only);
  if (trip_code != SQLITE_OK) sibyl_store_trip_cursors(storeOf(p), trip_code, writers_only);
  const int keep_reading = p->inTrans != TRANS_NONE && reachesOtherStatements(p);
  const int rc = sibyl_store_rollback(storeOf(p), keep_reading);
  endTransaction(p, keep_reading);
  return rc;
}

SQLITE_PRIVATE int sqlite3BtreeBeginStmt(Btree* p, int statement) {
  if (!sibylIsOurs(p)) return nativeBtreeBeginStmt(p, statement);
  return sibyl_store_open_savepoints(storeOf(p), statement);
}

SQLITE_PRIVATE int sqlite3BtreeSavepoint(Btree* p, int operation, int savepoint) {
  if (!sibylIsOurs(p)) return nativeBtreeSavepoint(p, operation, savepoint);
  if (p->inTrans != TRANS_WRITE) return SQLITE_OK;
  if (operation == SAVEPOINT_ROLLBACK) return sibyl_store_rollback_to(storeOf(p), savepoint);
  sibyl_store_release(storeOf(p), savepoint);
  return SQLITE_OK;
}

SQLITE_PRIVATE int sqlite3BtreeTxnState(Btree* p) {
  return sibylIsOurs(p) ? p->inTrans : nativeBtreeTxnState(p);
}

SQLITE_PRIVATE int sqlite3BtreeTripAllCursors(Btree* p, int rc, int writers_only) {
  if (!sibylIsOurs(p)) return nativeBtreeTripAllCursors(p, rc, writers_only);
  return sibyl_store_trip_cursors(storeOf(p), rc, writers_only);
}

SQLITE_PRIVATE void sqlite3BtreeGetMeta(Btree* p, int index, u32* value) {
  if (sibylIsOurs(p)) {
    *value = sibyl_store_get_meta(storeOf(p), index);
  } else {
    nativeBtreeGetMeta(p, index, value);
  }
}

SQLITE_PRIVATE int sqlite3BtreeUpdateMeta(Btree* p, int index, u32 value) {
  if (!sibylIsOurs(p)) return nativeBtreeUpdateMeta(p, index, value);
  return sibyl_store_set_meta(storeOf(p), index, value);
}

SQLITE_PRIVATE int sqlite3BtreeNewDb(Btree* p) {
  return sibylIsOurs(p) ? SQLITE_OK : nativeBtreeNewDb(p);
}

// ---- Trees ----

SQLITE_PRIVATE int sqlite3BtreeCreateTable(Btree* p, Pgno* root, int flags) {
  if (!sibylIsOurs(p)) return nativeBtreeCreateTable(p, root, flags);
  return sibyl_store_create_tree(storeOf(p), root);
}

SQLITE_PRIVATE int sqlite3BtreeDropTable(Btree* p, int root, int* moved) {
  if (!sibylIsOurs(p)) return nativeBtreeDropTable(p, root, moved);
  *moved = 0;
  return sibyl_store_drop_tree(storeOf(p), (u32)root);
}

SQLITE_PRIVATE int sqlite3BtreeClearTable(Btree* p, int root, i64* count) {
  if (!sibylIsOurs(p)) return nativeBtreeClearTable(p, root, count);
  int64_t cleared = 0;
  const int rc = sibyl_store_clear_tree(storeOf(p), (u32)root, &cleared);
  if (count != 0) *count += cleared;
  return rc;
}

SQLITE_PRIVATE int sqlite3BtreeClearTableOfCursor(BtCursor* cursor) {
  return sqlite3BtreeClearTable(cursor->pBtree, (int)cursor->pgnoRoot, 0);
}

// SQLite itself compares tables with their indexes; here the engine proves its segments.
SQLITE_PRIVATE char* sqlite3BtreeIntegrityCheck(sqlite3* db, Btree* p, Pgno* roots, int root_count,
                                                int max_errors, int* error_count) {
  if (!sibylIsOurs(p)) {
    return nativeBtreeIntegrityCheck(db, p, roots, root_count, max_errors, error_count);
  }
  *error_count = 0;
  const int partial = roots[0] == 0;
  if (partial) return 0;
  char* report = 0;
  const int rc = sibyl_store_verify(storeOf(p), &report, error_count);
  if (rc != SQLITE_OK) {
    *error_count = 1;
    report = sqlite3_mprintf("%s", sibyl_store_error(storeOf(p)));
  }
  return report;
}

static int sibylResetDatabase(sqlite3* db, Btree* p);  // in btree_copy.c

static int sibylVacuum(char** error_message, sqlite3* db, int database) {
  Btree* p = db->aDb[database].pBt;
  sibyl_store_clear_error(storeOf(p));
  const int rc = (db->flags & SQLITE_ResetDatabase) ? sibylResetDatabase(db, p)
                                                    : sibyl_store_compact(storeOf(p));
  if (rc != SQLITE_OK) sqlite3SetString(error_message, db, sibylErrorText(db, rc));
  return rc;
}

// True if a database of ours has a schema. Errors count as content: nobody should write there.
static int sibylHasContent(Btree* p) {
  if (!sibylIsOurs(p)) return 0;
  int version = 0;
  if (sqlite3BtreeBeginTrans(p, 0, &version) != SQLITE_OK) return 1;
  sqlite3BtreeCommit(p);
  return version != 0;
}

// ---- Keys ----

static int collationOf(const CollSeq* collation, SibylCollation* kind) {
  if (collation == 0 || collation->xCmp == binCollFunc) {
    *kind = SIBYL_COLLATE_BINARY;
  } else if (collation->xCmp == nocaseCollatingFunc) {
    *kind = SIBYL_COLLATE_NOCASE;
  } else if (collation->xCmp == rtrimCollFunc) {
    *kind = SIBYL_COLLATE_RTRIM;
  } else {
    return 0;
  }
  return 1;
}

static void appendTextField(SibylKey* key, const Mem* value, int encoding, SibylCollation collation,
                            unsigned order) {
  if (encoding == SQLITE_UTF8 || collation == SIBYL_COLLATE_BINARY) {
    sibyl_key_append_text(key, value->z, (size_t)value->n, collation, order);
    return;
  }
  Mem utf8;  // NOCASE and RTRIM see UTF-8 whatever the database stores
  sqlite3VdbeMemInit(&utf8, value->db, 0);
  if (sqlite3VdbeMemSetStr(&utf8, value->z, value->n, (u8)encoding, SQLITE_TRANSIENT) ||
      sqlite3VdbeChangeEncoding(&utf8, SQLITE_UTF8)) {
    key->out_of_memory = 1;
  } else {
    sibyl_key_append_text(key, utf8.z, (size_t)utf8.n, collation, order);
  }
  sqlite3VdbeMemRelease(&utf8);
}

static void appendField(SibylKey* key, const Mem* value, const KeyInfo* info, int field) {
  const unsigned order = info->aSortFlags ? info->aSortFlags[field] : 0;
  SibylCollation collation = SIBYL_COLLATE_BINARY;
  if (value->flags & MEM_Null) {
    sibyl_key_append_null(key, order);
  } else if (value->flags & (MEM_Int | MEM_IntReal)) {
    sibyl_key_append_integer(key, value->u.i, order);
  } else if (value->flags & MEM_Real) {
    sibyl_key_append_real(key, value->u.r, order);
  } else if (value->flags & MEM_Str) {
    collationOf(info->aColl[field], &collation);  // checked when the cursor was opened
    appendTextField(key, value, info->enc, collation, order);
  } else {
    const size_t zeros = (value->flags & MEM_Zero) ? (size_t)value->u.nZero : 0;
    sibyl_key_append_blob(key, value->z, (size_t)value->n, zeros, order);
  }
}

static void keyOfFields(SibylKey* key, const Mem* fields, int count, const KeyInfo* info) {
  sibyl_key_clear(key);
  for (int i = 0; i < count; i++) appendField(key, &fields[i], info, i);
}

// The key of a serialized record: its first `fields` fields.
static int keyOfRecord(SibylKey* key, const u8* record, i64 size, int fields, const KeyInfo* info) {
  u32 header_size = 0;
  u32 at = getVarint32(record, header_size);
  u64 data = header_size;
  sibyl_key_clear(key);
  if (header_size > size) return SQLITE_CORRUPT_BKPT;
  for (int i = 0; i < fields && at < header_size; i++) {
    u32 type = 0;
    at += getVarint32(record + at, type);
    const u32 length = sqlite3VdbeSerialTypeLen(type);
    if (data + length > (u64)size) return SQLITE_CORRUPT_BKPT;
    Mem value;
    sqlite3VdbeMemInit(&value, info->db, 0);
    value.enc = info->enc;
    sqlite3VdbeSerialGet(record + data, type, &value);
    appendField(key, &value, info, i);
    data += length;
  }
  return key->out_of_memory ? SQLITE_NOMEM_BKPT : SQLITE_OK;
}

// ---- Cursors ----

static SibylBtree* oursOf(const BtCursor* cursor) { return cursor->pBtree->pSibyl; }

// How the index sorts. It is stored in the order of its keys' bytes, which is known for SQLite's
// own collations only.
static int shapeOf(Btree* p, const KeyInfo* info) {
  SibylKey* shape = &p->pSibyl->shape;
  sibyl_key_clear(shape);
  if (!sibyl_key_reserve(shape, info->nKeyField)) return SQLITE_NOMEM_BKPT;
  for (int i = 0; i < info->nKeyField; i++) {
    SibylCollation collation;
    if (!collationOf(info->aColl[i], &collation)) {
      return sibyl_store_refuse_collation(storeOf(p), info->aColl[i]->zName);
    }
    const unsigned order = info->aSortFlags ? info->aSortFlags[i] : 0;
    shape->bytes[shape->size++] = sibyl_field_shape(order, collation);
  }
  return SQLITE_OK;
}

// So many fields are all of the key of an entry that has no NULL among them; 0: keys have all fields.
static int uniqueFields(Btree* p, const KeyInfo* info) {
  if (info->nKeyField < info->nAllField) return info->nKeyField;
  return sibyl_store_has_short_keys(storeOf(p)) ? info->nUniqueField : 0;
}

// How many fields the keys have of entries whose first fields are these.
static int keyFieldsFor(const BtCursor* cursor, const Mem* fields, int count) {
  const int unique = uniqueFields(cursor->pBtree, cursor->pKeyInfo);
  if (unique == 0) return cursor->pKeyInfo->nKeyField;
  for (int i = 0; i < MIN(count, unique); i++) {
    if (fields[i].flags & MEM_Null) return cursor->pKeyInfo->nKeyField;
  }
  return unique;
}

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

// ---- Rows ----

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

// store_of_schema.h has the contract.
SibylStore* sibyl_store_of_schema(sqlite3* db, const char* schema) {
  const int index = sqlite3FindDbName(db, schema);
  if (index < 0 || !sibylIsOurs(db->aDb[index].pBt)) return 0;
  return storeOf(db->aDb[index].pBt);
}

// The planner makes an Index even of a table's rowids.
static int isRowidKey(const Index* index) {
  return index == 0 || index->idxType == SQLITE_IDXTYPE_IPK;
}

static u8 affinityOf(sqlite3* db, const Index* index, int field) {
  if (isRowidKey(index)) return SQLITE_AFF_INTEGER;
  const char* affinities = sqlite3IndexAffinityStr(db, (Index*)index);
  return affinities != 0 ? (u8)affinities[field] : SQLITE_AFF_BLOB;
}

// Appends `value` as the field'th field of the keys of `index`. 0: its order is not one of bytes, or
// it is no rowid.
static int appendValue(sqlite3* db, const Index* index, int field, const sqlite3_value* value,
                       SibylKey* key) {
  if (isRowidKey(index)) {
    if ((value->flags & (MEM_Int | MEM_Real)) == 0 || !sibyl_key_reserve(key, 8)) return 0;
    sibyl_rowid_encode(sqlite3VdbeIntValue((Mem*)value), key->bytes + key->size);
    key->size += 8;
    return 1;
  }
  SibylCollation collation;
  u8 order = index->aSortOrder != 0 ? index->aSortOrder[field] : 0;
  KeyInfo info;
  memset(&info, 0, sizeof info);
  info.enc = ENC(db);
  info.db = db;
  info.aSortFlags = &order;
  info.aColl[0] = sqlite3FindCollSeq(db, ENC(db), index->azColl[field], 0);
  if (!collationOf(info.aColl[0], &collation)) return 0;
  appendField(key, value, &info, 0);
  return !key->out_of_memory;
}

// statistics.h has the contract.
int sibyl_key_of_value(sqlite3* db, const char* schema, const char* name, sqlite3_value* value,
                       uint32_t* root, SibylKey* key) {
  sqlite3_table_column_metadata(db, schema, name, 0, 0, 0, 0, 0, 0);  // reads the schema
  const Table* table = sqlite3FindTable(db, name, schema);
  if (table != 0 && (IsVirtual(table) || IsView(table))) return SQLITE_NOTFOUND;
  Index* index = table == 0 ? sqlite3FindIndex(db, name, schema)
                 : HasRowid(table) ? 0 : sqlite3PrimaryKeyIndex((Table*)table);
  if (table == 0 && index == 0) return SQLITE_NOTFOUND;
  *root = index != 0 ? index->tnum : table->tnum;
  sqlite3_value* copy = sqlite3_value_dup(value);
  if (copy == 0) return SQLITE_NOMEM_BKPT;
  sqlite3ValueApplyAffinity(copy, affinityOf(db, index, 0), ENC(db));
  const int appended = appendValue(db, index, 0, copy, key);
  sqlite3_value_free(copy);
  if (key->out_of_memory) return SQLITE_NOMEM_BKPT;
  return appended ? SQLITE_OK : SQLITE_MISMATCH;
}
