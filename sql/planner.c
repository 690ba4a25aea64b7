// PRAGMA sibyl_planner: the models of a database of ours as statistics for SQLite's planner.
//
// Compiled inside SQLite's amalgamation, in where.c, ahead of what plans the use of B-trees. A model
// is the distribution function of its keys, so the number of entries between two keys is known,
// roughly and without reading any, whether or not ANALYZE has run. Off by default: plans and their
// texts are then SQLite's. Where ANALYZE has run, its numbers are used.

// The store of the tables of `schema`; null if it is not ours.
static SibylStore* storeOfSchema(sqlite3* db, Schema* schema) {
  const int index = sqlite3SchemaToIndex(db, schema);
  if (index < 0 || !sibylIsOurs(db->aDb[index].pBt)) return 0;
  return storeOf(db->aDb[index].pBt);
}

static SibylStore* plannedStore(sqlite3* db, const Table* table) {
  if (!db->bSibylPlanner || IsVirtual(table) || IsView(table)) return 0;
  if (table->tabFlags & TF_Ephemeral) return 0;
  return storeOfSchema(db, table->pSchema);
}

static Pgno rootOfIndex(const Table* table, const Index* index) {
  return isRowidKey(index) ? table->tnum : index->tnum;
}

// Before `table` is planned: how many rows it has. Of none that are committed nothing is known: there
// may be any number that this connection has written since it began its transaction.
static void sibylEstimateTable(sqlite3* db, Table* table) {
  SibylStore* store = plannedStore(db, table);
  if (store == 0 || (table->tabFlags & TF_HasStat1) != 0) return;
  const Index* primary = HasRowid(table) ? 0 : sqlite3PrimaryKeyIndex(table);
  const i64 rows = sibyl_store_estimate(store, rootOfIndex(table, primary), 0, 0);
  if (rows <= 0) return;
  table->nRowLogEst = sqlite3LogEst((u64)rows);
  for (Index* index = table->pIndex; index != 0; index = index->pNext) {
    if (!index->hasStat1) sqlite3DefaultRowEst(index);
  }
}

// The planner was turned off: back to what SQLite assumes.
static void sibylForgetEstimates(sqlite3* db) {
  for (int i = 0; i < db->nDb; i++) {
    if (!sibylIsOurs(db->aDb[i].pBt) || db->aDb[i].pSchema == 0) continue;
    for (HashElem* at = sqliteHashFirst(&db->aDb[i].pSchema->tblHash); at; at = sqliteHashNext(at)) {
      Table* table = sqliteHashData(at);
      if (IsVirtual(table) || (table->tabFlags & TF_HasStat1) != 0) continue;
      table->nRowLogEst = 200;  // as sqlite3StartTable says
      for (Index* index = table->pIndex; index != 0; index = index->pNext) {
        if (!index->hasStat1) sqlite3DefaultRowEst(index);
      }
    }
  }
}

// Appends the literal on the right of `term` as the field'th field of a key. 0: it is none.
static int appendLiteral(Parse* parse, const Index* index, int field, const WhereTerm* term,
                         SibylKey* key) {
  sqlite3* db = parse->db;
  sqlite3_value* value = 0;
  int appended = 0;
  if (term->eOperator & WO_ISNULL) {
    value = sqlite3ValueNew(db);
  } else {
    sqlite3ValueFromExpr(db, term->pExpr->pRight, ENC(db), affinityOf(db, index, field), &value);
  }
  if (value != 0) appended = appendValue(db, index, field, value, key);
  sqlite3ValueFree(value);
  return appended;
}

// Turns the key into the border behind all that begin so: the empty key if nothing is behind them.
static void moveBehind(SibylKey* key) {
  size_t at = 0;
  while (at < key->size && key->bytes[at] == 0xff) at++;
  if (at == key->size) {
    key->size = 0;
  } else {
    sibyl_key_successor(key);
  }
}

// `bound` becomes a copy of `prefix`. 0: there is no memory.
static int copyKey(const SibylKey* prefix, SibylKey* bound) {
  sibyl_key_clear(bound);
  if (!sibyl_key_reserve(bound, prefix->size)) return 0;
  if (prefix->size > 0) memcpy(bound->bytes, prefix->bytes, prefix->size);
  bound->size = prefix->size;
  return 1;
}

// `bound` becomes the border of the keys beside `term`'s literal behind the fields in `prefix`; after
// it all keys that begin so if `behind`. 0: the literal is none.
static int makeBound(Parse* parse, const Index* index, int field, const WhereTerm* term,
                     const SibylKey* prefix, int behind, SibylKey* bound) {
  if (!copyKey(prefix, bound) || !appendLiteral(parse, index, field, term, bound)) return 0;
  if (behind) moveBehind(bound);
  return 1;
}

// The border between the NULLs of the field behind those in `prefix`, which no comparison matches,
// and its other values.
static int makeNullBound(const SibylKey* prefix, int descending, SibylKey* bound) {
  if (!copyKey(prefix, bound)) return 0;
  sibyl_key_append_null(bound, descending ? SIBYL_KEY_DESC : 0);
  if (bound->out_of_memory) return 0;
  if (!descending) moveBehind(bound);
  return 1;
}

