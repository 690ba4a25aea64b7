/* SibylDB for C, and through it for every language that can call C: all of sibyl/database.h, and of
 * the headers that it includes. The indexes in memory are in sibyl/c_index.h.
 *
 *   sibyl_db* db = NULL;
 *   sibyl_error* error = sibyl_open("my.sibyl", NULL, &db);
 *   if (error) { fprintf(stderr, "%s\n", sibyl_error_message(error)); sibyl_error_free(error); }
 *
 * Conventions:
 * - Every function that can fail returns NULL, or an error that the caller frees. Results go to the
 *   places that the last arguments point to, which are written on success only.
 * - Keys and values are any bytes, given as pointer and size; a pointer may be NULL if the size is
 * 0.
 * - What a function returns as sibyl_buffer belongs to the caller: sibyl_buffer_free. Iterators
 *   return bytes of their own, valid until they move.
 * - Free (or close) every object once, in any order: what depends on another keeps it. So a
 * database closes when it and all its iterators, snapshots and transactions are freed. NULL is
 * allowed.
 * - Threads: a sibyl_db and a sibyl_snapshot may be used by any number at the same time, everything
 *   else by one at a time.
 * - Meaning, costs and errors are those of the C++ functions of the same name.
 *
 * Link with libsibyl (find_package(sibyl), target sibyl::c). Functions and numbers are only ever
 * added.
 */

#ifndef SIBYL_C_H_
#define SIBYL_C_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SIBYL_C_EXPORT __attribute__((visibility("default")))
#else
#define SIBYL_C_EXPORT
#endif

typedef struct sibyl_error sibyl_error;
typedef struct sibyl_options sibyl_options;
typedef struct sibyl_tree_options sibyl_tree_options;
typedef struct sibyl_db sibyl_db;
typedef struct sibyl_snapshot sibyl_snapshot;
typedef struct sibyl_iterator sibyl_iterator;
typedef struct sibyl_pinned sibyl_pinned;
typedef struct sibyl_batch sibyl_batch;
typedef struct sibyl_transaction sibyl_transaction;

/* Trees are named by their ids; the default tree always exists. */
typedef uint32_t sibyl_tree;
#define SIBYL_DEFAULT_TREE ((sibyl_tree)1)

/* Bytes of the library's, freed by sibyl_buffer_free; data is NULL if there are none. */
typedef struct sibyl_buffer {
  char* data;
  size_t size;
} sibyl_buffer;

/* Bytes of the caller's. */
typedef struct sibyl_slice {
  const char* data;
  size_t size;
} sibyl_slice;

/* ---- Errors ---- */

enum {
  SIBYL_INVALID_ARGUMENT = 1, /* the caller broke a documented precondition: fix the call */
  SIBYL_CORRUPTION = 2,       /* stored bytes fail a check */
  SIBYL_IO = 3,               /* the operating system refused */
  SIBYL_NOT_SUPPORTED = 4,    /* a newer format, or a request that this build cannot serve */
  SIBYL_CONFLICT = 5,         /* another transaction committed first: run this one again */
  SIBYL_BUSY = 6,             /* somebody else has it: wait, then retry */
  SIBYL_READ_ONLY = 7,        /* the database was opened, or has become, read-only */
  SIBYL_OUT_OF_MEMORY = 8
};

SIBYL_C_EXPORT int sibyl_error_code(const sibyl_error* error);
SIBYL_C_EXPORT const char* sibyl_error_message(const sibyl_error* error); /* lives as long as it */
SIBYL_C_EXPORT void sibyl_error_free(sibyl_error* error);

SIBYL_C_EXPORT void sibyl_buffer_free(sibyl_buffer* buffer); /* empties it */
SIBYL_C_EXPORT const char* sibyl_version(void);

/* ---- Opening ---- */

/* All defaults. */
SIBYL_C_EXPORT sibyl_options* sibyl_options_new(void);
SIBYL_C_EXPORT void sibyl_options_free(sibyl_options* options);

