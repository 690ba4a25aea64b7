// What the engine knows about itself, as SQL: the tables of statistic_tables.h and the function
// sibyl_compact(). docs/sql.md describes them.
//
// Each table takes the name of an attached database as its last argument, as in
// SELECT * FROM sibyl_models('aux'); without one it shows main.

#ifndef SIBYL_SQL_STATISTICS_H_
#define SIBYL_SQL_STATISTICS_H_

#include <stdint.h>

#include "sql/key_codec.h"

struct sqlite3;
struct sqlite3_value;

#ifdef __cplusplus
extern "C" {
#endif

// Called by SQLite for every new connection (see patch_sqlite.tcl). Returns an SQLite result code.
int sibyl_register_statistics(struct sqlite3* db);

// In schema_keys.c. The root page of the table or index `name`, and the key with which its entries
// for `value` begin: the rowid of a table, else the first column of the key. Release *key in any case.
// SQLITE_NOTFOUND: there is no such tree; SQLITE_MISMATCH: not a rowid.
int sibyl_key_of_value(struct sqlite3* db, const char* schema, const char* name,
                       struct sqlite3_value* value, uint32_t* root, SibylKey* key);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_STATISTICS_H_
