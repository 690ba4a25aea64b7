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
  return index == 0 || index->idxType == SQLITE_IDXTYPE_IPK ? table->tnum : index->tnum;
}

// Before `table` is planned: how many rows it has.
static void sibylEstimateTable(sqlite3* db, Table* table) {
  SibylStore* store = plannedStore(db, table);
  if (store == 0 || (table->tabFlags & TF_HasStat1) != 0) return;
  const Index* primary = HasRowid(table) ? 0 : sqlite3PrimaryKeyIndex(table);
  const i64 rows = sibyl_store_estimate(store, rootOfIndex(table, primary), 0, 0);
  table->nRowLogEst = sqlite3LogEst(rows > 0 ? (u64)rows : 1);
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

// `bound` becomes the border of the keys beside `term`'s literal behind the fields in `prefix`; after
// it all keys that begin so if `behind`. 0: the literal is none.
static int makeBound(Parse* parse, const Index* index, int field, const WhereTerm* term,
                     const SibylKey* prefix, int behind, SibylKey* bound) {
  sibyl_key_clear(bound);
  if (!sibyl_key_reserve(bound, prefix->size + 1)) return 0;
  if (prefix->size > 0) memcpy(bound->bytes, prefix->bytes, prefix->size);
  bound->size = prefix->size;
  if (!appendLiteral(parse, index, field, term, bound)) return 0;
  if (behind) moveBehind(bound);
  return 1;
}

typedef struct {
  SibylKey begin, end;
  int known;
} KeyBounds;

// The keys that a loop visits, if its conditions are literals: equalities, then up to two bounds.
static void boundsOfLoop(Parse* parse, const Index* index, const WhereLoop* loop,
                         const WhereTerm* lower, const WhereTerm* upper, KeyBounds* bounds) {
  SibylKey prefix;
  memset(&prefix, 0, sizeof prefix);
  int usable = loop->nSkip == 0;
  for (int i = 0; i < loop->u.btree.nEq && usable; i++) {
    const WhereTerm* term = loop->aLTerm[i];
    usable = term != 0 && (term->eOperator & (WO_EQ | WO_IS | WO_ISNULL)) != 0 &&
             appendLiteral(parse, index, i, term, &prefix);
  }
  const int field = loop->u.btree.nEq;
  if (usable && index->aSortOrder != 0 && index->aSortOrder[field] && (lower || upper)) {
    SWAP(const WhereTerm*, lower, upper);
  }
  if (usable && lower != 0) {
    const int behind = (lower->eOperator & (WO_GT | WO_LT)) != 0;
    usable = makeBound(parse, index, field, lower, &prefix, behind, &bounds->begin) &&
             bounds->begin.size > 0;
  } else if (usable && prefix.size > 0) {
    usable = sibyl_key_reserve(&bounds->begin, prefix.size);
    if (usable) memcpy(bounds->begin.bytes, prefix.bytes, prefix.size);
    bounds->begin.size = prefix.size;
  }
  if (usable && upper != 0) {
    const int behind = (upper->eOperator & (WO_LE | WO_GE)) != 0;
    usable = makeBound(parse, index, field, upper, &prefix, behind, &bounds->end);
  } else if (usable && prefix.size > 0) {
    moveBehind(&prefix);
    SWAP(SibylKey, prefix, bounds->end);
  }
  bounds->known = usable;
  sibyl_key_free(&prefix);
}

// Puts what the models say of the entries that `loop` visits in place of SQLite's guess.
static void sibylEstimateLoop(Parse* parse, const Index* index, WhereLoop* loop,
                              const WhereTerm* lower, const WhereTerm* upper) {
  const Table* table = index->pTable;
  SibylStore* store = plannedStore(parse->db, table);
  if (store == 0 || index->hasStat1 || (loop->wsFlags & (WHERE_COLUMN_IN | WHERE_SKIPSCAN)) != 0) {
    return;
  }
  if (loop->u.btree.nBtm > 1 || loop->u.btree.nTop > 1) return;
  KeyBounds bounds;
  memset(&bounds, 0, sizeof bounds);
  boundsOfLoop(parse, index, loop, lower, upper, &bounds);
  if (bounds.known) {
    const i64 rows =
        sibyl_store_estimate(store, rootOfIndex(table, index), &bounds.begin, &bounds.end);
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
