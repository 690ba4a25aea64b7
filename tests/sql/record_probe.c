// SQLite's amalgamation once more, all of it local to this file, with a door to its comparison.

#define SQLITE_API static
#define SQLITE_EXTERN static
#include "tests/sql/record_probe.h"
#include "original/sqlite3.c"

enum { kMostFields = 16 };

static KeyInfo* keyInfoOf(int fields, const unsigned char* orders,
                          const unsigned char* collations) {
  static CollSeq kCollations[3] = {{"BINARY", SQLITE_UTF8, 0, binCollFunc, 0},
                                   {"NOCASE", SQLITE_UTF8, 0, nocaseCollatingFunc, 0},
                                   {"RTRIM", SQLITE_UTF8, 0, rtrimCollFunc, 0}};
  static u8 flags[kMostFields];
  static char space[sizeof(KeyInfo) + kMostFields * sizeof(CollSeq*)];
  KeyInfo* info = (KeyInfo*)space;
  memset(space, 0, sizeof space);
  info->enc = SQLITE_UTF8;
  info->nKeyField = (u16)fields;
  info->nAllField = (u16)fields;
  info->aSortFlags = flags;
  for (int i = 0; i < fields; i++) {
    flags[i] = orders[i];
    info->aColl[i] = &kCollations[collations[i]];
  }
  return info;
}

static int sign(int value) { return (value > 0) - (value < 0); }

int sibyl_probe_record_compare(const void* record, int record_size, const void* wanted,
                               int wanted_size, int fields, const unsigned char* orders,
                               const unsigned char* collations, int default_rc, int* eq_seen) {
  Mem values[kMostFields];
  memset(values, 0, sizeof values);
  KeyInfo* info = keyInfoOf(fields, orders, collations);
  UnpackedRecord unpacked;
  memset(&unpacked, 0, sizeof unpacked);
  unpacked.pKeyInfo = info;
  unpacked.aMem = values;
  unpacked.nField = (u16)fields;
  sqlite3VdbeRecordUnpack(info, wanted_size, wanted, &unpacked);
  unpacked.default_rc = (i8)default_rc;
  const int result = sqlite3VdbeRecordCompare(record_size, record, &unpacked);
  *eq_seen = unpacked.eqSeen;
  const RecordCompare fast = sqlite3VdbeFindCompare(&unpacked);
  if (sign(fast(record_size, record, &unpacked)) != sign(result)) abort();
  return result;
}
