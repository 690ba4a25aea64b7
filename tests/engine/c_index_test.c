/* Goal: sibyl/c_index.h is C, and every function of it does what it says.
 * Method: a C11 program builds each index over 20,000 keys of its own making and compares what it
 * finds with what they are; a check that fails names its line, and the exit code is their number.
 */

#include <sibyl/c_index.h>
#include <stdio.h>
#include <string.h>

#include "tests/engine/c_check.h"

enum { KEYS = 20000, ABSENT = 3000, STRING_BYTES = 16 };

static uint64_t keys[KEYS]; /* i-th: i * i + 5 */
static uint64_t values[KEYS];
static char text[KEYS][STRING_BYTES];
static sibyl_slice strings[KEYS];
static uint64_t absent[ABSENT];
static char absent_text[ABSENT][STRING_BYTES];
static sibyl_slice absent_strings[ABSENT];

static void make_keys(void) {
  for (uint64_t i = 0; i < KEYS; ++i) {
    keys[i] = i * i + 5;
    values[i] = ~i;
    const int size = snprintf(text[i], STRING_BYTES, "key/%08u", (unsigned)(i * 3));
    strings[i] = (sibyl_slice){text[i], (size_t)size};
  }
  for (uint64_t i = 0; i < ABSENT; ++i) {
    absent[i] = i * i + 6;
    const int size = snprintf(absent_text[i], STRING_BYTES, "no/%08u", (unsigned)i);
    absent_strings[i] = (sibyl_slice){absent_text[i], (size_t)size};
  }
}

static sibyl_index_options* options_with(const char* name, const char* value) {
  sibyl_index_options* const options = sibyl_index_options_new();
  CHECK(fine(sibyl_index_options_set(options, name, value)));
  return options;
}

/* There is one, chosen, or several of which one is. */
static void check_candidates(const sibyl_index_candidate* candidates, size_t count) {
  int chosen = 0;
  for (size_t i = 0; i < count; ++i) {
    CHECK(strlen(candidates[i].name) > 0);
    chosen += candidates[i].chosen;
  }
  CHECK(chosen == 1);
}

static void check_text(sibyl_error* error, sibyl_buffer* buffer) {
  CHECK(fine(error) && buffer->size > 10);
  sibyl_buffer_free(buffer);
}

static void check_ranks(const sibyl_range_index* index) {
  uint64_t ranks[3];
  const uint64_t queries[3] = {0, keys[77] + 1, UINT64_MAX};
  sibyl_range_index_lower_bound_batch(index, queries, 3, ranks);
  CHECK(ranks[0] == 0 && ranks[1] == 78 && ranks[2] == KEYS);
  for (uint64_t i = 0; i < KEYS; i += 101) {
    CHECK(sibyl_range_index_lower_bound(index, keys[i]) == i);
    CHECK(sibyl_range_index_upper_bound(index, keys[i]) == i + 1);
  }
  sibyl_range_index_equal_range(index, keys[5], &ranks[0], &ranks[1]);
  CHECK(ranks[0] == 5 && ranks[1] == 6);
}

static void test_range_index(void) {
  sibyl_range_index* index = NULL;
  const char* const kinds[] = {"recursive", "pieces", "static_btree"};
  for (int i = 0; i < 3; ++i) {
    sibyl_index_options* const options = options_with("kind", kinds[i]);
    CHECK(fine(sibyl_index_options_set(options, "window_keys", "32")));
    CHECK(fine(sibyl_index_options_set(options, "last_mile", "branchy")));
    CHECK(fine(sibyl_range_index_build(keys, KEYS, options, &index)));
    CHECK(strcmp(sibyl_range_index_kind(index), kinds[i]) == 0);
    CHECK(sibyl_range_index_window_keys(index) == 32 && sibyl_range_index_size(index) == KEYS);
    CHECK(sibyl_range_index_memory_bytes(index) > 0);
    check_ranks(index);
    CHECK(fine(sibyl_range_index_verify(index)));
    sibyl_range_index_free(index);
    sibyl_index_options_free(options);
  }
  CHECK(fine(sibyl_range_index_build(keys, KEYS, NULL, &index)));
  size_t count = 0;
  const sibyl_index_candidate* candidates = sibyl_range_index_candidates(index, &count);
  CHECK(count > 1);
  check_candidates(candidates, count);
  sibyl_buffer buffer;
  check_text(sibyl_range_index_explain(index, &buffer), &buffer);
  sibyl_range_index* other = NULL;
  CHECK(fine(sibyl_range_index_rebuild_with_budget(index, 0, &other)));
  CHECK(sibyl_range_index_memory_bytes(other) <= sibyl_range_index_memory_bytes(index));
  check_ranks(other);
  sibyl_range_index_free(other);
  CHECK(fine(sibyl_range_index_serialize(index, &buffer)));
  sibyl_range_index_free(index);
  CHECK(fine(sibyl_range_index_deserialize(buffer.data, buffer.size, keys, KEYS, &index)));
  check_ranks(index);
  sibyl_range_index_free(index);
  CHECK(refused(sibyl_range_index_deserialize(buffer.data, buffer.size, keys, 7, &index),
                SIBYL_INVALID_ARGUMENT));
  CHECK(
      refused(sibyl_range_index_deserialize(buffer.data, 9, keys, KEYS, &index), SIBYL_CORRUPTION));
  sibyl_buffer_free(&buffer);
  const uint64_t unsorted[] = {2, 1};
  CHECK(refused(sibyl_range_index_build(unsorted, 2, NULL, &index), SIBYL_INVALID_ARGUMENT));
  CHECK(fine(sibyl_range_index_build(NULL, 0, NULL, &index)));
  CHECK(sibyl_range_index_lower_bound(index, 7) == 0);
  sibyl_range_index_free(index);
}

