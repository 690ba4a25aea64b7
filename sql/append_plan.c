// Reads compiled programs: append_plan.h has the contract. Compiled inside SQLite's amalgamation,
// behind point_plan.c.

#include "sql/append_plan.h"

// Init jumps to Transaction, which writes to main, and back to the instruction after Init.
static int readWritePrologue(ProgramReader* reader) {
  const VdbeOp* init = nextOp(reader, OP_Init);
  if (init == 0 || reader->at != 1) return 0;
  ProgramReader setup = {reader->ops, reader->count, init->p2};
  const VdbeOp* transaction = nextOp(&setup, OP_Transaction);
  const VdbeOp* begin = nextOp(&setup, OP_Goto);
  return transaction != 0 && transaction->p1 == 0 && transaction->p2 == 1 && begin != 0 &&
         begin->p2 == 1;
}

// The parameters, from 1, in consecutive registers: the first of them, or 0.
static int readParameters(ProgramReader* reader, SibylAppendPlan* plan) {
  int first = 0;
  const VdbeOp* variable = 0;
  while ((variable = nextOp(reader, OP_Variable)) != 0) {
    if (plan->column_count == SIBYL_APPEND_COLUMNS) return 0;
    if (first == 0) first = variable->p2;
    if (variable->p1 != plan->column_count + 1 || variable->p2 != first + plan->column_count)
      return 0;
    plan->column_count++;
  }
  return first;
}

static int readNotNull(ProgramReader* reader, int first, SibylAppendPlan* plan) {
  const VdbeOp* check = 0;
  while ((check = nextOp(reader, OP_HaltIfNull)) != 0) {
    const int column = check->p3 - first;
    if (column < 0 || column >= plan->column_count) return 0;
    plan->not_null[column] = 1;
  }
  return 1;
}

static int readAffinities(const VdbeOp* record, SibylAppendPlan* plan) {
  memset(plan->affinities, SQLITE_AFF_BLOB, sizeof plan->affinities);
  if (record->p4.z == 0) return 1;
  const size_t length = strlen(record->p4.z);
  if (length > (size_t)plan->column_count) return 0;
  memcpy(plan->affinities, record->p4.z, length);
  return 1;
}

int sibyl_append_plan(sqlite3_stmt* statement, SibylAppendPlan* plan) {
  const Vdbe* v = (const Vdbe*)statement;
  if (!sibylIsOurs(v->db->aDb[0].pBt) || ENC(v->db) != SQLITE_UTF8 || v->explain) return 0;
  if (v->minWriteFileFormat < 4 || v->db->xUpdateCallback != 0) return 0;
  memset(plan, 0, sizeof *plan);
  ProgramReader reader = {v->aOp, v->nOp, 0};
  if (!readWritePrologue(&reader)) return 0;
  const VdbeOp* open = nextOp(&reader, OP_OpenWrite);
  if (open == 0 || open->p3 != 0 || open->p5 != 0 || open->p4type == P4_KEYINFO) return 0;
  plan->root = (uint32_t)open->p2;
  const int first = readParameters(&reader, plan);
  const VdbeOp* rowid = nextOp(&reader, OP_NewRowid);
  if (first == 0 || rowid == 0 || rowid->p1 != open->p1 || rowid->p3 != 0) return 0;
  if (!readNotNull(&reader, first, plan)) return 0;
  const VdbeOp* record = nextOp(&reader, OP_MakeRecord);
  const VdbeOp* insert = nextOp(&reader, OP_Insert);
  const VdbeOp* halt = nextOp(&reader, OP_Halt);
  if (record == 0 || insert == 0 || halt == 0) return 0;
  if (record->p1 != first || record->p2 != plan->column_count || !readAffinities(record, plan))
    return 0;
  return insert->p1 == open->p1 && insert->p2 == record->p3 && insert->p3 == rowid->p2 &&
         (insert->p5 & OPFLAG_ISUPDATE) == 0 && halt->p1 == SQLITE_OK;
}
