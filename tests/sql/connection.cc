// A connection to SQL for tests.

#include "tests/sql/connection.h"

#include <cstdio>
#include <fstream>

#include "sibyl/database.h"
#include "sibyl/sql.h"
#include "sql/store_file.h"

namespace sibyl::sql::testing {
namespace {

std::string Text(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return "NULL";
    case SQLITE_FLOAT: {
      char text[40];
      std::snprintf(text, sizeof text, "%.17g", sqlite3_column_double(statement, column));
      return text;
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
      std::string text = "x'";
      char hex[3];
      for (int i = 0; i < sqlite3_column_bytes(statement, column); i++) {
        std::snprintf(hex, sizeof hex, "%02x", bytes[i]);
        text += hex;
      }
      return text + "'";
    }
    default: {
      const int size = sqlite3_column_bytes(statement, column);
      return {reinterpret_cast<const char*>(sqlite3_column_text(statement, column)),
              static_cast<size_t>(size)};
    }
  }
}

std::string RowOf(sqlite3_stmt* statement) {
  std::string row;
  for (int i = 0; i < sqlite3_column_count(statement); i++) {
    if (i > 0) row += '|';
    row += Text(statement, i);
  }
  return row;
}

}  // namespace

Connection::Connection(const std::string& file, int flags) {
  const int rc = sqlite3_open_v2(file.c_str(), &db_, flags, nullptr);
  if (rc != SQLITE_OK) {
    const std::string message = sqlite3_errmsg(db_);
    sqlite3_close(db_);
    throw SqlError(rc, message);
  }
}

Connection::~Connection() { sqlite3_close_v2(db_); }

std::vector<std::string> Connection::Execute(const std::string& sql) {
  std::vector<std::string> rows;
  const char* rest = sql.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* statement = nullptr;
    int rc = sqlite3_prepare_v2(db_, rest, -1, &statement, &rest);
    while (rc == SQLITE_OK && statement != nullptr) {
      rc = sqlite3_step(statement);
      if (rc == SQLITE_ROW) {
        rows.push_back(RowOf(statement));
        rc = SQLITE_OK;
      } else if (rc == SQLITE_DONE) {
        rc = SQLITE_OK;
        break;
      }
    }
    if (rc != SQLITE_OK) {
      const SqlError error(sqlite3_extended_errcode(db_), sqlite3_errmsg(db_));
      sqlite3_finalize(statement);
      throw error;
    }
    sqlite3_finalize(statement);
  }
  return rows;
}

std::string Connection::Line(const std::string& sql) {
  std::string line;
  for (const std::string& row : Execute(sql)) line += (line.empty() ? "" : " ") + row;
  return line;
}

std::string Connection::Try(const std::string& sql) {
  try {
    Execute(sql);
  } catch (const SqlError& error) {
    return std::to_string(error.code) + " " + error.what();
  }
  return "ok";
}

int Connection::Code(const std::string& sql) {
  try {
    Execute(sql);
  } catch (const SqlError& error) {
    return error.code;
  }
  return SQLITE_OK;
}

void MakeDatabaseWithLongKeys(const std::filesystem::path& path) {
  Connection(path.string()).Execute("CREATE TABLE made(x); DROP TABLE made");
  const auto check = [](bool done) {
    if (!done) throw SqlError(SQLITE_ERROR, "cannot make an old database");
  };
  auto database = Database::Open({}, DataDirectoryOf(path));
  check(database.has_value());
  const auto tree = (*database)->FindTree(kMetaTreeName);
  check(tree.has_value() && tree->has_value());
  check((*database)->Delete(**tree, kShortKeysKey).has_value());
}

bool IsOurs(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(8, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  return start == "SibylDB ";
}

}  // namespace sibyl::sql::testing
