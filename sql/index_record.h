// An index record as the key and the value of one record of a tree, and back.
//
// A record of SQLite's is a header of serial types and the fields' bytes (SQLite's documentation,
// "Database File Format", section 2.1). Its first fields make the memcomparable key (key_codec.h);
// the value holds only what the key cannot give back: nothing, for most indexes. All of the record,
// byte for byte, is rebuilt from the two when somebody asks for it.
//
//   value   nothing    all fields are in the key and plain
//           00 tail    the fields behind those in the key, as a record of their own
//           01 bits residues [tail]
//                      one bit per key field (the first field's is bit 0 of the first byte), set if
//                      the field is not plain, and a residue for each of those:
//                        number of type real without a fraction   07 (-0.0: 87)
//                        INT64_MIN as an integer                  06
//                        NOCASE text with capitals                one bit per byte: was it one?
//                        RTRIM text with trailing spaces          their number, as SQLite's varint
//           otherwise  the whole record: it begins with its header's size, at least 2. Also what
//                      this form cannot give back exactly, however it came about, is kept so
//
// Plain C, like key_codec.h.

#ifndef SIBYL_SQL_INDEX_RECORD_H_
#define SIBYL_SQL_INDEX_RECORD_H_

#include <stddef.h>
#include <stdint.h>

#include "sql/key_codec.h"

#ifdef __cplusplus
extern "C" {
#endif

// How one key field sorts: its order (SIBYL_KEY_DESC, SIBYL_KEY_BIGNULL) and its collation.
typedef unsigned char SibylFieldShape;

static inline SibylFieldShape sibyl_field_shape(unsigned order, SibylCollation collation) {
  return (SibylFieldShape)((order & 3u) | (unsigned)collation << 2);
}

typedef enum SibylRecordResult {
  SIBYL_RECORD_OK,
  SIBYL_RECORD_CORRUPT,  // the bytes are no record, or no key and value made here
  SIBYL_RECORD_NO_MEMORY,
} SibylRecordResult;

// Makes `key` of the record's first `key_fields` fields, or of all if it has fewer, and `value`.
// Text must be UTF-8, unless all collations are BINARY.
//
// An entry of a unique index needs no more in its key than the unique columns, if none of them is
// NULL: `key_fields` is then their number, else that of all fields. sibyl_record_has_null decides
// when the entry is made, sibyl_record_key_fields tells when it is read.
SibylRecordResult sibyl_record_split(const unsigned char* record, size_t size,
                                     const SibylFieldShape* shape, int key_fields, SibylKey* key,
                                     SibylKey* value);

// Whether one of the record's first `fields` fields is NULL, or would be in a key.
int sibyl_record_has_null(const unsigned char* record, size_t size, int fields);

// With how many key fields the entry was made: `unique_fields` (0: never so many) or `all_fields`.
int sibyl_record_key_fields(const unsigned char* key, size_t key_size, const unsigned char* value,
                            size_t value_size, const SibylFieldShape* shape, int unique_fields,
                            int all_fields);

// Rebuilds the record that sibyl_record_split was given. If it lies in the value as a whole,
// *record points there; else `buffer` holds it.
SibylRecordResult sibyl_record_join(const unsigned char* key, size_t key_size,
                                    const unsigned char* value, size_t value_size,
                                    const SibylFieldShape* shape, int key_fields, SibylKey* buffer,
                                    const unsigned char** record, size_t* record_size);

// Whether the bytes are a key of such fields, or of the first of them.
int sibyl_key_has_shape(const unsigned char* key, size_t key_size, const SibylFieldShape* shape,
                        int key_fields);

// The last field of a key that has nothing else after it: the rowid of an index of a rowid table.
// SIBYL_RECORD_CORRUPT also if it is no integer.
SibylRecordResult sibyl_key_last_integer(const unsigned char* key, size_t key_size,
                                         const SibylFieldShape* shape, int key_fields,
                                         int64_t* integer);

// The last field of the record, or of the tail that a value begins with and ends with: the rowid of
// an index of a rowid table that has it behind the key. SIBYL_RECORD_CORRUPT also if it is no
// integer, or the value has another form.
SibylRecordResult sibyl_record_last_integer(const unsigned char* record, size_t size,
                                            int64_t* integer);
SibylRecordResult sibyl_tail_last_integer(const unsigned char* value, size_t size,
                                          int64_t* integer);

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_INDEX_RECORD_H_
