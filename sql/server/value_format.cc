#include "sql/server/value_format.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/status_macros.h"
#include "sql/server/calendar.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/numeric_format.h"
#include "sql/server/type_oids.h"
#include "sql/server/wire/big_endian.h"

namespace sibyl::sql::server {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// ---- Text out ----

void AppendInteger(int64_t value, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, end.ptr);
}

void AppendHex(std::string_view bytes, std::string* out) {
  for (const char byte : bytes) {
    out->push_back(kHexDigits[static_cast<uint8_t>(byte) >> 4]);
    out->push_back(kHexDigits[static_cast<uint8_t>(byte) & 15]);
  }
}

// As PostgreSQL with extra_float_digits = 1: the shortest digits that give the same number, with an
// exponent below 1e-4 and from 1e15 (float8) or 1e6 (float4) on.
template <typename Float>
void AppendFloat(Float value, int largest_plain_exponent, std::string* out) {
  if (std::isnan(value)) {
    out->append("NaN");
    return;
  }
  if (std::isinf(value)) {
    out->append(value < 0 ? "-Infinity" : "Infinity");
    return;
  }
  char text[64];
  const auto scientific =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific);
  const std::string_view digits(text, static_cast<size_t>(scientific.ptr - text));
  const int exponent = std::atoi(std::string(digits.substr(digits.find('e') + 1)).c_str());
  if (exponent < -4 || exponent >= largest_plain_exponent) {
    out->append(digits);
    return;
  }
  const auto plain = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed);
  out->append(text, plain.ptr);
}

void AppendPlainReal(double value, std::string* out) {
  if (!std::isfinite(value)) return AppendFloat(value, 15, out);
  char text[400];  // 309 digits before the point, or zeros after it
  const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed);
  out->append(text, end.ptr);
}

bool IsIntegerType(uint32_t oid) {
  return oid == kInt2Oid || oid == kInt4Oid || oid == kInt8Oid || oid == kOidOid ||
         oid == kRegclassOid || oid == kRegtypeOid || oid == kRegprocOid;
}

bool IsTextType(uint32_t oid) {
  return oid == kTextOid || oid == kVarcharOid || oid == kBpcharOid || oid == kNameOid ||
         oid == kUnknownOid || oid == kJsonOid || oid == kCharOid || oid == kUnspecifiedOid;
}

void AppendReal(uint32_t oid, double value, std::string* out) {
  if (oid == kFloat4Oid) return AppendFloat(static_cast<float>(value), 6, out);
  if (oid == kNumericOid || IsIntegerType(oid)) return AppendPlainReal(value, out);
  AppendFloat(value, 15, out);
}

// ---- Binary out ----

SqlError DoesNotFit(uint32_t oid, const SqlValue& value) {
  std::string text;
  EncodeText(kTextOid, value, &text);
  if (text.size() > 60) text = text.substr(0, 60) + "...";
  return {"22P03", "the value \"" + text + "\" has no binary form as " + TypeName(oid),
          "Columns of SQLite take values of any type.",
          "Ask for text format, or cast the column to text."};
}

// The number that `value` is, also if it is text or an integral real.
bool IsInteger(const SqlValue& value, int64_t* integer) {
  switch (value.type) {
    case ValueType::kInteger:
      *integer = value.integer;
      return true;
    case ValueType::kReal:
      if (!(std::abs(value.real) < 9e18) || value.real != std::trunc(value.real)) return false;
      *integer = static_cast<int64_t>(value.real);
      return true;
    case ValueType::kText: {
      const char* end = value.bytes.data() + value.bytes.size();
      const auto parsed = std::from_chars(value.bytes.data(), end, *integer);
      return parsed.ec == std::errc() && parsed.ptr == end;
    }
    default:
      return false;
  }
}

