// Fixed-width little-endian and variable-length coding of integers.
//
// Every integer that reaches a file passes through here: Put* appends to a string, Load* reads
// from bytes known to be long enough, Decoder reads from bytes that nobody has checked yet.

#ifndef SIBYL_BASE_CODING_H_
#define SIBYL_BASE_CODING_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sibyl::base {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and read in place: add byte swaps for this machine");

template <typename T>
T LoadLittle(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}
inline uint16_t Load16(const char* bytes) { return LoadLittle<uint16_t>(bytes); }
inline uint32_t Load32(const char* bytes) { return LoadLittle<uint32_t>(bytes); }
inline uint64_t Load64(const char* bytes) { return LoadLittle<uint64_t>(bytes); }

template <typename T>
void AppendLittle(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}
inline void Put8(std::string* out, uint8_t value) { out->push_back(static_cast<char>(value)); }
inline void Put16(std::string* out, uint16_t value) { AppendLittle(out, value); }
inline void Put32(std::string* out, uint32_t value) { AppendLittle(out, value); }
inline void Put64(std::string* out, uint64_t value) { AppendLittle(out, value); }

// Seven bits per byte, least significant first; the high bit says that more follow.
inline void PutVarint(std::string* out, uint64_t value) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// A varint length, then the bytes.
inline void PutString(std::string* out, std::string_view bytes) {
  PutVarint(out, bytes.size());
  out->append(bytes);
}

// Big-endian, so that byte order is numeric order: for integers inside keys.
inline void PutBig32(std::string* out, uint32_t value) {
  AppendLittle(out, __builtin_bswap32(value));
}
inline void PutBig64(std::string* out, uint64_t value) {
  AppendLittle(out, __builtin_bswap64(value));
}
inline uint32_t LoadBig32(const char* bytes) { return __builtin_bswap32(Load32(bytes)); }
inline uint64_t LoadBig64(const char* bytes) { return __builtin_bswap64(Load64(bytes)); }

// Reads unchecked bytes from front to back. A read past the end, or a malformed varint, fails,
// makes every later read fail too, and yields zero or empty: check ok() once at the end.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return bytes_.empty(); }
  size_t remaining_bytes() const { return bytes_.size(); }

  uint8_t Get8() { return GetFixed<uint8_t>(); }
  uint16_t Get16() { return GetFixed<uint16_t>(); }
  uint32_t Get32() { return GetFixed<uint32_t>(); }
  uint64_t Get64() { return GetFixed<uint64_t>(); }

  uint64_t GetVarint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Get8();
      const uint64_t bits = byte & 0x7f;
      if (!ok_ || (shift == 63 && bits > 1)) break;
      value |= bits << shift;
      if (byte < 0x80) return value;
    }
    return Fail<uint64_t>();
  }

  std::string_view GetBytes(uint64_t size_bytes) {
    if (size_bytes > bytes_.size()) return Fail<std::string_view>();
    const std::string_view result = bytes_.substr(0, size_bytes);
    bytes_.remove_prefix(size_bytes);
    return result;
  }

  std::string_view GetString() { return GetBytes(GetVarint()); }

 private:
  template <typename T>
  T Fail() {
    ok_ = false;
    bytes_ = {};
    return T{};
  }

  template <typename T>
  T GetFixed() {
    if (bytes_.size() < sizeof(T)) return Fail<T>();
    const T value = LoadLittle<T>(bytes_.data());
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace sibyl::base

#endif  // SIBYL_BASE_CODING_H_
