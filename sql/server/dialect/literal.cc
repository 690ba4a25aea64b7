// Literals: constants of a statement, and texts of clients as values of a type.

#include <limits>
#include <utility>

#include "base/hex.h"
#include "base/text.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/dialect/json_text.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

std::string Trimmed(const std::string& text) {
  const char* kSpaces = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::optional<bool> ParseBool(const std::string& text) {
  const std::string word = Lower(Trimmed(text));
  if (word.empty()) return std::nullopt;
  const auto begins = [&](std::string_view full, size_t least) {
    return word.size() >= least && full.starts_with(word);
  };
  if (begins("true", 1) || begins("yes", 1) || word == "on" || word == "1") return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0") return false;
  return std::nullopt;
}

std::optional<int64_t> ParseInteger(const std::string& text) {
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  return base::ParseNumber<int64_t>(digits);
}

bool IsDecimal(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  const bool digits = text.find_first_of("0123456789") != std::string_view::npos;
  return digits && base::ParseNumber<double>(text) &&
         text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
}

struct Range {
  int64_t least;
  int64_t most;
};

Range RangeOf(uint32_t type_oid) {
  switch (type_oid) {
    case kInt2Oid:
      return {std::numeric_limits<int16_t>::min(), std::numeric_limits<int16_t>::max()};
    case kInt4Oid:
      return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
    case kOidOid:
      return {0, std::numeric_limits<uint32_t>::max()};
    default:
      return {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
  }
}

std::string HexLiteral(std::string_view bytes) {
  std::string text = "X'";
  base::AppendHex(bytes, &text);
  return text + "'";
}

// A literal in SQLite's SQL, or why `text` is none: a SQLSTATE.
using LiteralSql = SqlResult<std::string>;

LiteralSql Refused(const char* sqlstate, const std::string& text, uint32_t type_oid) {
  const std::string type = NameOfType(type_oid);
  const std::string quoted = "\"" + text + "\"";
  if (std::string_view(sqlstate) == "22003") {
    return SqlError{sqlstate, "value " + quoted + " is out of range for type " + type};
  }
  if (std::string_view(sqlstate) == "22008") {
    return SqlError{sqlstate, "date/time field value out of range: " + quoted};
  }
  return SqlError{sqlstate, "invalid input syntax for type " + type + ": " + quoted};
}

LiteralSql BooleanSql(const std::string& text, uint32_t type_oid) {
  const auto truth = ParseBool(text);
  if (!truth) return Refused("22P02", text, type_oid);
  return std::string(*truth ? "1" : "0");
}

LiteralSql IntegerSql(const std::string& text, uint32_t type_oid) {
  const auto number = ParseInteger(Trimmed(text));
  if (!number) return Refused("22P02", text, type_oid);
  const Range range = RangeOf(type_oid);
  if (*number < range.least || *number > range.most) return Refused("22003", text, type_oid);
  return NumberText(std::to_string(*number));
}

LiteralSql DecimalSql(const std::string& text, uint32_t type_oid) {
  if (!IsDecimal(Trimmed(text))) return Refused("22P02", text, type_oid);
  const std::string number = NumberText(Trimmed(text));
  return TypeClassOf(type_oid) == TypeClass::kReal ? "CAST(" + number + " AS REAL)" : number;
}

LiteralSql BytesSql(const std::string& text, uint32_t type_oid) {
  const auto bytes = ParseBytea(text);
  if (!bytes) return Refused("22P02", text, type_oid);
  return HexLiteral(*bytes);
}

// Of types that are kept as text of one form, which `kept` is, if `text` has one.
LiteralSql KeptSql(const std::optional<std::string>& kept, const char* sqlstate,
                   const std::string& text, uint32_t type_oid) {
  if (!kept) return Refused(sqlstate, text, type_oid);
  return Literal(*kept);
}

// regclass and its kin: an oid, or a name that is looked up.
std::string RegisteredSql(const std::string& text, uint32_t type_oid) {
  if (ParseInteger(Trimmed(text))) return Trimmed(text);
  return "pg_" + std::string(FindType(type_oid)->name) + "_in(" + Literal(text) + ")";
}

LiteralSql SqlOfLiteral(const std::string& text, uint32_t type_oid) {
  switch (TypeClassOf(type_oid)) {
    case TypeClass::kBool:
      return BooleanSql(text, type_oid);
    case TypeClass::kInteger:
      return IntegerSql(text, type_oid);
    case TypeClass::kReal:
    case TypeClass::kNumeric:
      return DecimalSql(text, type_oid);
    case TypeClass::kBytes:
      return BytesSql(text, type_oid);
    case TypeClass::kDate:
      return KeptSql(NormalizeDate(text), DateErrorState(text), text, type_oid);
    case TypeClass::kTime:
      return KeptSql(NormalizeTime(text), "22007", text, type_oid);
    case TypeClass::kTimestamp:
      return KeptSql(NormalizeTimestamp(text, type_oid == kTimestamptzOid), DateErrorState(text),
                     text, type_oid);
    case TypeClass::kInterval:
      return KeptSql(NormalizeInterval(text), "22007", text, type_oid);
    case TypeClass::kRegistered:
      return RegisteredSql(text, type_oid);
    default:
      if (type_oid == kJsonbOid) return KeptSql(NormalizeJsonb(text), "22P02", text, type_oid);
      if (type_oid == kJsonOid && !IsJson(text)) return Refused("22P02", text, type_oid);
      return Literal(text);
  }
}

}  // namespace

Expression Translator::Constant(const pg::AConst& constant) {
  Expression value;
  value.name = "?column?";
  value.not_null = true;
  if (constant.isnull) {
    value.sql = "NULL";
    value.is_untyped_literal = value.is_null = true;
    value.not_null = false;
    return value;
  }
  switch (constant.val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
      value.sql = std::to_string(constant.ival->ival);
      value.type_oid = kInt4Oid;
      break;
    case PG_QUERY__A__CONST__VAL_FVAL: {
      value.sql = NumberText(constant.fval->fval);
      const auto whole = base::ParseNumber<int64_t>(constant.fval->fval);
      const bool is_short = whole && *whole == static_cast<int32_t>(*whole);  // -2147483648 alone
      value.type_oid = is_short ? kInt4Oid : whole ? kInt8Oid : kNumericOid;
      break;
    }
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
      value.sql = constant.boolval->boolval ? "1" : "0";
      value.type_oid = kBoolOid;
      value.name = "bool";
      break;
    case PG_QUERY__A__CONST__VAL_SVAL:
      value.literal = constant.sval->sval;
      value.sql = Literal(value.literal);
      value.is_untyped_literal = true;
      break;
    default:
      Unsupported("a bit string", constant.location);
  }
  return value;
}

Expression Translator::TypedLiteral(const std::string& text, uint32_t type_oid, int location) {
  Expression value;
  value.name = "?column?";
  value.not_null = true;
  value.type_oid = type_oid;
  if (TypeClassOf(type_oid) == TypeClass::kArray) {
    value.is_array_literal = true;
    value.literal = text;
  }
  const LiteralSql sql = SqlOfLiteral(text, type_oid);
  if (sql.has_value()) {
    value.sql = sql.value();
  } else {
    Fail(sql.error().sqlstate.c_str(), sql.error().message, location);
  }
  return value;
}

}  // namespace sibyl::sql::server
