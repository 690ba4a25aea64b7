// Memcomparable keys: see the header for the format.

#include "sql/key_codec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sql/key_tags.h"

int sibyl_key_reserve(SibylKey* key, size_t extra) {
  if (key->out_of_memory) return 0;
  if (key->size + extra <= key->capacity) return 1;
  size_t capacity = (key->size + extra) * 2 + 64;
  unsigned char* bytes = realloc(key->bytes, capacity);
  if (bytes == NULL) {
    key->out_of_memory = 1;
    return 0;
  }
  key->bytes = bytes;
  key->capacity = capacity;
  return 1;
}

static void append_byte(SibylKey* key, unsigned char byte) { key->bytes[key->size++] = byte; }

// The last `bytes` bytes of `value`. Precondition: there is room for 8 bytes, whatever their number.
static void append_big_endian(SibylKey* key, uint64_t value, int bytes) {
  const uint64_t big = bytes == 0 ? 0 : __builtin_bswap64(value << (64 - 8 * bytes));
  memcpy(key->bytes + key->size, &big, sizeof big);
  key->size += (size_t)bytes;
}

static void invert_from(SibylKey* key, size_t start) {
  for (size_t i = start; i < key->size; i++) key->bytes[i] = (unsigned char)~key->bytes[i];
}

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

void sibyl_key_clear(SibylKey* key) {
  key->size = 0;
  key->out_of_memory = 0;
}

void sibyl_key_free(SibylKey* key) {
  free(key->bytes);
  memset(key, 0, sizeof *key);
}

void sibyl_key_append_null(SibylKey* key, unsigned order) {
  if (!sibyl_key_reserve(key, 1)) return;
  const int last = ((order & SIBYL_KEY_DESC) != 0) != ((order & SIBYL_KEY_BIGNULL) != 0);
  append_byte(key, last ? (unsigned char)~kTagNull : kTagNull);
}

// A number of magnitude below 2^63: `magnitude` is its integer part, `fraction` the rest.
static void append_number(SibylKey* key, int negative, uint64_t magnitude, double fraction) {
  const uint64_t head = magnitude * 2 + (fraction != 0);
  const int bytes = head == 0 ? 0 : (71 - __builtin_clzll(head)) / 8;
  append_byte(key, (unsigned char)(negative ? kTagZero - bytes : kTagZero + bytes));
  const size_t start = key->size;
  append_big_endian(key, head, bytes);
  if (fraction != 0) append_big_endian(key, bits_of(fraction), 8);
  if (negative) invert_from(key, start);
}

static void append_huge(SibylKey* key, int negative, double magnitude) {
  append_byte(key, negative ? kTagNegativeHuge : kTagPositiveHuge);
  const size_t start = key->size;
  append_big_endian(key, bits_of(magnitude), 8);
  if (negative) invert_from(key, start);
}

static const double kTwoTo63 = 9223372036854775808.0;

void sibyl_key_append_integer(SibylKey* key, int64_t value, unsigned order) {
  if (!sibyl_key_reserve(key, 17)) return;  // a tag, 8 bytes, and room for 8
  const size_t start = key->size;
  if (value == INT64_MIN) {
    append_huge(key, 1, kTwoTo63);  // the one integer whose magnitude is not below 2^63
  } else {
    append_number(key, value < 0, (uint64_t)(value < 0 ? -value : value), 0);
  }
  if (order & SIBYL_KEY_DESC) invert_from(key, start);
}

void sibyl_key_append_real(SibylKey* key, double value, unsigned order) {
  if (value != value) {
    sibyl_key_append_null(key, order);
    return;
  }
  if (!sibyl_key_reserve(key, 25)) return;  // a tag, twice 8 bytes, and room for 8
  const size_t start = key->size;
  const int negative = value < 0;
  const double magnitude = negative ? -value : value + 0.0;  // -0.0 becomes 0.0
  if (magnitude >= kTwoTo63) {
    append_huge(key, negative, magnitude);
  } else {
    const uint64_t whole = (uint64_t)magnitude;
    append_number(key, negative, whole,
                  magnitude - (double)whole);  // exact: both share an exponent
  }
  if (order & SIBYL_KEY_DESC) invert_from(key, start);
}

static void append_escaped(SibylKey* key, const unsigned char* bytes, size_t size) {
  while (size > 0) {
    const unsigned char* zero = memchr(bytes, 0, size);
    const size_t plain = zero ? (size_t)(zero - bytes) : size;
    memcpy(key->bytes + key->size, bytes, plain);
    key->size += plain;
    if (zero == NULL) return;
    append_byte(key, 0x00);
    append_byte(key, 0xff);
    bytes += plain + 1;
    size -= plain + 1;
  }
}

static void append_terminator(SibylKey* key) {
  append_byte(key, 0x00);
  append_byte(key, 0x00);
}

// SQLite compares NOCASE strings as C strings, then by their lengths: beyond a NUL only the length
// counts.
static void append_nocase(SibylKey* key, const unsigned char* text, size_t size) {
  size_t i = 0;
  for (; i < size && text[i] != 0; i++) {
    append_byte(key, (unsigned char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]));
  }
  if (i < size) {
    append_byte(key, 0x00);
    append_byte(key, 0xff);
    append_big_endian(key, size, 8);
  } else {
    append_terminator(key);
  }
}

void sibyl_key_append_text(SibylKey* key, const void* text, size_t size, SibylCollation collation,
                           unsigned order) {
  if (!sibyl_key_reserve(key, 2 * size + 11)) return;
  const size_t start = key->size;
  const unsigned char* bytes = text;
  append_byte(key, kTagText);
  if (collation == SIBYL_COLLATE_NOCASE) {
    append_nocase(key, bytes, size);
  } else {
    if (collation == SIBYL_COLLATE_RTRIM) {
      while (size > 0 && bytes[size - 1] == ' ') size--;
    }
    append_escaped(key, bytes, size);
    append_terminator(key);
  }
  if (order & SIBYL_KEY_DESC) invert_from(key, start);
}

void sibyl_key_append_blob(SibylKey* key, const void* blob, size_t size, size_t zeros,
                           unsigned order) {
  if (!sibyl_key_reserve(key, 2 * (size + zeros) + 3)) return;
  const size_t start = key->size;
  append_byte(key, kTagBlob);
  append_escaped(key, blob, size);
  for (size_t i = 0; i < zeros; i++) {
    append_byte(key, 0x00);
    append_byte(key, 0xff);
  }
  append_terminator(key);
  if (order & SIBYL_KEY_DESC) invert_from(key, start);
}

void sibyl_key_successor(SibylKey* key) {
  while (key->size > 0 && key->bytes[key->size - 1] == 0xff) key->size--;
  assert(key->size > 0);
  key->bytes[key->size - 1]++;
}
