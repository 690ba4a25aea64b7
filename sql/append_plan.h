// Which statements do no more than append a row of parameters to a table: INSERT where there is
// nothing to check, no index, no trigger and no default, and SQLite chooses the rowid.
//
// Told from the compiled program, as in point_plan.h. One that is exactly
//
//   OpenWrite a table, Variable 1 to n, NewRowid, HaltIfNull for columns that are NOT NULL,
//   MakeRecord, Insert, Halt
//
// does what the engine's Put does with the record and the rowid after the greatest one.

#ifndef SIBYL_SQL_APPEND_PLAN_H_
#define SIBYL_SQL_APPEND_PLAN_H_

#include <sqlite3.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SIBYL_APPEND_COLUMNS = 64 };  // of more there is no plan

typedef struct SibylAppendPlan {
  uint32_t root;                          // page of the table, in the database "main"
  int column_count;                       // as many as there are parameters, in their order
  char affinities[SIBYL_APPEND_COLUMNS];  // SQLITE_AFF_..., 'A' for none
  unsigned char not_null[SIBYL_APPEND_COLUMNS];
} SibylAppendPlan;

// Fills *plan and returns 1 if `statement`, which writes to a database of ours in UTF-8, is such an
// insertion; 0 if it is anything else. It must have run: only then is its program certain to be of
// the present schema, of which the plan is. In append_plan.c.
int sibyl_append_plan(sqlite3_stmt* statement, SibylAppendPlan* plan);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_APPEND_PLAN_H_
