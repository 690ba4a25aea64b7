#include "sql/server/record_decoder.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/coding.h"

namespace sibyl::sql::server {
namespace {

// SQLite's variable-length integer: 7 bits a byte, most significant first, 8 in the ninth. False:
// it goes beyond `bytes`.
bool TakeVarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < bytes->size() && i < 9; ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    const bool is_last = i == 8 || byte < 0x80;
    *value = i == 8 ? *value << 8 | byte : *value << 7 | (byte & 0x7f);
    if (!is_last) continue;
    bytes->remove_prefix(i + 1);
    return true;
  }
  return false;
}

int64_t SignedBigEndian(std::string_view bytes) {
  uint64_t value = static_cast<signed char>(bytes[0]) < 0 ? ~uint64_t{0} : 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return static_cast<int64_t>(value);
}

// The field of serial type `type` at the front of `body`. False: there is no such type, or too
// little.
bool TakeField(uint64_t type, std::string_view* body, SqlValue* value) {
  static constexpr size_t kIntegerBytes[] = {0, 1, 2, 3, 4, 6, 8};
  constexpr uint64_t kReal = 7;
  constexpr uint64_t kZero = 8;  // 9: one
  constexpr uint64_t kFirstBytes = 12;
  *value = {};
  if (type == 0) return true;
  if (type == kZero || type == kZero + 1) {
    *value = SqlValue::Integer(static_cast<int64_t>(type - kZero));
    return true;
  }
  if (type > kZero && type < kFirstBytes) return false;
  const uint64_t size = type >= kFirstBytes ? (type - kFirstBytes) / 2
                        : type == kReal     ? sizeof(double)
                                            : kIntegerBytes[type];
  if (size > body->size()) return false;
  const std::string_view bytes = body->substr(0, size);
  body->remove_prefix(size);
  if (type >= kFirstBytes) {
    *value = type % 2 == 0 ? SqlValue::Blob(bytes) : SqlValue::Text(bytes);
  } else if (type == kReal) {
    const auto real = std::bit_cast<double>(base::LoadBig64(bytes.data()));
    if (!std::isnan(real)) *value = SqlValue::Real(real);  // else NULL, as everywhere in SQLite
  } else {
    *value = SqlValue::Integer(SignedBigEndian(bytes));
  }
  return true;
}

}  // namespace

bool DecodeRecord(std::string_view record, std::span<SqlValue> fields) {
  std::string_view header = record;
  uint64_t header_bytes = 0;
  if (!TakeVarint(&header, &header_bytes) || header_bytes > record.size()) return false;
  const size_t size_bytes = record.size() - header.size();
  if (header_bytes < size_bytes) return false;
  header = header.substr(0, header_bytes - size_bytes);
  std::string_view body = record.substr(header_bytes);
  for (SqlValue& field : fields) {
    uint64_t type = 0;
    if (!TakeVarint(&header, &type) || !TakeField(type, &body, &field)) return false;
  }
  return true;
}

}  // namespace sibyl::sql::server
