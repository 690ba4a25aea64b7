// Goal: copies of whole databases hold everything, whichever kinds they go between: the backup
// interface, sqlite3_serialize and sqlite3_deserialize, and SQLITE_DBCONFIG_RESET_DATABASE.
// Method: one schema with every sort of tree, copied between the four pairs of kinds; the text of
// its dump, the header words and integrity_check must agree. Then what a copy meets: a destination
// with content, connections that read and write, collations without an order of bytes.

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

namespace fs = std::filesystem;
using sibyl::testing::TemporaryDirectory;

constexpr const char* kSchema =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL, c BLOB);"
    "CREATE INDEX t_a ON t(a COLLATE NOCASE, b DESC);"
    "CREATE UNIQUE INDEX t_c ON t(c) WHERE c IS NOT NULL;"
    "CREATE INDEX t_expression ON t(length(a));"
    "CREATE TABLE w(k TEXT, n INT, v, PRIMARY KEY(n DESC, k)) WITHOUT ROWID;"
    "CREATE INDEX w_v ON w(v);"
    "CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, u UNIQUE);"
    "CREATE TABLE empty(x);"
    "CREATE VIEW seen AS SELECT a, b FROM t;"
    "CREATE TRIGGER tr AFTER DELETE ON w BEGIN INSERT INTO empty VALUES(old.k); END;"
    "CREATE VIRTUAL TABLE words USING fts5(text);"
    "INSERT INTO t SELECT value, 'name ' || (value * 7 % 50), value / 3.0,"
    "  CASE value % 5 WHEN 0 THEN NULL ELSE zeroblob(value % 90) || value END"
    "  FROM generate_numbers;"
    "INSERT INTO t VALUES(-5, NULL, 1e300, randomblob(9000));"
    "INSERT INTO w SELECT 'k' || value, value % 7, value FROM generate_numbers;"
    "INSERT INTO counted(u) VALUES('x'), ('y'); DELETE FROM counted WHERE u='y';"
    "INSERT INTO words VALUES('learned indexes'), ('pages of a book');"
    "PRAGMA user_version=42; PRAGMA application_id=77; ANALYZE;";

void Fill(Connection* db) {
  db->Execute(
      "CREATE TEMP VIEW generate_numbers AS WITH RECURSIVE n(value) AS (VALUES(1) UNION ALL"
      " SELECT value + 1 FROM n WHERE value < 400) SELECT value FROM n");
  db->Execute(kSchema);
}

// Everything that SQL can see of the main database.
std::vector<std::string> Everything(Connection* db) {
  std::vector<std::string> lines = db->Execute(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid; PRAGMA user_version;"
      "PRAGMA application_id; PRAGMA encoding");
  for (const char* table : {"t", "w", "counted", "empty", "sqlite_sequence", "sqlite_stat1"}) {
    auto rows = db->Execute("SELECT * FROM " + std::string(table));
    std::sort(rows.begin(), rows.end());
    lines.insert(lines.end(), rows.begin(), rows.end());
  }
  lines.push_back(db->Line("SELECT id FROM t INDEXED BY t_a WHERE a='NAME 7' COLLATE NOCASE"));
  lines.push_back(db->Line("SELECT k FROM w INDEXED BY w_v WHERE v BETWEEN 30 AND 33"));
  lines.push_back(db->Line("SELECT text FROM words WHERE words MATCH 'learned'"));
  return lines;
}

// Backs up main into main, `pages` per step. Returns the result of sqlite3_backup_finish.
int BackUp(Connection* from, Connection* to, int pages = -1) {
  sqlite3_backup* backup = sqlite3_backup_init(to->handle(), "main", from->handle(), "main");
  if (backup == nullptr) return sqlite3_errcode(to->handle());
  while (sqlite3_backup_step(backup, pages) == SQLITE_OK) {
    CHECK(sqlite3_backup_remaining(backup) > 0);
  }
  CHECK(sqlite3_backup_remaining(backup) == 0);
  const int pages_in_all = sqlite3_backup_pagecount(backup);
  const int result = sqlite3_backup_finish(backup);
  CHECK((pages_in_all > 0) == (result == SQLITE_OK));
  return result;
}

