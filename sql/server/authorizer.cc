#include "sql/server/authorizer.h"

#include <sqlite3.h>
#include <strings.h>

#include <algorithm>
#include <iterator>

namespace sibyl::sql::server {
namespace {

// Functions of the shell and of extensions that read or write files or load code; and the one that
// takes pointers.
constexpr const char* kDeniedFunctions[] = {
    "load_extension", "readfile",       "writefile",        "fsdir",         "lsmode", "edit",
    "zipfile",        "sqlar_compress", "sqlar_uncompress", "fts3_tokenizer"};

// Pragmas that only look, whatever their argument, or end with their transaction.
constexpr const char* kLookingPragmas[] = {
    "table_info",     "table_xinfo",      "table_list",        "index_list",      "index_info",
    "index_xinfo",    "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check",
    "collation_list", "function_list",    "module_list",       "pragma_list",     "compile_options",
    "data_version",   "optimize",         "defer_foreign_keys"};

// Pragmas that may be read, not set: setting would stay behind in the pooled connection.
constexpr const char* kReadablePragmas[] = {
    "encoding",     "journal_mode",  "page_count",     "page_size",    "schema_version",
    "foreign_keys", "synchronous",   "freelist_count", "busy_timeout", "recursive_triggers",
    "cache_size",   "database_list", "auto_vacuum",    "locking_mode"};

// Pragmas whose value belongs to the database.
constexpr const char* kDatabasePragmas[] = {"user_version", "application_id"};

template <size_t n>
bool Has(const char* const (&names)[n], const char* name) {
  return std::any_of(std::begin(names), std::end(names),
                     [name](const char* known) { return strcasecmp(known, name) == 0; });
}

std::optional<std::string> WhyPragmaDenied(const char* name, const char* argument) {
  if (Has(kLookingPragmas, name) || Has(kDatabasePragmas, name)) return std::nullopt;
  if (Has(kReadablePragmas, name) && argument == nullptr) return std::nullopt;
  return "PRAGMA " + std::string(name) + " is not allowed over the network";
}

bool IsUsersTable(const char* name) {
  return name != nullptr && strcasecmp(name, kUsersTable) == 0;
}

}  // namespace

std::optional<std::string> WhyDenied(int action, const char* first, const char* second) {
  switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      return "other database files cannot be reached over the network";
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      return "this form of a transaction command is not supported";
    case SQLITE_FUNCTION:
      if (second == nullptr || !Has(kDeniedFunctions, second)) return std::nullopt;
      return "function " + std::string(second) + " is not allowed over the network";
    case SQLITE_PRAGMA:
      return first == nullptr ? std::nullopt : WhyPragmaDenied(first, second);
    case SQLITE_ALTER_TABLE:
      first = second;  // the database's name is first
      break;
    default:
      break;
  }
  const bool second_is_table = action == SQLITE_CREATE_INDEX || action == SQLITE_DROP_INDEX ||
                               action == SQLITE_CREATE_TRIGGER || action == SQLITE_DROP_TRIGGER ||
                               action == SQLITE_CREATE_TEMP_TRIGGER;
  if (IsUsersTable(first) || (second_is_table && IsUsersTable(second))) {
    return "table " + std::string(kUsersTable) + " is the server's own: see sibyl user --help";
  }
  return std::nullopt;
}

}  // namespace sibyl::sql::server
