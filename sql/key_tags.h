// The first byte of each kind of field in a memcomparable key: see key_codec.h for the format.

#ifndef SIBYL_SQL_KEY_TAGS_H_
#define SIBYL_SQL_KEY_TAGS_H_

enum {
  kTagNull = 0x05,
  kTagNegativeHuge = 0x10,
  kTagZero = 0x19,  // +n for n magnitude bytes of a positive number, -n of a negative one
  kTagPositiveHuge = 0x22,
  kTagText = 0x30,
  kTagBlob = 0x31,
};

#endif  // SIBYL_SQL_KEY_TAGS_H_