/* Sets the member of that name in sibyl/options.h, `Options`: numbers as they are written in C,
 * true and false, read_mode as "mapping" or "pread". Errors: SIBYL_INVALID_ARGUMENT for an unknown
 * name or a value of another kind; ranges are checked when opening. */
SIBYL_C_EXPORT sibyl_error* sibyl_options_set(sibyl_options* options, const char* name,
                                              const char* value);

/* What trees may name as their merge operator (sibyl/merge_operator.h has what it must be): calls
 * sibyl_merge_append with the bytes of the result, once or more. `context` is given to it, and
 * lives as long as databases opened with these options. Called by any thread. */
typedef struct sibyl_merge_result sibyl_merge_result;
typedef void (*sibyl_merge_function)(void* context, sibyl_slice older, sibyl_slice newer,
                                     sibyl_merge_result* result);
SIBYL_C_EXPORT sibyl_error* sibyl_options_add_merge_operator(sibyl_options* options,
                                                             const char* name,
                                                             sibyl_merge_function function,
                                                             void* context);
SIBYL_C_EXPORT void sibyl_merge_append(sibyl_merge_result* result, const char* data, size_t size);

/* Called with a line of JSON for each drain, compaction, stall, error and the like, by whichever
 * thread was at it; and for the seconds that times to live count, by any thread. Both return
 * quickly and do not call the library; `context` lives as long as databases opened with these
 * options. */
typedef void (*sibyl_event_listener)(void* context, sibyl_slice line);
SIBYL_C_EXPORT void sibyl_options_set_event_listener(sibyl_options* options,
                                                     sibyl_event_listener listener, void* context);
typedef uint64_t (*sibyl_clock)(void* context);
SIBYL_C_EXPORT void sibyl_options_set_clock(sibyl_options* options, sibyl_clock clock,
                                            void* context);

/* `options` may be NULL, and freed afterwards. */
SIBYL_C_EXPORT sibyl_error* sibyl_open(const char* directory, const sibyl_options* options,
                                       sibyl_db** db);
SIBYL_C_EXPORT void sibyl_close(sibyl_db* db);

/* ---- Trees ---- */

/* All defaults. */
SIBYL_C_EXPORT sibyl_tree_options* sibyl_tree_options_new(void);
SIBYL_C_EXPORT void sibyl_tree_options_free(sibyl_tree_options* options);
/* The member of that name in sibyl/tree.h, `TreeOptions`: "compression" is "none", "lz4" or "zstd",
 * "packed_keys" is "true" or "false", "ttl_seconds" a number, "merge_operator" a name or nothing.
 * Errors: SIBYL_INVALID_ARGUMENT for an unknown name or a value of another kind. */
SIBYL_C_EXPORT sibyl_error* sibyl_tree_options_set(sibyl_tree_options* options, const char* name,
                                                   const char* value);
SIBYL_C_EXPORT sibyl_error* sibyl_tree_options_get(const sibyl_tree_options* options,
                                                   const char* name, sibyl_buffer* value);

SIBYL_C_EXPORT sibyl_error* sibyl_create_tree(sibyl_db* db, const char* name, size_t name_size,
                                              sibyl_tree* tree);
/* With options, which may be NULL and freed afterwards. */
SIBYL_C_EXPORT sibyl_error* sibyl_create_tree_with(sibyl_db* db, const char* name, size_t name_size,
                                                   const sibyl_tree_options* options,
                                                   sibyl_tree* tree);
/* `*found` becomes 1 or 0. */
SIBYL_C_EXPORT sibyl_error* sibyl_find_tree(sibyl_db* db, const char* name, size_t name_size,
                                            int* found, sibyl_tree* tree);
/* Sets an option of a tree that is there. Holds for what is written from then on; the last two of
 * those above stay what the tree was made with. */
SIBYL_C_EXPORT sibyl_error* sibyl_set_tree_option(sibyl_db* db, sibyl_tree tree, const char* name,
                                                  const char* value);
