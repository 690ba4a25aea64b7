// Finding the fields of a key: see the header.

#include "sql/key_field.h"

#include <string.h>

#include "sql/key_tags.h"
#include "sql/record_format.h"

static uint64_t load_flipped(const unsigned char* from, size_t size, unsigned char flip) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | (unsigned char)(from[i] ^ flip);
  return value;
}

void sibyl_field_set_integer(SibylKeyField* field, int64_t value) {
  field->bits = (uint64_t)value;
  field->type = type_of_integer(value);
}

void sibyl_field_set_real(SibylKeyField* field, double value) {
  field->bits = bits_of_real(value);
  field->type = kTypeReal;
}

// The bytes of the number behind `tag`, or 0 if they are not all there.
static size_t find_number(const unsigned char* at, size_t available, unsigned tag,
                          unsigned char flip, SibylKeyField* field) {
  const int negative = tag < kTagZero;
  const unsigned char inner = negative ? (unsigned char)~flip : flip;
  if (tag == kTagNegativeHuge || tag == kTagPositiveHuge) {
    if (available < 8) return 0;
    const double magnitude = real_of_bits(load_flipped(at, 8, inner));
    sibyl_field_set_real(field, negative ? -magnitude : magnitude);
    return 8;
  }
  const size_t head_size = negative ? kTagZero - tag : tag - kTagZero;
  if (available < head_size) return 0;
  const uint64_t head = load_flipped(at, head_size, inner);
  const uint64_t whole = head >> 1;
  if ((head & 1) == 0) {
    sibyl_field_set_integer(field, negative ? -(int64_t)whole : (int64_t)whole);
    return head_size;
  }
  if (available < head_size + 8) return 0;
  const double fraction = real_of_bits(load_flipped(at + head_size, 8, inner));
  const double magnitude = (double)whole + fraction;
  sibyl_field_set_real(field, negative ? -magnitude : magnitude);
  return head_size + 8;
}

// The encoded bytes at `at`, with their terminator; 0 if there is none.
static size_t find_bytes(const unsigned char* at, size_t available, unsigned char flip,
                         int is_nocase, SibylKeyField* field) {
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

size_t sibyl_key_find_field(const unsigned char* at, size_t available, SibylFieldShape shape,
                            SibylKeyField* field) {
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
