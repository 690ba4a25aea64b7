#include "sql/server/binary_format.h"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "base/hex.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "sql/server/array_format.h"
#include "sql/server/calendar.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/numeric_format.h"
#include "sql/server/text_format.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"
#include "sql/server/wire/big_endian.h"

namespace sibyl::sql::server {
namespace {

constexpr int64_t kFirstDay = -730'119;  // 0001-01-01
constexpr int64_t kLastDay = 2'921'939;  // 9999-12-31

bool IsTextType(uint32_t oid) {
  return oid == kTextOid || oid == kVarcharOid || oid == kBpcharOid || oid == kNameOid ||
         oid == kUnknownOid || oid == kJsonOid || oid == kCharOid || oid == kUnspecifiedOid;
}

// ---- Out ----

SqlError DoesNotFit(uint32_t oid, const SqlValue& value) {
  std::string text;
  EncodeText(kTextOid, value, &text);
  if (text.size() > 60) text = text.substr(0, 60) + "...";
  return {"22P03", "the value \"" + text + "\" has no binary form as " + FormatType(oid, -1),
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
      const auto parsed = base::ParseNumber<int64_t>(value.bytes);
      if (parsed) *integer = *parsed;
      return parsed.has_value();
    }
    default:
      return false;
  }
}

bool IsReal(const SqlValue& value, double* real) {
  if (value.type == ValueType::kReal) return *real = value.real, true;
  if (value.type == ValueType::kInteger) return *real = static_cast<double>(value.integer), true;
  if (value.type != ValueType::kText) return false;
  const auto parsed = base::ParseNumber<double>(value.bytes);
  if (parsed) *real = *parsed;
  return parsed.has_value();
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

// Text may have hyphens and braces between its digits.
bool AppendBinaryUuid(const SqlValue& value, std::string* out) {
  const size_t start = out->size();
  if (value.type == ValueType::kBlob) {
    out->append(value.bytes);
  } else {
    std::string digits(value.bytes);
    std::erase_if(digits, [](char c) { return c == '-' || c == '{' || c == '}'; });
    if (value.type != ValueType::kText || !base::AppendFromHex(digits, out)) return false;
  }
  return out->size() - start == 16;
}

constexpr std::string_view kInfinity = "infinity";
constexpr std::string_view kMinusInfinity = "-infinity";

// The largest number and the smallest one mean what is after and before all times.
template <typename T>
bool AppendInfinity(std::string_view text, std::string* out) {
  const bool is_positive = text == kInfinity;
  if (!is_positive && text != kMinusInfinity) return false;
  wire::AppendBig(out, is_positive ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min());
  return true;
}

template <typename T>
std::optional<std::string_view> InfinityText(T value) {
  if (value == std::numeric_limits<T>::max()) return kInfinity;
  if (value == std::numeric_limits<T>::min()) return kMinusInfinity;
  return std::nullopt;
}

bool AppendBinaryInterval(std::string_view text, std::string* out) {
  const auto interval = ParseInterval(text);
  if (!interval) return false;
  wire::AppendBig(out, interval->micros);
  wire::AppendBig(out, interval->days);
  wire::AppendBig(out, interval->months);
  return true;
}

bool AppendBinaryTime(uint32_t oid, const SqlValue& value, std::string* out) {
  if (value.type != ValueType::kText) return false;
  if (oid == kIntervalOid) return AppendBinaryInterval(value.bytes, out);
  if (oid == kDateOid) {
    if (AppendInfinity<int32_t>(value.bytes, out)) return true;
    const auto days = DaysOf(value.bytes);
    if (days) wire::AppendBig(out, *days);
    return days.has_value();
  }
  if (oid != kTimeOid && AppendInfinity<int64_t>(value.bytes, out)) return true;
  const auto us = oid == kTimeOid ? TimeOfDayUs(value.bytes) : TimestampUs(value.bytes);
  if (us) wire::AppendBig(out, *us);
  return us.has_value();
}

bool AppendBinaryNumeric(const SqlValue& value, int32_t type_modifier, std::string* out) {
  if (value.type == ValueType::kBlob) return false;
  std::string decimal;
  EncodeText(kNumericOid, value, &decimal, type_modifier);
  return AppendNumeric(decimal, out);
}

bool AppendBinary(uint32_t oid, const SqlValue& value, int32_t type_modifier, std::string* out) {
  if (IsIntegerOid(oid)) return AppendBinaryInteger(oid, value, out);
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
      return AppendBinaryNumeric(value, type_modifier, out);
    case kByteaOid:
      if (value.type != ValueType::kBlob && value.type != ValueType::kText) return false;
      out->append(value.bytes);
      return true;
    case kDateOid:
    case kTimeOid:
    case kTimestampOid:
    case kTimestamptzOid:
    case kIntervalOid:
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
  if (TypeClassOf(oid) == TypeClass::kArray) {
    return value.type == ValueType::kText && AppendBinaryArray(oid, value.bytes, out);
  }
  if (!IsTextType(oid)) return false;
  EncodeText(kTextOid, value, out);
  return true;
}

// ---- In ----

SqlError InvalidBinary(uint32_t oid) {
  return {"22P03", "incorrect binary data format for a parameter of type " + FormatType(oid, -1)};
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

SqlError OutOfRange(uint32_t oid) {
  return {"22008", FormatType(oid, -1) + " out of range: years are 1 to 9999 here"};
}

SqlResult<SqlValue> DecodeBinaryTime(uint32_t oid, std::string_view bytes, std::string* scratch) {
  if (oid == kDateOid) {
    int32_t days = 0;
    if (!LoadWhole(bytes, &days)) return InvalidBinary(oid);
    if (const auto infinity = InfinityText(days)) return SqlValue::Text(*infinity);
    if (days < kFirstDay || days > kLastDay) return OutOfRange(oid);
    return TextIn(DateText(days), scratch);
  }
  int64_t us = 0;
  if (!LoadWhole(bytes, &us)) return InvalidBinary(oid);
  if (oid != kTimeOid) {
    if (const auto infinity = InfinityText(us)) return SqlValue::Text(*infinity);
    if (us < kFirstDay * kMicrosPerDay || us >= (kLastDay + 1) * kMicrosPerDay)
      return OutOfRange(oid);
    return TextIn(TimestampText(us), scratch);
  }
  if (us < 0 || us > kMicrosPerDay) return InvalidBinary(oid);
  return TextIn(TimeOfDayText(us), scratch);
}

SqlResult<SqlValue> DecodeBinaryInterval(std::string_view bytes, std::string* scratch) {
  if (bytes.size() != 16) return InvalidBinary(kIntervalOid);
  const Interval interval{wire::LoadBig<int32_t>(bytes.data() + 12),
                          wire::LoadBig<int32_t>(bytes.data() + 8),
                          wire::LoadBig<int64_t>(bytes.data())};
  // What our text of it cannot say: times of more hours than can be read again, and the one number
  // that has no negative.
  const bool has_negative = interval.micros != std::numeric_limits<int64_t>::min();
  std::string text = has_negative ? FormatInterval(interval) : "";
  const auto again = ParseInterval(text);
  if (!again || again->micros != interval.micros || again->days != interval.days ||
      again->months != interval.months) {
    return SqlError{"22008", "interval out of range"};
  }
  return TextIn(std::move(text), scratch);
}

SqlResult<SqlValue> DecodeBinaryReal(uint32_t oid, std::string_view bytes) {
  if (oid == kFloat4Oid) {
    uint32_t bits = 0;
    if (!LoadWhole(bytes, &bits)) return InvalidBinary(oid);
    return RealValue(std::bit_cast<float>(bits));
  }
  uint64_t bits = 0;
  if (!LoadWhole(bytes, &bits)) return InvalidBinary(oid);
  return RealValue(std::bit_cast<double>(bits));
}

SqlResult<SqlValue> DecodeBinaryUuid(std::string_view bytes, std::string* scratch) {
  if (bytes.size() != 16) return InvalidBinary(kUuidOid);
  scratch->clear();
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) scratch->push_back('-');
    base::AppendHex(bytes.substr(i, 1), scratch);
  }
  return SqlValue::Text(*scratch);
}

SqlResult<SqlValue> DecodeBinaryNumeric(std::string_view bytes, std::string* scratch) {
  const auto decimal = NumericText(bytes);
  if (!decimal) return InvalidBinary(kNumericOid);
  return DecodeText(kNumericOid, *decimal, scratch);
}

}  // namespace

SqlStatus EncodeBinary(uint32_t type_oid, const SqlValue& value, std::string* out,
                       int32_t type_modifier) {
  if (!AppendBinary(type_oid, value, type_modifier, out)) return DoesNotFit(type_oid, value);
  return SqlOk();
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
    case kRegnamespaceOid:
    case kRegroleOid:
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
    case kIntervalOid:
      return DecodeBinaryInterval(bytes, scratch);
    case kUuidOid:
      return DecodeBinaryUuid(bytes, scratch);
    case kJsonbOid:
      if (bytes.empty() || bytes[0] != 1) return InvalidBinary(oid);
      return DecodeText(oid, bytes.substr(1), scratch);
    case kJsonOid:
      return DecodeText(oid, bytes, scratch);
    default:
      break;
  }
  if (IsTextType(oid)) return TextValue(bytes);
  if (TypeClassOf(oid) == TypeClass::kArray) {
    SIBYL_ASSIGN_OR_RETURN(*scratch, BinaryArrayText(oid, bytes));
    return SqlValue::Text(*scratch);
  }
  return SqlError{"0A000",
                  "no binary format for parameters of type " + FormatType(oid, -1),
                  {},
                  "Send it in text format."};
}

}  // namespace sibyl::sql::server
