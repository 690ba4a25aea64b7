/* SibylDB's indexes in memory for C: which key is where in a sorted array, what value a key has,
 * and whether a key is stored. No database is needed.
 *
 *   sibyl_range_index* index = NULL;
 *   sibyl_error* error = sibyl_range_index_build(keys, count, NULL, &index);
 *   uint64_t rank = sibyl_range_index_lower_bound(index, x);
 *
 * Conventions are those of sibyl/c.h. Meaning, costs and errors are those of the C++ functions of
 * the same name, in sibyl/range_index.h, string_index.h, point_index.h, existence_index.h and
 * two_stage_index.h. An index may be used by any number of threads at the same time.
 *
 * "An array that stays" is referred to by the index: unchanged, as long as the index lives.
 */

#ifndef SIBYL_C_INDEX_H_
#define SIBYL_C_INDEX_H_

#include <sibyl/c.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sibyl_index_options sibyl_index_options;
typedef struct sibyl_range_index sibyl_range_index;
typedef struct sibyl_string_index sibyl_string_index;
typedef struct sibyl_point_index sibyl_point_index;
typedef struct sibyl_existence_index sibyl_existence_index;
typedef struct sibyl_two_stage_index sibyl_two_stage_index;

/* ---- Options, of any index ---- */

/* All defaults. Functions that take options may be given NULL instead. */
SIBYL_C_EXPORT sibyl_index_options* sibyl_index_options_new(void);
SIBYL_C_EXPORT void sibyl_index_options_free(sibyl_index_options* options);
/* Sets the member of that name in the options of the index in C++: numbers as they are written in
 * C, choices by their C++ names without the k, in lower case with underscores between the words:
 *   range index       kind (auto, recursive, pieces, static_btree), window_keys,
 *                     last_mile (simd, branchy), root (measured, linear, log_linear),
 *                     objective (throughput, latency, smallest), memory_budget_bytes
 *   string index      kind (auto, recursive, btree), block_keys, landmark_keys
 *   point index       hash (auto, xxh3, cdf, learned), table (chained, in_place), slots_per_key
 *   existence index   kind (auto, blocked_bloom, learned_bloom, partitioned), false_positive_rate
 *   two-stage index   root (linear, log_linear, cubic, spline, radix, net0, net1, net2),
 *                     hidden_units, training_steps, spline_knots, leaves
 * Whether the index has such an option, and the value, is checked when it is built:
 * SIBYL_INVALID_ARGUMENT. */
SIBYL_C_EXPORT sibyl_error* sibyl_index_options_set(sibyl_index_options* options, const char* name,
                                                    const char* value);

/* One index that a build considered. What does not apply to it, or was not measured, is 0. */
typedef struct sibyl_index_candidate {
  const char* name;
  uint64_t predicted_bytes;
  double predicted_single_ns;
  double predicted_serial_ns;
  uint64_t memory_bytes;
  double build_seconds;
  double single_ns; /* of one lookup that waits for no other */
  double batch_ns;  /* per key of a batch */
  double serial_ns; /* of one that waits for the one before */
  uint64_t conflicts;
  double false_positive_rate;
  int chosen; /* 1 or 0 */
} sibyl_index_candidate;

/* ---- Range index: the rank of any 64-bit key in a sorted array ---- */

/* `keys` is an array that stays. */
SIBYL_C_EXPORT sibyl_error* sibyl_range_index_build(const uint64_t* keys, size_t count,
                                                    const sibyl_index_options* options,
                                                    sibyl_range_index** index);
SIBYL_C_EXPORT void sibyl_range_index_free(sibyl_range_index* index);
SIBYL_C_EXPORT sibyl_error* sibyl_range_index_rebuild_with_budget(const sibyl_range_index* index,
                                                                  uint64_t memory_bytes,
                                                                  sibyl_range_index** rebuilt);
SIBYL_C_EXPORT uint64_t sibyl_range_index_lower_bound(const sibyl_range_index* index, uint64_t key);
SIBYL_C_EXPORT uint64_t sibyl_range_index_upper_bound(const sibyl_range_index* index, uint64_t key);
SIBYL_C_EXPORT void sibyl_range_index_equal_range(const sibyl_range_index* index, uint64_t key,
                                                  uint64_t* begin, uint64_t* end);
/* ranks[i] = lower_bound(keys[i]). */
SIBYL_C_EXPORT void sibyl_range_index_lower_bound_batch(const sibyl_range_index* index,
                                                        const uint64_t* keys, size_t count,
                                                        uint64_t* ranks);
SIBYL_C_EXPORT uint64_t sibyl_range_index_size(const sibyl_range_index* index);
SIBYL_C_EXPORT const char* sibyl_range_index_kind(
    const sibyl_range_index* index); /* as in options */