struct Kinds {
  const char* from;
  const char* to;
};

// The URI of a file of the kind "ours", "native" or "memory".
std::string UriOf(const TemporaryDirectory& folder, const std::string& kind,
                  const std::string& name) {
  if (kind == "memory") return ":memory:";
  const std::string uri = "file:" + (folder.path() / name).string();
  return kind == "native" ? uri + "?engine=sqlite" : uri;
}

TEST_CASE("a backup between any two kinds holds everything", "[sql][copy]") {
  const auto kinds =
      GENERATE(Kinds{"ours", "ours"}, Kinds{"ours", "native"}, Kinds{"native", "ours"},
               Kinds{"ours", "memory"}, Kinds{"memory", "ours"}, Kinds{"native", "native"});
  const int pages = GENERATE(-1, 3);
  INFO(kinds.from << " to " << kinds.to << ", " << pages << " pages per step");
  const TemporaryDirectory folder;
  Connection from(UriOf(folder, kinds.from, "from.db"));
  Fill(&from);
  const auto expected = Everything(&from);
  Connection to(UriOf(folder, kinds.to, "to.db"));
  to.Execute("CREATE TABLE old(x UNIQUE); INSERT INTO old VALUES(1)");  // replaced
  REQUIRE(BackUp(&from, &to, pages) == SQLITE_OK);
  CHECK(Everything(&to) == expected);
  CHECK(to.Line("PRAGMA integrity_check") == "ok");
  to.Execute(
      "INSERT INTO t(a) VALUES('after'); DELETE FROM w WHERE n=3; INSERT INTO counted(u) "
      "VALUES('z')");
  CHECK(to.Line("SELECT id FROM counted WHERE u='z'") == "3");
  CHECK(to.Line("SELECT count(*) FROM empty") == "57");  // the trigger fired
  CHECK(to.Line("PRAGMA integrity_check") == "ok");
  CHECK(Everything(&from) == expected);
}

