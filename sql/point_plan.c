// Reads compiled programs: point_plan.h has the contract. Compiled inside SQLite's amalgamation.

#include "sql/point_plan.h"

// A place in a program, past what has no effect.
typedef struct ProgramReader {
  const VdbeOp* ops;
  int count;
  int at;
} ProgramReader;

// The next instruction if it is an `opcode`; else null, and the place stays.
static const VdbeOp* nextOp(ProgramReader* reader, u8 opcode) {
  while (reader->at < reader->count &&
         (reader->ops[reader->at].opcode == OP_Noop || reader->ops[reader->at].opcode == OP_Explain)) {
    reader->at++;
  }
  if (reader->at >= reader->count || reader->ops[reader->at].opcode != opcode) return 0;
  return &reader->ops[reader->at++];
}

// Init jumps to Transaction, which only reads from main, and back to the instruction after Init.
static int readPrologue(ProgramReader* reader, SibylPointPlan* plan) {
  const VdbeOp* init = nextOp(reader, OP_Init);
  if (init == 0 || reader->at != 1) return 0;
  ProgramReader setup = {reader->ops, reader->count, init->p2};
  const VdbeOp* transaction = nextOp(&setup, OP_Transaction);
  if (transaction == 0 || transaction->p1 != 0 || transaction->p2 != 0 || transaction->p5 == 0) return 0;
  const VdbeOp* begin = nextOp(&setup, OP_Goto);
  if (begin == 0 || begin->p2 != 1) return 0;
  plan->schema_cookie = (uint32_t)transaction->p3;
  return 1;
}

// The columns of the table with cursor `cursor`, in consecutive registers: the first of them, or 0.
static int readColumns(ProgramReader* reader, int cursor, SibylPointPlan* plan) {
  int first = 0;
  for (;;) {
    SibylPointColumn column = {-1, 0};
    int reg = 0;
    const VdbeOp* op = nextOp(reader, OP_Column);
    if (op != 0) {
      if (op->p5 != 0 || op->p2 > 0x7fff) return 0;
      column.field = (int16_t)op->p2;
      reg = op->p3;
    } else if ((op = nextOp(reader, OP_Rowid)) != 0) {
      reg = op->p2;
    } else {
      return first;
    }
    if (op->p1 != cursor || plan->column_count == SIBYL_POINT_COLUMNS) return 0;
    const VdbeOp* affinity = nextOp(reader, OP_RealAffinity);
    if (affinity != 0) {
      if (affinity->p1 != reg) return 0;
      column.is_real = 1;
    }
    if (first == 0) first = reg;
    if (reg != first + plan->column_count) return 0;
    plan->columns[plan->column_count++] = column;
  }
}

int sibyl_point_plan(sqlite3_stmt* statement, SibylPointPlan* plan) {
  const Vdbe* v = (const Vdbe*)statement;
  if (!sibylIsOurs(v->db->aDb[0].pBt) || ENC(v->db) != SQLITE_UTF8 || v->explain) return 0;
  memset(plan, 0, sizeof *plan);
  ProgramReader reader = {v->aOp, v->nOp, 0};
  if (!readPrologue(&reader, plan)) return 0;
  const VdbeOp* open = nextOp(&reader, OP_OpenRead);
  if (open == 0 || open->p3 != 0 || open->p5 != 0 || open->p4type == P4_KEYINFO) return 0;
  const VdbeOp* variable = nextOp(&reader, OP_Variable);
  if (variable == 0) return 0;
  const VdbeOp* seek = nextOp(&reader, OP_SeekRowid);
  if (seek == 0 || seek->p1 != open->p1 || seek->p3 != variable->p2) return 0;
  const int first = readColumns(&reader, open->p1, plan);
  const VdbeOp* row = nextOp(&reader, OP_ResultRow);
  if (first == 0 || row == 0 || row->p1 != first || row->p2 != plan->column_count) return 0;
  const int end = reader.at;
  const VdbeOp* halt = nextOp(&reader, OP_Halt);
  if (halt == 0 || halt->p1 != SQLITE_OK || seek->p2 < end || seek->p2 >= reader.at) return 0;
  plan->root = (uint32_t)open->p2;
  plan->parameter = variable->p1;
  return 1;
}