SIBYL_C_EXPORT sibyl_error* sibyl_set_tree_options(sibyl_db* db, sibyl_tree tree,
                                                   const sibyl_tree_options* options);
/* The options of a tree as they are, to be freed. Errors: SIBYL_INVALID_ARGUMENT if it is unknown.
 */
SIBYL_C_EXPORT sibyl_error* sibyl_get_tree_options(sibyl_db* db, sibyl_tree tree,
                                                   sibyl_tree_options** options);
SIBYL_C_EXPORT sibyl_error* sibyl_drop_tree(sibyl_db* db, sibyl_tree tree);
/* Whether the state of `snapshot` (NULL: the latest) has the tree: `*has` becomes 1 or 0. */
SIBYL_C_EXPORT sibyl_error* sibyl_has_tree(sibyl_db* db, const sibyl_snapshot* snapshot,
                                           sibyl_tree tree, int* has);
/* The ids of all trees, and their names: arrays of `*count` to be freed by sibyl_tree_list_free. */
SIBYL_C_EXPORT sibyl_error* sibyl_list_trees(sibyl_db* db, size_t* count, sibyl_tree** trees,
                                             sibyl_buffer** names);
SIBYL_C_EXPORT void sibyl_tree_list_free(size_t count, sibyl_tree* trees, sibyl_buffer* names);

/* ---- Reading; `snapshot` may be NULL: the latest state ---- */

/* `*found` becomes 1 or 0; `value` is empty if it is 0. */
SIBYL_C_EXPORT sibyl_error* sibyl_get(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                                      const char* key, size_t key_size, int* found,
                                      sibyl_buffer* value);
/* The same without copying the value out of the file or the cache it lies in, for values of some
 * KiB: it stays, with everything that was in the database then, until `pinned` is read into again,
 * reset or freed. One thread at a time. The bytes are empty if nothing was found. */
SIBYL_C_EXPORT sibyl_pinned* sibyl_pinned_new(void);
SIBYL_C_EXPORT void sibyl_pinned_free(sibyl_pinned* pinned);
SIBYL_C_EXPORT void sibyl_pinned_reset(sibyl_pinned* pinned);
SIBYL_C_EXPORT sibyl_slice sibyl_pinned_value(const sibyl_pinned* pinned);
SIBYL_C_EXPORT sibyl_error* sibyl_get_pinned(sibyl_db* db, const sibyl_snapshot* snapshot,
                                             sibyl_tree tree, const char* key, size_t key_size,
                                             int* found, sibyl_pinned* pinned);
/* found[i] and values[i] answer keys[i]; free each value. */
SIBYL_C_EXPORT sibyl_error* sibyl_multi_get(sibyl_db* db, const sibyl_snapshot* snapshot,
                                            sibyl_tree tree, size_t count, const sibyl_slice* keys,
                                            int* found, sibyl_buffer* values);

/* The number of keys with begin <= key < end. A bound that is NULL is none. */
SIBYL_C_EXPORT sibyl_error* sibyl_count(sibyl_db* db, const sibyl_snapshot* snapshot,
                                        sibyl_tree tree, const sibyl_slice* begin,
                                        const sibyl_slice* end, uint64_t* count);
/* About so many, from the models, without reading blocks. */
SIBYL_C_EXPORT sibyl_error* sibyl_estimate_count(sibyl_db* db, sibyl_tree tree,
                                                 const sibyl_slice* begin, const sibyl_slice* end,
                                                 uint64_t* count);
/* The number of keys before `key`. */
SIBYL_C_EXPORT sibyl_error* sibyl_rank(sibyl_db* db, const sibyl_snapshot* snapshot,
                                       sibyl_tree tree, const char* key, size_t key_size,
                                       uint64_t* rank);
/* The record that `rank` others precede, if there is one. */
SIBYL_C_EXPORT sibyl_error* sibyl_at(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                                     uint64_t rank, int* found, sibyl_buffer* key,
                                     sibyl_buffer* value);

