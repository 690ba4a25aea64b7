#include "sql/server/copy/record_encoder.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/coding.h"
#include "sql/append_plan.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostRowBytes = 1 << 20;

// SQLite's letters.
constexpr char kTextAffinity = 'B';
constexpr char kNumericAffinity = 'C';  // INTEGER is 'D'
constexpr char kRealAffinity = 'E';

// Serial types: SQLite's documentation, "Database File Format", section 2.1.
constexpr uint32_t kNullType = 0;
constexpr uint32_t kRealType = 7;
constexpr uint32_t kZeroType = 8;  // one is 9
constexpr uint32_t kBlobType = 12;
constexpr uint32_t kTextType = 13;

// A field as it is stored.
struct Field {
  uint32_t type;
  uint32_t size_bytes;
  uint64_t number;  // its last bytes are stored
};

// Whether no number in SQLite's sense looks like that.
bool IsNoNumber(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_part = IsDigit(c) || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E' ||
                         c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_part || (c == '-' && i > 0 && IsDigit(text[i - 1]))) return true;
  }
  return false;
}

Field IntegerField(int64_t integer) {
  if (integer == 0 || integer == 1) return {kZeroType + static_cast<uint32_t>(integer), 0, 0};
  const auto number = static_cast<uint64_t>(integer);
  const int bits = std::bit_width(integer < 0 ? ~number : number);  // without the sign's
  if (bits <= 7) return {1, 1, number};
  if (bits <= 15) return {2, 2, number};
  if (bits <= 23) return {3, 3, number};
  if (bits <= 31) return {4, 4, number};
  if (bits <= 47) return {5, 6, number};
  return {6, 8, number};
}

Field RealField(double real) { return {kRealType, 8, std::bit_cast<uint64_t>(real)}; }

// A real that is an integer is stored as one in columns of numbers. In a column of reals it stays a
// real where an integer would not be shorter.
Field NumberField(double real, char affinity) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (affinity < kNumericAffinity || !(real > -kLimit && real < kLimit)) return RealField(real);
  const auto integer = static_cast<int64_t>(real);
  if (static_cast<double>(integer) != real) return RealField(real);
  const Field field = IntegerField(integer);
  return affinity == kRealAffinity && field.size_bytes == 8 ? RealField(real) : field;
}

Field IntegerIn(int64_t integer, char affinity) {
  const Field field = IntegerField(integer);
  return affinity == kRealAffinity && field.size_bytes == 8
             ? RealField(static_cast<double>(integer))
             : field;
}

// False: see EncodeRecord.
bool ToField(const SqlValue& value, char affinity, Field* field) {
  switch (value.type) {
    case ValueType::kNull:
      *field = {kNullType, 0, 0};
      return true;
    case ValueType::kInteger:
      *field = IntegerIn(value.integer, affinity);
      return affinity != kTextAffinity;
    case ValueType::kReal:
      *field = NumberField(value.real, affinity);
      return affinity != kTextAffinity;
    case ValueType::kText:
    case ValueType::kBlob: {
      const size_t size_bytes = value.bytes.size();
      if (size_bytes > kMostRowBytes) return false;
      const bool is_text = value.type == ValueType::kText;
      const auto size = static_cast<uint32_t>(size_bytes);
      *field = {(is_text ? kTextType : kBlobType) + 2 * size, size, 0};
      return !is_text || affinity < kNumericAffinity || IsNoNumber(value.bytes);
    }
  }
  return false;
}

uint32_t VarintBytes(uint32_t value) {
  return value < 1u << 7 ? 1 : value < 1u << 14 ? 2 : value < 1u << 21 ? 3 : 4;
}

// SQLite's variable-length integer. Precondition: below 2^28.
char* PutVarint(uint32_t value, char* out) {
  if (value < 1u << 7) {
    *out = static_cast<char>(value);
    return out + 1;
  }
  for (uint32_t left = VarintBytes(value); left-- > 0;) {
    *out++ = static_cast<char>((value >> (7 * left) & 0x7f) | (left > 0 ? 0x80 : 0));
  }
  return out;
}

char* PutField(const Field& field, std::string_view bytes, char* out) {
  if (field.type >= kBlobType) {
    if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  } else if (field.size_bytes > 0) {
    const uint64_t big = __builtin_bswap64(field.number << (64 - 8 * field.size_bytes));
    std::memcpy(out, &big, field.size_bytes);
  }
  return out + field.size_bytes;
}

}  // namespace

std::optional<std::string_view> EncodeRecord(std::span<const SqlValue> row,
                                             std::string_view affinities, std::string* buffer) {
  std::array<Field, SIBYL_APPEND_COLUMNS> fields;  // of which the first are set
  assert(row.size() <= fields.size() && affinities.size() >= row.size());
  uint32_t types_bytes = 0;
  size_t body_bytes = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    if (!ToField(row[i], affinities[i], &fields[i])) return std::nullopt;
    types_bytes += VarintBytes(fields[i].type);
    body_bytes += fields[i].size_bytes;
  }
  if (body_bytes > kMostRowBytes) return std::nullopt;
  const uint32_t header_bytes = types_bytes + (types_bytes < 127 ? 1 : 2);  // its size included
  const size_t size_bytes = header_bytes + body_bytes;
  if (buffer->size() < size_bytes) buffer->resize(size_bytes);
  char* out = PutVarint(header_bytes, buffer->data());
  for (size_t i = 0; i < row.size(); ++i) out = PutVarint(fields[i].type, out);
  for (size_t i = 0; i < row.size(); ++i) out = PutField(fields[i], row[i].bytes, out);
  return std::string_view(buffer->data(), size_bytes);
}

}  // namespace sibyl::sql::server
