// Splitting and joining index records: see the header.

#include "sql/index_record.h"

#include <string.h>

#include "sql/key_tags.h"

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

static size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; size < 9 && value >> (7 * size) != 0; size++) {
  }
  return size;
}

static size_t put_varint(unsigned char* to, uint64_t value) {
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
static size_t get_varint(const unsigned char* from, const unsigned char* end, uint64_t* value) {
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

static uint64_t length_of_type(uint64_t type) {
  static const unsigned char kLengths[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type >= kTypeBlob ? (type - kTypeBlob) / 2 : kLengths[type];
}

// The type that SQLite gives an integer.
static unsigned type_of_integer(int64_t value) {
  if (value == 0 || value == 1) return value == 0 ? kTypeZero : kTypeOne;
  const uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
  if (magnitude < 1u << 7) return 1;
  if (magnitude < 1u << 15) return 2;
  if (magnitude < 1u << 23) return 3;
  if (magnitude < 1u << 31) return 4;
  return magnitude < UINT64_C(1) << 47 ? 5 : 6;
}

static uint64_t load_big_endian(const unsigned char* from, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | from[i];
  return value;
}

static void store_big_endian(unsigned char* to, uint64_t value, size_t size) {
  for (size_t i = size; i-- > 0; value >>= 8) to[i] = (unsigned char)value;
}

static int64_t load_integer(const unsigned char* from, uint64_t type) {
  if (type == kTypeZero || type == kTypeOne) return type == kTypeOne;
  const size_t size = (size_t)length_of_type(type);
  const unsigned shift = (unsigned)(64 - 8 * size);
  return (int64_t)(load_big_endian(from, size) << shift) >> shift;
}

static double real_of_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint64_t bits_of_real(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// ---- Buffers ----

static unsigned char* grow(SibylKey* buffer, size_t extra) {
  if (!sibyl_key_reserve(buffer, extra)) return NULL;
  unsigned char* to = buffer->bytes + buffer->size;
  buffer->size += extra;
  return to;
}

static void append(SibylKey* buffer, const void* bytes, size_t size) {
  unsigned char* to = grow(buffer, size);
  if (to != NULL && size > 0) memcpy(to, bytes, size);
}

static void append_byte(SibylKey* buffer, unsigned char byte) { append(buffer, &byte, 1); }

static void append_varint(SibylKey* buffer, uint64_t value) {
  unsigned char bytes[9];
  append(buffer, bytes, put_varint(bytes, value));
}

// The size of a record's header whose types take `types_size` bytes.
static size_t header_size_of(size_t types_size) {
  const size_t size = types_size + varint_size(types_size + 1);
  return types_size + varint_size(size);
}

// ---- Splitting ----

// Where a record is read.
typedef struct Reader {
  const unsigned char* type_at;
  const unsigned char* header_end;
  const unsigned char* data;
  const unsigned char* end;
  int exact;  // nothing yet that would come back otherwise
} Reader;

static int begin_reading(Reader* reader, const unsigned char* record, size_t size) {
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
static int read_type(Reader* reader, uint64_t* type) {
  const size_t size = get_varint(reader->type_at, reader->header_end, type);
  if (size == 0 || *type == 10 || *type == 11) return 0;
  if (length_of_type(*type) > (uint64_t)(reader->end - reader->data)) return 0;
  if (size != varint_size(*type)) reader->exact = 0;
  reader->type_at += size;
  return 1;
}

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

// ---- Joining ----

// A key field as found in the key, and what the record says of it.
typedef struct Field {
  uint64_t type;
  uint64_t bits;              // of a number: the integer, or the real's bits
  const unsigned char* text;  // of text and blobs: the encoded bytes
  size_t encoded_size;        // without the terminator
  size_t size;                // decoded, trailing spaces included
  size_t spaces;              // trailing ones that the key does not have
  const unsigned char* capitals;
  unsigned char flip;  // 0xff: the key has every byte inverted
  int is_lossy;        // NOCASE text of which the key has not all: the record is kept whole
} Field;

static uint64_t load_flipped(const unsigned char* from, size_t size, unsigned char flip) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | (unsigned char)(from[i] ^ flip);
  return value;
}

static void set_integer(Field* field, int64_t value) {
  field->bits = (uint64_t)value;
  field->type = type_of_integer(value);
}

static void set_real(Field* field, double value) {
  field->bits = bits_of_real(value);
  field->type = kTypeReal;
}

// The bytes of the number behind `tag`, or 0 if they are not all there.
static size_t find_number(const unsigned char* at, size_t available, unsigned tag,
                          unsigned char flip, Field* field) {
  const int negative = tag < kTagZero;
  const unsigned char inner = negative ? (unsigned char)~flip : flip;
  if (tag == kTagNegativeHuge || tag == kTagPositiveHuge) {
    if (available < 8) return 0;
    const double magnitude = real_of_bits(load_flipped(at, 8, inner));
    set_real(field, negative ? -magnitude : magnitude);
    return 8;
  }
  const size_t head_size = negative ? kTagZero - tag : tag - kTagZero;
  if (available < head_size) return 0;
  const uint64_t head = load_flipped(at, head_size, inner);
  const uint64_t whole = head >> 1;
  if ((head & 1) == 0) {
    set_integer(field, negative ? -(int64_t)whole : (int64_t)whole);
    return head_size;
  }
  if (available < head_size + 8) return 0;
  const double fraction = real_of_bits(load_flipped(at + head_size, 8, inner));
  const double magnitude = (double)whole + fraction;
  set_real(field, negative ? -magnitude : magnitude);
  return head_size + 8;
}

// The encoded bytes at `at`, with their terminator; 0 if there is none.
static size_t find_bytes(const unsigned char* at, size_t available, unsigned char flip,
                         int is_nocase, Field* field) {
  const unsigned char* from = at;
  size_t zeros = 0;
  field->text = at;
  for (;;) {
    const unsigned char* zero = memchr(from, flip, available - (size_t)(from - at));
    if (zero == NULL || (size_t)(zero - at) + 2 > available) return 0;
    if ((zero[1] ^ flip) != 0xff) {
      field->encoded_size = (size_t)(zero - at);
      field->size = field->encoded_size - zeros;
      return field->encoded_size + 2;
    }
    if (is_nocase) {  // a NUL ends it, and its length follows
      const size_t size = (size_t)(zero - at) + 2 + 8;
      field->is_lossy = 1;
      return size <= available ? size : 0;
    }
    zeros++;
    from = zero + 2;
  }
}

// Reads the field at `at` and returns its size in the key; 0: this is no field.
static size_t find_field(const unsigned char* at, size_t available, SibylFieldShape shape,
                         Field* field) {
  memset(field, 0, sizeof *field);
  if (available == 0) return 0;
  if (at[0] == kTagNull || at[0] == (unsigned char)~kTagNull) return 1;
  field->flip = (shape & SIBYL_KEY_DESC) ? 0xff : 0x00;
  const unsigned tag = at[0] ^ field->flip;
  size_t size = 0;
  if (tag >= kTagNegativeHuge && tag <= kTagPositiveHuge) {
    size = find_number(at + 1, available - 1, tag, field->flip, field);
    if (size == 0 && tag != kTagZero) return 0;
  } else if (tag == kTagText || tag == kTagBlob) {
    const int is_nocase = tag == kTagText && shape >> 2 == SIBYL_COLLATE_NOCASE;
    size = find_bytes(at + 1, available - 1, field->flip, is_nocase, field);
    if (size == 0) return 0;
    field->type = kTypeBlob + 2 * (uint64_t)field->size + (tag == kTagText);
  } else {
    return 0;
  }
  return 1 + size;
}

// Applies what the value says of the field. Returns the size of the residue, or 0 if it is none.
static size_t apply_residue(const unsigned char* at, const unsigned char* end,
                            SibylFieldShape shape, Field* field) {
  if (at == end) return 0;
  if (field->type < kTypeBlob) {
    if (at[0] == kResidueInteger) {
      set_integer(field, INT64_MIN);
    } else if (at[0] == kResidueNegativeZero) {
      set_real(field, -0.0);
    } else if (field->type != kTypeReal) {
      set_real(field, (double)(int64_t)field->bits);
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

static unsigned char* write_bytes(unsigned char* to, const Field* field) {
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

static unsigned char* write_field(unsigned char* to, const Field* field) {
  if (field->type >= kTypeBlob) return write_bytes(to, field);
  const size_t size = (size_t)length_of_type(field->type);
  store_big_endian(to, field->bits, size);
  return to + size;
}

int sibyl_record_key_fields(const unsigned char* key, size_t key_size, const unsigned char* value,
                            size_t value_size, const SibylFieldShape* shape, int unique_fields,
                            int all_fields) {
  if (unique_fields == 0 || unique_fields == all_fields || value_size == 0) return all_fields;
  if (value[0] == kFormTail) return unique_fields;
  Field field;
  size_t offset = 0;
  for (int i = 0; i < unique_fields; i++) {
    const size_t size = find_field(key + offset, key_size - offset, shape[i], &field);
    if (size == 0) return all_fields;
    offset += size;
  }
  return offset == key_size ? unique_fields : all_fields;
}

// The fields of the key with the residues of the value; *tail is what follows those.
static int find_fields(const unsigned char* key, size_t key_size, const unsigned char* value,
                       const unsigned char* value_end, const SibylFieldShape* shape, int key_fields,
                       Field* fields, const unsigned char** tail) {
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
    const size_t size = find_field(key + offset, key_size - offset, shape[i], &fields[i]);
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

static SibylRecordResult write_record(const Field* fields, int key_fields, const Reader* tail,
                                      SibylKey* buffer) {
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
  Field fields[kMostFields];
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

int sibyl_key_has_shape(const unsigned char* key, size_t key_size, const SibylFieldShape* shape,
                        int key_fields) {
  Field field;
  size_t offset = 0;
  for (int i = 0; i < key_fields && offset < key_size; i++) {
    const size_t size = find_field(key + offset, key_size - offset, shape[i], &field);
    if (size == 0) return 0;
    offset += size;
  }
  return offset == key_size;
}

SibylRecordResult sibyl_key_last_integer(const unsigned char* key, size_t key_size,
                                         const SibylFieldShape* shape, int key_fields,
                                         int64_t* integer) {
  Field field = {0};
  size_t offset = 0;
  for (int i = 0; i < key_fields; i++) {
    const size_t size = find_field(key + offset, key_size - offset, shape[i], &field);
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
