// Order-preserving maps from other kinds of keys to the 64-bit integers that RangeIndex sorts:
// a < b if and only if Map(a) < Map(b). So an index over signed integers, doubles or short
// byte strings is an index over their images.

#ifndef SIBYL_KEY_ORDER_H_
#define SIBYL_KEY_ORDER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sibyl::index {

constexpr uint64_t OrderedFromInt64(int64_t key) {
  return static_cast<uint64_t>(key) ^ (uint64_t{1} << 63);
}

constexpr int64_t Int64FromOrdered(uint64_t ordered) {
  return static_cast<int64_t>(ordered ^ (uint64_t{1} << 63));
}

// The order of IEEE 754 numbers, infinities included. -0 and +0 are equal, and so are their images.
// Those that are not numbers have no order of their own: here all are equal, and larger than any
// number.
constexpr uint64_t OrderedFromDouble(double key) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  if (key != key) return ~uint64_t{0};
  const auto bits = std::bit_cast<uint64_t>(key == 0 ? 0.0 : key);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

// A number's own value back; not a number for the image of those.
constexpr double DoubleFromOrdered(uint64_t ordered) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return std::bit_cast<double>((ordered & kSign) != 0 ? ordered & ~kSign : ~ordered);
}

inline constexpr size_t kMaxOrderedBytes = 8;

// Byte strings of one fixed width of up to 8 bytes, compared as memcmp does: big-endian integers
// above all. The width is the same for all keys of one index; nullopt if it is more than 8.
inline std::optional<uint64_t> OrderedFromBytes(std::string_view key) {
  if (key.size() > kMaxOrderedBytes) return std::nullopt;
  uint64_t ordered = 0;
  for (const char byte : key) ordered = ordered << 8 | static_cast<unsigned char>(byte);
  return ordered;
}

// The `width` bytes back. Precondition: width <= 8.
inline std::string BytesFromOrdered(uint64_t ordered, size_t width) {
  std::string key(width, '\0');
  for (size_t i = width; i-- > 0; ordered >>= 8) key[i] = static_cast<char>(ordered & 0xff);
  return key;
}

}  // namespace sibyl::index

#endif  // SIBYL_KEY_ORDER_H_
