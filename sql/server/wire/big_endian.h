// Integers in network order, as the protocol and PostgreSQL's binary formats have them.

#ifndef SIBYL_SQL_SERVER_WIRE_BIG_ENDIAN_H_
#define SIBYL_SQL_SERVER_WIRE_BIG_ENDIAN_H_

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>

namespace sibyl::sql::server::wire {

template <std::integral T>
T ByteSwapped(T value) {
  using Bits = std::make_unsigned_t<T>;
  const auto bits = static_cast<Bits>(value);
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(bits));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(bits));
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(bits));
  return value;
}

static_assert(std::endian::native == std::endian::little);

// Precondition: sizeof(T) bytes at `bytes`.
template <std::integral T>
T LoadBig(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return ByteSwapped(value);
}

template <std::integral T>
void StoreBig(char* bytes, T value) {
  value = ByteSwapped(value);
  std::memcpy(bytes, &value, sizeof(T));
}

template <std::integral T>
void AppendBig(std::string* out, T value) {
  value = ByteSwapped(value);
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace sibyl::sql::server::wire

#endif  // SIBYL_SQL_SERVER_WIRE_BIG_ENDIAN_H_