SIBYL_C_EXPORT uint32_t sibyl_range_index_window_keys(const sibyl_range_index* index);
SIBYL_C_EXPORT uint64_t sibyl_range_index_memory_bytes(const sibyl_range_index* index);
/* What was considered: `*count` of them, valid as long as the index. */
SIBYL_C_EXPORT const sibyl_index_candidate* sibyl_range_index_candidates(
    const sibyl_range_index* index, size_t* count);
SIBYL_C_EXPORT sibyl_error* sibyl_range_index_explain(const sibyl_range_index* index,
                                                      sibyl_buffer* text);
SIBYL_C_EXPORT sibyl_error* sibyl_range_index_serialize(const sibyl_range_index* index,
                                                        sibyl_buffer* bytes);
SIBYL_C_EXPORT sibyl_error* sibyl_range_index_deserialize(const char* bytes, size_t size,
                                                          const uint64_t* keys, size_t count,
                                                          sibyl_range_index** index);
SIBYL_C_EXPORT sibyl_error* sibyl_range_index_verify(const sibyl_range_index* index);

/* ---- String index: the same for byte strings ---- */

/* The bytes that the slices point to stay, the slices themselves are copied. */
SIBYL_C_EXPORT sibyl_error* sibyl_string_index_build(const sibyl_slice* keys, size_t count,
                                                     const sibyl_index_options* options,
                                                     sibyl_string_index** index);
SIBYL_C_EXPORT void sibyl_string_index_free(sibyl_string_index* index);
SIBYL_C_EXPORT sibyl_error* sibyl_string_index_rebuild_with_budget(const sibyl_string_index* index,
                                                                   uint64_t memory_bytes,
                                                                   sibyl_string_index** rebuilt);
SIBYL_C_EXPORT uint64_t sibyl_string_index_lower_bound(const sibyl_string_index* index,
                                                       const char* key, size_t key_size);
SIBYL_C_EXPORT uint64_t sibyl_string_index_upper_bound(const sibyl_string_index* index,
                                                       const char* key, size_t key_size);
SIBYL_C_EXPORT void sibyl_string_index_equal_range(const sibyl_string_index* index, const char* key,
                                                   size_t key_size, uint64_t* begin, uint64_t* end);
SIBYL_C_EXPORT sibyl_error* sibyl_string_index_lower_bound_batch(const sibyl_string_index* index,
                                                                 const sibyl_slice* keys,
                                                                 size_t count, uint64_t* ranks);
SIBYL_C_EXPORT uint64_t sibyl_string_index_size(const sibyl_string_index* index);
SIBYL_C_EXPORT const char* sibyl_string_index_kind(const sibyl_string_index* index);
SIBYL_C_EXPORT uint64_t sibyl_string_index_memory_bytes(const sibyl_string_index* index);
SIBYL_C_EXPORT const sibyl_index_candidate* sibyl_string_index_candidates(
    const sibyl_string_index* index, size_t* count);
SIBYL_C_EXPORT sibyl_error* sibyl_string_index_explain(const sibyl_string_index* index,
                                                       sibyl_buffer* text);
SIBYL_C_EXPORT sibyl_error* sibyl_string_index_serialize(const sibyl_string_index* index,
                                                         sibyl_buffer* bytes);
SIBYL_C_EXPORT sibyl_error* sibyl_string_index_deserialize(const char* bytes, size_t size,
                                                           const sibyl_slice* keys, size_t count,
                                                           sibyl_string_index** index);

/* ---- Point index: a map from 64-bit keys to 64-bit values ---- */

/* Copies keys and values. */
SIBYL_C_EXPORT sibyl_error* sibyl_point_index_build(const uint64_t* keys, const uint64_t* values,
                                                    size_t count,
                                                    const sibyl_index_options* options,
                                                    sibyl_point_index** index);
SIBYL_C_EXPORT void sibyl_point_index_free(sibyl_point_index* index);
/* 1, and the value; or 0. */
SIBYL_C_EXPORT int sibyl_point_index_find(const sibyl_point_index* index, uint64_t key,
                                          uint64_t* value);
/* found[i] and values[i] answer keys[i]. */
SIBYL_C_EXPORT void sibyl_point_index_find_batch(const sibyl_point_index* index,
                                                 const uint64_t* keys, size_t count, int* found,
                                                 uint64_t* values);
SIBYL_C_EXPORT uint64_t sibyl_point_index_size(const sibyl_point_index* index);
SIBYL_C_EXPORT const char* sibyl_point_index_hash(const sibyl_point_index* index);
SIBYL_C_EXPORT const char* sibyl_point_index_table(const sibyl_point_index* index);
SIBYL_C_EXPORT uint64_t sibyl_point_index_slots(const sibyl_point_index* index);
SIBYL_C_EXPORT uint64_t sibyl_point_index_conflicts(const sibyl_point_index* index);
SIBYL_C_EXPORT uint64_t sibyl_point_index_memory_bytes(const sibyl_point_index* index);
SIBYL_C_EXPORT const sibyl_index_candidate* sibyl_point_index_candidates(
    const sibyl_point_index* index, size_t* count);
