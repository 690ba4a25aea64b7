// PostgreSQL's SQL text to SQLite's, statement by statement.
//
// The text is parsed with PostgreSQL's own grammar (libpg_query) and the tree is written out anew
// as SQLite's SQL, with types: what a node means is decided from the tree and the schema, never
// from the text. A node that is not known to mean the same is an error (0A000), not a guess. A
// statement that PostgreSQL's grammar refuses but its scanner can read (PRAGMA, REPLACE INTO,
// AUTOINCREMENT, ...) is SQLite's own dialect and passes through unchanged. docs/server-dialect.md
// has the rules.

#ifndef SIBYL_SQL_SERVER_DIALECT_TRANSLATE_H_
#define SIBYL_SQL_SERVER_DIALECT_TRANSLATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/server/dialect/schema.h"
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
  kSavepoint,       // name
  kRelease,         // name
  kRollbackTo,      // name
  kSet,             // name, value
  kShow,            // name; "all"
  kReset,           // name; "all"
  kSetTransaction,  // isolation
  kDeclareCursor,   // name, sql, hold, scroll
  kFetch,           // name, fetch_direction, count
  kMove,            // as kFetch
  kCloseCursor,     // name; empty: all
  kPrepare,         // name, inner_text, parameter_type_oids
  kExecute,         // name, arguments
  kDeallocate,      // name; empty: all
  kCopyIn,          // copy
  kCopyOut,         // copy; sql is the query
  kDiscardAll,
  kCreateUser,  // name, value: the password
  kAlterUser,   // the same
  kDropUser,    // arguments: names; missing_ok
  kNothing,     // answered with its tag alone: LOCK, LISTEN, COMMENT, ...
};

enum class IsolationLevel : uint8_t {
  kUnspecified,
  kReadCommitted,
  kRepeatableRead,
  kSerializable
};

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
  uint32_t type_oid = 0;  // 0: not known
  int32_t typmod = -1;
};

struct Translated {
  StatementKind kind = StatementKind::kUtility;
  std::string sql;       // SQLite's; parameters are ?1, ?2, ...; may be several without parameters
  std::string tag_word;  // "SELECT", "CREATE TABLE", ...
  std::vector<ResultColumn> result_columns;   // one each, or none if not all are known
  std::vector<uint32_t> parameter_type_oids;  // 0: not known
  std::vector<std::string> notices;  // for the client: what was asked for and makes no difference
  std::optional<SqlError>
      syntax_error;  // passed through: the error to report if SQLite refuses too

  uint32_t sequence_oid = 0;  // kInsert: of the sequence that numbers the new rows; 0: none does
  bool locks_rows = false;    // kSelect, kDeclareCursor: FOR UPDATE or FOR SHARE

  std::string name;
  std::string value;
  IsolationLevel isolation = IsolationLevel::kUnspecified;
  bool read_only = false;  // kBegin, kSetTransaction: READ ONLY
  bool is_local = false;   // kSet: until the end of the transaction
  bool hold = false;
  bool scroll = false;
  bool missing_ok = false;  // kDropUser: IF EXISTS
  FetchDirection fetch_direction = FetchDirection::kForward;
  int64_t count = 1;                   // kFetch, kMove; INT64_MAX: all
  std::vector<std::string> arguments;  // kExecute: SQLite expressions; kDropUser: names
  std::string inner_text;              // kPrepare: the statement to prepare, in PostgreSQL's SQL
  CopyOptions copy;
};

// The text of one statement within a longer one, without its semicolon.
struct StatementText {
  std::string_view text;
  size_t begin = 0;  // byte of the longer text at which it begins
};

// The statements of `sql` apart, none empty. Whoever runs several translates each when its turn
// comes: the tables that one makes are there for the next. Text that cannot be scanned is one
// statement. A text of one statement costs next to nothing.
std::vector<StatementText> SplitStatements(std::string_view sql);

// The position in `whole` of what is at `position` (SqlError::position) in the piece at `begin`.
uint32_t PositionInWhole(std::string_view whole, size_t begin, uint32_t position);

// The statements of `postgres_sql` in order; none if it has only spaces and comments. What comes
// out holds as long as the schema does. `parameter_type_oids`: what the client declared for $1, $2,
// ...; 0 or absent: to be found out. Safe from any thread that `schema` may be used in. Cost: some
// microseconds per hundred characters. Text over 16 MiB, or nested too deeply, is an error (54001).
SqlResult<std::vector<Translated>> Translate(std::string_view postgres_sql, const Schema& schema,
                                             const std::vector<uint32_t>& parameter_type_oids = {});

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_TRANSLATE_H_
