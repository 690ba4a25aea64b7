#include "sql/server/types.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

#include "sql/server/type_oids.h"

namespace sibyl::sql::server {
namespace {

using enum TypeClass;

// src/include/catalog/pg_type.dat of PostgreSQL 15, in the order of oids.
constexpr TypeInfo kTypes[] = {
    {16, "bool", "boolean", kBool, 1, 'B', 1000, 0},
    {17, "bytea", "bytea", kBytes, -1, 'U', 1001, 0},
    {18, "char", "\"char\"", kText, 1, 'Z', 1002, 0},
    {19, "name", "name", kText, 64, 'S', 1003, 0},
    {20, "int8", "bigint", kInteger, 8, 'N', 1016, 0},
    {21, "int2", "smallint", kInteger, 2, 'N', 1005, 0},
    {22, "int2vector", "int2vector", kArray, -1, 'A', 0, 21},
    {23, "int4", "integer", kInteger, 4, 'N', 1007, 0},
    {24, "regproc", "regproc", kRegistered, 4, 'N', 1008, 0},
    {25, "text", "text", kText, -1, 'S', 1009, 0},
    {26, "oid", "oid", kInteger, 4, 'N', 1028, 0},
    {27, "tid", "tid", kText, 6, 'U', 1010, 0},
    {28, "xid", "xid", kInteger, 4, 'U', 1011, 0},
    {29, "cid", "cid", kInteger, 4, 'U', 1012, 0},
    {30, "oidvector", "oidvector", kArray, -1, 'A', 0, 26},
    {114, "json", "json", kText, -1, 'U', 199, 0},
    {142, "xml", "xml", kText, -1, 'U', 143, 0},
    {194, "pg_node_tree", "pg_node_tree", kText, -1, 'Z', 0, 0},
    {199, "_json", "json[]", kArray, -1, 'A', 0, 114},
    {650, "cidr", "cidr", kText, -1, 'I', 651, 0},
    {700, "float4", "real", kReal, 4, 'N', 1021, 0},
    {701, "float8", "double precision", kReal, 8, 'N', 1022, 0},
    {705, "unknown", "unknown", kText, -2, 'X', 0, 0},
    {790, "money", "money", kText, 8, 'N', 791, 0},
    {829, "macaddr", "macaddr", kText, 6, 'U', 1040, 0},
    {869, "inet", "inet", kText, -1, 'I', 1041, 0},
    {1000, "_bool", "boolean[]", kArray, -1, 'A', 0, 16},
    {1001, "_bytea", "bytea[]", kArray, -1, 'A', 0, 17},
    {1002, "_char", "\"char\"[]", kArray, -1, 'A', 0, 18},
    {1003, "_name", "name[]", kArray, -1, 'A', 0, 19},
    {1005, "_int2", "smallint[]", kArray, -1, 'A', 0, 21},
    {1007, "_int4", "integer[]", kArray, -1, 'A', 0, 23},
    {1009, "_text", "text[]", kArray, -1, 'A', 0, 25},
    {1014, "_bpchar", "character[]", kArray, -1, 'A', 0, 1042},
    {1015, "_varchar", "character varying[]", kArray, -1, 'A', 0, 1043},
    {1016, "_int8", "bigint[]", kArray, -1, 'A', 0, 20},
    {1021, "_float4", "real[]", kArray, -1, 'A', 0, 700},
    {1022, "_float8", "double precision[]", kArray, -1, 'A', 0, 701},
    {1028, "_oid", "oid[]", kArray, -1, 'A', 0, 26},
    {1033, "aclitem", "aclitem", kText, 12, 'U', 1034, 0},
    {1034, "_aclitem", "aclitem[]", kArray, -1, 'A', 0, 1033},
    {1042, "bpchar", "character", kText, -1, 'S', 1014, 0},
    {1043, "varchar", "character varying", kText, -1, 'S', 1015, 0},
    {1082, "date", "date", kDate, 4, 'D', 1182, 0},
    {1083, "time", "time without time zone", kTime, 8, 'D', 1183, 0},
    {1114, "timestamp", "timestamp without time zone", kTimestamp, 8, 'D', 1115, 0},
    {1115, "_timestamp", "timestamp without time zone[]", kArray, -1, 'A', 0, 1114},
    {1182, "_date", "date[]", kArray, -1, 'A', 0, 1082},
    {1183, "_time", "time without time zone[]", kArray, -1, 'A', 0, 1083},
    {1184, "timestamptz", "timestamp with time zone", kTimestamp, 8, 'D', 1185, 0},
    {1185, "_timestamptz", "timestamp with time zone[]", kArray, -1, 'A', 0, 1184},
    {1186, "interval", "interval", kInterval, 16, 'T', 1187, 0},
    {1187, "_interval", "interval[]", kArray, -1, 'A', 0, 1186},
    {1231, "_numeric", "numeric[]", kArray, -1, 'A', 0, 1700},
    {1266, "timetz", "time with time zone", kTime, 12, 'D', 1270, 0},
    {1560, "bit", "bit", kText, -1, 'V', 1561, 0},
    {1562, "varbit", "bit varying", kText, -1, 'V', 1563, 0},
    {1700, "numeric", "numeric", kNumeric, -1, 'N', 1231, 0},
    {2205, "regclass", "regclass", kRegistered, 4, 'N', 2210, 0},
    {2206, "regtype", "regtype", kRegistered, 4, 'N', 2211, 0},
    {2249, "record", "record", kOther, -1, 'P', 2287, 0},
    {2275, "cstring", "cstring", kText, -2, 'P', 1263, 0},
    {2276, "any", "\"any\"", kOther, 4, 'P', 0, 0},
    {2277, "anyarray", "anyarray", kArray, -1, 'P', 0, 0},
    {2278, "void", "void", kOther, 4, 'P', 0, 0},
    {2950, "uuid", "uuid", kText, 16, 'U', 2951, 0},
    {2951, "_uuid", "uuid[]", kArray, -1, 'A', 0, 2950},
    {3220, "pg_lsn", "pg_lsn", kText, 8, 'U', 3221, 0},
    {3802, "jsonb", "jsonb", kText, -1, 'U', 3807, 0},
    {3807, "_jsonb", "jsonb[]", kArray, -1, 'A', 0, 3802},
    {4089, "regnamespace", "regnamespace", kRegistered, 4, 'N', 4090, 0},
    {4096, "regrole", "regrole", kRegistered, 4, 'N', 4097, 0},
};

struct Alias {
  const char* name;
  uint32_t oid;
};

// Other spellings, of PostgreSQL's grammar and of SQLite's users.
constexpr Alias kAliases[] = {
    {"int", kInt4Oid},
    {"serial", kInt4Oid},
    {"serial4", kInt4Oid},
    {"bigserial", kInt8Oid},
    {"serial8", kInt8Oid},
    {"smallserial", kInt2Oid},
    {"serial2", kInt2Oid},
    {"mediumint", kInt4Oid},
    {"tinyint", kInt2Oid},
    {"float", kFloat8Oid},
    {"double", kFloat8Oid},
    {"decimal", kNumericOid},
    {"dec", kNumericOid},
    {"varying", kVarcharOid},
    {"nvarchar", kVarcharOid},
    {"char varying", kVarcharOid},
    {"nchar", kBpcharOid},
    {"clob", kTextOid},
    {"blob", kByteaOid},
    {"datetime", kTimestampOid},
    {"time", kTimeOid},
    {"sql_identifier", kNameOid},
    {"character_data", kVarcharOid},
    {"cardinal_number", kInt4Oid},
    {"yes_or_no", kVarcharOid},
    {"time_stamp", kTimestamptzOid},
    {"regprocedure", kRegprocOid},
    {"regoper", kRegprocOid},
    {"regoperator", kRegprocOid},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// `declared` in lower case, single spaces, without what stands in parentheses.
std::string BareName(std::string_view declared) {
  std::string bare;
  int depth = 0;
  for (const char c : Lower(declared)) {
    if (c == '(') ++depth;
    if (depth == 0) {
      const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
      if (!space) bare += c;
      if (space && !bare.empty() && bare.back() != ' ') bare += ' ';
    }
    if (c == ')') --depth;
  }
  while (!bare.empty() && bare.back() == ' ') bare.pop_back();
  return bare;
}

uint32_t AffinityOid(const std::string& bare) {
  const auto has = [&](const char* word) { return bare.find(word) != std::string::npos; };
  if (has("int")) return kInt8Oid;
  if (has("char") || has("clob") || has("text")) return kTextOid;
  if (has("blob")) return kByteaOid;
  if (has("real") || has("floa") || has("doub")) return kFloat8Oid;
  return kNumericOid;
}

std::string WithModifier(const TypeInfo& type, int32_t typmod) {
  const std::string name = type.sql_name;
  if (typmod < 0) return name;
  if (type.oid == kBpcharOid || type.oid == kVarcharOid) {
    return name + "(" + std::to_string(typmod - 4) + ")";
  }
  if (type.oid == kNumericOid && typmod >= 4) {
    const int32_t bits = typmod - 4;
    return name + "(" + std::to_string(bits >> 16) + "," + std::to_string(bits & 0x7ff) + ")";
  }
  if (type.type_class == kTimestamp || type.type_class == kTime) {
    const size_t space = name.find(' ');
    return name.substr(0, space) + "(" + std::to_string(typmod) + ")" + name.substr(space);
  }
  return name;
}

// The numbers between the first parentheses, at most two.
std::vector<int32_t> Modifiers(std::string_view declared) {
  std::vector<int32_t> numbers;
  size_t at = declared.find('(');
  while (at != std::string_view::npos && numbers.size() < 2) {
    ++at;
    while (at < declared.size() && declared[at] == ' ') ++at;
    int32_t number = 0;
    const char* begin = declared.data() + at;
    if (std::from_chars(begin, declared.data() + declared.size(), number).ec != std::errc()) break;
    numbers.push_back(number);
    at = declared.find_first_of(",)", at);
    if (at == std::string_view::npos || declared[at] == ')') break;
  }
  return numbers;
}

}  // namespace

std::span<const TypeInfo> AllTypes() { return kTypes; }

const TypeInfo* FindType(uint32_t oid) {
  const auto* found = std::lower_bound(std::begin(kTypes), std::end(kTypes), oid,
                                       [](const TypeInfo& t, uint32_t o) { return t.oid < o; });
  return found != std::end(kTypes) && found->oid == oid ? found : nullptr;
}

const char* NameOfType(uint32_t oid) {
  const TypeInfo* type = FindType(oid);
  return type != nullptr ? type->sql_name : "unknown";
}

const TypeInfo* FindType(std::string_view name) {
  const std::string bare = BareName(name);
  for (const TypeInfo& type : kTypes) {
    if (bare == type.name || bare == type.sql_name) return &type;
  }
  for (const Alias& alias : kAliases) {
    if (bare == alias.name) return FindType(alias.oid);
  }
  if (bare.ends_with("[]")) {
    const TypeInfo* element = FindType(std::string_view(bare).substr(0, bare.size() - 2));
    return element != nullptr ? FindType(element->array_oid) : nullptr;
  }
  return nullptr;
}

TypeClass TypeClassOf(uint32_t oid) {
  const TypeInfo* type = FindType(oid);
  return type != nullptr ? type->type_class : kUnknown;
}

uint32_t TypeOidOf(std::string_view declared) {
  std::string bare = BareName(declared);
  if (bare.empty()) return kTextOid;
  // "integer[]" is quoted, for its brackets; and "json text" says how SQLite shall keep it.
  if (bare.size() > 2 && bare.front() == '"' && bare.back() == '"' && bare != "\"char\"") {
    bare = bare.substr(1, bare.size() - 2);
  }
  constexpr std::string_view kKeptAsText = " text";
  if (bare.ends_with(kKeptAsText)) bare.resize(bare.size() - kKeptAsText.size());
  if (bare == "char") return kBpcharOid;  // only the quoted name is the one-byte type
  if (const TypeInfo* type = FindType(bare)) return type->oid;
  return AffinityOid(bare);
}

int32_t TypmodOf(std::string_view declared) {
  const std::vector<int32_t> numbers = Modifiers(declared);
  const uint32_t oid = TypeOidOf(declared);
  if (oid == kBpcharOid && numbers.empty()) return BareName(declared) == "bpchar" ? -1 : 1 + 4;
  if (numbers.empty() || numbers[0] < 0) return -1;
  if (oid == kBpcharOid || oid == kVarcharOid) return numbers[0] + 4;
  if (oid == kNumericOid) {
    const int32_t scale = numbers.size() > 1 ? numbers[1] : 0;
    return (numbers[0] << 16 | (scale & 0x7ff)) + 4;
  }
  if (TypeClassOf(oid) == kTimestamp || TypeClassOf(oid) == kTime) return numbers[0];
  return -1;
}

// The modifier has the scale in eleven bits with sign.
std::string NumericSql(const std::string& sql, int32_t typmod) {
  const int32_t precision = (typmod - 4) >> 16;
  const int32_t scale = (((typmod - 4) & 0x7ff) ^ 0x400) - 0x400;
  return "pg_numeric(" + sql + ", " + std::to_string(precision) + ", " + std::to_string(scale) +
         ")";
}

std::optional<size_t> MostCharacters(uint32_t oid, int32_t typmod) {
  if ((oid != kVarcharOid && oid != kBpcharOid) || typmod < 4) return std::nullopt;
  return static_cast<size_t>(typmod - 4);
}

int16_t TypeSizeBytes(uint32_t oid) {
  const TypeInfo* type = FindType(oid);
  return type != nullptr ? type->length_bytes : int16_t{-1};
}

std::string FormatType(uint32_t oid, int32_t typmod) {
  const TypeInfo* type = FindType(oid);
  if (type == nullptr) return "???";
  const TypeInfo* element = type->element_oid != 0 ? FindType(type->element_oid) : nullptr;
  if (element == nullptr || type->name[0] != '_') return WithModifier(*type, typmod);
  return WithModifier(*element, typmod) + "[]";
}

}  // namespace sibyl::sql::server
