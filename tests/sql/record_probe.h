// SQLite's own comparison of records, for tests: sqlite3VdbeRecordCompare, which the amalgamation
// keeps to itself.

#ifndef SIBYL_TESTS_SQL_RECORD_PROBE_H_
#define SIBYL_TESTS_SQL_RECORD_PROBE_H_

#ifdef __cplusplus
extern "C" {
#endif

// Compares `record` with the first `fields` fields of the record `wanted`, whose fields sort as
// `orders` (KEYINFO_ORDER_*) and `collations` (0: BINARY, 1: NOCASE, 2: RTRIM) say. Fields that are
// all equal give `default_rc`; *eq_seen then becomes 1. The result is less than, equal to or
// greater than 0. Compared with the general function and with the one that SQLite picks for the
// fields.
int sibyl_probe_record_compare(const void* record, int record_size, const void* wanted,
                               int wanted_size, int fields, const unsigned char* orders,
                               const unsigned char* collations, int default_rc, int* eq_seen);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_TESTS_SQL_RECORD_PROBE_H_
