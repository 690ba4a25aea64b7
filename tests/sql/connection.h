// A connection to SQL for tests: statements in, rows of text out.

#ifndef SIBYL_TESTS_SQL_CONNECTION_H_
#define SIBYL_TESTS_SQL_CONNECTION_H_

#include <sqlite3.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace sibyl::sql::testing {

// Thrown by Connection::Execute.
class SqlError : public std::runtime_error {
 public:
  SqlError(int code_in, const std::string& message) : std::runtime_error(message), code(code_in) {}
  const int code;  // extended result code
};

class Connection {
 public:
  explicit Connection(const std::string& file,
                      int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* handle() const { return db_; }

  // Runs every statement of `sql`. Returns the rows of all, columns joined by '|', NULL as "NULL",
  // blobs as x'hex', reals with 17 digits. Throws SqlError.
  std::vector<std::string> Execute(const std::string& sql);

  // The rows in one string, separated by spaces.
  std::string Line(const std::string& sql);

  // "ok", or the code and message of the error.
  std::string Try(const std::string& sql);

  // The extended result code of running `sql`.
  int Code(const std::string& sql);

 private:
  sqlite3* db_ = nullptr;
};

// Makes a database at `path` as versions did that kept the rowid in every key of a unique index.
void MakeDatabaseWithLongKeys(const std::filesystem::path& path);

// True if the file at `path` is a marker of ours; false for anything else.
bool IsOurs(const std::filesystem::path& path);

}  // namespace sibyl::sql::testing

#endif  // SIBYL_TESTS_SQL_CONNECTION_H_
