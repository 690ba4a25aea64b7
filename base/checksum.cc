#include "base/checksum.h"

#define XXH_INLINE_ALL  // keys are short: a call would cost more than their hash
#include <xxhash.h>

#include "base/wide_checksum.h"

namespace sibyl::base {

uint64_t Checksum(std::string_view bytes) { return Checksum(bytes, 0); }

uint64_t Checksum(std::string_view bytes, uint64_t seed) {
  if (bytes.size() > XXH3_MIDSIZE_MAX) return WideChecksum(bytes, seed);
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace sibyl::base
