// The narrow door between SQLite's C and the engine's C++: what btree_dispatch.c needs to answer
// btree.h for one database of ours. tree_store.h has the meaning of each object.
//
// Every function that returns int returns an SQLite result code; after any but SQLITE_OK,
// SQLITE_DONE and SQLITE_BUSY, sibyl_store_error has the sentence for the user. A store and its
// cursors are used by one thread at a time, as SQLite does under the connection's mutex.

#ifndef SIBYL_SQL_TREE_STORE_C_H_
#define SIBYL_SQL_TREE_STORE_C_H_

#include <stddef.h>
#include <stdint.h>

#include "sql/key_codec.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct SibylStore SibylStore;    // one connection's use of one database file
typedef struct SibylCursor SibylCursor;  // a place in one of its trees

enum { SIBYL_META_COUNT = 16 };  // SQLite's header words; word 15, the data version, is computed

// ---- Files ----

// True if these first bytes of a file are those of a marker of ours, of whatever version.
int sibyl_is_marker(const void* bytes, size_t size);

// store_file.h has the meanings.
typedef enum { SIBYL_READ_WRITE, SIBYL_READ_ONLY, SIBYL_IMMUTABLE } SibylAccess;

// Attaches to the database whose marker file is `path` (absolute). The file must exist; an empty
// one is a new database. Nothing is read before the first transaction.
int sibyl_store_open(const char* path, SibylAccess access, SibylStore** store);

// Rolls back and releases. Closes all cursors' iterators, but the cursors must already be closed.
void sibyl_store_close(SibylStore* store);

// The sentence for the last error; empty if there was none. Valid until the next call.
const char* sibyl_store_error(const SibylStore* store);
void sibyl_store_clear_error(SibylStore* store);

// Refuses an index on text in a collation without an order of bytes: keeps the sentence for it and
// returns SQLITE_ERROR.
int sibyl_store_refuse_collation(SibylStore* store, const char* collation);

// ---- Transactions ----

// Begins reading (write == 0) or writing, or turns reading into writing.
// SQLITE_BUSY: another connection writes, or another process has the database.
// SQLITE_BUSY_SNAPSHOT: what this connection reads is no longer the latest state.
int sibyl_store_begin(SibylStore* store, int write);

// Ends the transaction. With keep_reading the connection stays in a read transaction, which then
// sees the new state. Cursors keep their places.
int sibyl_store_commit(SibylStore* store, int sync, int keep_reading);
int sibyl_store_rollback(SibylStore* store, int keep_reading);

// Savepoints are numbered from 0. Open: makes sure that `count` of them exist. Rollback: back to
// savepoint `index`, which stays (index < 0: to the beginning). Release: forgets `index` and later.
int sibyl_store_open_savepoints(SibylStore* store, int count);
int sibyl_store_rollback_to(SibylStore* store, int index);
void sibyl_store_release(SibylStore* store, int index);

// Makes every cursor (or only those that write) fail with `rc` until closed; others keep their
// places.
int sibyl_store_trip_cursors(SibylStore* store, int rc, int writers_only);

uint32_t sibyl_store_get_meta(SibylStore* store, int index);
int sibyl_store_set_meta(SibylStore* store, int index, uint32_t value);

// True if entries of unique indexes without NULLs have only the unique columns in their keys; in
// databases made by earlier versions all have the rowid too. Of an open database.
int sibyl_store_has_short_keys(const SibylStore* store);

// ---- Trees ----

int sibyl_store_create_tree(SibylStore* store, uint32_t* root);
int sibyl_store_drop_tree(SibylStore* store, uint32_t root);

// Deletes every record; adds their number to *count unless it is null.
int sibyl_store_clear_tree(SibylStore* store, uint32_t root, int64_t* count);

// Checks the whole database; *report is a malloc'ed list of problems, or null if there are none.
int sibyl_store_verify(SibylStore* store, char** report, int* problems);

int sibyl_store_compact(SibylStore* store);

// About how many records lie from *begin to before *end (null or empty: from the first, to the last) in
// the tree of `root`, as its models say; 0 if that is not known.
int64_t sibyl_store_estimate(SibylStore* store, uint32_t root, const SibylKey* begin,
                             const SibylKey* end);

// Whether models have learned some of that tree.
int sibyl_store_is_learned(SibylStore* store, uint32_t root);

// The most memory for writes that are not in segments yet, in bytes. It can be set until the first
// connection of the process uses the database: SQLITE_ERROR afterwards, and for less than a megabyte
// or more than a terabyte.
int64_t sibyl_store_budget(SibylStore* store);
int sibyl_store_set_budget(SibylStore* store, int64_t bytes);