static void test_options(void) {
  sibyl_range_index* index = NULL;
  const char* const wrong[][2] = {
      {"no_such", "1"}, {"kind", "tree"}, {"window_keys", "wide"}, {"block_keys", "32"}};
  for (int i = 0; i < 4; ++i) {
    sibyl_index_options* const options = options_with(wrong[i][0], wrong[i][1]);
    CHECK(refused(sibyl_range_index_build(keys, KEYS, options, &index), SIBYL_INVALID_ARGUMENT));
    sibyl_index_options_free(options);
  }
  sibyl_index_options_free(NULL);
}

static void test_string_index(void) {
  sibyl_index_options* const options = options_with("kind", "recursive");
  CHECK(fine(sibyl_index_options_set(options, "block_keys", "16")));
  sibyl_string_index* built = NULL;
  sibyl_string_index* index = NULL;
  CHECK(fine(sibyl_string_index_build(strings, KEYS, options, &built)));
  sibyl_index_options_free(options);
  CHECK(strcmp(sibyl_string_index_kind(built), "recursive") == 0);
  CHECK(fine(sibyl_string_index_rebuild_with_budget(built, 3000, &index)));
  CHECK(sibyl_string_index_memory_bytes(index) <= 3000);
  sibyl_string_index_free(built); /* the slices stay with what was made of it */
  CHECK(sibyl_string_index_size(index) == KEYS);
  for (uint64_t i = 0; i < KEYS; i += 101) {
    const sibyl_slice key = strings[i];
    CHECK(sibyl_string_index_lower_bound(index, key.data, key.size) == i);
    CHECK(sibyl_string_index_upper_bound(index, key.data, key.size) == i + 1);
  }
  uint64_t ranks[2];
  CHECK(fine(sibyl_string_index_lower_bound_batch(index, &strings[8], 2, ranks)));
  CHECK(ranks[0] == 8 && ranks[1] == 9);
  sibyl_string_index_equal_range(index, "key/x", 5, &ranks[0], &ranks[1]);
  CHECK(ranks[0] == KEYS && ranks[1] == KEYS);
  size_t count = 0;
  const sibyl_index_candidate* candidates = sibyl_string_index_candidates(index, &count);
  check_candidates(candidates, count);
  sibyl_buffer buffer;
  check_text(sibyl_string_index_explain(index, &buffer), &buffer);
  CHECK(fine(sibyl_string_index_serialize(index, &buffer)));
  sibyl_string_index_free(index);
  CHECK(fine(sibyl_string_index_deserialize(buffer.data, buffer.size, strings, KEYS, &index)));
  CHECK(sibyl_string_index_lower_bound(index, NULL, 0) == 0);
  sibyl_string_index_free(index);
  CHECK(refused(sibyl_string_index_deserialize(buffer.data, buffer.size, strings, 3, &index),
                SIBYL_INVALID_ARGUMENT));
  sibyl_buffer_free(&buffer);
}

static void test_point_index(void) {
  sibyl_index_options* const options = options_with("hash", "learned");
  CHECK(fine(sibyl_index_options_set(options, "table", "chained")));
  CHECK(fine(sibyl_index_options_set(options, "slots_per_key", "1.5")));
  sibyl_point_index* index = NULL;
  CHECK(fine(sibyl_point_index_build(keys, values, KEYS, options, &index)));
  sibyl_index_options_free(options);
  CHECK(strcmp(sibyl_point_index_table(index), "chained") == 0);
  CHECK(strlen(sibyl_point_index_hash(index)) > 0);
  CHECK(sibyl_point_index_slots(index) >= KEYS && sibyl_point_index_size(index) == KEYS);
  CHECK(sibyl_point_index_conflicts(index) < KEYS && sibyl_point_index_memory_bytes(index) > KEYS);
  size_t count = 0;
  const sibyl_index_candidate* candidates = sibyl_point_index_candidates(index, &count);
  check_candidates(candidates, count);
  sibyl_buffer buffer;
  check_text(sibyl_point_index_explain(index, &buffer), &buffer);
  CHECK(fine(sibyl_point_index_serialize(index, &buffer)));
  sibyl_point_index_free(index);
  CHECK(fine(sibyl_point_index_deserialize(buffer.data, buffer.size, &index)));
  CHECK(refused(sibyl_point_index_deserialize(buffer.data, 9, &index), SIBYL_CORRUPTION));
  sibyl_buffer_free(&buffer);
  uint64_t value = 1;
  CHECK(sibyl_point_index_find(index, keys[9], &value) == 1 && value == values[9]);
  CHECK(sibyl_point_index_find(index, keys[9] + 1, &value) == 0);
  static int found[KEYS];
  static uint64_t answers[KEYS];
  sibyl_point_index_find_batch(index, keys, KEYS, found, answers);
  for (int i = 0; i < KEYS; ++i) {
    if (!found[i] || answers[i] != values[i]) ++failures;
  }
  sibyl_point_index_find_batch(index, absent, ABSENT, found, answers);
  CHECK(!found[1] && !found[ABSENT - 1]);
  sibyl_point_index_free(index);
  const uint64_t twice[] = {3, 3};
  CHECK(refused(sibyl_point_index_build(twice, values, 2, NULL, &index), SIBYL_INVALID_ARGUMENT));
}

