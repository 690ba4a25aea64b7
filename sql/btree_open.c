// Which engine has a database; opening and closing one.
//
// Compiled inside SQLite's amalgamation: see btree_dispatch.c.

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
  ours->is_powersafe = 1;  // as in a file of SQLite's
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
