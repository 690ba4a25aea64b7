#include "base/wide_checksum.h"

#if defined(__x86_64__)
#include <xxh_x86dispatch.h>  // makes the name below choose at run time
#else
#include <xxhash.h>
#endif

namespace sibyl::base {

uint64_t WideChecksum(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace sibyl::base