// The keys from `begin` on and before `end`; empty: from the first, to the last.
typedef struct {
  SibylKey begin, end;
} KeyBounds;

// The keys that begin with the fields in `prefix`, with their next field between two bounds, of
// which one may be null. 0: one of them is no literal, or nothing is behind it.
static int makeRange(Parse* parse, const Index* index, int field, const WhereTerm* lower,
                     const WhereTerm* upper, const SibylKey* prefix, KeyBounds* bounds) {
  const int descending = index->aSortOrder != 0 && index->aSortOrder[field] != 0;
  const int has_nulls = !isRowidKey(index);
  int known = 0;
  if (descending) SWAP(const WhereTerm*, lower, upper);
  if (lower != 0) {
    const int behind = (lower->eOperator & (WO_GT | WO_LT)) != 0;
    known = makeBound(parse, index, field, lower, prefix, behind, &bounds->begin) &&
            bounds->begin.size > 0;
  } else if (has_nulls && !descending) {
    known = makeNullBound(prefix, 0, &bounds->begin);
  } else {
    known = copyKey(prefix, &bounds->begin);
  }
  if (!known) return 0;
  if (upper != 0) {
    const int behind = (upper->eOperator & (WO_LE | WO_GE)) != 0;
    return makeBound(parse, index, field, upper, prefix, behind, &bounds->end);
  }
  if (has_nulls && descending) return makeNullBound(prefix, 1, &bounds->end);
  known = copyKey(prefix, &bounds->end);
  moveBehind(&bounds->end);
  return known;
}

// The equalities of a loop, as the beginning of all keys that it visits. 0: not all are literals.
static int prefixOfLoop(Parse* parse, const Index* index, const WhereLoop* loop, SibylKey* prefix) {
  if (loop->nSkip != 0) return 0;
  for (int i = 0; i < loop->u.btree.nEq; i++) {
    const WhereTerm* term = loop->aLTerm[i];
    if (term == 0 || (term->eOperator & (WO_EQ | WO_IS | WO_ISNULL)) == 0) return 0;
    if (!appendLiteral(parse, index, i, term, prefix)) return 0;
  }
  return 1;
}

// The keys that a loop visits: equalities, then up to two bounds. 0: they are not known, as its
// conditions are not all literals.
static int boundsOfLoop(Parse* parse, const Index* index, const WhereLoop* loop,
                        const WhereTerm* lower, const WhereTerm* upper, KeyBounds* bounds) {
  SibylKey prefix;
  memset(&prefix, 0, sizeof prefix);
  int known = prefixOfLoop(parse, index, loop, &prefix);
  if (known && (lower != 0 || upper != 0)) {
    known = makeRange(parse, index, loop->u.btree.nEq, lower, upper, &prefix, bounds);
  } else if (known) {
    known = copyKey(&prefix, &bounds->begin) && copyKey(&prefix, &bounds->end);
    moveBehind(&bounds->end);
  }
  sibyl_key_free(&prefix);
  return known;
}

// Puts what the models say of the entries that `loop` visits in place of SQLite's guess. `lower` and
// `upper` are meant if the loop has such limits; else they are left from conditions tried before.
static void sibylEstimateLoop(Parse* parse, const Index* index, WhereLoop* loop,
                              const WhereTerm* lower, const WhereTerm* upper) {
  const u32 unsuitable = WHERE_COLUMN_IN | WHERE_SKIPSCAN | WHERE_ONEROW;  // one row is one row
  const Table* table = index->pTable;
  SibylStore* store = plannedStore(parse->db, table);
  if (store == 0 || index->hasStat1 || (loop->wsFlags & unsuitable) != 0) return;
  if (loop->u.btree.nBtm > 1 || loop->u.btree.nTop > 1) return;
  if ((loop->wsFlags & WHERE_BTM_LIMIT) == 0) lower = 0;
  if ((loop->wsFlags & WHERE_TOP_LIMIT) == 0) upper = 0;
  KeyBounds bounds;
  memset(&bounds, 0, sizeof bounds);
  i64 rows = 0;
  int known = boundsOfLoop(parse, index, loop, lower, upper, &bounds);
  if (known) {
    const Pgno root = rootOfIndex(table, index);
    rows = sibyl_store_estimate(store, root, &bounds.begin, &bounds.end);
    known = rows > 0 || sibyl_store_estimate(store, root, 0, 0) > 0;
  }
  if (known) {
    // A bound that hardly helps is still worth using: it costs nothing.
    const int bonus = (lower != 0) + (upper != 0);
    loop->nOut = (LogEst)(sqlite3LogEst(rows > 0 ? (u64)rows : 1) - bonus);
    if (loop->nOut < 0) loop->nOut = 0;
  }
  sibyl_key_free(&bounds.begin);
  sibyl_key_free(&bounds.end);
}

static int sibylPlans(sqlite3* db, const Table* table) { return plannedStore(db, table) != 0; }

// For EXPLAIN QUERY PLAN: "LEARNED " if models find the entries, else nothing.
static const char* sibylIndexWord(sqlite3* db, const Table* table, const Index* index) {
  SibylStore* store = plannedStore(db, table);
  if (store == 0 || !sibyl_store_is_learned(store, rootOfIndex(table, index))) return "";
  return "LEARNED ";
}
