#include "sql/server/text_format.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/hex.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/dialect/json_text.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"
#include "sql/server/wire/utf8.h"

namespace sibyl::sql::server {
namespace {

// ---- Out ----

void AppendInteger(int64_t value, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, end.ptr);
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

// The number from `begin` on gets zeros, until it has as many places as a numeric(p,s) shows.
void PadNumeric(size_t begin, int32_t type_modifier, std::string* out) {
  const std::string_view number = std::string_view(*out).substr(begin);
  if (number.find_first_not_of("-.0123456789") != std::string_view::npos) return;  // "Infinity"
  const auto scale = static_cast<size_t>((type_modifier - 4) & 0x7ff);
  const size_t point = number.find('.');
  const size_t places = point == std::string_view::npos ? 0 : number.size() - point - 1;
  if (places >= scale || scale >= 1024) return;  // 1024 and more stand for negative scales
  if (point == std::string_view::npos) out->push_back('.');
  out->append(scale - places, '0');
}

void AppendReal(uint32_t oid, double value, std::string* out) {
  if (oid == kFloat4Oid) return AppendFloat(static_cast<float>(value), 6, out);
  if (oid == kNumericOid || IsIntegerOid(oid)) return AppendPlainReal(value, out);
  AppendFloat(value, 15, out);
}

// ---- In ----

SqlError InvalidText(uint32_t oid, std::string_view text) {
  return {"22P02", "invalid input syntax for type " + FormatType(oid, -1) + ": \"" +
                       std::string(text.substr(0, 100)) + "\""};
}

std::string_view Trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t\n\r\f\v");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(" \t\n\r\f\v") - start + 1);
}

// False: there are no digits or more than `most_digits`, or something else beside a sign.
bool DecodeDigits(std::string_view bytes, size_t most_digits, SqlValue* value) {
  const bool is_negative = bytes.starts_with('-');
  const std::string_view digits = bytes.substr(is_negative ? 1 : 0);
  if (digits.empty() || digits.size() > most_digits) return false;
  int64_t integer = 0;
  for (const char c : digits) {
    if (!IsDigit(c)) return false;
    integer = 10 * integer + (c - '0');
  }
  *value = SqlValue::Integer(is_negative ? -integer : integer);
  return true;
}

// Digits, perhaps with a point among them, 15 at most: such a number and the power of ten are exact
// as doubles, so the quotient is the double that is nearest to the number (Clinger, How to read
// floating point numbers accurately, PLDI 1990). False: it is something else.
bool DecodeDecimal(std::string_view bytes, SqlValue* value) {
  static constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  constexpr size_t kMostDigits = 15;
  if (bytes.empty() || bytes.size() > kMostDigits || !IsDigit(bytes[0])) return false;
  int64_t number = 0;
  size_t point = bytes.size() - 1;  // none: behind the last digit
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (IsDigit(bytes[i])) {
      number = 10 * number + (bytes[i] - '0');
    } else if (bytes[i] == '.' && point == bytes.size() - 1) {
      point = i;
    } else {
      return false;
    }
  }
  *value = SqlValue::Real(static_cast<double>(number) / kPowers[bytes.size() - 1 - point]);
  return true;
}

SqlResult<SqlValue> DecodeTextInteger(uint32_t oid, std::string_view bytes) {
  std::string_view text = Trimmed(bytes);
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  int64_t integer = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != text.data() + text.size()) {
    if (TypeClassOf(oid) == TypeClass::kRegistered)
      return TextValue(bytes);  // names are as good as numbers for these
    return InvalidText(oid, bytes);
  }
  const int64_t limit = oid == kInt2Oid   ? std::numeric_limits<int16_t>::max()
                        : oid == kInt4Oid ? std::numeric_limits<int32_t>::max()
                        : oid == kOidOid  ? std::numeric_limits<uint32_t>::max()
                                          : std::numeric_limits<int64_t>::max();
  if (parsed.ec != std::errc() || integer > limit || integer < -limit - 1) {
    return SqlError{"22003", "value \"" + std::string(text) + "\" is out of range for type " +
                                 FormatType(oid, -1)};
  }
  return SqlValue::Integer(integer);
}