bool IsReal(const SqlValue& value, double* real) {
  if (value.type == ValueType::kReal) return *real = value.real, true;
  if (value.type == ValueType::kInteger) return *real = static_cast<double>(value.integer), true;
  if (value.type != ValueType::kText) return false;
  const char* end = value.bytes.data() + value.bytes.size();
  const auto parsed = std::from_chars(value.bytes.data(), end, *real);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

template <typename T>
bool AppendInRange(int64_t integer, std::string* out) {
  if (integer < std::numeric_limits<T>::min() || integer > std::numeric_limits<T>::max()) {
    return false;
  }
  wire::AppendBig(out, static_cast<T>(integer));
  return true;
}

bool AppendBinaryInteger(uint32_t oid, const SqlValue& value, std::string* out) {
  int64_t integer = 0;
  if (!IsInteger(value, &integer)) return false;
  if (oid == kInt2Oid) return AppendInRange<int16_t>(integer, out);
  if (oid == kInt4Oid) return AppendInRange<int32_t>(integer, out);
  if (oid == kInt8Oid) return AppendInRange<int64_t>(integer, out);
  return AppendInRange<uint32_t>(integer, out);
}

bool AppendBinaryReal(uint32_t oid, const SqlValue& value, std::string* out) {
  double real = 0;
  if (!IsReal(value, &real)) return false;
  if (oid == kFloat4Oid) {
    wire::AppendBig(out, std::bit_cast<uint32_t>(static_cast<float>(real)));
  } else {
    wire::AppendBig(out, std::bit_cast<uint64_t>(real));
  }
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Pairs of hexadecimal digits; hyphens and braces between them, as UUIDs have, if `loose`.
bool AppendFromHex(std::string_view text, bool loose, std::string* out) {
  int high = -1;
  for (const char c : text) {
    if (loose && (c == '-' || c == '{' || c == '}')) continue;
    const int digit = HexDigit(c);
    if (digit < 0) return false;
    if (high < 0) {
      high = digit;
    } else {
      out->push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  return high < 0;
}

bool AppendBinaryUuid(const SqlValue& value, std::string* out) {
  const size_t start = out->size();
  if (value.type == ValueType::kBlob) {
    out->append(value.bytes);
  } else if (value.type != ValueType::kText || !AppendFromHex(value.bytes, true, out)) {
    return false;
  }
  return out->size() - start == 16;
}

bool AppendBinaryTime(uint32_t oid, const SqlValue& value, std::string* out) {
  if (value.type != ValueType::kText) return false;
  if (oid == kDateOid) {
    const auto days = DaysOf(value.bytes);
    if (days) wire::AppendBig(out, *days);
    return days.has_value();
  }
  const auto us = oid == kTimeOid ? TimeOfDayUs(value.bytes) : TimestampUs(value.bytes);
  if (us) wire::AppendBig(out, *us);
  return us.has_value();
}

bool AppendBinaryNumeric(const SqlValue& value, std::string* out) {
  if (value.type == ValueType::kBlob) return false;
  std::string decimal;
  EncodeText(kNumericOid, value, &decimal);
  return AppendNumeric(decimal, out);
}

bool AppendBinary(uint32_t oid, const SqlValue& value, std::string* out) {
  if (IsIntegerType(oid)) return AppendBinaryInteger(oid, value, out);
  switch (oid) {
    case kBoolOid: {
      int64_t integer = 0;
      if (!IsInteger(value, &integer)) return false;
      out->push_back(integer != 0 ? 1 : 0);
      return true;
    }
    case kFloat4Oid:
    case kFloat8Oid:
      return AppendBinaryReal(oid, value, out);
    case kNumericOid:
      return AppendBinaryNumeric(value, out);
    case kByteaOid:
      if (value.type != ValueType::kBlob && value.type != ValueType::kText) return false;
      out->append(value.bytes);
      return true;
    case kDateOid:
    case kTimeOid:
    case kTimestampOid:
    case kTimestamptzOid:
      return AppendBinaryTime(oid, value, out);
    case kUuidOid:
      return AppendBinaryUuid(value, out);
    case kJsonbOid:
      out->push_back(1);  // the format's version
      EncodeText(kTextOid, value, out);
      return true;
    default:
      break;
  }
  if (!IsTextType(oid)) return false;
  EncodeText(kTextOid, value, out);
  return true;
}

// ---- In ----

SqlError InvalidText(uint32_t oid, std::string_view text) {
  return {"22P02", "invalid input syntax for type " + TypeName(oid) + ": \"" +
                       std::string(text.substr(0, 100)) + "\""};
}

SqlError InvalidBinary(uint32_t oid) {
  return {"22P03", "incorrect binary data format for a parameter of type " + TypeName(oid)};
}

std::string_view Trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\n\r\f\v");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\n\r\f\v") - start + 1);
}

SqlResult<SqlValue> DecodeTextInteger(uint32_t oid, std::string_view bytes) {
  std::string_view text = Trimmed(bytes);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  int64_t integer = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != text.data() + text.size()) {
    const bool is_name = oid == kRegclassOid || oid == kRegtypeOid || oid == kRegprocOid;
    if (is_name) return SqlValue::Text(bytes);  // names are as good as numbers for these
    return InvalidText(oid, bytes);
  }
  const int64_t limit = oid == kInt2Oid   ? std::numeric_limits<int16_t>::max()
                        : oid == kInt4Oid ? std::numeric_limits<int32_t>::max()
                        : oid == kOidOid  ? std::numeric_limits<uint32_t>::max()
                                          : std::numeric_limits<int64_t>::max();
  if (parsed.ec != std::errc() || integer > limit || integer < -limit - 1) {
    return SqlError{
        "22003", "value \"" + std::string(text) + "\" is out of range for type " + TypeName(oid)};
  }
  return SqlValue::Integer(integer);
}