SIBYL_C_EXPORT sibyl_error* sibyl_snapshot_new(sibyl_db* db, sibyl_snapshot** snapshot);
SIBYL_C_EXPORT uint64_t sibyl_snapshot_sequence(const sibyl_snapshot* snapshot);
SIBYL_C_EXPORT void sibyl_snapshot_free(sibyl_snapshot* snapshot);

/* ---- Iterating ---- */

/* Over lower <= key < upper; a bound that is NULL is none. Position it before reading. */
SIBYL_C_EXPORT sibyl_error* sibyl_iterator_new(sibyl_db* db, const sibyl_snapshot* snapshot,
                                               sibyl_tree tree, const sibyl_slice* lower,
                                               const sibyl_slice* upper, sibyl_iterator** iterator);
SIBYL_C_EXPORT void sibyl_iterator_free(sibyl_iterator* iterator);
SIBYL_C_EXPORT int sibyl_iterator_valid(const sibyl_iterator* iterator); /* 1 at a record, or 0 */
SIBYL_C_EXPORT void sibyl_iterator_seek_to_first(sibyl_iterator* iterator);
SIBYL_C_EXPORT void sibyl_iterator_seek_to_last(sibyl_iterator* iterator);
SIBYL_C_EXPORT void sibyl_iterator_seek(sibyl_iterator* iterator, const char* key,
                                        size_t key_size); /* first key >= `key` */
SIBYL_C_EXPORT void sibyl_iterator_seek_for_prev(sibyl_iterator* iterator, const char* key,
                                                 size_t key_size); /* last key <= `key` */
/* The next four only while valid. */
SIBYL_C_EXPORT void sibyl_iterator_next(sibyl_iterator* iterator);
SIBYL_C_EXPORT void sibyl_iterator_prev(sibyl_iterator* iterator);
SIBYL_C_EXPORT sibyl_slice sibyl_iterator_key(const sibyl_iterator* iterator);
SIBYL_C_EXPORT sibyl_slice sibyl_iterator_value(const sibyl_iterator* iterator);
/* What went wrong while moving, if anything; an iterator with an error is not valid. */
SIBYL_C_EXPORT sibyl_error* sibyl_iterator_error(const sibyl_iterator* iterator);

/* ---- Writing; `sync` not 0: durable when the call returns ---- */

SIBYL_C_EXPORT sibyl_error* sibyl_put(sibyl_db* db, sibyl_tree tree, const char* key,
                                      size_t key_size, const char* value, size_t value_size,
                                      int sync);
SIBYL_C_EXPORT sibyl_error* sibyl_delete(sibyl_db* db, sibyl_tree tree, const char* key,
                                         size_t key_size, int sync);
/* Applies the tree's merge operator to what the key has and `operand`. */
SIBYL_C_EXPORT sibyl_error* sibyl_merge(sibyl_db* db, sibyl_tree tree, const char* key,
                                        size_t key_size, const char* operand, size_t operand_size,
                                        int sync);
/* Every key with begin <= key < end; `end` NULL: to the end of the tree. */
SIBYL_C_EXPORT sibyl_error* sibyl_delete_range(sibyl_db* db, sibyl_tree tree, const char* begin,
                                               size_t begin_size, const sibyl_slice* end, int sync);

SIBYL_C_EXPORT sibyl_batch* sibyl_batch_new(void);
SIBYL_C_EXPORT void sibyl_batch_free(sibyl_batch* batch);
SIBYL_C_EXPORT void sibyl_batch_clear(sibyl_batch* batch);
SIBYL_C_EXPORT size_t sibyl_batch_count(const sibyl_batch* batch);
SIBYL_C_EXPORT sibyl_error* sibyl_batch_put(sibyl_batch* batch, sibyl_tree tree, const char* key,
                                            size_t key_size, const char* value, size_t value_size);
SIBYL_C_EXPORT sibyl_error* sibyl_batch_delete(sibyl_batch* batch, sibyl_tree tree, const char* key,
                                               size_t key_size);
