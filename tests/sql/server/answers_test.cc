// Goal: what PostgreSQL's clients ask is answered as PostgreSQL answers it.
// Method: files of statements and answers, which postgresql_answers_test.py asks of a PostgreSQL 15,
// too. recorded.test has the queries that psql, pgbench, psycopg, SQLAlchemy and postgres_fdw were
// recorded to send. Each statement is translated and run on a
// connection of ours with all functions and the catalogue, and its values written as the protocol
// writes them.
//
// A file is records with an empty line between them:
//   statement             query                    error 22012         prepare
//   CREATE TABLE ...      SELECT a, b FROM t       SELECT 1/0          SELECT $1 FROM t
//                         ----
//                         1|x
// {name} stands for the oid of relation `name`.

#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sql/server/catalogue/catalogue.h"
#include "sql/server/dialect/translate.h"
#include "sql/server/type_oids.h"
#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::server {
namespace {

// SQLSTATE and message, of the translator, a function, or SQLite.
struct Failure {
  std::string sqlstate;
  std::string message;
};

class Server {
 public:
  Server() : connection_((directory_.path() / "answers.db").string()) {
    REQUIRE(RegisterFunctions(connection_.handle(), nullptr) == SQLITE_OK);
    REQUIRE(RegisterCatalogue(connection_.handle()) == SQLITE_OK);
  }

  // The rows of the last statement, as text. nullopt: `failure` says why.
  std::optional<std::vector<std::string>> Run(const std::string& sql, Failure* failure,
                                              bool only_prepare = false) {
    std::vector<std::string> rows;
    for (const StatementText& piece : SplitStatements(sql)) {
      const SqliteSchema schema(connection_.handle());
      const auto translated = Translate(piece.text, schema);
      if (!translated) {
        *failure = {translated.error().sqlstate, translated.error().message};
        return std::nullopt;
      }
      for (const Translated& statement : *translated) {
        rows.clear();
        if (!RunTranslated(statement, only_prepare, &rows, failure)) return std::nullopt;
      }
    }
    return rows;
  }

  std::string OidOf(const std::string& name) {
    Failure failure;
    const auto rows = Run("SELECT '" + name + "'::regclass::oid", &failure);
    REQUIRE(rows.has_value());
    return rows->at(0);
  }

 private:
  bool RunTranslated(const Translated& translated, bool only_prepare,
                     std::vector<std::string>* rows, Failure* failure) {
    const char* rest = translated.sql.c_str();
    while (*rest != '\0') {
      sqlite3_stmt* statement = nullptr;
      if (sqlite3_prepare_v2(connection_.handle(), rest, -1, &statement, &rest) != SQLITE_OK) {
        *failure = translated.syntax_error
                       ? Failure{translated.syntax_error->sqlstate, "passed through"}
                       : Failure{"", sqlite3_errmsg(connection_.handle())};
        return false;
      }
      int code = SQLITE_DONE;
      rows->clear();
      while (!only_prepare && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        rows->push_back(RowText(statement, translated));
      }
      const bool done = code == SQLITE_DONE;
      const std::string message = done ? "" : sqlite3_errmsg(connection_.handle());
      sqlite3_finalize(statement);
      if (!done) {
        *failure = {message.substr(0, std::min<size_t>(5, message.size())), message};
        return false;
      }
    }
    return true;
  }

  static std::string RowText(sqlite3_stmt* statement, const Translated& translated) {
    std::string row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto column = static_cast<size_t>(i);
      const uint32_t type_oid = column < translated.result_columns.size()
                                    ? translated.result_columns[column].type_oid
                                    : 0;
      row += (i > 0 ? "|" : "") + ValueText(statement, i, type_oid);
    }
    return row;
  }

  static std::string ValueText(sqlite3_stmt* statement, int i, uint32_t type_oid) {
    if (sqlite3_column_type(statement, i) == SQLITE_NULL) return "NULL";
    if (type_oid == kBoolOid) return sqlite3_column_int(statement, i) != 0 ? "t" : "f";
    if (sqlite3_column_type(statement, i) == SQLITE_FLOAT) {
      std::ostringstream text;
      text.precision(15);
      text << sqlite3_column_double(statement, i);
      return text.str();
    }
    if (sqlite3_column_type(statement, i) == SQLITE_BLOB) {
      std::string text = "\\x";
      const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, i));
      for (int b = 0; b < sqlite3_column_bytes(statement, i); ++b) {
        text += "0123456789abcdef"[bytes[b] >> 4];
        text += "0123456789abcdef"[bytes[b] & 15];
      }
      return text;
    }
    std::string text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
    return type_oid == kTimestamptzOid ? text + "+00" : text;
  }

  sibyl::testing::TemporaryDirectory directory_;
  sql::testing::Connection connection_;
};

