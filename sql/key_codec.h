// Memcomparable keys: byte strings whose unsigned order is the order of SQLite's records.
//
// Indexes and WITHOUT ROWID tables become trees whose keys are made here, one field after the
// other. For any two lists of fields, memcmp of their keys (a proper prefix is smaller) gives what
// sqlite3VdbeRecordCompare gives: NULL < numbers < text < blobs; integers and reals compared by
// their exact values, also beside 2^53 and 2^63; text by collation; each field turned round by
// DESC.
//
// No field's encoding is a prefix of another field's, so the key of a list of fields is a prefix of
// exactly those keys whose first fields are equal to it. The range of such keys ends before the
// prefix's successor (sibyl_key_successor), not before prefix + 0xff: a descending NULL begins with
// a byte above every other.
//
// Plain C because it is compiled into SQLite's amalgamation as well as into C++ tests.
//
//   null     05
//   number   tag, then for |v| < 2^63: n bytes, big-endian, of 2 * trunc(|v|) + (has a fraction),
//            tag 19 + n for v >= 0 and 19 - n for v < 0, n the fewest bytes; then, if it has a
//            fraction, the 8 bytes of the fraction as an IEEE double. For |v| >= 2^63: tag 22 or
//            10, and the 8 bytes of |v| as a double. Bytes after the tag are inverted for v < 0
//   text     30, the bytes with 00 written as 00 ff, then 00 00
//   blob     31, as text
// (all hexadecimal). Descending fields have every byte inverted.

#ifndef SIBYL_SQL_KEY_CODEC_H_
#define SIBYL_SQL_KEY_CODEC_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// A growing buffer. Zero-initialize; release with sibyl_key_free.
typedef struct SibylKey {
  unsigned char* bytes;
  size_t size;
  size_t capacity;
  int out_of_memory;  // sticky until sibyl_key_clear: the bytes are then worthless
} SibylKey;

// How a field sorts; the values are SQLite's KEYINFO_ORDER_DESC and KEYINFO_ORDER_BIGNULL.
enum {
  SIBYL_KEY_DESC = 0x01,
  SIBYL_KEY_BIGNULL = 0x02,  // NULLs where the other end of the range is
};

typedef enum SibylCollation {
  SIBYL_COLLATE_BINARY,
  SIBYL_COLLATE_NOCASE,  // as SQLite's: ASCII letters folded; of the bytes after a NUL only the
                         // total length counts
  SIBYL_COLLATE_RTRIM,   // trailing spaces do not count
} SibylCollation;

void sibyl_key_clear(SibylKey* key);
void sibyl_key_free(SibylKey* key);

// Makes room for `extra` more bytes. Returns 0, and marks the key, when there is no memory.
int sibyl_key_reserve(SibylKey* key, size_t extra);

void sibyl_key_append_null(SibylKey* key, unsigned order);
void sibyl_key_append_integer(SibylKey* key, int64_t value, unsigned order);

// A NaN is appended as NULL, which is what SQLite makes of it.
void sibyl_key_append_real(SibylKey* key, double value, unsigned order);

// NOCASE and RTRIM expect UTF-8; BINARY takes the bytes as they are.
void sibyl_key_append_text(SibylKey* key, const void* text, size_t size, SibylCollation collation,
                           unsigned order);

// The blob is `size` bytes followed by `zeros` zero bytes.
void sibyl_key_append_blob(SibylKey* key, const void* blob, size_t size, size_t zeros,
                           unsigned order);

// Turns the key into the least byte string above every string that begins with it.
// Precondition: it has a byte other than 0xff, as every key made of fields has.
void sibyl_key_successor(SibylKey* key);

// Rowids: 8 bytes, big-endian with the sign bit flipped, so that byte order is integer order.
enum { SIBYL_ROWID_BYTES = 8 };

static inline void sibyl_rowid_encode(int64_t rowid, unsigned char key[SIBYL_ROWID_BYTES]) {
  const uint64_t big = __builtin_bswap64((uint64_t)rowid ^ (UINT64_C(1) << 63));
  memcpy(key, &big, sizeof big);
}
static inline int64_t sibyl_rowid_decode(const unsigned char key[SIBYL_ROWID_BYTES]) {
  uint64_t big;
  memcpy(&big, key, sizeof big);
  return (int64_t)(__builtin_bswap64(big) ^ (UINT64_C(1) << 63));
}

#ifdef __cplusplus
}
#endif

#endif  // SIBYL_SQL_KEY_CODEC_H_