SIBYL_C_EXPORT sibyl_error* sibyl_point_index_explain(const sibyl_point_index* index,
                                                      sibyl_buffer* text);
SIBYL_C_EXPORT sibyl_error* sibyl_point_index_serialize(const sibyl_point_index* index,
                                                        sibyl_buffer* bytes);
SIBYL_C_EXPORT sibyl_error* sibyl_point_index_deserialize(const char* bytes, size_t size,
                                                          sibyl_point_index** index);

/* ---- Existence index: "certainly not stored" or "probably stored" ---- */

/* `absent` is a sample of keys that will be asked for and are not stored. Nothing is referred to.
 */
SIBYL_C_EXPORT sibyl_error* sibyl_existence_index_build_strings(
    const sibyl_slice* keys, size_t count, const sibyl_slice* absent, size_t absent_count,
    const sibyl_index_options* options, sibyl_existence_index** index);
SIBYL_C_EXPORT sibyl_error* sibyl_existence_index_build_integers(const uint64_t* keys, size_t count,
                                                                 const uint64_t* absent,
                                                                 size_t absent_count,
                                                                 const sibyl_index_options* options,
                                                                 sibyl_existence_index** index);
SIBYL_C_EXPORT void sibyl_existence_index_free(sibyl_existence_index* index);
/* 0 only if the key is not stored, else 1. Of the kind of keys that it was built over. */
SIBYL_C_EXPORT int sibyl_existence_index_may_contain_string(const sibyl_existence_index* index,
                                                            const char* key, size_t key_size);
SIBYL_C_EXPORT int sibyl_existence_index_may_contain_integer(const sibyl_existence_index* index,
                                                             uint64_t key);
SIBYL_C_EXPORT uint64_t sibyl_existence_index_size(const sibyl_existence_index* index);
SIBYL_C_EXPORT const char* sibyl_existence_index_kind(const sibyl_existence_index* index);
SIBYL_C_EXPORT uint64_t sibyl_existence_index_memory_bytes(const sibyl_existence_index* index);
SIBYL_C_EXPORT const sibyl_index_candidate* sibyl_existence_index_candidates(
    const sibyl_existence_index* index, size_t* count);
SIBYL_C_EXPORT sibyl_error* sibyl_existence_index_explain(const sibyl_existence_index* index,
                                                          sibyl_buffer* text);
SIBYL_C_EXPORT sibyl_error* sibyl_existence_index_serialize(const sibyl_existence_index* index,
                                                            sibyl_buffer* bytes);
SIBYL_C_EXPORT sibyl_error* sibyl_existence_index_deserialize(const char* bytes, size_t size,
                                                              sibyl_existence_index** index);

/* ---- Two-stage index: the learned index of the first paper, to compare with ---- */

/* `keys` is an array that stays. */
SIBYL_C_EXPORT sibyl_error* sibyl_two_stage_index_build(const uint64_t* keys, size_t count,
                                                        const sibyl_index_options* options,
                                                        sibyl_two_stage_index** index);
SIBYL_C_EXPORT void sibyl_two_stage_index_free(sibyl_two_stage_index* index);
SIBYL_C_EXPORT uint64_t sibyl_two_stage_index_lower_bound(const sibyl_two_stage_index* index,
                                                          uint64_t key);
SIBYL_C_EXPORT uint64_t sibyl_two_stage_index_upper_bound(const sibyl_two_stage_index* index,
                                                          uint64_t key);
SIBYL_C_EXPORT uint64_t sibyl_two_stage_index_size(const sibyl_two_stage_index* index);
SIBYL_C_EXPORT uint64_t sibyl_two_stage_index_memory_bytes(const sibyl_two_stage_index* index);
SIBYL_C_EXPORT double sibyl_two_stage_index_mean_searched_keys(const sibyl_two_stage_index* index);
SIBYL_C_EXPORT sibyl_error* sibyl_two_stage_index_serialize(const sibyl_two_stage_index* index,
                                                            sibyl_buffer* bytes);
SIBYL_C_EXPORT sibyl_error* sibyl_two_stage_index_deserialize(const char* bytes, size_t size,
                                                              const uint64_t* keys, size_t count,
                                                              sibyl_two_stage_index** index);
SIBYL_C_EXPORT sibyl_error* sibyl_two_stage_index_verify(const sibyl_two_stage_index* index);

#ifdef __cplusplus
}
#endif

#endif /* SIBYL_C_INDEX_H_ */
