// The checksum of everything that reaches a disk: XXH3, 64 bits.

#ifndef SIBYL_BASE_CHECKSUM_H_
#define SIBYL_BASE_CHECKSUM_H_

#include <cstdint>
#include <string_view>

namespace sibyl::base {

// XXH3-64 of `bytes` (https://github.com/Cyan4973/xxHash), seed 0. About 4 ns plus 50 ns per KiB.
uint64_t Checksum(std::string_view bytes);

// As above with a seed, so that equal bytes at different places have different checksums.
uint64_t Checksum(std::string_view bytes, uint64_t seed);

}  // namespace sibyl::base

#endif  // SIBYL_BASE_CHECKSUM_H_
