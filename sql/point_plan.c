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
  while (reader->at < reader->count && (reader->ops[reader->at].opcode == OP_Noop ||
                                        reader->ops[reader->at].opcode == OP_Explain)) {
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
  if (transaction == 0 || transaction->p1 != 0 || transaction->p2 != 0 || transaction->p5 == 0)
    return 0;
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

// Puts what is in register `reg` into the ephemeral table `list`, as a number if it looks like one.
// 0: it is something else.
static int readListInsertion(ProgramReader* reader, int list, int reg) {
  const VdbeOp* record = nextOp(reader, OP_MakeRecord);
  const VdbeOp* insert = nextOp(reader, OP_IdxInsert);
  if (record == 0 || insert == 0 || record->p1 != reg || record->p2 != 1 || record->p4.z == 0) {
    return 0;
  }
  const int is_numeric = strcmp(record->p4.z, "C") == 0 || strcmp(record->p4.z, "D") == 0;
  return is_numeric && insert->p1 == list && insert->p2 == record->p3;
}

// A parameter each.
static int readListOfParameters(ProgramReader* reader, int list, SibylPointPlan* plan) {
  const VdbeOp* variable = 0;
  while ((variable = nextOp(reader, OP_Variable)) != 0) {
    if (plan->parameter_count == SIBYL_POINT_PARAMETERS) return 0;
    if (!readListInsertion(reader, list, variable->p2)) return 0;
    plan->parameters[plan->parameter_count++] = variable->p1;
  }
  return plan->parameter_count > 0;
}

// The elements of a parameter: the table function called with it and the type of elements.
static int readListOfElements(ProgramReader* reader, int list, SibylPointPlan* plan) {
  const VdbeOp* open = nextOp(reader, OP_VOpen);
  const VdbeOp* array = nextOp(reader, OP_Variable);
  const VdbeOp* type = nextOp(reader, OP_Integer);
  const VdbeOp* way = nextOp(reader, OP_Integer);
  const VdbeOp* count = nextOp(reader, OP_Integer);
  const VdbeOp* filter = nextOp(reader, OP_VFilter);
  const int begin = reader->at;
  const VdbeOp* element = nextOp(reader, OP_VColumn);
  if (open == 0 || array == 0 || type == 0 || way == 0 || count == 0 || filter == 0 ||
      element == 0) {
    return 0;
  }
  const int arguments = filter->p3 + 2;
  if (open->p4type != P4_VTAB ||
      strcmp(open->p4.pVtab->pMod->zName, SIBYL_ELEMENTS_FUNCTION) != 0 || filter->p1 != open->p1 ||
      way->p2 != filter->p3 || count->p2 != filter->p3 + 1 || count->p1 != 2 ||
      array->p2 != arguments || type->p2 != arguments + 1 || type->p1 <= 0 ||
      element->p1 != open->p1 || element->p2 != 0) {
    return 0;
  }
  if (!readListInsertion(reader, list, element->p3)) return 0;
  const VdbeOp* next = nextOp(reader, OP_VNext);
  if (next == 0 || next->p1 != open->p1 || next->p2 != begin || filter->p2 != reader->at) return 0;
  plan->array_type = (uint32_t)type->p1;
  plan->parameters[plan->parameter_count++] = array->p1;
  return 1;
}

// IN (parameters) or IN (elements): fills the ephemeral table `*list`, once. 0: it is something
// else.
static int readList(ProgramReader* reader, int* list, SibylPointPlan* plan) {
  if (nextOp(reader, OP_BeginSubrtn) == 0 || nextOp(reader, OP_Once) == 0) return 0;
  const VdbeOp* open = nextOp(reader, OP_OpenEphemeral);
  if (open == 0 || open->p4type != P4_KEYINFO || open->p4.pKeyInfo->aSortFlags[0] != 0) return 0;
  const ProgramReader filling = *reader;
  if (!readListOfElements(reader, open->p1, plan)) {
    *reader = filling;
    if (!readListOfParameters(reader, open->p1, plan)) return 0;
  }
  if (nextOp(reader, OP_NullRow) == 0 || nextOp(reader, OP_Return) == 0) return 0;
  *list = open->p1;
  plan->is_list = 1;
  return 1;
}

// The rows of the table with cursor `cursor` for each key in `list`.
static int readListLoop(ProgramReader* reader, int cursor, int list, SibylPointPlan* plan) {
  const VdbeOp* rewind = nextOp(reader, OP_Rewind);
  const int begin = reader->at;
  const VdbeOp* key = nextOp(reader, OP_Column);
  const VdbeOp* null = nextOp(reader, OP_IsNull);
  const VdbeOp* seek = nextOp(reader, OP_SeekRowid);
  if (rewind == 0 || key == 0 || null == 0 || seek == 0) return 0;
  if (rewind->p1 != list || key->p1 != list || key->p2 != 0 || null->p1 != key->p3 ||
      seek->p1 != cursor || seek->p3 != key->p3) {
    return 0;
  }
  const int first = readColumns(reader, cursor, plan);
  const VdbeOp* row = nextOp(reader, OP_ResultRow);
  if (first == 0 || row == 0 || row->p1 != first || row->p2 != plan->column_count) return 0;
  const int missing = reader->at;
  const VdbeOp* next = nextOp(reader, OP_Next);
  if (next == 0 || next->p1 != list || next->p2 != begin || null->p2 != missing ||
      seek->p2 != missing || rewind->p2 != reader->at) {
    return 0;
  }
  const VdbeOp* halt = nextOp(reader, OP_Halt);
  return halt != 0 && halt->p1 == SQLITE_OK;
}

// The row of the table with cursor `cursor` for one parameter.
static int readLookup(ProgramReader* reader, int cursor, SibylPointPlan* plan) {
  const VdbeOp* variable = nextOp(reader, OP_Variable);
  const VdbeOp* seek = nextOp(reader, OP_SeekRowid);
  if (variable == 0 || seek == 0 || seek->p1 != cursor || seek->p3 != variable->p2) return 0;
  const int first = readColumns(reader, cursor, plan);
  const VdbeOp* row = nextOp(reader, OP_ResultRow);
  if (first == 0 || row == 0 || row->p1 != first || row->p2 != plan->column_count) return 0;
  const int missing = reader->at;
  const VdbeOp* halt = nextOp(reader, OP_Halt);
  plan->parameters[plan->parameter_count++] = variable->p1;
  return halt != 0 && halt->p1 == SQLITE_OK && seek->p2 == missing;
}

int sibyl_point_plan(sqlite3_stmt* statement, SibylPointPlan* plan) {
  const Vdbe* v = (const Vdbe*)statement;
  if (!sibylIsOurs(v->db->aDb[0].pBt) || ENC(v->db) != SQLITE_UTF8 || v->explain) return 0;
  memset(plan, 0, sizeof *plan);
  ProgramReader reader = {v->aOp, v->nOp, 0};
  if (!readPrologue(&reader, plan)) return 0;
  const VdbeOp* open = nextOp(&reader, OP_OpenRead);
  if (open == 0 || open->p3 != 0 || open->p5 != 0 || open->p4type == P4_KEYINFO) return 0;
  plan->root = (uint32_t)open->p2;
  const ProgramReader after_open = reader;
  int list = 0;
  if (readList(&reader, &list, plan)) return readListLoop(&reader, open->p1, list, plan);
  if (plan->is_list || plan->parameter_count > 0) return 0;
  reader = after_open;
  return readLookup(&reader, open->p1, plan);
}