SIBYL_C_EXPORT sibyl_error* sibyl_batch_merge(sibyl_batch* batch, sibyl_tree tree, const char* key,
                                              size_t key_size, const char* operand,
                                              size_t operand_size);
/* Every key with begin <= key < end; `end` NULL: to the end of the tree. */
SIBYL_C_EXPORT sibyl_error* sibyl_batch_delete_range(sibyl_batch* batch, sibyl_tree tree,
                                                     const char* begin, size_t begin_size,
                                                     const sibyl_slice* end);
/* Atomically; the batch stays as it is. */
SIBYL_C_EXPORT sibyl_error* sibyl_write(sibyl_db* db, const sibyl_batch* batch, int sync);
SIBYL_C_EXPORT sibyl_error* sibyl_sync(sibyl_db* db);

/* Fills in the next record, whose bytes must stay until the following call, and returns 1; returns
 * 0 at the end, and -1 to give up. */
typedef int (*sibyl_record_source)(void* context, sibyl_slice* key, sibyl_slice* value);
/* `sorted` not 0: the source promises increasing keys. `*records` (may be NULL): distinct keys. */
SIBYL_C_EXPORT sibyl_error* sibyl_ingest(sibyl_db* db, sibyl_tree tree, sibyl_record_source source,
                                         void* context, int sorted, uint64_t* records);
typedef struct sibyl_ingest_info {
  uint64_t records; /* distinct keys now in segments */
  uint64_t segments;
} sibyl_ingest_info;
SIBYL_C_EXPORT sibyl_error* sibyl_ingest_with_info(sibyl_db* db, sibyl_tree tree,
                                                   sibyl_record_source source, void* context,
                                                   int sorted, sibyl_ingest_info* info);

/* ---- Transactions ---- */

SIBYL_C_EXPORT sibyl_error* sibyl_transaction_begin(sibyl_db* db, sibyl_transaction** transaction);
/* Rolls back what was not committed, once its iterators are freed too. */
SIBYL_C_EXPORT void sibyl_transaction_free(sibyl_transaction* transaction);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_get(sibyl_transaction* transaction, sibyl_tree tree,
                                                  const char* key, size_t key_size, int* found,
                                                  sibyl_buffer* value);
/* Locks the key, waiting up to `timeout_ms` for another transaction that has it. */
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_get_for_update(sibyl_transaction* transaction,
                                                             sibyl_tree tree, const char* key,
                                                             size_t key_size, uint64_t timeout_ms,
                                                             int* found, sibyl_buffer* value);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_put(sibyl_transaction* transaction, sibyl_tree tree,
                                                  const char* key, size_t key_size,
                                                  const char* value, size_t value_size);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_merge(sibyl_transaction* transaction, sibyl_tree tree,
                                                    const char* key, size_t key_size,
                                                    const char* operand, size_t operand_size);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_delete(sibyl_transaction* transaction,
                                                     sibyl_tree tree, const char* key,
                                                     size_t key_size);
/* Every key with begin <= key < end; `end` NULL: to the end of the tree. */
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_delete_range(sibyl_transaction* transaction,
                                                           sibyl_tree tree, const char* begin,
                                                           size_t begin_size,
                                                           const sibyl_slice* end);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_create_tree(sibyl_transaction* transaction,
                                                          const char* name, size_t name_size,
                                                          sibyl_tree* tree);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_create_tree_with(sibyl_transaction* transaction,
                                                               const char* name, size_t name_size,
                                                               const sibyl_tree_options* options,
                                                               sibyl_tree* tree);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_set_tree_options(sibyl_transaction* transaction,
                                                               sibyl_tree tree,
                                                               const sibyl_tree_options* options);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_drop_tree(sibyl_transaction* transaction,
                                                        sibyl_tree tree);
/* Sees the transaction's own writes too. */
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_iterator(sibyl_transaction* transaction,
                                                       sibyl_tree tree, const sibyl_slice* lower,
                                                       const sibyl_slice* upper,
                                                       sibyl_iterator** iterator);
