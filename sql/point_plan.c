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

// The cursors of the trees that are read; -1: there is none.
typedef struct PointCursors {
  int table;
  int entry;
} PointCursors;

// Whether the first field sorts as bytes do.
static int isPlainKey(const KeyInfo* info) {
  SibylCollation collation;
  return collationOf(info->aColl[0], &collation) && collation == SIBYL_COLLATE_BINARY &&
         (info->aSortFlags == 0 || info->aSortFlags[0] == 0);
}

// Opens a table, an index whose entries are told apart by one plain field, or one after the other.
// 0: it is something else.
static int readOpens(ProgramReader* reader, Btree* tree, PointCursors* cursors,
                     SibylPointPlan* plan) {
  const VdbeOp* open = nextOp(reader, OP_OpenRead);
  if (open != 0 && open->p4type != P4_KEYINFO) {
    if (open->p3 != 0 || open->p5 != 0) return 0;
    cursors->table = open->p1;
    plan->root = (uint32_t)open->p2;
    open = nextOp(reader, OP_OpenRead);
    if (open == 0) return 1;
  }
  if (open == 0 || open->p3 != 0 || open->p4type != P4_KEYINFO) return 0;
  const KeyInfo* info = open->p4.pKeyInfo;
  if (uniqueFields(tree, info) != 1 || !isPlainKey(info)) return 0;
  cursors->entry = open->p1;
  plan->entry_root = (uint32_t)open->p2;
  return 1;
}

// A column of a row or of an entry, or the rowid: the instruction, or 0.
static const VdbeOp* readPointColumn(ProgramReader* reader, SibylPointColumn* column, int* reg) {
  const VdbeOp* op = nextOp(reader, OP_Column);
  if (op != 0) {
    column->field = (int16_t)op->p2;
    *reg = op->p3;
    return op->p5 == 0 && op->p2 <= 0x7fff ? op : 0;
  }
  column->field = -1;
  op = nextOp(reader, OP_Rowid);
  if (op == 0) op = nextOp(reader, OP_IdxRowid);
  if (op != 0) *reg = op->p2;
  return op;
}

// Adds a column to the plan; 0: there are too many.
static int addColumn(const SibylPointColumn* column, SibylPointPlan* plan) {
  if (plan->column_count == SIBYL_POINT_COLUMNS) return 0;
  plan->columns[plan->column_count++] = *column;
  int* fields = column->of_entry ? &plan->entry_fields : &plan->row_fields;
  *fields = MAX(*fields, column->field + 1);
  if (column->field < 0) plan->has_rowid = 1;
  return 1;
}

// Columns in consecutive registers: the first of them, or 0.
static int readColumns(ProgramReader* reader, const PointCursors* cursors, SibylPointPlan* plan) {
  int first = 0;
  for (;;) {
    SibylPointColumn column = {0, 0, 0};
    int reg = 0;
    const VdbeOp* op = readPointColumn(reader, &column, &reg);
    if (op == 0) return first;
    column.of_entry = op->p1 == cursors->entry;
    if (!column.of_entry && op->p1 != cursors->table) return 0;
    const VdbeOp* affinity = nextOp(reader, OP_RealAffinity);
    if (affinity != 0) {
      if (affinity->p1 != reg) return 0;
      column.is_real = 1;
    }
    if (first == 0) first = reg;
    if (reg != first + plan->column_count || !addColumn(&column, plan)) return 0;
  }
}

// The columns as a row of the result. 0: it is something else.
static int readResult(ProgramReader* reader, const PointCursors* cursors, SibylPointPlan* plan) {
  const int first = readColumns(reader, cursors, plan);
  const VdbeOp* row = nextOp(reader, OP_ResultRow);
  return first != 0 && row != 0 && row->p1 == first && row->p2 == plan->column_count;
}

// Notes that the key gets an affinity. 0: it is none of ours, or not the one that it got before.
static int noteAffinity(const char* affinities, SibylPointPlan* plan) {
  if (affinities == 0 || affinities[0] == 0 || affinities[1] != 0) return 0;
  char affinity = affinities[0];
  if (affinity < SQLITE_AFF_BLOB || affinity > SQLITE_AFF_INTEGER) return 0;
  if (affinity == SQLITE_AFF_INTEGER)
    affinity = SQLITE_AFF_NUMERIC;  // the same for integers and text
  if (plan->affinity == 0) plan->affinity = affinity;
  return plan->affinity == affinity;
}

// To the row of the rowid that is in register `key`: the instruction, whose p2 is where it goes if
// there is none; or 0.
static const VdbeOp* readSeekRowid(ProgramReader* reader, const PointCursors* cursors, int key,
                                   SibylPointPlan* plan) {
  const VdbeOp* seek = nextOp(reader, OP_SeekRowid);
  if (seek == 0 || seek->p1 != cursors->table || seek->p3 != key) return 0;
  return noteAffinity("C", plan) ? seek : 0;
}