SqlResult<SqlValue> DecodeTextReal(uint32_t oid, std::string_view bytes) {
  std::string_view text = Trimmed(bytes);
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (oid == kNumericOid) {
    const auto parsed = std::from_chars(text.data(), end, integer);
    if (parsed.ec == std::errc() && parsed.ptr == end) return SqlValue::Integer(integer);
  }
  double real = 0;
  const auto parsed = std::from_chars(text.data(), end, real);  // also "inf", "NaN"
  if (parsed.ec == std::errc::result_out_of_range) {
    return SqlError{"22003",
                    "\"" + std::string(text) + "\" is out of range for type " + TypeName(oid)};
  }
  if (parsed.ec != std::errc() || parsed.ptr != end) return InvalidText(oid, bytes);
  return SqlValue::Real(real);
}

bool IsWordPrefix(std::string_view text, std::string_view word, size_t at_least) {
  if (text.size() < at_least || text.size() > word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != word[i]) return false;
  }
  return true;
}

SqlResult<SqlValue> DecodeTextBool(std::string_view bytes) {
  const std::string_view text = Trimmed(bytes);
  if (text == "1" || IsWordPrefix(text, "true", 1) || IsWordPrefix(text, "yes", 1) ||
      IsWordPrefix(text, "on", 2)) {
    return SqlValue::Integer(1);
  }
  if (text == "0" || IsWordPrefix(text, "false", 1) || IsWordPrefix(text, "no", 1) ||
      IsWordPrefix(text, "off", 2)) {
    return SqlValue::Integer(0);
  }
  return InvalidText(kBoolOid, bytes);
}

// Hex format (\x...), or the older one: octal escapes.
SqlResult<SqlValue> DecodeTextBytea(std::string_view text, std::string* scratch) {
  scratch->clear();
  if (text.starts_with("\\x")) {
    if (!AppendFromHex(text.substr(2), false, scratch)) return InvalidText(kByteaOid, text);
    return SqlValue::Blob(*scratch);
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      scratch->push_back(text[i]);
    } else if (text.substr(i + 1).starts_with('\\')) {
      scratch->push_back('\\');
      ++i;
    } else {
      unsigned octal = 0;
      const char* start = text.data() + i + 1;
      if (i + 3 >= text.size() || std::from_chars(start, start + 3, octal, 8).ptr != start + 3 ||
          octal > 255) {
        return InvalidText(kByteaOid, text);
      }
      scratch->push_back(static_cast<char>(octal));
      i += 3;
    }
  }
  return SqlValue::Blob(*scratch);
}

// Dates and times in whatever form PostgreSQL reads, an offset included, become the one form in
// which they are stored and compared (sql/server/dialect/datetime.h).
SqlResult<SqlValue> DecodeTextTime(uint32_t oid, std::string_view bytes, std::string* scratch) {
  const auto normalized = [&] {
    if (oid == kDateOid) return NormalizeDate(bytes);
    if (oid == kTimeOid) return NormalizeTime(bytes);
    if (oid == kIntervalOid) return NormalizeInterval(bytes);
    return NormalizeTimestamp(bytes, oid == kTimestamptzOid);
  }();
  if (!normalized) {
    const std::string quoted = ": \"" + std::string(bytes) + "\"";
    const std::string state = DateErrorState(bytes);
    return state == "22008"
               ? SqlError{state, "date/time field value out of range" + quoted}
               : SqlError{state, "invalid input syntax for type " + TypeName(oid) + quoted};
  }
  *scratch = *normalized;
  return SqlValue::Text(*scratch);
}