/* As sibyl_count and sibyl_at, of what the transaction sees. */
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_count(sibyl_transaction* transaction, sibyl_tree tree,
                                                    const sibyl_slice* begin,
                                                    const sibyl_slice* end, uint64_t* count);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_at(sibyl_transaction* transaction, sibyl_tree tree,
                                                 uint64_t rank, int* found, sibyl_buffer* key,
                                                 sibyl_buffer* value);
SIBYL_C_EXPORT uint64_t sibyl_transaction_pending_records(const sibyl_transaction* transaction);
SIBYL_C_EXPORT uint64_t sibyl_transaction_pending_bytes(const sibyl_transaction* transaction);
SIBYL_C_EXPORT uint64_t sibyl_transaction_snapshot_sequence(const sibyl_transaction* transaction);
SIBYL_C_EXPORT uint64_t sibyl_transaction_savepoint(const sibyl_transaction* transaction);
/* It and all later ones are not needed any more. */
SIBYL_C_EXPORT void sibyl_transaction_release_savepoint(sibyl_transaction* transaction,
                                                        uint64_t savepoint);
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_rollback_to(sibyl_transaction* transaction,
                                                          uint64_t savepoint);
/* Afterwards, on success or not, only freeing is allowed. SIBYL_CONFLICT: run it again. */
SIBYL_C_EXPORT sibyl_error* sibyl_transaction_commit(sibyl_transaction* transaction, int sync);

/* ---- Maintenance; those with info tell what they did ---- */

SIBYL_C_EXPORT sibyl_error* sibyl_flush(sibyl_db* db);
SIBYL_C_EXPORT sibyl_error* sibyl_compact(sibyl_db* db);
SIBYL_C_EXPORT sibyl_error* sibyl_checkpoint(sibyl_db* db, const char* directory);
typedef struct sibyl_checkpoint_info {
  uint64_t segments;
  uint64_t bytes;        /* of all segments */
  uint64_t copied_bytes; /* of those that could not be linked */
} sibyl_checkpoint_info;
SIBYL_C_EXPORT sibyl_error* sibyl_checkpoint_with_info(sibyl_db* db, const char* directory,
                                                       sibyl_checkpoint_info* info);
SIBYL_C_EXPORT sibyl_error* sibyl_backup(sibyl_db* db, const char* backups, uint64_t* number);
/* 0: the newest. */
SIBYL_C_EXPORT sibyl_error* sibyl_restore_backup(const char* backups, uint64_t number,
                                                 const char* directory);
typedef struct sibyl_backup_info {
  uint64_t number;
  int64_t created_unix_s;
  uint64_t database_id;
  uint64_t segments;
  uint64_t records;
  uint64_t bytes;
  uint64_t copied_bytes;
} sibyl_backup_info;
SIBYL_C_EXPORT sibyl_error* sibyl_backup_with_info(sibyl_db* db, const char* backups,
                                                   sibyl_backup_info* info);
SIBYL_C_EXPORT sibyl_error* sibyl_restore_backup_with_info(const char* backups, uint64_t number,
                                                           const char* directory,
                                                           sibyl_backup_info* info);
/* Oldest first: an array of `*count` to be freed by sibyl_backup_list_free. */
SIBYL_C_EXPORT sibyl_error* sibyl_list_backups(const char* backups, size_t* count,
                                               sibyl_backup_info** infos);
SIBYL_C_EXPORT void sibyl_backup_list_free(sibyl_backup_info* infos);
/* `*problems` becomes the number of problems, `report` a line for each. */
SIBYL_C_EXPORT sibyl_error* sibyl_verify_backups(const char* backups, uint64_t* problems,
                                                 sibyl_buffer* report);
typedef struct sibyl_backup_report {
  uint64_t backups;
  uint64_t segments;
  uint64_t bytes;
  uint64_t problems; /* lines of the report */
} sibyl_backup_report;
SIBYL_C_EXPORT sibyl_error* sibyl_verify_backups_with_info(const char* backups,
                                                           sibyl_backup_report* info,
                                                           sibyl_buffer* report);