// To the entry of the key that is in register `key`, and its row: the instruction that ends the
// search, whose p2 is as above; or 0.
static const VdbeOp* readSeekEntry(ProgramReader* reader, const PointCursors* cursors, int key,
                                   SibylPointPlan* plan) {
  const VdbeOp* affinity = nextOp(reader, OP_Affinity);
  if (affinity != 0 &&
      (affinity->p1 != key || affinity->p2 != 1 || !noteAffinity(affinity->p4.z, plan))) {
    return 0;
  }
  if (plan->affinity == 0) plan->affinity = SQLITE_AFF_BLOB;
  const VdbeOp* begin = nextOp(reader, OP_SeekGE);
  const VdbeOp* end = nextOp(reader, OP_IdxGT);
  if (begin == 0 || end == 0 || begin->p1 != cursors->entry || end->p1 != cursors->entry ||
      begin->p3 != key || end->p3 != key || begin->p4.i != 1 || end->p4.i != 1 ||
      begin->p2 != end->p2) {
    return 0;
  }
  if (cursors->table < 0) return end;
  const VdbeOp* row = nextOp(reader, OP_DeferredSeek);
  return row != 0 && row->p1 == cursors->entry && row->p3 == cursors->table ? end : 0;
}

static const VdbeOp* readSeek(ProgramReader* reader, const PointCursors* cursors, int key,
                              SibylPointPlan* plan) {
  return cursors->entry < 0 ? readSeekRowid(reader, cursors, key, plan)
                            : readSeekEntry(reader, cursors, key, plan);
}

// Puts what is in register `reg` into the ephemeral table `list`, with the affinity of keys. 0: it
// is something else.
static int readListInsertion(ProgramReader* reader, int list, int reg, SibylPointPlan* plan) {
  const VdbeOp* record = nextOp(reader, OP_MakeRecord);
  const VdbeOp* insert = nextOp(reader, OP_IdxInsert);
  if (record == 0 || insert == 0 || record->p1 != reg || record->p2 != 1) return 0;
  return noteAffinity(record->p4.z, plan) && insert->p1 == list && insert->p2 == record->p3;
}

// A parameter each.
static int readListOfParameters(ProgramReader* reader, int list, SibylPointPlan* plan) {
  const VdbeOp* variable = 0;
  while ((variable = nextOp(reader, OP_Variable)) != 0) {
    if (plan->parameter_count == SIBYL_POINT_PARAMETERS) return 0;
    if (!readListInsertion(reader, list, variable->p2, plan)) return 0;
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
  if (!readListInsertion(reader, list, element->p3, plan)) return 0;
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
  if (open == 0 || open->p4type != P4_KEYINFO || !isPlainKey(open->p4.pKeyInfo)) return 0;
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

// The rows for each key in `list`.
static int readListLoop(ProgramReader* reader, const PointCursors* cursors, int list,
                        SibylPointPlan* plan) {
  const VdbeOp* rewind = nextOp(reader, OP_Rewind);
  const int begin = reader->at;
  const VdbeOp* key = nextOp(reader, OP_Column);
  const VdbeOp* null = nextOp(reader, OP_IsNull);
  if (rewind == 0 || key == 0 || null == 0) return 0;
  if (rewind->p1 != list || key->p1 != list || key->p2 != 0 || null->p1 != key->p3) return 0;
  const VdbeOp* seek = readSeek(reader, cursors, key->p3, plan);
  if (seek == 0 || !readResult(reader, cursors, plan)) return 0;
  if (cursors->entry >= 0) {  // that there is no second one is found out
    const VdbeOp* second = nextOp(reader, OP_Next);
    if (second == 0 || second->p1 != cursors->entry || second->p2 != seek - reader->ops) return 0;
  }
  const int missing = reader->at;
  const VdbeOp* next = nextOp(reader, OP_Next);
  if (next == 0 || next->p1 != list || next->p2 != begin || null->p2 != missing ||
      seek->p2 != missing || rewind->p2 != reader->at) {
    return 0;
  }
  const VdbeOp* halt = nextOp(reader, OP_Halt);
  return halt != 0 && halt->p1 == SQLITE_OK;
}

// The row for one parameter. NULL is never a rowid; that it is no key of an entry must be said.
static int readLookup(ProgramReader* reader, const PointCursors* cursors, SibylPointPlan* plan) {
  const VdbeOp* variable = nextOp(reader, OP_Variable);
  if (variable == 0) return 0;
  const VdbeOp* null = nextOp(reader, OP_IsNull);
  const VdbeOp* seek = readSeek(reader, cursors, variable->p2, plan);
  if (seek == 0 || !readResult(reader, cursors, plan)) return 0;
  const int missing = reader->at;
  const VdbeOp* halt = nextOp(reader, OP_Halt);
  if (halt == 0 || halt->p1 != SQLITE_OK || seek->p2 != missing) return 0;
  if (null == 0 ? cursors->entry >= 0 : null->p1 != variable->p2 || null->p2 != missing) return 0;
  plan->parameters[plan->parameter_count++] = variable->p1;
  return 1;
}

int sibyl_point_plan(sqlite3_stmt* statement, SibylPointPlan* plan) {
  const Vdbe* v = (const Vdbe*)statement;
  Btree* tree = v->db->aDb[0].pBt;
  if (!sibylIsOurs(tree) || ENC(v->db) != SQLITE_UTF8 || v->explain) return 0;
  memset(plan, 0, sizeof *plan);
  ProgramReader reader = {v->aOp, v->nOp, 0};
  PointCursors cursors = {-1, -1};
  if (!readPrologue(&reader, plan) || !readOpens(&reader, tree, &cursors, plan)) return 0;
  const ProgramReader after_opens = reader;
  int list = 0;
  if (readList(&reader, &list, plan)) return readListLoop(&reader, &cursors, list, plan);
  if (plan->is_list || plan->parameter_count > 0) return 0;
  reader = after_opens;
  return readLookup(&reader, &cursors, plan);
}
