// PostgreSQL's SQL text to SQLite's, statement by statement.

#ifndef SIBYL_SQL_SERVER_DIALECT_TRANSLATE_H_
#define SIBYL_SQL_SERVER_DIALECT_TRANSLATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

enum class StatementKind : uint8_t {
  // SQL that SQLite runs; `sql` is set.
  kSelect,   // returns rows: "SELECT n"
  kInsert,   // "INSERT 0 n"
  kUpdate,   // "UPDATE n"
  kDelete,   // "DELETE n"
  kUtility,  // DDL and all else: the tag is tag_word as it is; EXPLAIN and others may return rows
  // What the session does itself.
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,          // name
  kRelease,            // name
  kRollbackTo,         // name
  kSet,                // name, value
  kShow,               // name; "all"
  kReset,              // name; "all"
  kSetTransaction,     // isolation
  kDeclareCursor,      // name, sql, hold, scroll
  kFetch,              // name, fetch_direction, count
  kMove,               // as kFetch
  kCloseCursor,        // name; empty: all
  kPrepare,            // name, sql, parameter_type_oids
  kExecute,            // name, arguments
  kDeallocate,         // name; empty: all
  kCopyIn,             // copy
  kCopyOut,            // copy; sql is the query
  kDiscardAll,
  kNothing,            // answered with its tag alone: LOCK, LISTEN, COMMENT, ...
};

enum class IsolationLevel : uint8_t { kUnspecified, kReadCommitted, kRepeatableRead, kSerializable };

enum class FetchDirection : uint8_t { kForward, kBackward, kAbsolute, kRelative };

enum class CopyFormat : uint8_t { kText, kCsv, kBinary };

struct CopyOptions {
  std::string table;                 // of kCopyIn, as SQLite knows it
  std::vector<std::string> columns;  // empty: all
  CopyFormat format = CopyFormat::kText;
  char delimiter = '\t';
  std::string null_text = "\\N";
  char quote = '"';
  char escape = '"';
  bool header = false;
  std::vector<std::string> force_quote;  // "*" for all
};

struct ResultColumn {
  std::string name;       // empty: SQLite's name
  uint32_t type_oid = 0;  // 0: not known from the text
};

// A column that a parameter is compared with or stored into: gives it its type.
struct ParameterColumn {
  std::string table;  // empty: unknown
  std::string column;
};

struct Translated {
  StatementKind kind = StatementKind::kUtility;
  std::string sql;       // SQLite's; parameters are ?1, ?2, ...
  std::string tag_word;  // "SELECT", "CREATE TABLE", ...
  std::vector<ResultColumn> result_columns;
  std::vector<uint32_t> parameter_type_oids;  // 0: not known from the text
  std::vector<ParameterColumn> parameter_columns;
  std::vector<std::string> notices;  // for the client: what was asked for and makes no difference

  std::string name;
  std::string value;
  IsolationLevel isolation = IsolationLevel::kUnspecified;
  bool read_only = false;  // kBegin, kSetTransaction: READ ONLY
  bool is_local = false;   // kSet: until the end of the transaction
  bool hold = false;
  bool scroll = false;
  FetchDirection fetch_direction = FetchDirection::kForward;
  int64_t count = 1;  // kFetch, kMove; INT64_MAX: all
  std::vector<std::string> arguments;  // kExecute: SQLite expressions
  CopyOptions copy;
};

// The statements of `postgres_sql` in order; none if it has only spaces and comments. Pure, safe
// from any thread.
SqlResult<std::vector<Translated>> Translate(std::string_view postgres_sql);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_TRANSLATE_H_
