// What SQLite's shell does here beside its own: called from shell.c, into which patch_sqlite.tcl puts
// the calls.

#ifndef SIBYL_SQL_SHELL_ADDITIONS_H_
#define SIBYL_SQL_SHELL_ADDITIONS_H_

#include <stdio.h>

struct sqlite3;

#ifdef __cplusplus
extern "C" {
#endif

// The command .learned: prints the models of a table and its indexes, or of all tables if `table` is
// null, one line for each segment that has one. Returns 0, or 1 after an error, which is printed.
int sibyl_show_learned(struct sqlite3* db, const char* table, FILE* out);

// How far an import is, on one line of standard error if that is a terminal; nothing otherwise.
typedef struct SibylProgress {
  FILE* input;
  double size_bytes;  // 0: not known, as of a pipe
  double next_draw_s;
  int enabled;
  int drawn;
} SibylProgress;

SibylProgress sibyl_progress_begin(FILE* input);
void sibyl_progress_row(SibylProgress* progress, long long rows);
void sibyl_progress_end(SibylProgress* progress);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_SHELL_ADDITIONS_H_
