// btree.h for two kinds of database: SQLite's own files and ours.
//
// These files are compiled inside SQLite's amalgamation, right after btree.c, whose functions
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
  int persists_wal, is_powersafe;  // as sqlite3_file_control was told, without effect
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

static SibylBtree* oursOf(const BtCursor* cursor) { return cursor->pBtree->pSibyl; }

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

#include "sql/btree_open.c"
#include "sql/btree_database.c"
#include "sql/btree_keys.c"
#include "sql/btree_cursor.c"
#include "sql/btree_rows.c"
#include "sql/schema_keys.c"