static void check_stored(const sibyl_existence_index* index, int has_strings) {
  for (int i = 0; i < KEYS; ++i) {
    const int may = has_strings ? sibyl_existence_index_may_contain_string(index, strings[i].data,
                                                                           strings[i].size)
                                : sibyl_existence_index_may_contain_integer(index, keys[i]);
    if (!may) ++failures;
  }
  int passed = 0;
  for (int i = 0; i < ABSENT; ++i) {
    passed += has_strings ? sibyl_existence_index_may_contain_string(index, absent_strings[i].data,
                                                                     absent_strings[i].size)
                          : sibyl_existence_index_may_contain_integer(index, absent[i]);
  }
  CHECK(passed < ABSENT / 4);
  CHECK(sibyl_existence_index_size(index) == KEYS);
}

static void test_existence_index(void) {
  sibyl_existence_index* index = NULL;
  sibyl_index_options* const options = options_with("false_positive_rate", "0.05");
  CHECK(fine(
      sibyl_existence_index_build_strings(strings, KEYS, absent_strings, ABSENT, options, &index)));
  check_stored(index, 1);
  size_t count = 0;
  const sibyl_index_candidate* candidates = sibyl_existence_index_candidates(index, &count);
  CHECK(count > 1);
  check_candidates(candidates, count);
  sibyl_buffer buffer;
  check_text(sibyl_existence_index_explain(index, &buffer), &buffer);
  CHECK(fine(sibyl_existence_index_serialize(index, &buffer)));
  sibyl_existence_index_free(index);
  CHECK(fine(sibyl_existence_index_deserialize(buffer.data, buffer.size, &index)));
  check_stored(index, 1);
  sibyl_existence_index_free(index);
  CHECK(refused(sibyl_existence_index_deserialize(buffer.data, 9, &index), SIBYL_CORRUPTION));
  sibyl_buffer_free(&buffer);

  CHECK(fine(sibyl_index_options_set(options, "kind", "blocked_bloom")));
  CHECK(fine(sibyl_existence_index_build_integers(keys, KEYS, NULL, 0, options, &index)));
  CHECK(strcmp(sibyl_existence_index_kind(index), "blocked_bloom") == 0);
  CHECK(sibyl_existence_index_memory_bytes(index) > 0);
  check_stored(index, 0);
  sibyl_existence_index_free(index);
  sibyl_index_options_free(options);
}

static void test_two_stage_index(void) {
  sibyl_index_options* const options = options_with("root", "cubic");
  CHECK(fine(sibyl_index_options_set(options, "leaves", "100")));
  sibyl_two_stage_index* index = NULL;
  CHECK(fine(sibyl_two_stage_index_build(keys, KEYS, options, &index)));
  sibyl_index_options_free(options);
  CHECK(sibyl_two_stage_index_size(index) == KEYS);
  CHECK(sibyl_two_stage_index_memory_bytes(index) >= 100 * 32);
  CHECK(sibyl_two_stage_index_mean_searched_keys(index) >= 1);
  CHECK(fine(sibyl_two_stage_index_verify(index)));
  sibyl_buffer buffer;
  CHECK(fine(sibyl_two_stage_index_serialize(index, &buffer)));
  sibyl_two_stage_index_free(index);
  CHECK(fine(sibyl_two_stage_index_deserialize(buffer.data, buffer.size, keys, KEYS, &index)));
  sibyl_buffer_free(&buffer);
  CHECK(sibyl_two_stage_index_lower_bound(index, keys[70]) == 70);
  CHECK(sibyl_two_stage_index_upper_bound(index, keys[70]) == 71);
  sibyl_two_stage_index_free(index);
}

int main(void) {
  make_keys();
  test_options();
  test_range_index();
  test_string_index();
  test_point_index();
  test_existence_index();
  test_two_stage_index();
  if (failures > 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures;
}