SqlResult<SqlValue> DecodeText(uint32_t oid, std::string_view bytes, std::string* scratch) {
  if (IsIntegerType(oid)) return DecodeTextInteger(oid, bytes);
  switch (oid) {
    case kBoolOid:
      return DecodeTextBool(bytes);
    case kFloat4Oid:
    case kFloat8Oid:
    case kNumericOid:
      return DecodeTextReal(oid, bytes);
    case kByteaOid:
      return DecodeTextBytea(bytes, scratch);
    case kDateOid:
    case kTimeOid:
    case kTimestampOid:
    case kTimestamptzOid:
    case kIntervalOid:
      return DecodeTextTime(oid, bytes, scratch);
    default:
      return SqlValue::Text(bytes);
  }
}

template <typename T>
bool LoadWhole(std::string_view bytes, T* value) {
  if (bytes.size() != sizeof(T)) return false;
  *value = wire::LoadBig<T>(bytes.data());
  return true;
}

template <typename T>
SqlResult<SqlValue> DecodeBinaryInteger(uint32_t oid, std::string_view bytes) {
  T value = 0;
  if (!LoadWhole(bytes, &value)) return InvalidBinary(oid);
  return SqlValue::Integer(static_cast<int64_t>(value));
}

SqlResult<SqlValue> TextIn(std::string text, std::string* scratch) {
  *scratch = std::move(text);
  return SqlValue::Text(*scratch);
}

SqlResult<SqlValue> DecodeBinaryTime(uint32_t oid, std::string_view bytes, std::string* scratch) {
  if (oid == kDateOid) {
    int32_t days = 0;
    if (!LoadWhole(bytes, &days)) return InvalidBinary(oid);
    return TextIn(DateText(days), scratch);
  }
  int64_t us = 0;
  if (!LoadWhole(bytes, &us)) return InvalidBinary(oid);
  if (oid != kTimeOid) return TextIn(TimestampText(us), scratch);
  if (us < 0 || us > int64_t{86'400'000'000}) return InvalidBinary(oid);
  return TextIn(TimeOfDayText(us), scratch);
}

SqlResult<SqlValue> DecodeBinaryReal(uint32_t oid, std::string_view bytes) {
  if (oid == kFloat4Oid) {
    uint32_t bits = 0;
    if (!LoadWhole(bytes, &bits)) return InvalidBinary(oid);
    return SqlValue::Real(std::bit_cast<float>(bits));
  }
  uint64_t bits = 0;
  if (!LoadWhole(bytes, &bits)) return InvalidBinary(oid);
  return SqlValue::Real(std::bit_cast<double>(bits));
}

SqlResult<SqlValue> DecodeBinaryUuid(std::string_view bytes, std::string* scratch) {
  if (bytes.size() != 16) return InvalidBinary(kUuidOid);
  scratch->clear();
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) scratch->push_back('-');
    AppendHex(bytes.substr(i, 1), scratch);
  }
  return SqlValue::Text(*scratch);
}

SqlResult<SqlValue> DecodeBinaryNumeric(std::string_view bytes, std::string* scratch) {
  const auto decimal = NumericText(bytes);
  if (!decimal) return InvalidBinary(kNumericOid);
  return DecodeText(kNumericOid, *decimal, scratch);
}

