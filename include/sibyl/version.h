// The version of the library and of the formats it writes.

#ifndef SIBYL_VERSION_H_
#define SIBYL_VERSION_H_

#include <cstdint>

namespace sibyl {

inline constexpr const char* kVersion = "0.1.0";

// The newest segment file format this library reads, and the one it writes.
inline constexpr uint32_t kSegmentFormatVersion = 1;

}  // namespace sibyl

#endif  // SIBYL_VERSION_H_