// Bytes that the database occupies, in memory and on disk.
int64_t sibyl_store_size_bytes(SibylStore* store);

// ---- Cursors ----

// `state` is the first byte of SQLite's cursor, in which this one keeps SQLite's CURSOR_ state up
// to date; SQLite's flags are in the second. `shape` has the shape of each of the `key_fields` fields of an index's key
// (index_record.h); none: keys are rowids (sibyl_rowid_encode). Entries of a unique index may have only
// `unique_fields` of them in their keys; 0: all have all.
int sibyl_cursor_open(SibylStore* store, uint32_t root, int writable, const unsigned char* shape,
                      int key_fields, int unique_fields, unsigned char* state,
                      SibylCursor** cursor);
void sibyl_cursor_close(SibylCursor* cursor);
void sibyl_cursor_clear(SibylCursor* cursor);
void sibyl_cursor_watch_row(SibylCursor* cursor);  // it serves an incremental blob handle

int sibyl_cursor_first(SibylCursor* cursor, int* empty);
int sibyl_cursor_last(SibylCursor* cursor, int* empty);
int sibyl_cursor_next(SibylCursor* cursor);      // SQLITE_DONE past the end
int sibyl_cursor_previous(SibylCursor* cursor);  // SQLITE_DONE past the beginning
int sibyl_cursor_at_end(SibylCursor* cursor);

// Moves `count` records on, or back, at once; past the last one the cursor is nowhere.
int sibyl_cursor_skip(SibylCursor* cursor, int64_t count, int forward);

// To the record with this very key. If there is none, the cursor stands in the gap where it would
// be: the next movement leaves in either direction.
int sibyl_cursor_seek_rowid(SibylCursor* cursor, int64_t rowid, int* found);
int sibyl_cursor_seek_key(SibylCursor* cursor, const void* key, size_t size, int* found);

// To the first record at or after `key`, or to the last one before it; else into the gap there.
int sibyl_cursor_seek_from(SibylCursor* cursor, const void* key, size_t size, int* found);
int sibyl_cursor_seek_before(SibylCursor* cursor, const void* key, size_t size, int* found);

// To the first record at or after `rowid`: *order is 0 if it has that rowid, 1 if a greater one, -1
// if there is none.
int sibyl_cursor_seek_from_rowid(SibylCursor* cursor, int64_t rowid, int* order);

// Precondition: the cursor stands at a record. 0 if its key begins with `prefix`, otherwise less or
// greater than 0 as the key is.
int sibyl_cursor_compare_key(const SibylCursor* cursor, const void* prefix, size_t size);

// Puts a cursor that lost its record from sight back on it. *same: it is still there.
int sibyl_cursor_restore(SibylCursor* cursor, int* same);

int64_t sibyl_cursor_rowid(const SibylCursor* cursor);

// The rowid at the end of an index's record.
int sibyl_cursor_index_rowid(SibylCursor* cursor, int64_t* rowid);

// SQLite's record: a table's is the value, an index's is rebuilt from key and value when first asked
// for. Valid until the cursor moves or its tree is written. After an error it is a record that SQLite
// finds corrupt, not null.
int sibyl_cursor_record(SibylCursor* cursor, const void** record, uint32_t* size);

int sibyl_cursor_put_row(SibylCursor* cursor, int64_t rowid, const void* value, size_t size,
                         size_t zeros);
int sibyl_cursor_put_key(SibylCursor* cursor, const void* key, size_t key_size, const void* value,
                         size_t size);

// For filling an index: puts in whatever order, of which nothing is seen before sibyl_cursor_last has
// been called. Until then the cursor is used for nothing else.
int sibyl_cursor_put_key_later(SibylCursor* cursor, const void* key, size_t key_size,
                               const void* value, size_t size);

// Deletes the cursor's record and leaves the cursor in the gap.
int sibyl_cursor_delete(SibylCursor* cursor);

// True if the cursor was opened for writing and its store is in a write transaction.
int sibyl_cursor_may_write(const SibylCursor* cursor);

// Overwrites bytes in the middle of the value.
int sibyl_cursor_overwrite(SibylCursor* cursor, uint32_t offset, uint32_t size, const void* bytes);

int sibyl_cursor_count(SibylCursor* cursor, int64_t* count);
int64_t sibyl_cursor_estimate(SibylCursor* cursor);  // records in its tree, roughly

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_TREE_STORE_C_H_
