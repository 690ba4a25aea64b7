// The fields of a memcomparable key (key_codec.h), found in its bytes.

#ifndef SIBYL_SQL_KEY_FIELD_H_
#define SIBYL_SQL_KEY_FIELD_H_

#include <stddef.h>
#include <stdint.h>

#include "sql/index_record.h"

// A key field as found in the key, and what the record says of it.
typedef struct SibylKeyField {
  uint64_t type;
  uint64_t bits;              // of a number: the integer, or the real's bits
  const unsigned char* text;  // of text and blobs: the encoded bytes
  size_t encoded_size;        // without the terminator
  size_t size;                // decoded, trailing spaces included
  size_t spaces;              // trailing ones that the key does not have
  const unsigned char* capitals;
  unsigned char flip;  // 0xff: the key has every byte inverted
  int is_lossy;        // NOCASE text of which the key has not all: the record is kept whole
} SibylKeyField;

// Reads the field at `at` and returns its size in the key; 0: this is no field.
size_t sibyl_key_find_field(const unsigned char* at, size_t available, SibylFieldShape shape,
                            SibylKeyField* field);

void sibyl_field_set_integer(SibylKeyField* field, int64_t value);
void sibyl_field_set_real(SibylKeyField* field, double value);

#endif  // SIBYL_SQL_KEY_FIELD_H_