SqlResult<SqlValue> DecodeBinary(uint32_t oid, std::string_view bytes, std::string* scratch) {
  switch (oid) {
    case kBoolOid:
      if (bytes.size() != 1) return InvalidBinary(oid);
      return SqlValue::Integer(bytes[0] != 0 ? 1 : 0);
    case kInt2Oid:
      return DecodeBinaryInteger<int16_t>(oid, bytes);
    case kInt4Oid:
      return DecodeBinaryInteger<int32_t>(oid, bytes);
    case kInt8Oid:
      return DecodeBinaryInteger<int64_t>(oid, bytes);
    case kOidOid:
    case kRegclassOid:
    case kRegtypeOid:
    case kRegprocOid:
      return DecodeBinaryInteger<uint32_t>(oid, bytes);
    case kFloat4Oid:
    case kFloat8Oid:
      return DecodeBinaryReal(oid, bytes);
    case kNumericOid:
      return DecodeBinaryNumeric(bytes, scratch);
    case kByteaOid:
      return SqlValue::Blob(bytes);
    case kDateOid:
    case kTimeOid:
    case kTimestampOid:
    case kTimestamptzOid:
      return DecodeBinaryTime(oid, bytes, scratch);
    case kUuidOid:
      return DecodeBinaryUuid(bytes, scratch);
    case kJsonbOid:
      if (bytes.empty() || bytes[0] != 1) return InvalidBinary(oid);
      return SqlValue::Text(bytes.substr(1));
    default:
      break;
  }
  if (IsTextType(oid)) return SqlValue::Text(bytes);
  return SqlError{"0A000",
                  "no binary format for parameters of type " + TypeName(oid),
                  {},
                  "Send it in text format."};
}

}  // namespace

void EncodeText(uint32_t type_oid, const SqlValue& value, std::string* out) {
  switch (value.type) {
    case ValueType::kInteger:
      if (type_oid == kBoolOid) {
        out->push_back(value.integer != 0 ? 't' : 'f');
      } else {
        AppendInteger(value.integer, out);
      }
      break;
    case ValueType::kReal:
      AppendReal(type_oid, value.real, out);
      break;
    case ValueType::kText:
      if (type_oid == kByteaOid) {
        out->append("\\x");
        AppendHex(value.bytes, out);
      } else {
        out->append(value.bytes);
        if (type_oid == kTimestamptzOid) out->append("+00");
      }
      break;
    case ValueType::kBlob:
      out->append("\\x");
      AppendHex(value.bytes, out);
      break;
    case ValueType::kNull:
      break;
  }
}

SqlStatus EncodeBinary(uint32_t type_oid, const SqlValue& value, std::string* out) {
  if (!AppendBinary(type_oid, value, out)) return DoesNotFit(type_oid, value);
  return SqlOk();
}

SqlResult<SqlValue> Decode(uint32_t type_oid, int16_t format, std::string_view bytes,
                           std::string* scratch) {
  return format == 0 ? DecodeText(type_oid, bytes, scratch)
                     : DecodeBinary(type_oid, bytes, scratch);
}

int16_t TypeSizeBytes(uint32_t type_oid) {
  switch (type_oid) {
    case kBoolOid:
    case kCharOid:
      return 1;
    case kInt2Oid:
      return 2;
    case kInt4Oid:
    case kOidOid:
    case kFloat4Oid:
    case kDateOid:
    case kRegclassOid:
    case kRegtypeOid:
    case kRegprocOid:
      return 4;
    case kInt8Oid:
    case kFloat8Oid:
    case kTimeOid:
    case kTimestampOid:
    case kTimestamptzOid:
      return 8;
    case kUuidOid:
    case kIntervalOid:
      return 16;
    case kNameOid:
      return 64;
    default:
      return -1;
  }
}

uint32_t TypeOidOfValue(const SqlValue& value) {
  switch (value.type) {
    case ValueType::kInteger:
      return kInt8Oid;
    case ValueType::kReal:
      return kFloat8Oid;
    case ValueType::kBlob:
      return kByteaOid;
    default:
      return kTextOid;
  }
}

std::string TypeName(uint32_t type_oid) {
  switch (type_oid) {
    case kBoolOid:
      return "boolean";
    case kByteaOid:
      return "bytea";
    case kInt2Oid:
      return "smallint";
    case kInt4Oid:
      return "integer";
    case kInt8Oid:
      return "bigint";
    case kOidOid:
      return "oid";
    case kFloat4Oid:
      return "real";
    case kFloat8Oid:
      return "double precision";
    case kNumericOid:
      return "numeric";
    case kDateOid:
      return "date";
    case kTimeOid:
      return "time";
    case kTimestampOid:
      return "timestamp without time zone";
    case kTimestamptzOid:
      return "timestamp with time zone";
    case kUuidOid:
      return "uuid";
    case kJsonOid:
      return "json";
    case kJsonbOid:
      return "jsonb";
    case kTextOid:
      return "text";
    case kVarcharOid:
      return "character varying";
    default:
      return "OID " + std::to_string(type_oid);
  }
}

}  // namespace sibyl::sql::server
