// What the engine knows about itself, as SQL: the tables sibyl_segments, sibyl_models and
// sibyl_stats, and the function sibyl_compact(). docs/sql.md describes their columns.
//
// Each table takes the name of an attached database as its argument, as in
// SELECT * FROM sibyl_models('aux'); without one it shows main.

#ifndef SIBYL_SQL_STATISTICS_H_
#define SIBYL_SQL_STATISTICS_H_

struct sqlite3;

#ifdef __cplusplus
extern "C" {
#endif

// Called by SQLite for every new connection (see patch_sqlite.tcl). Returns an SQLite result code.
int sibyl_register_statistics(struct sqlite3* db);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_STATISTICS_H_
