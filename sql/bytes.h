// The same bytes as C and as C++ name them.

#ifndef SIBYL_SQL_BYTES_H_
#define SIBYL_SQL_BYTES_H_

#include <cstddef>
#include <string_view>

namespace sibyl::sql {

inline std::string_view ViewOf(const void* bytes, size_t size) {
  return {static_cast<const char*>(bytes), size};
}

inline const unsigned char* BytesOf(std::string_view view) {
  return reinterpret_cast<const unsigned char*>(view.data());
}

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_BYTES_H_
