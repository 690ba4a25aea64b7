#include "sql/server/error_map.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace sibyl::sql::server {
namespace {

// What SQLite says with SQLITE_ERROR only a sentence tells apart.
struct Phrase {
  std::string_view text;
  const char* sqlstate;
};

constexpr Phrase kPhrases[] = {
    {"no such table", "42P01"},
    {"no such view", "42P01"},
    {"no such column", "42703"},
    {"has no column named", "42703"},
    {"no such function", "42883"},
    {"wrong number of arguments to function", "42883"},
    {"no such index", "42704"},
    {"no such trigger", "42704"},
    {"no such savepoint", "3B001"},
    {"no such collation sequence", "42704"},
    {"no such module", "58P01"},
    {"ambiguous column name", "42702"},
    {"duplicate column name", "42701"},
    {"there is already a table named", "42P07"},
    {"already exists", "42P07"},
    {"already another table or index with this name", "42P07"},
    {"syntax error", "42601"},
    {"incomplete input", "42601"},
    {"unrecognized token", "42601"},
    {"near \"", "42601"},
    {"values were supplied", "42601"},
    {"values for", "42601"},
    {"misuse of aggregate", "42803"},
    {"misuse of window", "42P20"},
    {"integer overflow", "22003"},
    {"not authorized", "42501"},
    {"access to", "42501"},
    {"prohibited", "42501"},
    {"may not be modified", "42809"},
    {"cannot modify", "42809"},
    {"foreign key mismatch", "42830"},
    {"too many", "54000"},
    {"parser stack overflow", "54001"},
    {"Expression tree is too large", "54001"},
    {"malformed JSON", "22P02"},
    {"division by zero", "22012"},
};

const char* StateOfConstraint(int extended_code) {
  switch (extended_code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return "23505";
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return "23503";
    case SQLITE_CONSTRAINT_NOTNULL:
      return "23502";
    case SQLITE_CONSTRAINT_CHECK:
      return "23514";
    case SQLITE_CONSTRAINT_TRIGGER:
      return "P0001";
    case SQLITE_CONSTRAINT_DATATYPE:
      return "42804";
    default:
      return "23000";
  }
}

const char* StateOfSentence(std::string_view message) {
  for (const Phrase& phrase : kPhrases) {
    if (message.find(phrase.text) != std::string_view::npos) return phrase.sqlstate;
  }
  return "42000";
}

const char* StateOf(int extended_code, std::string_view message) {
  switch (extended_code & 0xff) {
    case SQLITE_CONSTRAINT:
      return StateOfConstraint(extended_code);
    case SQLITE_BUSY:
      return extended_code == SQLITE_BUSY_SNAPSHOT ? "40001" : "55P03";
    case SQLITE_LOCKED:
      return "55P03";
    case SQLITE_INTERRUPT:
      return "57014";
    case SQLITE_AUTH:
      return "42501";
    case SQLITE_READONLY:
      return "25006";
    case SQLITE_FULL:
      return "53100";
    case SQLITE_NOMEM:
      return "53200";
    case SQLITE_TOOBIG:
      return "54000";
    case SQLITE_MISMATCH:
      return "42804";
    case SQLITE_RANGE:
      return "08P01";
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return "58030";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "XX001";
    case SQLITE_SCHEMA:
    case SQLITE_ABORT:
      return "40001";
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL:
      return "XX000";
    default:
      return StateOfSentence(message);
  }
}

// Functions of ours fail with "SQLSTATE: message".
bool HasState(std::string_view message) {
  if (message.size() < 7 || message.substr(5, 2) != ": ") return false;
  return std::all_of(message.begin(), message.begin() + 5,
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

}  // namespace

SqlError ErrorOf(sqlite3* connection, int code) {
  const int extended = sqlite3_extended_errcode(connection);
  const bool is_same = (extended & 0xff) == (code & 0xff);
  const std::string message = is_same ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  if (HasState(message)) return {message.substr(0, 5), message.substr(7)};
  SqlError error{StateOf(is_same ? extended : code, message), message};
  if (error.sqlstate == "40001") {
    error.message = "could not serialize access due to concurrent update";
    error.hint = "Run the transaction again.";
  }
  return error;
}

}  // namespace sibyl::sql::server
