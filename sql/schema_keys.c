// From names of the schema to stores, trees and keys: for the tables of statistics and the planner.
//
// Compiled inside SQLite's amalgamation: see btree_dispatch.c.

// store_of_schema.h has the contract.
SibylStore* sibyl_store_of_schema(sqlite3* db, const char* schema) {
  const int index = sqlite3FindDbName(db, schema);
  if (index < 0 || !sibylIsOurs(db->aDb[index].pBt)) return 0;
  return storeOf(db->aDb[index].pBt);
}

// The planner makes an Index even of a table's rowids.
static int isRowidKey(const Index* index) {
  return index == 0 || index->idxType == SQLITE_IDXTYPE_IPK;
}

static u8 affinityOf(sqlite3* db, const Index* index, int field) {
  if (isRowidKey(index)) return SQLITE_AFF_INTEGER;
  const char* affinities = sqlite3IndexAffinityStr(db, (Index*)index);
  return affinities != 0 ? (u8)affinities[field] : SQLITE_AFF_BLOB;
}

// Appends `value` as the field'th field of the keys of `index`. 0: its order is not one of bytes, or
// it is no rowid.
static int appendValue(sqlite3* db, const Index* index, int field, const sqlite3_value* value,
                       SibylKey* key) {
  if (isRowidKey(index)) {
    if ((value->flags & (MEM_Int | MEM_Real)) == 0 || !sibyl_key_reserve(key, 8)) return 0;
    sibyl_rowid_encode(sqlite3VdbeIntValue((Mem*)value), key->bytes + key->size);
    key->size += 8;
    return 1;
  }
  SibylCollation collation;
  u8 order = index->aSortOrder != 0 ? index->aSortOrder[field] : 0;
  KeyInfo info;
  memset(&info, 0, sizeof info);
  info.enc = ENC(db);
  info.db = db;
  info.aSortFlags = &order;
  info.aColl[0] = sqlite3FindCollSeq(db, ENC(db), index->azColl[field], 0);
  if (!collationOf(info.aColl[0], &collation)) return 0;
  appendField(key, value, &info, 0);
  return !key->out_of_memory;
}

// statistics.h has the contract.
int sibyl_key_of_value(sqlite3* db, const char* schema, const char* name, sqlite3_value* value,
                       uint32_t* root, SibylKey* key) {
  sqlite3_table_column_metadata(db, schema, name, 0, 0, 0, 0, 0, 0);  // reads the schema
  const Table* table = sqlite3FindTable(db, name, schema);
  if (table != 0 && (IsVirtual(table) || IsView(table))) return SQLITE_NOTFOUND;
  Index* index = table == 0 ? sqlite3FindIndex(db, name, schema)
                 : HasRowid(table) ? 0 : sqlite3PrimaryKeyIndex((Table*)table);
  if (table == 0 && index == 0) return SQLITE_NOTFOUND;
  *root = index != 0 ? index->tnum : table->tnum;
  sqlite3_value* copy = sqlite3_value_dup(value);
  if (copy == 0) return SQLITE_NOMEM_BKPT;
  sqlite3ValueApplyAffinity(copy, affinityOf(db, index, 0), ENC(db));
  const int appended = appendValue(db, index, 0, copy, key);
  sqlite3_value_free(copy);
  if (key->out_of_memory) return SQLITE_NOMEM_BKPT;
  return appended ? SQLITE_OK : SQLITE_MISMATCH;
}