/* All but the `kept` newest. */
SIBYL_C_EXPORT sibyl_error* sibyl_delete_old_backups(const char* backups, uint64_t kept,
                                                     uint64_t* freed_bytes);
/* `*problems` becomes the number of problems, `report` a line for each. */
SIBYL_C_EXPORT sibyl_error* sibyl_verify(sibyl_db* db, uint64_t* problems, sibyl_buffer* report);
typedef struct sibyl_verify_report {
  uint64_t segments;
  uint64_t blocks;
  uint64_t records;
  uint64_t problems; /* lines of the report */
} sibyl_verify_report;
SIBYL_C_EXPORT sibyl_error* sibyl_verify_with_info(sibyl_db* db, sibyl_verify_report* info,
                                                   sibyl_buffer* report);
/* `*losses` becomes the number of things that could not be saved, `report` a line for each. */
SIBYL_C_EXPORT sibyl_error* sibyl_repair(const char* damaged, const char* directory,
                                         uint64_t* losses, sibyl_buffer* report);
typedef struct sibyl_repair_report {
  uint64_t segments_whole;
  uint64_t segments_damaged; /* some of their records are in the new database */
  uint64_t segments_missing;
  uint64_t log_records; /* found in the log */
  uint64_t records;     /* in the segments of the new database */
  uint64_t losses;      /* lines of the report */
} sibyl_repair_report;
/* `options`, of the new database, may be NULL. */
SIBYL_C_EXPORT sibyl_error* sibyl_repair_with_info(const char* damaged, const char* directory,
                                                   const sibyl_options* options,
                                                   sibyl_repair_report* info, sibyl_buffer* report);

/* ---- Statistics: sibyl/stats.h has the words, and the units in the names ---- */

/* All of them in the text format of Prometheus: lines "name{labels} value". */
SIBYL_C_EXPORT sibyl_error* sibyl_stats(sibyl_db* db, sibyl_buffer* text);

typedef struct sibyl_counter {
  const char* name;
  const char* meaning;
  uint64_t value;
} sibyl_counter;
typedef struct sibyl_generation_stats {
  uint64_t id;
  int active; /* 1 or 0 */
  uint64_t records;
  uint64_t bytes;
} sibyl_generation_stats;
typedef struct sibyl_model_stats {
  sibyl_tree tree;
  const char* kind;
  uint64_t records;
  uint64_t blocks;
  uint64_t pieces;
  uint64_t nodes;
  uint32_t depth;
  uint64_t model_bytes;
} sibyl_model_stats;
typedef struct sibyl_segment_stats {
  uint64_t id;
  const char* path;
  uint32_t level;
  uint64_t file_bytes;
  uint64_t records;
  uint64_t tombstones;
  uint64_t blocks;
  uint64_t largest_block_records;
  uint64_t largest_block_bytes;
  uint64_t data_bytes;
  uint64_t compressed_blocks;
  uint64_t packed_blocks;
  uint64_t plain_blocks_bytes;
  uint64_t index_bytes;
  uint64_t filter_bytes;
  uint64_t training_ns;
  uint64_t build_ns;
  const char* model_note;
  uint64_t model_bound_violations;
  size_t model_count;
  const sibyl_model_stats* models;
} sibyl_segment_stats;
typedef struct sibyl_level_stats {
  uint32_t level;
  size_t segment_count;
  const sibyl_segment_stats* segments;
} sibyl_level_stats;
typedef struct sibyl_latency_stats {
  const char* call;
  uint64_t sample_every;
  uint64_t recorded;
  uint64_t total_ns;
  uint64_t longest_ns;
  size_t bucket_count;
  const uint64_t* counts; /* of calls in each bucket: see sibyl_latency_upper_bound_ns */
} sibyl_latency_stats;
typedef struct sibyl_memory_stats {
  uint64_t delta_bytes;
  uint64_t index_bytes;
  uint64_t block_cache_bytes;
  uint64_t transaction_bytes;
  uint64_t process_allocated_bytes;
  uint64_t process_resident_bytes;
} sibyl_memory_stats;
/* What its pointers name lives as long as it does. Members are only ever added at its end. */
typedef struct sibyl_database_stats {
  size_t generation_count;
  const sibyl_generation_stats* generations; /* newest first */
  size_t level_count;
  const sibyl_level_stats* levels; /* newest first */
  size_t counter_count;
  const sibyl_counter* counters;
  size_t latency_count;
  const sibyl_latency_stats* latencies;
  sibyl_memory_stats memory;
  uint64_t last_sequence;
  uint64_t pinned_views;
  uint64_t range_deletions;
  uint64_t pinned_generations;
  uint64_t pinned_generation_bytes;
  uint64_t spilled_generation_bytes;
  const char* writes_stopped_by;  /* empty: all is well */
  const char* merging_stopped_by; /* the same */
} sibyl_database_stats;
SIBYL_C_EXPORT sibyl_error* sibyl_get_stats(sibyl_db* db, const sibyl_database_stats** stats);
SIBYL_C_EXPORT void sibyl_database_stats_free(const sibyl_database_stats* stats);
/* Bucket i counts the calls that took less than this, and not less than that of i - 1. */
SIBYL_C_EXPORT uint64_t sibyl_latency_upper_bound_ns(size_t bucket);
/* What `fraction` of the calls of stats->latencies[latency] did not exceed: 0.5 the median, 1 the
 * longest. */
