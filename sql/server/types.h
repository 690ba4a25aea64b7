// The types that PostgreSQL clients know, and which of them a declared SQLite type stands for.

#ifndef SIBYL_SQL_SERVER_TYPES_H_
#define SIBYL_SQL_SERVER_TYPES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

// The families of types; values of one family are written alike (docs/server-dialect.md).
enum class TypeClass : uint8_t {
  kUnknown,
  kBool,
  kInteger,
  kReal,
  kNumeric,
  kText,
  kBytes,
  kDate,
  kTime,
  kTimestamp,
  kInterval,
  kRegistered,  // regclass and its kin: an oid that prints as a name
  kArray,
  kOther,
};

// A row of pg_type.
struct TypeInfo {
  uint32_t oid;
  const char* name;      // "int4"
  const char* sql_name;  // "integer"
  TypeClass type_class;
  int16_t length_bytes;  // -1: varies
  char category;         // pg_type.typcategory
  uint32_t array_oid;    // 0: none
  uint32_t element_oid;  // of an array; 0 otherwise
};

// All that we know, by oid. Static.
std::span<const TypeInfo> AllTypes();

// nullptr: not one we know.
const TypeInfo* FindType(uint32_t oid);

// As SQL calls it, for messages; "unknown" if we do not know it.
const char* NameOfType(uint32_t oid);

// By internal or SQL name ("int4", "integer", "character varying", "int4[]" or "_int4"), whatever
// its case. nullptr: unknown.
const TypeInfo* FindType(std::string_view name);

TypeClass TypeClassOf(uint32_t oid);
inline bool IsNumber(TypeClass c) {
  return c == TypeClass::kInteger || c == TypeClass::kReal || c == TypeClass::kNumeric;
}

// The oid of the type that a column declared so has ("VARCHAR(20)" -> varchar, "json text" -> json,
// which says that SQLite shall keep it as text). What PostgreSQL does
// not know follows SQLite's rules of affinity: "MEDIUMINT" is an integer, "CLOB" a text. Empty:
// text, the type that can show every value.
uint32_t TypeOidOf(std::string_view declared);

// PostgreSQL's type modifier: VARCHAR(20) -> 24, NUMERIC(10,2) -> (10 << 16 | 2) + 4; -1: none.
int32_t TypmodOf(std::string_view declared);

// SQL for what a column of numeric with this modifier keeps of the number that `sql` gives.
std::string NumericSql(const std::string& sql, int32_t typmod);

// How many characters a value of the type may have; nullopt: as many as it likes.
std::optional<size_t> MostCharacters(uint32_t oid, int32_t typmod);

// pg_type.typlen: 4 for int4, -1 for what has no fixed size or is unknown.
int16_t TypeSizeBytes(uint32_t oid);

// As format_type() gives it: "character varying(20)", "integer[]"; "???" if the oid is unknown.
std::string FormatType(uint32_t oid, int32_t typmod);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TYPES_H_
