/* Goal: sibyl/c.h is C, and every function of it does what it says.
 * Method: a C11 program calls each of them on one small life of a database; a check that fails
 * names its line, and the exit code is the number of those. */

#define _GNU_SOURCE /* mkdtemp */
#include <sibyl/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/c_check.h"

static int holds(sibyl_buffer* buffer, const char* text) {
  const int same = buffer->size == strlen(text) &&
                   (buffer->size == 0 || memcmp(buffer->data, text, buffer->size) == 0);
  sibyl_buffer_free(buffer);
  return same && buffer->data == NULL;
}

static int shows(sibyl_slice slice, const char* text) {
  return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

static int reads(sibyl_db* db, const sibyl_snapshot* snapshot, const char* key, const char* value) {
  sibyl_buffer found_value = {NULL, 0};
  int found = -1;
  if (!fine(sibyl_get(db, snapshot, SIBYL_DEFAULT_TREE, key, strlen(key), &found, &found_value))) {
    return 0;
  }
  if (value == NULL) return found == 0 && found_value.data == NULL;
  return found == 1 && holds(&found_value, value);
}

static int puts_one(sibyl_db* db, const char* key, const char* value) {
  return fine(
      sibyl_put(db, SIBYL_DEFAULT_TREE, key, strlen(key), value, strlen(value), /*sync=*/0));
}

static void test_options(const char* path) {
  sibyl_options* options = sibyl_options_new();
  sibyl_db* db = NULL;
  CHECK(refused(sibyl_options_set(options, "no_such", "1"), SIBYL_INVALID_ARGUMENT));
  CHECK(refused(sibyl_options_set(options, "block_bytes", "4k"), SIBYL_INVALID_ARGUMENT));
  CHECK(refused(sibyl_options_set(options, "read_mode", "tape"), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_options_set(options, "create_if_missing", "false")));
  CHECK(refused(sibyl_open(path, options, &db), SIBYL_INVALID_ARGUMENT));
  CHECK(db == NULL);
  CHECK(fine(sibyl_options_set(options, "create_if_missing", "true")));
  CHECK(fine(sibyl_options_set(options, "epsilon_blocks", "0.25")));
  CHECK(fine(sibyl_options_set(options, "read_mode", "pread")));
  CHECK(fine(sibyl_options_set(options, "block_cache_bytes", "1000000")));
  CHECK(fine(sibyl_open(path, options, &db)));
  CHECK(puts_one(db, "a", "1"));
  sibyl_close(db);
  CHECK(fine(sibyl_options_set(options, "read_only", "true")));
  CHECK(fine(sibyl_open(path, options, &db)));
  CHECK(reads(db, NULL, "a", "1"));
  CHECK(refused(sibyl_put(db, SIBYL_DEFAULT_TREE, "b", 1, "2", 1, 0), SIBYL_READ_ONLY));
  sibyl_close(db);
  sibyl_options_free(options);
}

static void test_reading_and_writing(sibyl_db* db) {
  CHECK(reads(db, NULL, "b", NULL));
  CHECK(puts_one(db, "b", "2"));
  CHECK(fine(sibyl_put(db, SIBYL_DEFAULT_TREE, NULL, 0, NULL, 0, 1)));
  CHECK(reads(db, NULL, "", ""));
  CHECK(fine(sibyl_delete(db, SIBYL_DEFAULT_TREE, NULL, 0, 0)));

  sibyl_snapshot* snapshot = NULL;
  CHECK(fine(sibyl_snapshot_new(db, &snapshot)));
  CHECK(sibyl_snapshot_sequence(snapshot) > 0);
  sibyl_batch* batch = sibyl_batch_new();
  CHECK(fine(sibyl_batch_put(batch, SIBYL_DEFAULT_TREE, "c", 1, "3", 1)));
  CHECK(fine(sibyl_batch_delete(batch, SIBYL_DEFAULT_TREE, "b", 1)));
  CHECK(sibyl_batch_count(batch) == 2);
  CHECK(fine(sibyl_write(db, batch, 1)));
  sibyl_batch_clear(batch);
  CHECK(sibyl_batch_count(batch) == 0);
  sibyl_batch_free(batch);
  CHECK(reads(db, NULL, "b", NULL) && reads(db, NULL, "c", "3"));
  CHECK(reads(db, snapshot, "b", "2") && reads(db, snapshot, "c", NULL));
  sibyl_snapshot_free(snapshot);

  const sibyl_slice keys[] = {{"a", 1}, {"x", 1}, {"c", 1}};
  int found[3] = {0, 0, 0};
  sibyl_buffer values[3];
  CHECK(fine(sibyl_multi_get(db, NULL, SIBYL_DEFAULT_TREE, 3, keys, found, values)));
  CHECK(found[0] == 1 && found[1] == 0 && found[2] == 1);
  CHECK(holds(&values[0], "1") && values[1].data == NULL && holds(&values[2], "3"));
  CHECK(fine(sibyl_sync(db)));
}

static void test_iterators_and_ranks(sibyl_db* db) {
  CHECK(puts_one(db, "d", "4"));
  const sibyl_slice lower = {"b", 1};
  const sibyl_slice upper = {"d", 1};
  sibyl_iterator* iterator = NULL;
  CHECK(fine(sibyl_iterator_new(db, NULL, SIBYL_DEFAULT_TREE, &lower, NULL, &iterator)));
  CHECK(!sibyl_iterator_valid(iterator));
  sibyl_iterator_seek_to_first(iterator);
  CHECK(sibyl_iterator_valid(iterator) && shows(sibyl_iterator_key(iterator), "c"));
  sibyl_iterator_next(iterator);
  CHECK(shows(sibyl_iterator_value(iterator), "4"));
  sibyl_iterator_prev(iterator);
  CHECK(shows(sibyl_iterator_value(iterator), "3"));
  sibyl_iterator_seek(iterator, "cc", 2);
  CHECK(shows(sibyl_iterator_key(iterator), "d"));
  sibyl_iterator_seek_for_prev(iterator, "cc", 2);
  CHECK(shows(sibyl_iterator_key(iterator), "c"));
  sibyl_iterator_seek_to_last(iterator);
  CHECK(shows(sibyl_iterator_key(iterator), "d"));
  CHECK(fine(sibyl_iterator_error(iterator)));
  sibyl_iterator_free(iterator);

  uint64_t number = 0;
  CHECK(fine(sibyl_count(db, NULL, SIBYL_DEFAULT_TREE, NULL, NULL, &number)) && number == 3);
  CHECK(fine(sibyl_count(db, NULL, SIBYL_DEFAULT_TREE, &lower, &upper, &number)) && number == 1);
  CHECK(fine(sibyl_rank(db, NULL, SIBYL_DEFAULT_TREE, "d", 1, &number)) && number == 2);
  sibyl_buffer key, value;
  int found = 0;
  CHECK(fine(sibyl_at(db, NULL, SIBYL_DEFAULT_TREE, 1, &found, &key, &value)) && found);
  CHECK(holds(&key, "c") && holds(&value, "3"));
  CHECK(fine(sibyl_at(db, NULL, SIBYL_DEFAULT_TREE, 3, &found, &key, &value)) && !found);
}

static int next_number(void* context, sibyl_slice* key, sibyl_slice* value) {
  static char bytes[16];
  int* const number = context;
  if (*number == 1000) return 0;
  if (*number < 0) return -1;
  key->size = (size_t)snprintf(bytes, sizeof(bytes), "%06d", (*number)++);
  key->data = bytes;
  *value = *key;
  return 1;
}

/* `tree` has the 1,000 records of next_number in one segment, and nothing in memory. */
static void test_models(sibyl_db* db, sibyl_tree tree) {
  size_t count = 0;
  sibyl_model_piece* pieces = NULL;
  CHECK(fine(sibyl_list_pieces(db, tree, &count, &pieces)) && count > 0);
  CHECK(pieces[0].first_key.size == 0 && pieces[0].depth == 1 && pieces[0].segment > 0);
  uint64_t records = 0;
  for (size_t i = 0; i < count; ++i) {
    CHECK(pieces[i].kind >= SIBYL_PIECE_LINE && pieces[i].kind <= SIBYL_PIECE_SEPARATOR);
    if (pieces[i].depth == 1) records += pieces[i].records;
  }
  CHECK(records == 1000);
  const uint64_t segment = pieces[0].segment;
  sibyl_piece_list_free(count, pieces);
  sibyl_piece_list_free(0, NULL);

  int found = 0;
  sibyl_lookup_source* sources = NULL;
  CHECK(fine(sibyl_explain(db, NULL, tree, "000500", 6, &found, &count, &sources)) && found);
  CHECK(count > 1 && !sources[0].is_segment && sources[0].outcome == SIBYL_LOOKUP_ABSENT);
  const sibyl_lookup_source* const last = &sources[count - 1];
  CHECK(last->is_segment && last->id == segment && last->outcome == SIBYL_LOOKUP_VALUE);
  CHECK(last->stage_count > 0 && last->stages[0].node == 0);
  CHECK(last->slot < last->block_records && last->read_bytes > 0);
  sibyl_explanation_free(count, sources);
  CHECK(fine(sibyl_explain(db, NULL, tree, "x", 1, &found, &count, &sources)) && !found);
  sibyl_explanation_free(count, sources);
  sibyl_explanation_free(0, NULL);
  CHECK(fine(sibyl_list_pieces(db, 99, &count, &pieces)) && count == 0);
  sibyl_piece_list_free(count, pieces);
}

static void test_trees(sibyl_db* db) {
  sibyl_tree tree = 0, again = 0;
  int found = 1;
  CHECK(fine(sibyl_find_tree(db, "numbers", 7, &found, &tree)) && !found);
  CHECK(fine(sibyl_create_tree(db, "numbers", 7, &tree)));
  CHECK(refused(sibyl_create_tree(db, "numbers", 7, &again), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_find_tree(db, "numbers", 7, &found, &again)) && found && again == tree);
  CHECK(fine(sibyl_set_tree_option(db, tree, "compression", "lz4")));
  CHECK(fine(sibyl_set_tree_option(db, tree, "packed_keys", "true")));
  CHECK(refused(sibyl_set_tree_option(db, tree, "compression", "zip"), SIBYL_INVALID_ARGUMENT));
  CHECK(refused(sibyl_set_tree_option(db, tree, "colour", "red"), SIBYL_INVALID_ARGUMENT));
  CHECK(refused(sibyl_set_tree_option(db, 99, "compression", "lz4"), SIBYL_INVALID_ARGUMENT));
  size_t count = 0;
  sibyl_tree* trees = NULL;
  sibyl_buffer* names = NULL;
  CHECK(fine(sibyl_list_trees(db, &count, &trees, &names)));
  CHECK(count == 2 && trees[1] == tree && names[1].size == 7);
  sibyl_tree_list_free(count, trees, names);

  int number = 0;
  uint64_t records = 0;
  CHECK(fine(sibyl_ingest(db, tree, next_number, &number, 1, &records)) && records == 1000);
  number = -1;
  CHECK(refused(sibyl_ingest(db, tree, next_number, &number, 0, NULL), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_count(db, NULL, tree, NULL, NULL, &records)) && records == 1000);
  CHECK(fine(sibyl_has_tree(db, NULL, tree, &found)) && found == 1);
  test_models(db, tree);
  sibyl_snapshot* before = NULL;
  CHECK(fine(sibyl_snapshot_new(db, &before)));
  CHECK(fine(sibyl_drop_tree(db, tree)));
  CHECK(fine(sibyl_has_tree(db, NULL, tree, &found)) && found == 0);
  CHECK(fine(sibyl_has_tree(db, before, tree, &found)) && found == 1);
  sibyl_snapshot_free(before);
  CHECK(refused(sibyl_put(db, tree, "k", 1, "v", 1, 0), SIBYL_INVALID_ARGUMENT));
}

/* A merge function: the longer one. */
static void longer(void* context, sibyl_slice older, sibyl_slice newer,
                   sibyl_merge_result* result) {
  const sibyl_slice kept = newer.size > older.size ? newer : older;
  ++*(int*)context;
  sibyl_merge_append(result, kept.data, kept.size / 2);
  sibyl_merge_append(result, kept.data + kept.size / 2, kept.size - kept.size / 2);
}

/* Called by the background thread too, but only read after it has ended. */
static void count_event(void* context, sibyl_slice line) {
  __atomic_add_fetch((int*)context, line.size > 0, __ATOMIC_RELAXED);
}

static uint64_t still_clock(void* context) {
  (void)context;
  return 1000;
}

static void test_rules(const char* path) {
  int calls = 0;
  sibyl_options* options = sibyl_options_new();
  sibyl_db* db = NULL;
  sibyl_tree tree = 0;
  sibyl_tree expiring = 0;
  sibyl_buffer value = {NULL, 0};
  int found = 0;
  CHECK(fine(sibyl_options_add_merge_operator(options, "longer", longer, &calls)));
  CHECK(fine(sibyl_options_set(options, "transaction_memory_bytes", "65536")));
  CHECK(fine(sibyl_options_set(options, "event_log_bytes", "0")));
  int events = 0;
  sibyl_options_set_event_listener(options, count_event, &events);
  sibyl_options_set_clock(options, still_clock, NULL);
  CHECK(fine(sibyl_open(path, options, &db)));
  sibyl_tree_options* made_with = sibyl_tree_options_new();
  CHECK(fine(sibyl_tree_options_set(made_with, "merge_operator", "shorter")));
  CHECK(refused(sibyl_create_tree_with(db, "x", 1, made_with, &expiring), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_tree_options_set(made_with, "merge_operator", "longer")));
  CHECK(fine(sibyl_tree_options_set(made_with, "compression", "lz4")));
  CHECK(fine(sibyl_create_tree_with(db, "long", 4, made_with, &tree)));
  sibyl_tree_options_free(made_with);
  made_with = sibyl_tree_options_new();
  CHECK(fine(sibyl_tree_options_set(made_with, "ttl_seconds", "3600")));
  CHECK(refused(sibyl_tree_options_set(made_with, "ttl_seconds", "long"), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_create_tree_with(db, "cache", 5, made_with, &expiring)));
  sibyl_tree_options_free(made_with);
  made_with = NULL;
  CHECK(refused(sibyl_get_tree_options(db, 99, &made_with), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_get_tree_options(db, tree, &made_with)));
  CHECK(fine(sibyl_tree_options_get(made_with, "merge_operator", &value)) &&
        holds(&value, "longer"));
  CHECK(fine(sibyl_tree_options_get(made_with, "compression", &value)) && holds(&value, "lz4"));
  CHECK(fine(sibyl_tree_options_get(made_with, "packed_keys", &value)) && holds(&value, "false"));
  CHECK(fine(sibyl_tree_options_get(made_with, "ttl_seconds", &value)) && holds(&value, "0"));
  CHECK(refused(sibyl_tree_options_get(made_with, "colour", &value), SIBYL_INVALID_ARGUMENT));
  sibyl_tree_options_free(made_with);
  CHECK(refused(sibyl_set_tree_option(db, tree, "ttl_seconds", "5"), SIBYL_INVALID_ARGUMENT));

  sibyl_batch* batch = sibyl_batch_new();
  CHECK(fine(sibyl_batch_merge(batch, tree, "k", 1, "ab", 2)));
  CHECK(fine(sibyl_batch_merge(batch, tree, "k", 1, "c", 1)));
  CHECK(fine(sibyl_batch_put(batch, tree, "x", 1, "1", 1)));
  CHECK(fine(sibyl_batch_put(batch, expiring, "x", 1, "1", 1)));
  CHECK(fine(sibyl_batch_delete_range(batch, tree, "w", 1, NULL)));
  CHECK(fine(sibyl_write(db, batch, 0)));
  sibyl_batch_free(batch);
  CHECK(fine(sibyl_merge(db, tree, "y", 1, "1", 1, 0)));
  CHECK(fine(sibyl_delete_range(db, tree, "y", 1, NULL, 0)));

  sibyl_transaction* transaction = NULL;
  CHECK(fine(sibyl_transaction_begin(db, &transaction)));
  const uint64_t savepoint = sibyl_transaction_savepoint(transaction);
  CHECK(fine(sibyl_transaction_merge(transaction, tree, "k", 1, "def", 3)));
  CHECK(fine(sibyl_transaction_put(transaction, tree, "l", 1, "", 0)));
  const sibyl_slice end = {"m", 1};
  CHECK(fine(sibyl_transaction_delete_range(transaction, tree, "l", 1, &end)));
  sibyl_transaction_release_savepoint(transaction, savepoint);
  CHECK(fine(sibyl_transaction_commit(transaction, 0)));
  sibyl_transaction_free(transaction);

  uint64_t count = 0;
  CHECK(fine(sibyl_count(db, NULL, tree, NULL, NULL, &count)));
  CHECK(count == 1);
  CHECK(fine(sibyl_get(db, NULL, tree, "k", 1, &found, &value)));
  CHECK(found && holds(&value, "def"));
  CHECK(fine(sibyl_get(db, NULL, expiring, "x", 1, &found, &value)));
  CHECK(found && holds(&value, "1"));
  CHECK(calls > 0);
  CHECK(fine(sibyl_compact(db)));
  sibyl_pinned* pinned = sibyl_pinned_new();
  CHECK(fine(sibyl_get_pinned(db, NULL, tree, "k", 1, &found, pinned)) && found);
  CHECK(sibyl_pinned_value(pinned).size == 3);
  CHECK(fine(sibyl_get_pinned(db, NULL, tree, "absent", 6, &found, pinned)) && !found);
  CHECK(sibyl_pinned_value(pinned).size == 0);
  CHECK(fine(sibyl_put(db, SIBYL_DEFAULT_TREE, "p", 1, "pinned", 6, 0)));
  CHECK(fine(sibyl_compact(db)));
  CHECK(fine(sibyl_get_pinned(db, NULL, SIBYL_DEFAULT_TREE, "p", 1, &found, pinned)) && found);
  CHECK(fine(sibyl_delete(db, SIBYL_DEFAULT_TREE, "p", 1, 0)));
  CHECK(fine(sibyl_compact(db)));
  CHECK(sibyl_pinned_value(pinned).size == 6 &&
        memcmp(sibyl_pinned_value(pinned).data, "pinned", 6) == 0);
  sibyl_pinned_reset(pinned);
  CHECK(sibyl_pinned_value(pinned).size == 0);
  sibyl_pinned_free(pinned);
  CHECK(fine(sibyl_estimate_count(db, tree, NULL, NULL, &count)) && count == 1);

  CHECK(fine(sibyl_transaction_begin(db, &transaction)));
  CHECK(fine(sibyl_transaction_put(transaction, SIBYL_DEFAULT_TREE, "a", 1, "b", 1)));
  CHECK(fine(sibyl_transaction_count(transaction, SIBYL_DEFAULT_TREE, NULL, NULL, &count)) &&
        count == 1);
  sibyl_buffer key = {NULL, 0};
  CHECK(fine(sibyl_transaction_at(transaction, SIBYL_DEFAULT_TREE, 0, &found, &key, &value)));
  CHECK(found && holds(&key, "a") && holds(&value, "b"));
  CHECK(sibyl_transaction_pending_records(transaction) == 1);
  CHECK(sibyl_transaction_pending_bytes(transaction) == 6); /* the tree's id among them */
  CHECK(sibyl_transaction_snapshot_sequence(transaction) > 0);
  made_with = sibyl_tree_options_new();
  CHECK(fine(sibyl_tree_options_set(made_with, "compression", "zstd")));
  CHECK(fine(sibyl_transaction_set_tree_options(transaction, SIBYL_DEFAULT_TREE, made_with)));
  sibyl_tree other = 0;
  CHECK(fine(sibyl_transaction_create_tree_with(transaction, "other", 5, made_with, &other)));
  CHECK(fine(sibyl_transaction_commit(transaction, 0)));
  sibyl_transaction_free(transaction);
  CHECK(fine(sibyl_set_tree_options(db, other, made_with)));
  sibyl_tree_options_free(made_with);
  CHECK(fine(sibyl_get_tree_options(db, SIBYL_DEFAULT_TREE, &made_with)));
  CHECK(fine(sibyl_tree_options_get(made_with, "compression", &value)) && holds(&value, "zstd"));
  sibyl_tree_options_free(made_with);
  sibyl_close(db);
  CHECK(events > 0);
  sibyl_options_free(options);
  CHECK(refused(sibyl_open(path, NULL, &db), SIBYL_INVALID_ARGUMENT)); /* without its operator */
}

static void test_transactions(sibyl_db* db) {
  sibyl_transaction* transaction = NULL;
  sibyl_iterator* iterator = NULL;
  sibyl_buffer value;
  sibyl_tree tree = 0;
  int found = 0;
  CHECK(fine(sibyl_transaction_begin(db, &transaction)));
  CHECK(fine(sibyl_transaction_put(transaction, SIBYL_DEFAULT_TREE, "t", 1, "1", 1)));
  const uint64_t savepoint = sibyl_transaction_savepoint(transaction);
  CHECK(fine(sibyl_transaction_put(transaction, SIBYL_DEFAULT_TREE, "u", 1, "2", 1)));
  CHECK(fine(sibyl_transaction_delete(transaction, SIBYL_DEFAULT_TREE, "t", 1)));
  CHECK(fine(sibyl_transaction_rollback_to(transaction, savepoint)));
  CHECK(fine(sibyl_transaction_get(transaction, SIBYL_DEFAULT_TREE, "t", 1, &found, &value)));
  CHECK(found && holds(&value, "1") && reads(db, NULL, "t", NULL));
  const sibyl_slice lower = {"t", 1};
  CHECK(fine(sibyl_transaction_iterator(transaction, SIBYL_DEFAULT_TREE, &lower, NULL, &iterator)));
  sibyl_iterator_seek_to_first(iterator);
  CHECK(sibyl_iterator_valid(iterator) && shows(sibyl_iterator_key(iterator), "t"));
  sibyl_iterator_free(iterator);
  CHECK(fine(sibyl_transaction_create_tree(transaction, "temporary", 9, &tree)));
  CHECK(fine(sibyl_transaction_drop_tree(transaction, tree)));
  CHECK(fine(sibyl_transaction_commit(transaction, 1)));
  sibyl_transaction_free(transaction);
  CHECK(reads(db, NULL, "t", "1") && reads(db, NULL, "u", NULL));

  CHECK(fine(sibyl_transaction_begin(db, &transaction)));
  CHECK(fine(sibyl_transaction_get_for_update(transaction, SIBYL_DEFAULT_TREE, "t", 1, 1000, &found,
                                              &value)));
  CHECK(found && holds(&value, "1"));
  sibyl_transaction* other = NULL;
  CHECK(fine(sibyl_transaction_begin(db, &other)));
  CHECK(refused(
      sibyl_transaction_get_for_update(other, SIBYL_DEFAULT_TREE, "t", 1, 1, &found, &value),
      SIBYL_BUSY));
  sibyl_transaction_free(other);
  CHECK(fine(sibyl_transaction_put(transaction, SIBYL_DEFAULT_TREE, "t", 1, "mine", 4)));
  CHECK(puts_one(db, "t", "theirs"));
  CHECK(refused(sibyl_transaction_commit(transaction, 0), SIBYL_CONFLICT));
  sibyl_transaction_free(transaction);
}

/* `db` is compacted. */
static void test_statistics(sibyl_db* db) {
  const sibyl_database_stats* stats = NULL;
  CHECK(fine(sibyl_get_stats(db, &stats)));
  CHECK(stats->generation_count == 1 && stats->generations[0].active == 1);
  uint64_t records = 0;
  for (size_t i = 0; i < stats->level_count; ++i) {
    for (size_t j = 0; j < stats->levels[i].segment_count; ++j) {
      const sibyl_segment_stats* const segment = &stats->levels[i].segments[j];
      CHECK(segment->level == stats->levels[i].level && segment->model_count > 0);
      CHECK(strstr(segment->path, ".segment") != NULL && strlen(segment->models[0].kind) > 0);
      for (size_t k = 0; k < segment->model_count; ++k) records += segment->models[k].records;
      records -= segment->records;
    }
  }
  CHECK(records == 0); /* models count what their segments have */
  uint64_t writes = 0;
  for (size_t i = 0; i < stats->counter_count; ++i) {
    CHECK(strlen(stats->counters[i].meaning) > 0);
    if (strcmp(stats->counters[i].name, "writes_records") == 0) writes = stats->counters[i].value;
  }
  CHECK(writes > 0);
  for (size_t i = 0; i < stats->latency_count; ++i) {
    const sibyl_latency_stats* const latency = &stats->latencies[i];
    uint64_t calls = 0;
    for (size_t j = 0; j < latency->bucket_count; ++j) calls += latency->counts[j];
    CHECK(calls == latency->recorded);
    CHECK(sibyl_latency_quantile_ns(stats, i, 1) == latency->longest_ns);
    if (strcmp(latency->call, "compact") == 0) CHECK(latency->recorded > 0);
  }
  CHECK(sibyl_latency_upper_bound_ns(0) == 1 && sibyl_latency_upper_bound_ns(1000) == UINT64_MAX);
  CHECK(stats->last_sequence > 0 && stats->memory.index_bytes > 0);
  CHECK(strlen(stats->writes_stopped_by) == 0 && strlen(stats->merging_stopped_by) == 0);
  sibyl_database_stats_free(stats);
  sibyl_database_stats_free(NULL);

  sibyl_verify_report checked;
  sibyl_buffer text;
  CHECK(fine(sibyl_verify_with_info(db, &checked, &text)) && holds(&text, ""));
  CHECK(checked.segments > 0 && checked.blocks > 0 && checked.records > 0 && !checked.problems);
}

static void test_maintenance(sibyl_db* db, const char* folder) {
  char path[1000], backups[1000];
  sibyl_buffer text;
  uint64_t number = 99;
  CHECK(fine(sibyl_flush(db)) && fine(sibyl_compact(db)));
  CHECK(fine(sibyl_verify(db, &number, &text)) && number == 0 && holds(&text, ""));
  CHECK(fine(sibyl_stats(db, &text)));
  CHECK(text.size > 1000 && memcmp(text.data, "# HELP sibyl_", 13) == 0);
  sibyl_buffer_free(&text);

  test_statistics(db);

  sibyl_checkpoint_info checkpoint = {0, 0, 1};
  snprintf(path, sizeof(path), "%s/checkpoint", folder);
  CHECK(fine(sibyl_checkpoint(db, path)));
  CHECK(refused(sibyl_checkpoint(db, path), SIBYL_INVALID_ARGUMENT));
  snprintf(path, sizeof(path), "%s/checkpoint2", folder);
  CHECK(fine(sibyl_checkpoint_with_info(db, path, &checkpoint)));
  CHECK(checkpoint.segments > 0 && checkpoint.bytes > 0 && checkpoint.copied_bytes == 0);
  snprintf(backups, sizeof(backups), "%s/backups", folder);
  CHECK(fine(sibyl_backup(db, backups, &number)) && number == 1);
  snprintf(path, sizeof(path), "%s/restored", folder);
  CHECK(fine(sibyl_restore_backup(backups, 0, path)));
  sibyl_backup_info restored;
  snprintf(path, sizeof(path), "%s/restored2", folder);
  CHECK(fine(sibyl_restore_backup_with_info(backups, 1, path, &restored)));
  CHECK(restored.number == 1 && restored.segments == checkpoint.segments);
  sibyl_backup_info* infos = NULL;
  size_t backup_count = 0;
  sibyl_buffer backup_report = {NULL, 0};
  uint64_t backup_problems = 1;
  CHECK(fine(sibyl_list_backups(backups, &backup_count, &infos)));
  CHECK(backup_count == 1 && infos[0].number == 1 && infos[0].copied_bytes > 0);
  sibyl_backup_list_free(infos);
  CHECK(fine(sibyl_verify_backups(backups, &backup_problems, &backup_report)));
  CHECK(backup_problems == 0);
  sibyl_buffer_free(&backup_report);
  sibyl_backup_report checked;
  CHECK(fine(sibyl_verify_backups_with_info(backups, &checked, &backup_report)));
  CHECK(checked.backups == 1 && checked.segments == restored.segments && checked.bytes > 0);
  CHECK(checked.problems == 0 && holds(&backup_report, ""));
  CHECK(fine(sibyl_backup_with_info(db, backups, &restored)));
  CHECK(restored.number == 2 && restored.copied_bytes == 0 && restored.records > 0);
  uint64_t freed = 1;
  CHECK(fine(sibyl_delete_old_backups(backups, 1, &freed)));
  CHECK(fine(sibyl_list_backups(backups, &backup_count, &infos)) && backup_count == 1);
  sibyl_backup_list_free(infos);
  CHECK(refused(sibyl_list_backups(folder, &backup_count, &infos), SIBYL_INVALID_ARGUMENT));
  char repaired[1000];
  snprintf(repaired, sizeof(repaired), "%s/repaired", folder);
  CHECK(fine(sibyl_repair(path, repaired, &number, &text)) && number == 0 && holds(&text, ""));
  sibyl_repair_report saved;
  char again[1000];
  snprintf(again, sizeof(again), "%s/repaired2", folder);
  CHECK(fine(sibyl_repair_with_info(path, again, NULL, &saved, &text)) && holds(&text, ""));
  CHECK(saved.segments_whole > 0 && saved.segments_damaged == 0 && saved.segments_missing == 0);
  CHECK(saved.records > 0 && saved.losses == 0);
  sibyl_db* copy = NULL;
  CHECK(fine(sibyl_open(repaired, NULL, &copy)));
  CHECK(reads(copy, NULL, "t", "theirs"));
  sibyl_close(copy);
}

int main(void) {
  char folder[] = "/tmp/sibyl-c-api-XXXXXX";
  char path[100], command[120];
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(path, sizeof(path), "%s/db", folder);
  CHECK(strlen(sibyl_version()) > 0);
  sibyl_error_free(NULL);
  sibyl_buffer_free(NULL);
  test_options(path);
  sibyl_db* db = NULL;
  CHECK(fine(sibyl_open(path, NULL, &db)));
  test_reading_and_writing(db);
  test_iterators_and_ranks(db);
  test_trees(db);
  test_transactions(db);
  test_maintenance(db, folder);
  sibyl_close(db);
  snprintf(path, sizeof(path), "%s/rules", folder);
  test_rules(path);
  snprintf(command, sizeof(command), "rm -rf '%s'", folder);
  CHECK(system(command) == 0);
  if (failures > 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures;
}
