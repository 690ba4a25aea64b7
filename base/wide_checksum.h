// The same checksum for long inputs, with the widest instructions that the processor has.

#ifndef SIBYL_BASE_WIDE_CHECKSUM_H_
#define SIBYL_BASE_WIDE_CHECKSUM_H_

#include <cstdint>
#include <string_view>

namespace sibyl::base {

// Equal to Checksum(bytes, seed) of base/checksum.h, whose short inputs are inlined instead.
uint64_t WideChecksum(std::string_view bytes, uint64_t seed);

}  // namespace sibyl::base

#endif  // SIBYL_BASE_WIDE_CHECKSUM_H_