struct Record {
  int line = 0;
  std::string kind;      // "statement", "query", "error", "prepare"
  std::string sqlstate;  // of "error"
  std::string sql;
  std::vector<std::string> rows;
};

std::vector<Record> ReadRecords(const std::string& path) {
  std::ifstream file(path);
  REQUIRE(file.good());
  std::vector<Record> records;
  std::string line;
  bool in_record = false;
  bool in_rows = false;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty()) {
      in_record = in_rows = false;
    } else if (line == "----") {
      in_rows = true;
    } else if (in_rows) {
      records.back().rows.push_back(line);
    } else if (in_record) {
      records.back().sql += line + "\n";
    } else if (line[0] != '#') {
      const size_t space = line.find(' ');
      records.push_back({number, line.substr(0, space),
                         space == std::string::npos ? "" : line.substr(space + 1), "", {}});
      in_record = true;
    }
  }
  return records;
}

void ReplaceOids(Server* server, std::string* text) {
  for (size_t begin = 0; (begin = text->find('{', begin)) != std::string::npos; ++begin) {
    const size_t end = text->find('}', begin);
    const std::string name = text->substr(begin + 1, end - begin - 1);
    if (name != "cust" && name != "ord") continue;
    text->replace(begin, end - begin + 1, server->OidOf(name));
  }
}

void RunFile(const std::string& name) {
  Server server;
  const std::vector<Record> records =
      ReadRecords(std::string(SIBYL_SERVER_TEST_FILES) + "/" + name);
  REQUIRE(records.size() > 50);
  for (Record record : records) {
    ReplaceOids(&server, &record.sql);
    for (std::string& row : record.rows) ReplaceOids(&server, &row);
    INFO(name << ":" << record.line << ": " << record.sql);
    Failure failure;
    const auto rows = server.Run(record.sql, &failure, record.kind == "prepare");
    INFO(failure.sqlstate << " " << failure.message);
    if (record.kind == "error") {
      CHECK_FALSE(rows.has_value());
      CHECK(failure.sqlstate == record.sqlstate);
      continue;
    }
    CHECK(rows.has_value());
    if (rows && record.kind == "query") CHECK(*rows == record.rows);
  }
}

TEST_CASE("statements are answered as PostgreSQL 15 answers them", "[sql][server][answers]") {
  RunFile("dialect.test");
}

TEST_CASE("the recorded queries of real clients are answered", "[sql][server][answers]") {
  RunFile("recorded.test");
}

TEST_CASE("the catalogue follows the schema", "[sql][server][answers]") {
  Server server;
  Failure failure;
  const std::string count = "SELECT count(*) FROM pg_class WHERE relname = 'a'";
  CHECK(server.Run(count, &failure)->at(0) == "0");
  REQUIRE(server.Run("CREATE TABLE a (x int)", &failure));
  CHECK(server.Run(count, &failure)->at(0) == "1");
  REQUIRE(server.Run("BEGIN", &failure));
  REQUIRE(server.Run("CREATE TEMP TABLE b (x int)", &failure));
  CHECK(server.Run("SELECT relpersistence FROM pg_class WHERE relname = 'b'", &failure)->at(0) ==
        "t");
  REQUIRE(server.Run("DROP TABLE a", &failure));
  CHECK(server.Run(count, &failure)->at(0) == "0");
}

TEST_CASE("oids are the same in every connection and each object has its own",
          "[sql][server][answers]") {
  Server server;
  Failure failure;
  REQUIRE(server.Run("CREATE TABLE a (id serial primary key, u text unique, CHECK (u <> ''));"
                     "CREATE TABLE b (a_id bigint references a, v int);"
                     "CREATE INDEX b_v ON b (v); CREATE VIEW w AS SELECT * FROM b",
                     &failure));
  const auto doubles = server.Run(
      "SELECT oid, count(*) FROM (SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_constraint"
      " UNION ALL SELECT oid FROM pg_attrdef UNION ALL SELECT oid FROM pg_type) AS o GROUP BY 1"
      " HAVING count(*) > 1",
      &failure);
  INFO(failure.message);
  REQUIRE(doubles.has_value());
  CHECK(doubles->empty());
}

}  // namespace
}  // namespace sibyl::sql::server
