// What btree.h says of a database as a whole: settings, transactions, trees.
//
// Compiled inside SQLite's amalgamation: see btree_dispatch.c.

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

// A setting that is changed by a value that is not negative, and asked for by one that is.
static int remembered(int* setting, int* value) {
  if (*value >= 0) *setting = *value != 0;
  *value = *setting;
  return SQLITE_OK;
}

// sqlite3_file_control of what a file of SQLite's has and ours needs not: hints are taken, settings
// remembered.
static int sibylFileControl(Btree* p, int op, void* argument) {
  switch (op) {
    case SQLITE_FCNTL_PERSIST_WAL:
      return remembered(&p->pSibyl->persists_wal, argument);
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE:
      return remembered(&p->pSibyl->is_powersafe, argument);
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE:
      return SQLITE_OK;
    case SQLITE_FCNTL_VFSNAME:
      *(char**)argument = sqlite3_mprintf("%s", p->db->pVfs->zName);
      return SQLITE_OK;
    default:
      return SQLITE_NOTFOUND;
  }
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
