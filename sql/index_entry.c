// What an index entry tells without its record being rebuilt: how many fields its key has, whether
// it is a key at all, and the rowid at its end. See index_record.h.

#include "sql/index_record.h"
#include "sql/key_field.h"
#include "sql/record_format.h"

int sibyl_record_key_fields(const unsigned char* key, size_t key_size, const unsigned char* value,
                            size_t value_size, const SibylFieldShape* shape, int unique_fields,
                            int all_fields) {
  if (unique_fields == 0 || unique_fields == all_fields || value_size == 0) return all_fields;
  if (value[0] == kFormTail) return unique_fields;
  SibylKeyField field;
  size_t offset = 0;
  for (int i = 0; i < unique_fields; i++) {
    const size_t size = sibyl_key_find_field(key + offset, key_size - offset, shape[i], &field);
    if (size == 0) return all_fields;
    offset += size;
  }
  return offset == key_size ? unique_fields : all_fields;
}

int sibyl_key_has_shape(const unsigned char* key, size_t key_size, const SibylFieldShape* shape,
                        int key_fields) {
  SibylKeyField field;
  size_t offset = 0;
  for (int i = 0; i < key_fields && offset < key_size; i++) {
    const size_t size = sibyl_key_find_field(key + offset, key_size - offset, shape[i], &field);
    if (size == 0) return 0;
    offset += size;
  }
  return offset == key_size;
}

SibylRecordResult sibyl_key_last_integer(const unsigned char* key, size_t key_size,
                                         const SibylFieldShape* shape, int key_fields,
                                         int64_t* integer) {
  SibylKeyField field = {0};
  size_t offset = 0;
  for (int i = 0; i < key_fields; i++) {
    const size_t size = sibyl_key_find_field(key + offset, key_size - offset, shape[i], &field);
    if (size == 0) return SIBYL_RECORD_CORRUPT;
    offset += size;
  }
  // A rowid of INT64_MIN is found as the real that it is equal to.
  const int is_least = field.type == kTypeReal && real_of_bits(field.bits) == (double)INT64_MIN;
  const int is_integer = (field.type >= 1 && field.type <= 6) || field.type == kTypeZero ||
                         field.type == kTypeOne || is_least;
  if (offset != key_size || !is_integer) return SIBYL_RECORD_CORRUPT;
  *integer = is_least ? INT64_MIN : (int64_t)field.bits;
  return SIBYL_RECORD_OK;
}

SibylRecordResult sibyl_record_last_integer(const unsigned char* record, size_t size,
                                            int64_t* integer) {
  Reader reader;
  uint64_t type = 0;
  uint64_t length = 0;
  if (!begin_reading(&reader, record, size)) return SIBYL_RECORD_CORRUPT;
  while (reader.type_at < reader.header_end) {
    reader.data += length;
    if (!read_type(&reader, &type)) return SIBYL_RECORD_CORRUPT;
    length = length_of_type(type);
  }
  if (type == 0 || type == kTypeReal || type >= kTypeBlob) return SIBYL_RECORD_CORRUPT;
  *integer = load_integer(reader.data, type);
  return SIBYL_RECORD_OK;
}

SibylRecordResult sibyl_tail_last_integer(const unsigned char* value, size_t size,
                                          int64_t* integer) {
  if (size == 0 || value[0] != kFormTail) return SIBYL_RECORD_CORRUPT;
  return sibyl_record_last_integer(value + 1, size - 1, integer);
}
