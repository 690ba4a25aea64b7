// An index record as key and value: see index_record.h.

#include <string.h>

#include "sql/index_record.h"
#include "sql/record_format.h"

static int has_capitals(const unsigned char* text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (text[i] >= 'A' && text[i] <= 'Z') return 1;
  }
  return 0;
}

static void append_capitals(SibylKey* residues, const unsigned char* text, size_t size) {
  unsigned char* bits = grow(residues, (size + 7) / 8);
  if (bits == NULL) return;
  memset(bits, 0, (size + 7) / 8);
  for (size_t i = 0; i < size; i++) {
    if (text[i] >= 'A' && text[i] <= 'Z') bits[i / 8] |= (unsigned char)(1u << i % 8);
  }
}

// Appends a field to the key. If it is not plain, also its residue; returns whether it did so.
static int split_number(Reader* reader, uint64_t type, unsigned order, SibylKey* key,
                        SibylKey* residues) {
  if (type == kTypeReal) {
    const uint64_t bits = load_big_endian(reader->data, 8);
    const double value = real_of_bits(bits);
    sibyl_key_append_real(key, value, order);
    if (value != value) reader->exact = 0;  // a NaN becomes NULL in the key
    const double magnitude = value < 0 ? -value : value;
    if (!(magnitude < 9223372036854775808.0) || magnitude != (double)(uint64_t)magnitude) return 0;
    append_byte(residues, bits == kSignBit ? kResidueNegativeZero : kResidueReal);
    return 1;
  }
  const int64_t value = load_integer(reader->data, type);
  sibyl_key_append_integer(key, value, order);
  if (type != type_of_integer(value)) reader->exact = 0;
  if (value != INT64_MIN) return 0;
  append_byte(residues, kResidueInteger);
  return 1;
}

static int split_text(Reader* reader, size_t size, SibylFieldShape shape, SibylKey* key,
                      SibylKey* residues) {
  const unsigned char* text = reader->data;
  const SibylCollation collation = (SibylCollation)(shape >> 2);
  sibyl_key_append_text(key, text, size, collation, shape & 3u);
  if (collation == SIBYL_COLLATE_NOCASE) {
    if (memchr(text, 0, size) != NULL) reader->exact = 0;  // of what follows only the length counts
    if (!has_capitals(text, size)) return 0;
    append_capitals(residues, text, size);
    return 1;
  }
  if (collation != SIBYL_COLLATE_RTRIM || size == 0 || text[size - 1] != ' ') return 0;
  size_t kept = size;
  while (kept > 0 && text[kept - 1] == ' ') kept--;
  append_varint(residues, size - kept);
  return 1;
}

static int split_field(Reader* reader, uint64_t type, SibylFieldShape shape, SibylKey* key,
                       SibylKey* residues) {
  const unsigned order = shape & 3u;
  const size_t size = (size_t)length_of_type(type);
  int has_residue = 0;
  if (type == 0) {
    sibyl_key_append_null(key, order);
  } else if (type < kTypeBlob) {
    has_residue = split_number(reader, type, order, key, residues);
  } else if (type % 2 == 1) {
    has_residue = split_text(reader, size, shape, key, residues);
  } else {
    sibyl_key_append_blob(key, reader->data, size, 0, order);
  }
  reader->data += size;
  return has_residue;
}

// What is left of the record, as a record.
static void append_tail(SibylKey* value, const Reader* reader) {
  const size_t types_size = (size_t)(reader->header_end - reader->type_at);
  append_varint(value, header_size_of(types_size));
  append(value, reader->type_at, types_size);
  append(value, reader->data, (size_t)(reader->end - reader->data));
}

// Passes over the fields that follow the key's, to see that they are what they seem.
static int check_tail(Reader reader, int* exact) {
  while (reader.type_at < reader.header_end) {
    uint64_t type;
    if (!read_type(&reader, &type)) return 0;
    reader.data += length_of_type(type);
  }
  *exact = reader.exact && reader.data == reader.end;
  return 1;
}

SibylRecordResult sibyl_record_split(const unsigned char* record, size_t size,
                                     const SibylFieldShape* shape, int key_fields, SibylKey* key,
                                     SibylKey* value) {
  unsigned char bits[(kMostFields + 7) / 8] = {0};
  const size_t bits_size = (size_t)(key_fields + 7) / 8;
  const int fits = key_fields <= kMostFields;
  Reader reader;
  sibyl_key_clear(key);
  sibyl_key_clear(value);
  if (!begin_reading(&reader, record, size)) return SIBYL_RECORD_CORRUPT;
  append_byte(value, kFormResidues);
  if (fits) append(value, bits, bits_size);
  int fields = 0;
  int plain = 1;
  for (; fields < key_fields && reader.type_at < reader.header_end; fields++) {
    uint64_t type;
    if (!read_type(&reader, &type)) return SIBYL_RECORD_CORRUPT;
    if (!split_field(&reader, type, shape[fields], key, value)) continue;
    plain = 0;
    if (fits) bits[fields / 8] |= (unsigned char)(1u << fields % 8);
  }
  int exact;
  if (!check_tail(reader, &exact)) return SIBYL_RECORD_CORRUPT;
  if (key->out_of_memory || value->out_of_memory) return SIBYL_RECORD_NO_MEMORY;
  const int has_tail = reader.type_at < reader.header_end;
  if (!exact || !fits || fields < key_fields) {
    sibyl_key_clear(value);
    append(value, record, size);
  } else if (!plain) {
    memcpy(value->bytes + 1, bits, bits_size);
    if (has_tail) append_tail(value, &reader);
  } else {
    sibyl_key_clear(value);
    if (has_tail) {
      append_byte(value, kFormTail);
      append_tail(value, &reader);
    }
  }
  return value->out_of_memory ? SIBYL_RECORD_NO_MEMORY : SIBYL_RECORD_OK;
}

int sibyl_record_has_null(const unsigned char* record, size_t size, int fields) {
  Reader reader;
  if (!begin_reading(&reader, record, size)) return 0;  // whoever splits it will tell
  for (int i = 0; i < fields && reader.type_at < reader.header_end; i++) {
    uint64_t type;
    if (!read_type(&reader, &type)) return 0;
    if (type == 0) return 1;
    if (type == kTypeReal) {
      const double value = real_of_bits(load_big_endian(reader.data, 8));
      if (value != value) return 1;
    }
    reader.data += length_of_type(type);
  }
  return 0;
}
