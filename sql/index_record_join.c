// An index record rebuilt from its key and value: see index_record.h.

#include <string.h>

#include "sql/index_record.h"
#include "sql/key_field.h"
#include "sql/record_format.h"

// Applies what the value says of the field. Returns the size of the residue, or 0 if it is none.
static size_t apply_residue(const unsigned char* at, const unsigned char* end,
                            SibylFieldShape shape, SibylKeyField* field) {
  if (at == end) return 0;
  if (field->type < kTypeBlob) {
    if (at[0] == kResidueInteger) {
      sibyl_field_set_integer(field, INT64_MIN);
    } else if (at[0] == kResidueNegativeZero) {
      sibyl_field_set_real(field, -0.0);
    } else if (field->type != kTypeReal) {
      sibyl_field_set_real(field, (double)(int64_t)field->bits);
    }
    return 1;
  }
  if (shape >> 2 == SIBYL_COLLATE_NOCASE) {
    const size_t size = (field->size + 7) / 8;
    if (size > (size_t)(end - at)) return 0;
    field->capitals = at;
    return size;
  }
  uint64_t spaces;
  const size_t size = get_varint(at, end, &spaces);
  if (size == 0 || spaces > INT32_MAX) return 0;
  field->spaces = (size_t)spaces;
  field->size += field->spaces;
  field->type += 2 * spaces;
  return size;
}

static unsigned char* write_bytes(unsigned char* to, const SibylKeyField* field) {
  unsigned char* const begin = to;
  const unsigned char* from = field->text;
  const unsigned char* const end = from + field->encoded_size;
  if (field->flip == 0 && field->size - field->spaces == field->encoded_size) {
    memcpy(to, from, field->encoded_size);
    to += field->encoded_size;
  } else {
    while (from < end) {
      const unsigned char byte = *from++ ^ field->flip;
      if (byte == 0) from++;  // the escape of a NUL byte
      *to++ = byte;
    }
  }
  for (size_t i = 0; field->capitals != NULL && i < field->size; i++) {
    if (field->capitals[i / 8] >> i % 8 & 1) begin[i] = (unsigned char)(begin[i] - 32);
  }
  memset(to, ' ', field->spaces);
  return to + field->spaces;
}

static unsigned char* write_field(unsigned char* to, const SibylKeyField* field) {
  if (field->type >= kTypeBlob) return write_bytes(to, field);
  const size_t size = (size_t)length_of_type(field->type);
  store_big_endian(to, field->bits, size);
  return to + size;
}

// The fields of the key with the residues of the value; *tail is what follows those.
static int find_fields(const unsigned char* key, size_t key_size, const unsigned char* value,
                       const unsigned char* value_end, const SibylFieldShape* shape, int key_fields,
                       SibylKeyField* fields, const unsigned char** tail) {
  const unsigned char* bits = NULL;
  const unsigned char* at = value;
  if (value < value_end) {
    const int has_residues = *at++ == kFormResidues;
    const size_t bits_size = (size_t)(key_fields + 7) / 8;
    if (has_residues) {
      if ((size_t)(value_end - at) < bits_size) return 0;
      bits = at;
      at += bits_size;
    }
  }
  size_t offset = 0;
  for (int i = 0; i < key_fields; i++) {
    const size_t size = sibyl_key_find_field(key + offset, key_size - offset, shape[i], &fields[i]);
    if (size == 0 || fields[i].is_lossy) return 0;
    offset += size;
    if (bits == NULL || (bits[i / 8] >> i % 8 & 1) == 0) continue;
    const size_t residue_size = apply_residue(at, value_end, shape[i], &fields[i]);
    if (residue_size == 0) return 0;
    at += residue_size;
  }
  *tail = at;
  return offset == key_size;
}

static SibylRecordResult write_record(const SibylKeyField* fields, int key_fields,
                                      const Reader* tail, SibylKey* buffer) {
  const size_t tail_types_size = (size_t)(tail->header_end - tail->type_at);
  const size_t tail_size = (size_t)(tail->end - tail->data);
  size_t types_size = tail_types_size;
  size_t data_size = tail_size;
  for (int i = 0; i < key_fields; i++) {
    types_size += varint_size(fields[i].type);
    data_size += (size_t)length_of_type(fields[i].type);
  }
  const size_t header_size = header_size_of(types_size);
  sibyl_key_clear(buffer);
  unsigned char* to = grow(buffer, header_size + data_size);
  if (to == NULL) return SIBYL_RECORD_NO_MEMORY;
  unsigned char* data = to + header_size;
  to += put_varint(to, header_size);
  for (int i = 0; i < key_fields; i++) {
    to += put_varint(to, fields[i].type);
    data = write_field(data, &fields[i]);
  }
  memcpy(to, tail->type_at, tail_types_size);
  memcpy(data, tail->data, tail_size);
  return SIBYL_RECORD_OK;
}

SibylRecordResult sibyl_record_join(const unsigned char* key, size_t key_size,
                                    const unsigned char* value, size_t value_size,
                                    const SibylFieldShape* shape, int key_fields, SibylKey* buffer,
                                    const unsigned char** record, size_t* record_size) {
  if (value_size > 0 && value[0] > kFormResidues) {
    *record = value;
    *record_size = value_size;
    return SIBYL_RECORD_OK;
  }
  static const unsigned char kNoTail[1];
  Reader tail = {kNoTail, kNoTail, kNoTail, kNoTail, 1};
  SibylKeyField fields[kMostFields];
  const unsigned char* tail_at = NULL;
  const unsigned char* const value_end = value + value_size;
  if (key_fields > kMostFields ||
      !find_fields(key, key_size, value, value_end, shape, key_fields, fields, &tail_at)) {
    return SIBYL_RECORD_CORRUPT;
  }
  if (tail_at < value_end && !begin_reading(&tail, tail_at, (size_t)(value_end - tail_at))) {
    return SIBYL_RECORD_CORRUPT;
  }
  const SibylRecordResult result = write_record(fields, key_fields, &tail, buffer);
  *record = buffer->bytes;
  *record_size = buffer->size;
  return result;
}