TEST_CASE("a backup of an empty database empties the destination", "[sql][copy]") {
  const TemporaryDirectory folder;
  for (const Kinds kinds :
       {Kinds{"ours", "native"}, Kinds{"native", "ours"}, Kinds{"ours", "ours"}}) {
    INFO(kinds.from << " to " << kinds.to);
    Connection from(UriOf(folder, kinds.from, std::string("e-") + kinds.from + kinds.to));
    Connection to(UriOf(folder, kinds.to, std::string("f-") + kinds.from + kinds.to));
    to.Execute("CREATE TABLE t(a); PRAGMA user_version=3");
    CHECK(BackUp(&from, &to) == SQLITE_OK);
    CHECK(to.Line("SELECT count(*) FROM sqlite_schema") == "0");
    CHECK(to.Line("PRAGMA user_version") == "0");
    to.Execute("CREATE TABLE t(b); INSERT INTO t VALUES(1)");
    CHECK(to.Line("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE("a UTF-16 database keeps its encoding in a backup", "[sql][copy]") {
  const TemporaryDirectory folder;
  Connection from(UriOf(folder, "native", "from.db"));
  from.Execute(
      "PRAGMA encoding='UTF-16le'; CREATE TABLE t(a TEXT PRIMARY KEY) WITHOUT ROWID;"
      "CREATE TABLE gr\u00f6\u00dfe(b COLLATE NOCASE UNIQUE);"
      "INSERT INTO t VALUES('\u00e4'),('b'); INSERT INTO gr\u00f6\u00dfe VALUES('X')");
  const fs::path path = folder.path() / "to.db";
  {
    Connection to(path);
    CHECK(BackUp(&from, &to) == SQLITE_OK);
  }
  Connection to(path);
  CHECK(to.Line("PRAGMA encoding") == "UTF-16le");
  CHECK(to.Line("SELECT a FROM t ORDER BY a DESC") == "\u00e4 b");
  CHECK(to.Line("SELECT b FROM gr\u00f6\u00dfe WHERE b='x'") == "X");
  Connection back(":memory:");
  CHECK(BackUp(&to, &back) == SQLITE_OK);
  CHECK(back.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("others see a backup as one transaction", "[sql][copy]") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "to.db";
  Connection from(":memory:");
  Fill(&from);
  Connection to(path);
  Connection reader(path);
  Connection writer(path);
  to.Execute("CREATE TABLE old(x); INSERT INTO old VALUES(1)");
  reader.Execute("BEGIN; SELECT x FROM old");
  writer.Execute("BEGIN IMMEDIATE");
  CHECK(BackUp(&from, &to) == SQLITE_BUSY);  // like any other second writer
  CHECK(to.Line("SELECT x FROM old") == "1");
  writer.Execute("COMMIT");
  CHECK(BackUp(&from, &to) == SQLITE_OK);
  CHECK(reader.Line("SELECT x FROM old") == "1");  // its snapshot
  reader.Execute("COMMIT");
  CHECK(Everything(&reader) == Everything(&from));
  CHECK(Everything(&writer) == Everything(&from));
}

TEST_CASE("a source in a write transaction is busy; a destination in use is refused",
          "[sql][copy]") {
  const TemporaryDirectory folder;
  Connection from(folder.path() / "from.db");
  from.Execute("CREATE TABLE t(a); INSERT INTO t VALUES(1); BEGIN; INSERT INTO t VALUES(2)");
  Connection to(":memory:");
  Connection second(folder.path() / "to.db");
  CHECK(BackUp(&from, &to) == SQLITE_BUSY);
  CHECK(BackUp(&from, &second) == SQLITE_BUSY);
  from.Execute("COMMIT; BEGIN; SELECT * FROM t");  // a reader is no obstacle
  CHECK(BackUp(&from, &to) == SQLITE_OK);
  CHECK(from.Line("SELECT sum(a) FROM t") == "3");
  CHECK(to.Line("SELECT sum(a) FROM t") == "3");
  second.Execute("BEGIN; SELECT * FROM sqlite_schema");
  CHECK(BackUp(&from, &second) == SQLITE_ERROR);
  CHECK(std::string(sqlite3_errmsg(second.handle())) == "destination database is in use");
}

TEST_CASE("writing meanwhile does not disturb a backup in steps", "[sql][copy]") {
  const TemporaryDirectory folder;
  Connection from(folder.path() / "from.db");
  Fill(&from);
  const auto expected = Everything(&from);
  Connection to(UriOf(folder, "native", "to.db"));
  sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  REQUIRE(backup != nullptr);
  CHECK(sqlite3_backup_step(backup, 1) == SQLITE_OK);
  from.Execute("DELETE FROM t; INSERT INTO w VALUES('new', 1, 1)");
  CHECK(sqlite3_close(from.handle()) == SQLITE_BUSY);  // the backup uses it
  CHECK(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
  CHECK(sqlite3_backup_finish(backup) == SQLITE_OK);
  CHECK(Everything(&to) == expected);
  // Given up half-way, a backup leaves the destination as it was.
  backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  CHECK(sqlite3_backup_step(backup, 1) == SQLITE_OK);
  CHECK(sqlite3_backup_finish(backup) == SQLITE_OK);
  CHECK(Everything(&to) == expected);
}

TEST_CASE("a step of no pages copies nothing", "[sql][copy]") {
  const TemporaryDirectory folder;
  const char* from_kind = GENERATE("ours", "native");
  const char* to_kind = GENERATE("ours", "native");
  INFO(from_kind << " to " << to_kind);
  Connection from(UriOf(folder, from_kind, "from.db"));
  Fill(&from);
  Connection to(UriOf(folder, to_kind, "to.db"));
  sqlite3_backup* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  REQUIRE(backup != nullptr);
  CHECK(sqlite3_backup_step(backup, 0) == SQLITE_OK);
  const int pages = sqlite3_backup_pagecount(backup);
  CHECK(pages > 0);
  CHECK(sqlite3_backup_remaining(backup) == pages);
  CHECK(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
  CHECK(sqlite3_backup_pagecount(backup) == pages);
  CHECK(sqlite3_backup_remaining(backup) == 0);
  CHECK(sqlite3_backup_finish(backup) == SQLITE_OK);
  CHECK(Everything(&to) == Everything(&from));
}

TEST_CASE("a backup to ours refuses a collation without an order of bytes", "[sql][copy]") {
  const TemporaryDirectory folder;
  Connection from(":memory:");
  const auto compare = [](void*, int, const void*, int, const void*) { return 0; };
  sqlite3_create_collation(from.handle(), "strange", SQLITE_UTF8, nullptr, compare);
  from.Execute(
      "CREATE TABLE t(a); CREATE INDEX ta ON t(a COLLATE strange); INSERT INTO t "
      "VALUES('x')");
  Connection to(folder.path() / "to.db");
  to.Execute("CREATE TABLE mine(a); INSERT INTO mine VALUES(5)");
  CHECK(BackUp(&from, &to) == SQLITE_ERROR);
  CHECK(std::string(sqlite3_errmsg(to.handle())).find("strange") != std::string::npos);
  CHECK(to.Line("SELECT a FROM mine") == "5");
}

TEST_CASE("an image serialized from ours opens anywhere", "[sql][copy]") {
  const TemporaryDirectory folder;
  Connection db(folder.path() / "x.db");
  Fill(&db);
  const auto expected = Everything(&db);
  db.Execute("BEGIN; INSERT INTO empty VALUES('uncommitted')");
  sqlite3_int64 size = 0;
  CHECK(sqlite3_serialize(db.handle(), "main", &size, SQLITE_SERIALIZE_NOCOPY) == nullptr);
  CHECK(size == -1);
  unsigned char* image = sqlite3_serialize(db.handle(), "main", &size, 0);
  REQUIRE(image != nullptr);
  db.Execute("ROLLBACK");
  REQUIRE(size > 4096);
  std::ofstream(folder.path() / "image.db", std::ios::binary)
      .write(reinterpret_cast<const char*>(image), size);
  Connection file(folder.path() / "image.db");
  CHECK(file.Line("SELECT x FROM empty") == "uncommitted");  // as SQLite's own would hold
  CHECK(file.Line("PRAGMA integrity_check") == "ok");
  file.Execute("DELETE FROM empty");
  CHECK(Everything(&file) == expected);

  // Deserialized over a connection to ours, it takes the place of the database there.
  Connection other(folder.path() / "y.db");
  other.Execute("CREATE TABLE mine(a)");
  REQUIRE(sqlite3_deserialize(other.handle(), "main", image, size, size,
                              SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) ==
          SQLITE_OK);
  CHECK(other.Line("SELECT count(*) FROM t") == "401");
  other.Execute("DELETE FROM t");
  Connection again(folder.path() / "y.db");
  CHECK(again.Line("SELECT name FROM sqlite_schema") == "mine");
}

TEST_CASE("SQLITE_DBCONFIG_RESET_DATABASE empties the database", "[sql][copy]") {
  const TemporaryDirectory folder;
  Connection db(folder.path() / "x.db");
  Connection other(folder.path() / "x.db");
  Fill(&db);
  CHECK(other.Line("SELECT count(*) FROM t") == "401");
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_RESET_DATABASE, 1, nullptr);
  CHECK(db.Try("VACUUM") == "ok");
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_RESET_DATABASE, 0, nullptr);
  for (Connection* connection : {&db, &other}) {
    CHECK(connection->Line("SELECT count(*) FROM sqlite_schema") == "0");
    CHECK(connection->Line("PRAGMA user_version") == "0");
  }
  db.Execute("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  CHECK(other.Line("SELECT a FROM t") == "1");
}

}  // namespace
}  // namespace sibyl::sql::testing
