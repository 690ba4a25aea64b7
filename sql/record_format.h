// SQLite's records, byte by byte: varints, serial types, and reading one field after the other
// (SQLite's documentation, "Database File Format", section 2.1); and the forms of the values of
// index entries (index_record.h).

#ifndef SIBYL_SQL_RECORD_FORMAT_H_
#define SIBYL_SQL_RECORD_FORMAT_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sql/key_codec.h"

enum {
  kMostFields = 48,  // key fields that fit on the stack; records with more are kept whole
  kTypeReal = 7,
  kTypeZero = 8,
  kTypeOne = 9,
  kTypeBlob = 12,  // + 2 * length, and one more for text

  kFormTail = 0x00,
  kFormResidues = 0x01,

  kResidueReal = 0x07,
  kResidueInteger = 0x06,
  kResidueNegativeZero = 0x87,
};

static const uint64_t kSignBit = UINT64_C(1) << 63;

// ---- SQLite's varints: 7 bits a byte, most significant first, the ninth byte has 8 ----

static inline size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; size < 9 && value >> (7 * size) != 0; size++) {
  }
  return size;
}

static inline size_t put_varint(unsigned char* to, uint64_t value) {
  const size_t size = varint_size(value);
  if (size == 9) {
    to[8] = (unsigned char)value;
    value >>= 8;
  }
  for (size_t i = size == 9 ? 8 : size; i-- > 0; value >>= 7) {
    to[i] = (unsigned char)((value & 0x7f) | (i + 1 < size ? 0x80 : 0));
  }
  return size;
}

// 0 if the bytes end before the number does.
static inline size_t get_varint(const unsigned char* from, const unsigned char* end,
                                uint64_t* value) {
  if (from < end && *from < 0x80) {  // nearly always
    *value = *from;
    return 1;
  }
  *value = 0;
  for (size_t i = 0; i < 9 && from + i < end; i++) {
    if (i == 8) {
      *value = *value << 8 | from[i];
      return 9;
    }
    *value = *value << 7 | (from[i] & 0x7f);
    if ((from[i] & 0x80) == 0) return i + 1;
  }
  return 0;
}

// ---- Serial types ----

static inline uint64_t length_of_type(uint64_t type) {
  static const unsigned char kLengths[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type >= kTypeBlob ? (type - kTypeBlob) / 2 : kLengths[type];
}

// The type that SQLite gives an integer.
static inline unsigned type_of_integer(int64_t value) {
  if (value == 0 || value == 1) return value == 0 ? kTypeZero : kTypeOne;
  const uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
  if (magnitude < 1u << 7) return 1;
  if (magnitude < 1u << 15) return 2;
  if (magnitude < 1u << 23) return 3;
  if (magnitude < 1u << 31) return 4;
  return magnitude < UINT64_C(1) << 47 ? 5 : 6;
}

static inline uint64_t load_big_endian(const unsigned char* from, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | from[i];
  return value;
}

static inline void store_big_endian(unsigned char* to, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0; value >>= 8) to[i] = (unsigned char)value;
}

static inline int64_t load_integer(const unsigned char* from, uint64_t type) {
  if (type == kTypeZero || type == kTypeOne) return type == kTypeOne;
  const size_t size = (size_t)length_of_type(type);
  const unsigned shift = (unsigned)(64 - 8 * size);
  return (int64_t)(load_big_endian(from, size) << shift) >> shift;
}

static inline double real_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint64_t bits_of_real(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// ---- Buffers ----

static inline unsigned char* grow(SibylKey* buffer, size_t extra) {
  if (!sibyl_key_reserve(buffer, extra)) return NULL;
  unsigned char* to = buffer->bytes + buffer->size;
  buffer->size += extra;
  return to;
}

static inline void append(SibylKey* buffer, const void* bytes, size_t size) {
  unsigned char* to = grow(buffer, size);
  if (to != NULL && size > 0) memcpy(to, bytes, size);
}

static inline void append_byte(SibylKey* buffer, unsigned char byte) { append(buffer, &byte, 1); }

static inline void append_varint(SibylKey* buffer, uint64_t value) {
  unsigned char bytes[9];
  append(buffer, bytes, put_varint(bytes, value));
}

// The size of a record's header whose types take `types_size` bytes.
static inline size_t header_size_of(size_t types_size) {
  const size_t size = types_size + varint_size(types_size + 1);
  return types_size + varint_size(size);
}

// ---- Reading ----

// Where a record is read.
typedef struct Reader {
  const unsigned char* type_at;
  const unsigned char* header_end;
  const unsigned char* data;
  const unsigned char* end;
  int exact;  // nothing yet that would come back otherwise
} Reader;

static inline int begin_reading(Reader* reader, const unsigned char* record, size_t size) {
  uint64_t header_size;
  const size_t size_size = get_varint(record, record + size, &header_size);
  if (size_size == 0 || header_size < 2 || header_size < size_size || header_size > size) return 0;
  reader->type_at = record + size_size;
  reader->header_end = record + header_size;
  reader->data = reader->header_end;
  reader->end = record + size;
  const size_t types_size = (size_t)header_size - size_size;
  reader->exact =
      varint_size(header_size) == size_size && header_size_of(types_size) == header_size;
  return 1;
}

// The next field's type; its bytes are then at reader->data.
static inline int read_type(Reader* reader, uint64_t* type) {
  const size_t size = get_varint(reader->type_at, reader->header_end, type);
  if (size == 0 || *type == 10 || *type == 11) return 0;
  if (length_of_type(*type) > (uint64_t)(reader->end - reader->data)) return 0;
  if (size != varint_size(*type)) reader->exact = 0;
  reader->type_at += size;
  return 1;
}

#endif  // SIBYL_SQL_RECORD_FORMAT_H_