SIBYL_C_EXPORT uint64_t sibyl_latency_quantile_ns(const sibyl_database_stats* stats, size_t latency,
                                                  double fraction);

/* ---- The models: sibyl/explain.h has the words ---- */

enum { SIBYL_PIECE_LINE = 0, SIBYL_PIECE_CHILD = 1, SIBYL_PIECE_SEPARATOR = 2 };
typedef struct sibyl_model_piece {
  uint32_t level;
  uint64_t segment;
  uint32_t node;
  uint32_t depth;
  int kind; /* one of those above */
  sibyl_buffer first_key;
  uint64_t window;
  double base_block;
  double blocks_per_window;
  uint64_t records;
} sibyl_model_piece;
/* The pieces of a tree's models: an array of `*count` to be freed by sibyl_piece_list_free. */
SIBYL_C_EXPORT sibyl_error* sibyl_list_pieces(sibyl_db* db, sibyl_tree tree, size_t* count,
                                              sibyl_model_piece** pieces);
SIBYL_C_EXPORT void sibyl_piece_list_free(size_t count, sibyl_model_piece* pieces);

typedef struct sibyl_lookup_stage {
  uint32_t node;
  uint64_t piece;
  int kind; /* of the piece */
  uint64_t window;
  double block;
} sibyl_lookup_stage;
enum {
  SIBYL_LOOKUP_ABSENT = 0,
  SIBYL_LOOKUP_FILTERED = 1,
  SIBYL_LOOKUP_VALUE = 2,
  SIBYL_LOOKUP_TOMBSTONE = 3
};
typedef struct sibyl_lookup_source {
  int is_segment; /* 0: a generation, which has no more than `id` and `outcome` */
  uint32_t level;
  uint64_t id;
  int outcome; /* one of those above */
  size_t stage_count;
  sibyl_lookup_stage* stages;
  uint32_t block;
  uint32_t block_records;
  uint32_t predicted_slot;
  uint32_t slot;
  uint64_t read_bytes;
} sibyl_lookup_source;
/* What a read of the key asks, in that order: an array of `*count` to be freed by
 * sibyl_explanation_free. */
SIBYL_C_EXPORT sibyl_error* sibyl_explain(sibyl_db* db, const sibyl_snapshot* snapshot,
                                          sibyl_tree tree, const char* key, size_t key_size,
                                          int* found, size_t* count, sibyl_lookup_source** sources);
SIBYL_C_EXPORT void sibyl_explanation_free(size_t count, sibyl_lookup_source* sources);

#ifdef __cplusplus
}
#endif

#endif /* SIBYL_C_H_ */
