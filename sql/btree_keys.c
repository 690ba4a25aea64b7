// The keys of index entries, made of SQLite's values and records; which fields they have.
//
// Compiled inside SQLite's amalgamation: see btree_dispatch.c.

static int collationOf(const CollSeq* collation, SibylCollation* kind) {
  if (collation == 0 || collation->xCmp == binCollFunc) {
    *kind = SIBYL_COLLATE_BINARY;
  } else if (collation->xCmp == nocaseCollatingFunc) {
    *kind = SIBYL_COLLATE_NOCASE;
  } else if (collation->xCmp == rtrimCollFunc) {
    *kind = SIBYL_COLLATE_RTRIM;
  } else {
    return 0;
  }
  return 1;
}

static void appendTextField(SibylKey* key, const Mem* value, int encoding, SibylCollation collation,
                            unsigned order) {
  if (encoding == SQLITE_UTF8 || collation == SIBYL_COLLATE_BINARY) {
    sibyl_key_append_text(key, value->z, (size_t)value->n, collation, order);
    return;
  }
  Mem utf8;  // NOCASE and RTRIM see UTF-8 whatever the database stores
  sqlite3VdbeMemInit(&utf8, value->db, 0);
  if (sqlite3VdbeMemSetStr(&utf8, value->z, value->n, (u8)encoding, SQLITE_TRANSIENT) ||
      sqlite3VdbeChangeEncoding(&utf8, SQLITE_UTF8)) {
    key->out_of_memory = 1;
  } else {
    sibyl_key_append_text(key, utf8.z, (size_t)utf8.n, collation, order);
  }
  sqlite3VdbeMemRelease(&utf8);
}

static void appendField(SibylKey* key, const Mem* value, const KeyInfo* info, int field) {
  const unsigned order = info->aSortFlags ? info->aSortFlags[field] : 0;
  SibylCollation collation = SIBYL_COLLATE_BINARY;
  if (value->flags & MEM_Null) {
    sibyl_key_append_null(key, order);
  } else if (value->flags & (MEM_Int | MEM_IntReal)) {
    sibyl_key_append_integer(key, value->u.i, order);
  } else if (value->flags & MEM_Real) {
    sibyl_key_append_real(key, value->u.r, order);
  } else if (value->flags & MEM_Str) {
    collationOf(info->aColl[field], &collation);  // checked when the cursor was opened
    appendTextField(key, value, info->enc, collation, order);
  } else {
    const size_t zeros = (value->flags & MEM_Zero) ? (size_t)value->u.nZero : 0;
    sibyl_key_append_blob(key, value->z, (size_t)value->n, zeros, order);
  }
}

static void keyOfFields(SibylKey* key, const Mem* fields, int count, const KeyInfo* info) {
  sibyl_key_clear(key);
  for (int i = 0; i < count; i++) appendField(key, &fields[i], info, i);
}

// The key of a serialized record: its first `fields` fields.
static int keyOfRecord(SibylKey* key, const u8* record, i64 size, int fields, const KeyInfo* info) {
  u32 header_size = 0;
  u32 at = getVarint32(record, header_size);
  u64 data = header_size;
  sibyl_key_clear(key);
  if (header_size > size) return SQLITE_CORRUPT_BKPT;
  for (int i = 0; i < fields && at < header_size; i++) {
    u32 type = 0;
    at += getVarint32(record + at, type);
    const u32 length = sqlite3VdbeSerialTypeLen(type);
    if (data + length > (u64)size) return SQLITE_CORRUPT_BKPT;
    Mem value;
    sqlite3VdbeMemInit(&value, info->db, 0);
    value.enc = info->enc;
    sqlite3VdbeSerialGet(record + data, type, &value);
    appendField(key, &value, info, i);
    data += length;
  }
  return key->out_of_memory ? SQLITE_NOMEM_BKPT : SQLITE_OK;
}

// How the index sorts. It is stored in the order of its keys' bytes, which is known for SQLite's
// own collations only.
static int shapeOf(Btree* p, const KeyInfo* info) {
  SibylKey* shape = &p->pSibyl->shape;
  sibyl_key_clear(shape);
  if (!sibyl_key_reserve(shape, info->nKeyField)) return SQLITE_NOMEM_BKPT;
  for (int i = 0; i < info->nKeyField; i++) {
    SibylCollation collation;
    if (!collationOf(info->aColl[i], &collation)) {
      return sibyl_store_refuse_collation(storeOf(p), info->aColl[i]->zName);
    }
    const unsigned order = info->aSortFlags ? info->aSortFlags[i] : 0;
    shape->bytes[shape->size++] = sibyl_field_shape(order, collation);
  }
  return SQLITE_OK;
}

// So many fields are all of the key of an entry that has no NULL among them; 0: keys have all fields.
static int uniqueFields(Btree* p, const KeyInfo* info) {
  if (info->nKeyField < info->nAllField) return info->nKeyField;
  return sibyl_store_has_short_keys(storeOf(p)) ? info->nUniqueField : 0;
}

// Whether unique indexes cannot have two entries with equal columns, none of them NULL: there is one
// record with a key, and the columns are all of it.
static int sibylKeysAreUnique(const Btree* p) {
  return sibylIsOurs(p) && sibyl_store_has_short_keys(storeOf(p));
}

// How many fields the keys have of entries whose first fields are these.
static int keyFieldsFor(const BtCursor* cursor, const Mem* fields, int count) {
  const int unique = uniqueFields(cursor->pBtree, cursor->pKeyInfo);
  if (unique == 0) return cursor->pKeyInfo->nKeyField;
  for (int i = 0; i < MIN(count, unique); i++) {
    if (fields[i].flags & MEM_Null) return cursor->pKeyInfo->nKeyField;
  }
  return unique;
}
