// Which statements are no more than a lookup: SELECT of plain columns of one row by its key, the
// value of a parameter, or of the rows whose keys are IN a list of parameters, or among the
// elements of an array that is a parameter. Keys are rowids, the primary key of a WITHOUT ROWID
// table, or the column of a unique index.
//
// Told from the program that SQLite's compiler made, not from the text: names, views, collations,
// affinities and privileges were decided there already. A program that is exactly
//
//   OpenRead a table, Variable, SeekRowid, Column and Rowid to consecutive registers, ResultRow,
//   Halt
//
// does what a point lookup of the engine and a decoder of records do. In an index there are two
// seeks: to the entry of the key, and to the row whose rowid the entry has, unless the entry has
// all columns. For a list SQLite sorts the keys in an ephemeral table, each once, and does the same
// for one after the other; the elements of an array come there from a table function.

#ifndef SIBYL_SQL_POINT_PLAN_H_
#define SIBYL_SQL_POINT_PLAN_H_

#include <sqlite3.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Of more there is no plan.
enum { SIBYL_POINT_COLUMNS = 64, SIBYL_POINT_PARAMETERS = 64 };

// The table function whose first column is the elements of its first argument, an array in the
// server's text form, as values of the type whose oid is the second: "= ANY (array)" is made of it.
#define SIBYL_ELEMENTS_FUNCTION "pg_elements"

typedef struct SibylPointColumn {
  int16_t field;     // of the record; -1: the rowid
  uint8_t of_entry;  // the record is the index's
  uint8_t is_real;   // an integer that is stored for a real is one
} SibylPointColumn;

typedef struct SibylPointPlan {
  uint32_t root;           // page of the table, in the database "main"; 0: entries have all
  uint32_t entry_root;     // of the index or WITHOUT ROWID table; 0: keys are rowids
  uint32_t schema_cookie;  // valid while the schema has this number
  char affinity;           // SQLite's ('A' to 'D'), which is applied to keys of entries
  int is_list;             // rows come in the order of their keys
  uint32_t array_type;     // not 0: the list is the one parameter, an array of this type's elements
  int parameter_count;     // 1 if it is no list
  int parameters[SIBYL_POINT_PARAMETERS];  // from 1
  int row_fields;                          // the first of a row's record that columns need
  int entry_fields;                        // the same of an entry's
  int has_rowid;                           // one of the columns is the rowid
  int column_count;
  SibylPointColumn columns[SIBYL_POINT_COLUMNS];
} SibylPointPlan;

// Fills *plan and returns 1 if `statement`, which reads from a database of ours in UTF-8, is such a
// lookup where its parameters are NULL, which is no key, or of types that the affinity leaves as
// they are, integers for rowids; 0 if it is anything else. Keys of entries are one field in
// ascending binary order, all of the key of a record in the engine. In point_plan.c.
int sibyl_point_plan(sqlite3_stmt* statement, SibylPointPlan* plan);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_POINT_PLAN_H_
