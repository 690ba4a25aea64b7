// The functions that the translator knows: what each is called in SQLite, and the type it gives.
// Internal to dialect/.

#ifndef SIBYL_SQL_SERVER_DIALECT_FUNCTIONS_H_
#define SIBYL_SQL_SERVER_DIALECT_FUNCTIONS_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sibyl::sql::server {

// Types that depend on the arguments.
constexpr uint32_t kSameAsArgument = 1;   // the first's
constexpr uint32_t kSumOfArgument = 2;    // int8 of int4, numeric of int8, else the argument's
constexpr uint32_t kAverageOfArgument = 3;  // numeric of an exact number, else float8
constexpr uint32_t kArrayOfArgument = 4;
constexpr uint32_t kElementOfArgument = 5;
constexpr uint32_t kBytesOrText = 6;  // as the first argument is

// One of PostgreSQL's functions.
struct KnownFunction {
  std::string_view name;
  const char* sql_name;           // SQLite's or ours
  uint32_t type_oid;              // or one of those above
  uint32_t argument_oid = 0;      // untyped arguments become of this type; 0: as they are
  bool is_aggregate = false;
};

// nullptr: not known; SQLite may know it.
const KnownFunction* FindFunction(std::string_view name);
std::span<const KnownFunction> KnownFunctions();

// A function in FROM that a virtual table answers.
struct CatalogueFunction {
  std::string_view name;
  const char* module;
  std::vector<std::pair<const char*, uint32_t>> columns;
};
const std::vector<CatalogueFunction>& CatalogueFunctions();

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_FUNCTIONS_H_
