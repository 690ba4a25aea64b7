// The pragmas of ours. Compiled inside SQLite's amalgamation, in pragma.c.

// The store that a pragma is about; null, and an error, if the database is not ours.
static SibylStore* storeOfPragma(Parse* parse, int database) {
  const Db* db = &parse->db->aDb[database];
  if (sibylIsOurs(db->pBt)) return storeOf(db->pBt);
  sqlite3ErrorMsg(parse, "%s is not a SibylDB database", db->zDbSName);
  return 0;
}

static void answer(Vdbe* v, const char* column, i64 value) {
  sqlite3VdbeSetNumCols(v, 1);
  sqlite3VdbeSetColName(v, 0, COLNAME_NAME, column, SQLITE_STATIC);
  returnSingleInt(v, value);
}

// PRAGMA sibyl_planner [= BOOLEAN]: see planner.c.
static void pragmaPlanner(Parse* parse, Vdbe* v, const char* value) {
  sqlite3* db = parse->db;
  if (value == 0) {
    answer(v, "sibyl_planner", db->bSibylPlanner);
    return;
  }
  db->bSibylPlanner = sqlite3GetBoolean(value, 0) != 0;
  if (!db->bSibylPlanner) sibylForgetEstimates(db);
  sqlite3VdbeAddOp0(v, OP_Expire);  // statements that are prepared already are planned again
}

// PRAGMA sibyl_budget [= BYTES]: memory for writes that are not in segments yet.
static void pragmaBudget(Parse* parse, Vdbe* v, int database, const char* value) {
  SibylStore* store = storeOfPragma(parse, database);
  if (store == 0) return;
  i64 bytes = 0;
  if (value != 0) {
    if (sqlite3DecOrHexToI64(value, &bytes) != 0) bytes = -1;
    if (sibyl_store_set_budget(store, bytes) != SQLITE_OK) {
      sqlite3ErrorMsg(parse, "%s", sibyl_store_error(store));
      return;
    }
  }
  answer(v, "sibyl_budget", sibyl_store_budget(store));
}

// PRAGMA sibyl_compact: what the function of this name does, when the statement runs.
static void pragmaCompact(Parse* parse, Vdbe* v, int database) {
  if (storeOfPragma(parse, database) == 0) return;
  char* sql =
      sqlite3MPrintf(parse->db, "SELECT sibyl_compact(%Q)", parse->db->aDb[database].zDbSName);
  if (sql != 0) sqlite3VdbeAddOp4(v, OP_SqlExec, 0, 0, 0, sql, P4_DYNAMIC);
}

// Compiles a pragma that SQLite does not know. The unknown do nothing.
static void sibylPragma(Parse* parse, Vdbe* v, int database, const char* name, const char* value) {
  if (sqlite3StrICmp(name, "sibyl_planner") == 0) {
    pragmaPlanner(parse, v, value);
  } else if (sqlite3StrICmp(name, "sibyl_budget") == 0) {
    pragmaBudget(parse, v, database, value);
  } else if (sqlite3StrICmp(name, "sibyl_compact") == 0) {
    pragmaCompact(parse, v, database);
  }
}