SqlResult<SqlValue> DecodeTextReal(uint32_t oid, std::string_view bytes) {
  std::string_view text = Trimmed(bytes);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (oid == kNumericOid) {
    if (const auto integer = base::ParseNumber<int64_t>(text)) return SqlValue::Integer(*integer);
  }
  double real = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, real);  // also "inf", "NaN"
  if (parsed.ec == std::errc::result_out_of_range) {
    return SqlError{
        "22003", "\"" + std::string(text) + "\" is out of range for type " + FormatType(oid, -1)};
  }
  if (parsed.ec != std::errc() || parsed.ptr != end) return InvalidText(oid, bytes);
  if (oid == kNumericOid && real == 0) real = 0;  // numerics have no negative zero
  return RealValue(real);
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
  auto bytes = ParseBytea(text);
  if (!bytes) return InvalidText(kByteaOid, text);
  *scratch = *std::move(bytes);
  return SqlValue::Blob(*scratch);
}

SqlResult<SqlValue> DecodeTextJsonb(std::string_view bytes, std::string* scratch) {
  auto normalized = NormalizeJsonb(bytes);
  if (!normalized) return InvalidText(kJsonbOid, bytes);
  *scratch = *std::move(normalized);
  return SqlValue::Text(*scratch);
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
               : SqlError{state, "invalid input syntax for type " + FormatType(oid, -1) + quoted};
  }
  *scratch = *normalized;
  return SqlValue::Text(*scratch);
}

}  // namespace

SqlResult<SqlValue> RealValue(double real) {
  if (std::isnan(real)) {
    return SqlError{"0A000", "NaN cannot be kept: for SQLite it would be NULL"};
  }
  return SqlValue::Real(real);
}

SqlResult<SqlValue> TextValue(std::string_view bytes) {
  SIBYL_RETURN_IF_ERROR(wire::CheckText(bytes));
  return SqlValue::Text(bytes);
}

void EncodeText(uint32_t type_oid, const SqlValue& value, std::string* out, int32_t type_modifier) {
  const size_t begin = out->size();
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
        base::AppendHex(value.bytes, out);
      } else {
        out->append(value.bytes);
        if (type_oid == kTimestamptzOid && !value.bytes.ends_with("infinity")) out->append("+00");
      }
      break;
    case ValueType::kBlob:
      out->append("\\x");
      base::AppendHex(value.bytes, out);
      break;
    case ValueType::kNull:
      break;
  }
  const bool is_number = value.type == ValueType::kInteger || value.type == ValueType::kReal;
  if (type_oid == kNumericOid && type_modifier >= 4 && is_number) {
    PadNumeric(begin, type_modifier, out);
  }
}

bool DecodeUsualText(uint32_t oid, std::string_view bytes, SqlValue* value) {
  switch (oid) {
    case kInt2Oid:
      return DecodeDigits(bytes, std::numeric_limits<int16_t>::digits10, value);
    case kInt4Oid:
      return DecodeDigits(bytes, std::numeric_limits<int32_t>::digits10, value);
    case kInt8Oid:
      return DecodeDigits(bytes, std::numeric_limits<int64_t>::digits10, value);
    case kFloat4Oid:
    case kFloat8Oid: {
      if (DecodeDecimal(bytes, value)) return true;
      if (bytes.empty() || !IsDigit(bytes[0])) return false;
      const char* const end = bytes.data() + bytes.size();
      double real = 0;
      const auto parsed = std::from_chars(bytes.data(), end, real);
      if (parsed.ec != std::errc() || parsed.ptr != end) return false;
      *value = SqlValue::Real(real);
      return true;
    }
    case kTextOid:
    case kVarcharOid:
      *value = SqlValue::Text(bytes);
      return static_cast<bool>(wire::CheckText(bytes));
    default:
      return false;
  }
}

SqlResult<SqlValue> DecodeText(uint32_t oid, std::string_view bytes, std::string* scratch) {
  if (IsIntegerOid(oid)) return DecodeTextInteger(oid, bytes);
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
    case kJsonOid:
      if (!IsJson(bytes)) return InvalidText(oid, bytes);
      return TextValue(bytes);
    case kJsonbOid:
      return DecodeTextJsonb(bytes, scratch);
    default:
      return TextValue(bytes);
  }
}

}  // namespace sibyl::sql::server
