// Goal: SQL means on our trees what it means on SQLite's B-trees.
// Method: one script per feature, its expected answers written out; every script ends with
// integrity_check, which compares each table with its indexes.

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

// A database of ours that must be whole at the end of the test.
class Database {
 public:
  Database() : db_(folder_.path() / "x.db") {}
  ~Database() { CHECK(db_.Line("PRAGMA integrity_check") == "ok"); }
  Connection* operator->() { return &db_; }
  sqlite3* handle() { return db_.handle(); }
  std::string path() const { return (folder_.path() / "x.db").string(); }

 private:
  TemporaryDirectory folder_;
  Connection db_;
};

TEST_CASE("rows come, change and go", "[sql]") {
  Database db;
  db->Execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); INSERT INTO t VALUES(1,2,3),(4,5,6)");
  CHECK(sqlite3_changes(db.handle()) == 2);
  CHECK(db->Line("INSERT INTO t(b) VALUES('x') RETURNING a, b") == "5|x");
  CHECK(sqlite3_last_insert_rowid(db.handle()) == 5);
  db->Execute("UPDATE t SET b = b * 10 WHERE a < 5");
  CHECK(sqlite3_changes(db.handle()) == 2);
  CHECK(db->Line("DELETE FROM t WHERE a = 1 RETURNING *") == "1|20|3");
  CHECK(db->Line("SELECT * FROM t") == "4|50|6 5|x|NULL");
  db->Execute("DELETE FROM t");
  CHECK(sqlite3_changes(db.handle()) == 2);
  CHECK(db->Line("SELECT count(*) FROM t") == "0");
}

TEST_CASE("rowids reach from one end of int64 to the other", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
      "INSERT INTO t VALUES(9223372036854775807,'max'),(-9223372036854775808,'min'),(0,'0'),"
      "(-1,'-1'),(1,'1')");
  CHECK(db->Line("SELECT b FROM t ORDER BY a") == "min -1 0 1 max");
  CHECK(db->Line("SELECT b FROM t ORDER BY a DESC") == "max 1 0 -1 min");
  CHECK(db->Line("SELECT b FROM t WHERE a > -1 AND a < 9223372036854775807") == "0 1");
  CHECK(db->Line("SELECT b FROM t WHERE a >= 9223372036854775807") == "max");
  CHECK(db->Line("SELECT b FROM t WHERE a <= -9223372036854775808") == "min");
  CHECK(db->Line("SELECT b FROM t WHERE a < -9223372036854775808").empty());
  CHECK(db->Line("SELECT b FROM t WHERE a > 0.5 AND a < 1e30") == "1 max");
  // The greatest rowid is taken: SQLite looks for a free one at random.
  db->Execute("INSERT INTO t(b) VALUES('somewhere')");
  CHECK(db->Line("SELECT count(*) FROM t") == "6");
}

TEST_CASE("numbers keep their order where int and real meet", "[sql][index]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE INDEX tv ON t(v);"
      "INSERT INTO t(v) VALUES(9007199254740993),(9007199254740992.0),(9007199254740992),"
      "(9223372036854775807),(9223372036854775808.0),(-9223372036854775808),"
      "(-9223372036854775808.0),(1e308),(-1e308),(0.0),(-0.0),(5e-324),(-5e-324),(0.5),(1),"
      "(9e999),(-9e999),(NULL)");
  const std::string by_index = db->Line("SELECT v FROM t INDEXED BY tv ORDER BY v, id");
  CHECK(by_index == db->Line("SELECT v FROM t NOT INDEXED ORDER BY +v, id"));
  CHECK(db->Line("SELECT count(*) FROM t WHERE v = 9007199254740992") == "2");
  CHECK(db->Line("SELECT count(*) FROM t WHERE v = 9223372036854775807") == "1");
  CHECK(db->Line("SELECT count(*) FROM t WHERE v > 9223372036854775807") == "3");
  CHECK(db->Line("SELECT count(*) FROM t WHERE v <= -9223372036854775808") == "4");
  CHECK(db->Line("SELECT count(*) FROM t WHERE v = 0") == "2");
}

TEST_CASE("descending NULLs do not hide behind the bound of a prefix", "[sql][index]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a, b); CREATE INDEX ta ON t(a DESC, b DESC);"
      "INSERT INTO t VALUES(1,NULL),(1,1),(NULL,NULL),(NULL,1),(2,NULL),(2,5),(0,NULL)");
  CHECK(db->Line("SELECT a, b FROM t WHERE a <= 1 ORDER BY a DESC, b DESC") == "1|1 1|NULL 0|NULL");
  CHECK(db->Line("SELECT a, b FROM t WHERE a > 1 ORDER BY a, b") == "2|NULL 2|5");
  CHECK(db->Line("SELECT a, b FROM t WHERE a = 1 AND b IS NULL") == "1|NULL");
  CHECK(db->Line("SELECT count(*) FROM t WHERE a IS NULL") == "2");
  CHECK(db->Line("SELECT a FROM t ORDER BY a DESC, b DESC LIMIT 1") == "2");
  CHECK(db->Line("SELECT max(a), min(a) FROM t") == "2|0");
}

TEST_CASE("text by collation, with NULs, prefixes and long values", "[sql][index]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(b TEXT, n TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM);"
      "CREATE INDEX tb ON t(b); CREATE INDEX tn ON t(n); CREATE INDEX tr ON t(r DESC);");
  for (const char* value :
       {"'a'", "'A'", "'a '", "'ab'", "''", "'a' || char(0)", "'a' || char(0) || 'b'", "'Z'",
        "'z  '", "replace(hex(zeroblob(10000)), '00', 'long')", "char(0)", "'\xc3\xa4'"}) {
    db->Execute(std::string("INSERT INTO t SELECT v, v, v FROM (SELECT ") + value + " AS v)");
  }
  for (const char* column : {"b", "n", "r"}) {
    INFO(column);
    const std::string c = column;
    CHECK(db->Line("SELECT hex(substr(" + c + ",1,9)) FROM t INDEXED BY t" + c + " ORDER BY " + c +
                   ", rowid") == db->Line("SELECT hex(substr(" + c +
                                          ",1,9)) FROM t NOT INDEXED ORDER BY " + c + ", rowid"));
    for (const char* value : {"'a'", "'A'", "'z'", "'a' || char(0) || 'c'", "''"}) {
      for (const char* op : {"=", "<", "<=", ">", ">="}) {
        INFO(op << " " << value);
        const std::string where = " WHERE " + c + " " + op + " " + value;
        CHECK(db->Line("SELECT count(*) FROM t INDEXED BY t" + c + where) ==
              db->Line("SELECT count(*) FROM t NOT INDEXED" + where));
      }
    }
  }
}

TEST_CASE("UPSERT, REPLACE and conflict clauses", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE, c UNIQUE);"
      "INSERT INTO t VALUES(1,'x','p'),(2,'y','q'),(3,'z','r');"
      "INSERT INTO t VALUES(9,'x','new') ON CONFLICT(b) DO UPDATE SET c = excluded.c;"
      "INSERT INTO t VALUES(2,'k','k') ON CONFLICT DO NOTHING;"
      "INSERT OR IGNORE INTO t VALUES(7,'y','unused')");
  CHECK(db->Line("SELECT * FROM t") == "1|x|new 2|y|q 3|z|r");
  db->Execute("REPLACE INTO t VALUES(5,'y','r')");  // removes two rows at once
  CHECK(db->Line("SELECT * FROM t") == "1|x|new 5|y|r");
  CHECK(db->Code("INSERT INTO t VALUES(6,'x','s')") == SQLITE_CONSTRAINT_UNIQUE);
  CHECK(db->Code("INSERT OR FAIL INTO t VALUES(8,'m','m'),(1,'n','n')") ==
        SQLITE_CONSTRAINT_PRIMARYKEY);
  CHECK(db->Line("SELECT a FROM t ORDER BY a") == "1 5 8");  // FAIL keeps what came before
  CHECK(db->Code("INSERT INTO t VALUES(10,'v','v'),(1,'w','w')") == SQLITE_CONSTRAINT_PRIMARYKEY);
  CHECK(db->Line("SELECT a FROM t ORDER BY a") == "1 5 8");  // ABORT takes the statement back
}

TEST_CASE("WITHOUT ROWID, STRICT and generated columns", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE w(a TEXT, b INT, c, PRIMARY KEY(b DESC, a)) WITHOUT ROWID;"
      "CREATE INDEX wc ON w(c);"
      "INSERT INTO w VALUES('x',1,'one'),('y',2,'two'),('x',2,'three');"
      "REPLACE INTO w VALUES('x',2,'again')");
  CHECK(db->Line("SELECT * FROM w ORDER BY b DESC, a") == "x|2|again y|2|two x|1|one");
  CHECK(db->Line("SELECT a, b FROM w WHERE c='again'") == "x|2");
  db->Execute("UPDATE w SET b = b + 1");
  CHECK(db->Line("SELECT a, b FROM w WHERE b >= 3 ORDER BY b, a DESC") == "y|3 x|3");
  CHECK(db->Code("INSERT INTO w VALUES('x',3,0)") == SQLITE_CONSTRAINT_PRIMARYKEY);

  db->Execute("CREATE TABLE s(i INT, r REAL, t TEXT) STRICT");
  CHECK(db->Code("INSERT INTO s VALUES('no','no','no')") == SQLITE_CONSTRAINT_DATATYPE);
  db->Execute("INSERT INTO s VALUES(1, 2, 3)");
  CHECK(db->Line("SELECT typeof(i), typeof(r), typeof(t) FROM s") == "integer|real|text");

  db->Execute(
      "CREATE TABLE g(a, b AS (a*2) STORED, c AS (a||'!') VIRTUAL); CREATE INDEX gc ON g(c);"
      "INSERT INTO g(a) VALUES(1),(2)");
  CHECK(db->Line("SELECT * FROM g WHERE c = '2!'") == "2|4|2!");
}

TEST_CASE("partial and expression indexes", "[sql][index]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a, b); CREATE INDEX p ON t(a) WHERE b > 10; "
      "CREATE INDEX e ON t(lower(a), b % 3);"
      "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<40)"
      " SELECT char(64 + i % 26), i FROM r");
  CHECK(db->Line("SELECT b FROM t INDEXED BY p WHERE a = 'A' AND b > 10") == "27");
  CHECK(db->Line("SELECT b FROM t INDEXED BY e WHERE lower(a) = 'b' AND b % 3 = 1") == "28");
  db->Execute("UPDATE t SET b = b + 10; DELETE FROM t WHERE b % 2");
  CHECK(db->Line("SELECT count(*) FROM t INDEXED BY p WHERE b > 10") ==
        db->Line("SELECT count(*) FROM t NOT INDEXED WHERE b > 10"));
}

TEST_CASE("unique columns with and without NULLs", "[sql][index]") {
  const bool long_keys = GENERATE(false, true);
  INFO("long_keys=" << long_keys);
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "ours.db";
  if (long_keys) MakeDatabaseWithLongKeys(path);
  Connection ours(path);
  Connection native(":memory:");
  const auto both = [&](const std::string& sql) {
    INFO(sql);
    REQUIRE(ours.Try(sql) == native.Try(sql));
    for (const char* query :
         {"SELECT rowid, quote(a), quote(b) FROM t ORDER BY a, b, rowid",
          "SELECT rowid, quote(a) FROM t INDEXED BY ab WHERE a = 1 AND b >= 2 ORDER BY b DESC",
          "SELECT rowid FROM t INDEXED BY ab WHERE a = 1 AND b = 2 AND rowid > 1",
          "SELECT rowid FROM t INDEXED BY ab WHERE a = 1 AND b = 2 AND rowid >= 5 ORDER BY rowid",
          "SELECT rowid FROM t INDEXED BY ab WHERE a IS NULL AND b IS NULL AND rowid > 2",
          "SELECT rowid FROM t INDEXED BY ab WHERE a = 1 AND b > 1 ORDER BY b LIMIT 3",
          "SELECT rowid FROM t INDEXED BY ab WHERE a = 1 AND b IN (1, 2, 3, NULL)",
          "SELECT k, c FROM w INDEXED BY wc WHERE c = 'x' AND k >= 1",
          "SELECT k, quote(c) FROM w INDEXED BY wc WHERE c IS NULL OR c > 'A' ORDER BY c, k",
          "PRAGMA integrity_check"}) {
      INFO(query);
      REQUIRE(ours.Execute(query) == native.Execute(query));
    }
  };
  ours.Execute(
      "CREATE TABLE t(a, b); CREATE UNIQUE INDEX ab ON t(a, b DESC);"
      "CREATE TABLE w(k INTEGER PRIMARY KEY, c TEXT COLLATE NOCASE) WITHOUT ROWID;"
      "CREATE UNIQUE INDEX wc ON w(c)");
  native.Execute(
      "CREATE TABLE t(a, b); CREATE UNIQUE INDEX ab ON t(a, b DESC);"
      "CREATE TABLE w(k INTEGER PRIMARY KEY, c TEXT COLLATE NOCASE) WITHOUT ROWID;"
      "CREATE UNIQUE INDEX wc ON w(c)");
  both(
      "INSERT INTO t VALUES(1, 2), (1, 1), (NULL, NULL), (NULL, NULL), (1, NULL), (1, NULL), (1, "
      "3)");
  both("INSERT INTO t VALUES(1, 2.0)");  // a constraint fails
  both("INSERT OR REPLACE INTO t VALUES(1, 2.0), (NULL, 5)");
  both("UPDATE t SET rowid = rowid + 100 WHERE b = 3");      // the same key, another rowid
  both("UPDATE t SET b = NULL WHERE b = 1");                 // short to long
  both("UPDATE t SET b = rowid WHERE b IS NULL AND a = 1");  // and back
  both("INSERT INTO t VALUES(1, 2) ON CONFLICT(a, b) DO UPDATE SET b = -9223372036854775808");
  both("DELETE FROM t WHERE a = 1 AND b = 3");
  both("INSERT INTO w VALUES(1, 'X'), (2, NULL), (3, NULL), (-4, 'aBc'), (5, '')");
  both("INSERT INTO w VALUES(9, 'abC')");
  both("REPLACE INTO w VALUES(9, 'abC'), (5, NULL)");
  both("UPDATE w SET k = k + 1000");
  ours.Execute("VACUUM");
  both("REINDEX");
  both("CREATE UNIQUE INDEX again ON t(b, a)");
  both("DELETE FROM t WHERE rowid % 2 = 0");
}

// A row whose entry is missing, or another row's, is found although equal entries are not looked for.
TEST_CASE("integrity_check on unique indexes", "[sql][index]") {
  const bool long_keys = GENERATE(false, true);
  INFO("long keys " << long_keys);
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  if (long_keys) MakeDatabaseWithLongKeys(path);
  {
    Connection db(path);
    db.Execute("CREATE TABLE t(a, b TEXT COLLATE NOCASE UNIQUE, c UNIQUE, UNIQUE(a, c));"
               "INSERT INTO t VALUES(1, 'One', 1), (1, 'two', NULL), (1, NULL, NULL), (NULL, NULL, 3)");
    CHECK(db.Line("PRAGMA integrity_check") == "ok");
    db.Execute("CREATE TABLE u(a, b); CREATE INDEX i ON u(b);"
               "INSERT INTO u VALUES(1, 'x'), (2, 'y'), (3, 'y'), (4, NULL), (5, NULL)");
    db.Execute("PRAGMA writable_schema = on;"
               "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX i ON u(b)' WHERE name = 'i'");
  }
  Connection db(path);
  const std::string problems = db.Line("PRAGMA integrity_check(u)");
  CHECK(problems.find(long_keys ? "non-unique entry in index i" : "missing from index i") !=
        std::string::npos);
  CHECK(db.Line("PRAGMA integrity_check(t)") == "ok");
  db.Execute("DROP INDEX i; DELETE FROM u WHERE a = 3; CREATE UNIQUE INDEX i ON u(b)");
  CHECK(db.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("triggers, also recursive, and foreign keys", "[sql]") {
  Database db;
  db->Execute(
      "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON;"
      "CREATE TABLE p(id INTEGER PRIMARY KEY);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE"
      " ON UPDATE CASCADE);"
      "CREATE INDEX cp ON c(p); CREATE TABLE log(what);"
      "CREATE TRIGGER deleted AFTER DELETE ON c BEGIN INSERT INTO log VALUES(old.id); END;"
      "INSERT INTO p VALUES(1),(2); INSERT INTO c VALUES(10,1),(11,1),(12,2);"
      "UPDATE p SET id = 5 WHERE id = 1; DELETE FROM p WHERE id = 5");
  CHECK(db->Line("SELECT what FROM log ORDER BY 1") == "10 11");
  CHECK(db->Line("SELECT * FROM c") == "12|2");
  CHECK(db->Code("INSERT INTO c VALUES(13, 99)") == SQLITE_CONSTRAINT_FOREIGNKEY);
  CHECK(db->Line("PRAGMA foreign_key_check").empty());

  db->Execute(
      "CREATE TABLE down(n INTEGER PRIMARY KEY);"
      "CREATE TRIGGER further AFTER INSERT ON down WHEN new.n > 0"
      " BEGIN INSERT INTO down VALUES(new.n - 1); END; INSERT INTO down VALUES(50)");
  CHECK(db->Line("SELECT count(*), min(n), max(n) FROM down") == "51|0|50");
}

TEST_CASE("the schema changes", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a, b, c); INSERT INTO t VALUES(1,2,3); CREATE INDEX tb ON t(b);"
      "ALTER TABLE t ADD COLUMN d DEFAULT 'd'; ALTER TABLE t RENAME COLUMN b TO bb;"
      "ALTER TABLE t DROP COLUMN c; ALTER TABLE t RENAME TO u; CREATE VIEW v AS SELECT * FROM u");
  CHECK(db->Line("SELECT a, bb, d FROM v") == "1|2|d");
  CHECK(db->Line("SELECT a FROM u INDEXED BY tb WHERE bb = 2") == "1");
  db->Execute("DROP INDEX tb; DROP VIEW v; CREATE TABLE x AS SELECT a, d FROM u; DROP TABLE u");
  CHECK(db->Line("SELECT * FROM x") == "1|d");
  CHECK(db->Line("SELECT name FROM sqlite_schema") == "x");
  db->Execute("BEGIN; CREATE TABLE gone(a); INSERT INTO gone VALUES(1); DROP TABLE x; ROLLBACK");
  CHECK(db->Line("SELECT name FROM sqlite_schema") == "x");
  CHECK(db->Line("SELECT * FROM x") == "1|d");
  db->Execute(
      "CREATE TABLE k(a INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO k DEFAULT VALUES;"
      "INSERT INTO k DEFAULT VALUES; DELETE FROM k WHERE a = 2; INSERT INTO k DEFAULT VALUES");
  CHECK(db->Line("SELECT a FROM k") == "1 3");
}

TEST_CASE("savepoints nest and roll back, rows, trees and header alike", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX tb ON t(b);"
      "INSERT INTO t VALUES(1,'a'); BEGIN; INSERT INTO t VALUES(2,'b'); SAVEPOINT one;"
      "UPDATE t SET b = 'changed'; PRAGMA user_version = 3; SAVEPOINT two; DELETE FROM t;"
      "CREATE TABLE u(x); INSERT INTO u VALUES(1)");
  CHECK(db->Line("SELECT count(*) FROM t") == "0");
  db->Execute("ROLLBACK TO two");
  CHECK(db->Line("SELECT * FROM t") == "1|changed 2|changed");
  CHECK(db->Line("SELECT count(*) FROM sqlite_schema WHERE name='u'") == "0");
  db->Execute("INSERT INTO t VALUES(3,'c'); RELEASE two; ROLLBACK TO one");
  CHECK(db->Line("SELECT * FROM t") == "1|a 2|b");
  CHECK(db->Line("PRAGMA user_version") == "0");
  db->Execute("INSERT INTO t VALUES(4,'d'); ROLLBACK TO one; RELEASE one; COMMIT");
  CHECK(db->Line("SELECT * FROM t") == "1|a 2|b");
  db->Execute("SAVEPOINT outer; INSERT INTO t VALUES(9,'z'); RELEASE outer");
  CHECK(db->Line("SELECT max(a) FROM t") == "9");
}

TEST_CASE("header values and settings", "[sql]") {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  {
    Connection db(path);
    db.Execute("PRAGMA user_version = -5; PRAGMA application_id = 77; CREATE TABLE t(a)");
  }
  Connection db(path);
  CHECK(db.Line("PRAGMA user_version") == "-5");
  CHECK(db.Line("PRAGMA application_id") == "77");
  CHECK(db.Line("PRAGMA encoding") == "UTF-8");
  CHECK(db.Line("PRAGMA page_size") == "4096");
  CHECK(db.Line("PRAGMA auto_vacuum") == "0");
  CHECK(db.Line("PRAGMA wal_checkpoint") == "0|0|0");
  CHECK(db.Line("PRAGMA freelist_count") == "0");
  CHECK(db.Line("PRAGMA quick_check") == "ok");
}

TEST_CASE("controls of the file are taken as from SQLite's own", "[sql]") {
  const TemporaryDirectory folder;
  Connection ours(folder.path() / "x.db");
  Connection native("file:" + (folder.path() / "y.db").string() + "?engine=sqlite");
  for (Connection* db : {&native, &ours}) {
    INFO((db == &ours ? "ours" : "native"));
    db->Execute("CREATE TABLE t(a)");
    const auto control = [&](int op, void* value) {
      return sqlite3_file_control(db->handle(), "main", op, value);
    };
    int value = -1;
    CHECK(control(SQLITE_FCNTL_PERSIST_WAL, &value) == SQLITE_OK);
    CHECK(value == 0);
    value = 1;
    CHECK(control(SQLITE_FCNTL_PERSIST_WAL, &value) == SQLITE_OK);
    value = -1;
    CHECK(control(SQLITE_FCNTL_PERSIST_WAL, &value) == SQLITE_OK);
    CHECK(value == 1);
    value = -1;
    CHECK(control(SQLITE_FCNTL_POWERSAFE_OVERWRITE, &value) == SQLITE_OK);
    CHECK(value == 1);
    value = 1 << 20;
    CHECK(control(SQLITE_FCNTL_CHUNK_SIZE, &value) == SQLITE_OK);
    char* name = nullptr;
    CHECK(control(SQLITE_FCNTL_VFSNAME, &name) == SQLITE_OK);
    CHECK(std::string(name == nullptr ? "" : name) == "unix");
    sqlite3_free(name);
    CHECK(control(12345, &value) == SQLITE_NOTFOUND);
  }
}

// A connection remembers the header that it committed, until somebody commits another.
TEST_CASE("header values change hands", "[sql]") {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  Connection one(path);
  Connection two(path);
  one.Execute("CREATE TABLE t(a UNIQUE); PRAGMA user_version = 1; INSERT INTO t VALUES(1)");
  CHECK(two.Line("PRAGMA user_version; SELECT a FROM t") == "1 1");
  two.Execute("PRAGMA user_version = 2; CREATE TABLE u(b)");
  CHECK(one.Line("PRAGMA user_version; SELECT count(*) FROM u") == "2 0");
  one.Execute("BEGIN; PRAGMA user_version = 3; INSERT INTO t VALUES(2); ROLLBACK");
  CHECK(one.Line("PRAGMA user_version; SELECT count(*) FROM t") == "2 1");
  one.Execute("BEGIN; PRAGMA user_version = 4; SAVEPOINT s; PRAGMA user_version = 5; ROLLBACK TO s");
  CHECK(one.Try("INSERT INTO t VALUES(1)") != "ok");
  one.Execute("COMMIT");
  CHECK(one.Line("PRAGMA user_version") == "4");
  CHECK(two.Line("PRAGMA user_version") == "4");
  // The trees of a table emptied at once are elsewhere: that is in the header too.
  one.Execute("INSERT INTO u WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
              "i < 500) SELECT i FROM n; DELETE FROM u; INSERT INTO u VALUES('new')");
  CHECK(one.Line("SELECT b FROM u") == "new");
  CHECK(two.Line("SELECT b FROM u") == "new");
  two.Execute("BEGIN IMMEDIATE; COMMIT; INSERT INTO u VALUES('two')");
  CHECK(one.Line("SELECT group_concat(b) FROM u; PRAGMA integrity_check") == "new,two ok");
  const std::string version = two.Line("PRAGMA data_version");
  two.Execute("INSERT INTO t VALUES(7)");
  CHECK(two.Line("PRAGMA data_version") == version);
  one.Execute("INSERT INTO t VALUES(8)");
  CHECK(two.Line("PRAGMA data_version") != version);
}

TEST_CASE("a UTF-16 database sorts as SQLite's", "[sql][index]") {
  Database db;
  Connection native(":memory:");
  for (Connection* each : {db.operator->(), &native}) {
    each->Execute(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a, b COLLATE NOCASE, c COLLATE RTRIM);"
        "CREATE INDEX ta ON t(a); CREATE INDEX tb ON t(b); CREATE INDEX tc ON t(c);"
        "INSERT INTO t SELECT value, value, value FROM"
        " json_each('[\"a\",\"B\",\"b\",\"\xc3\xa9t\xc3\xa9\",\"\xe2\x82\xac\",\"A  \",\"\"]')");
  }
  for (const char* column : {"a", "b", "c"}) {
    const std::string sql = std::string("SELECT a FROM t ORDER BY ") + column + ", rowid";
    CHECK(db->Line(sql) == native.Line(sql));
  }
}

TEST_CASE("large values and wide rows", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB);"
      "INSERT INTO t VALUES(1, zeroblob(1)),(2, randomblob(70000)),(3, zeroblob(5000000))");
  CHECK(db->Line("SELECT length(b) FROM t") == "1 70000 5000000");
  db->Execute("CREATE TABLE h(a, b); INSERT INTO h SELECT b, hex(b) FROM t WHERE a = 2");
  CHECK(db->Line("SELECT count(*) FROM h JOIN t ON h.a = t.b AND h.b = hex(t.b)") == "1");
  // A key has 64 KiB; beyond, the statement says so and changes nothing.
  db->Execute(
      "CREATE TABLE k(x); CREATE INDEX kx ON k(x);"
      "INSERT INTO k SELECT substr(b, 1, 30000) FROM h");
  const std::string error = db->Try("INSERT INTO k VALUES(1),(randomblob(70000))");
  CHECK(error.find("the limit is 65536") != std::string::npos);
  CHECK(error.starts_with(std::to_string(SQLITE_TOOBIG)));
  CHECK(db->Line("SELECT count(*) FROM k") == "1");
  // To look for one is no error: it is not there. Nor is it there when it is put in.
  db->Execute("CREATE TABLE u(x UNIQUE); INSERT INTO u VALUES(1),(x'7f')");
  CHECK(db->Line("SELECT count(*) FROM u WHERE x = (SELECT b FROM t WHERE a = 2)") == "0");
  CHECK(db->Line("SELECT count(*) FROM u WHERE x IN (SELECT b FROM t UNION SELECT 1)") == "1");
  for (const char* sql : {"INSERT INTO u SELECT b FROM t WHERE a = 2",
                          "INSERT OR IGNORE INTO u SELECT b FROM t WHERE a = 2",
                          "UPDATE u SET x = zeroblob(70000) WHERE x = 1"}) {
    CHECK(db->Try(sql).starts_with(std::to_string(SQLITE_TOOBIG)));
  }
  CHECK(db->Line("SELECT count(*) FROM u") == "2");
}

TEST_CASE("blob handles read, write and notice changes", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); INSERT INTO t VALUES"
      "(1, x'0011223344'),(2, x'aabbcc')");
  sqlite3_blob* blob = nullptr;
  REQUIRE(sqlite3_blob_open(db.handle(), "main", "t", "b", 1, 1, &blob) == SQLITE_OK);
  CHECK(sqlite3_blob_bytes(blob) == 5);
  unsigned char bytes[3];
  CHECK(sqlite3_blob_read(blob, bytes, 3, 1) == SQLITE_OK);
  CHECK(bytes[0] == 0x11);
  CHECK(sqlite3_blob_write(blob, "\x99\x98", 2, 3) == SQLITE_OK);
  CHECK(sqlite3_blob_write(blob, "\x99\x98", 2, 4) == SQLITE_ERROR);  // beyond the end
  CHECK(sqlite3_blob_reopen(blob, 2) == SQLITE_OK);
  CHECK(sqlite3_blob_read(blob, bytes, 3, 0) == SQLITE_OK);
  CHECK(bytes[2] == 0xcc);
  db->Execute("UPDATE t SET b = x'00' WHERE a = 1");  // another row: the handle stays
  CHECK(sqlite3_blob_read(blob, bytes, 3, 0) == SQLITE_OK);
  db->Execute("UPDATE t SET b = x'000000' WHERE a = 2");
  CHECK(sqlite3_blob_read(blob, bytes, 3, 0) == SQLITE_ABORT);
  sqlite3_blob_close(blob);
  CHECK(db->Line("SELECT b FROM t") == "x'00' x'000000'");
}

TEST_CASE("a blob handle for reading refuses to write", "[sql]") {
  const TemporaryDirectory folder;
  Connection db(folder.path() / "x.db");
  db.Execute("CREATE TABLE t(a BLOB); INSERT INTO t VALUES(x'010203')");
  sqlite3_blob* blob = nullptr;
  REQUIRE(sqlite3_blob_open(db.handle(), "main", "t", "a", 1, 0, &blob) == SQLITE_OK);
  CHECK(sqlite3_blob_write(blob, "x", 1, 0) == SQLITE_READONLY);
  sqlite3_blob_close(blob);
  CHECK(db.Line("SELECT hex(a) FROM t") == "010203");
}

TEST_CASE("a trigger that deletes the row being replaced is a constraint", "[sql][index]") {
  const TemporaryDirectory folder;
  Connection db(folder.path() / "x.db");
  db.Execute(
      "PRAGMA recursive_triggers = true; CREATE TABLE t(a UNIQUE, b UNIQUE);"
      "CREATE TRIGGER tr AFTER DELETE ON t BEGIN DELETE FROM t; END;"
      "INSERT INTO t VALUES(1, NULL), (0, NULL)");
  CHECK(db.Code("UPDATE OR REPLACE t SET b = 1") == SQLITE_CONSTRAINT_PINNED);
  CHECK(db.Line("SELECT a FROM t ORDER BY rowid") == "1 0");
  CHECK(db.Line("PRAGMA integrity_check") == "ok");
}

TEST_CASE("custom collations cannot be indexed, and say so", "[sql][index]") {
  Database db;
  const auto compare = [](void*, int, const void*, int, const void*) { return 0; };
  sqlite3_create_collation(db.handle(), "odd", SQLITE_UTF8, nullptr, compare);
  db->Execute("CREATE TABLE t(a TEXT COLLATE odd); INSERT INTO t VALUES('x')");
  CHECK(db->Line("SELECT a FROM t ORDER BY a") == "x");  // sorting is fine
  CHECK(db->Line("SELECT DISTINCT a FROM t GROUP BY a") == "x");
  CHECK(db->Line("SELECT a FROM t WHERE a IN (SELECT 'y')") == "x");
  CHECK(db->Line("SELECT x.a FROM t x, t y WHERE x.a = y.a") == "x");
  for (const char* refused : {"CREATE INDEX ta ON t(a)", "CREATE UNIQUE INDEX ta ON t(a)",
                              "CREATE INDEX tb ON t(length(a), (a || 'x') COLLATE odd)",
                              "INSERT INTO u VALUES('x')", "INSERT INTO w VALUES('x', 1)"}) {
    INFO(refused);
    db->Try("CREATE TABLE IF NOT EXISTS u(a TEXT COLLATE odd UNIQUE)");
    db->Try("CREATE TABLE IF NOT EXISTS w(a TEXT COLLATE odd PRIMARY KEY, b) WITHOUT ROWID");
    const std::string error = db->Try(refused);
    CHECK(error.find("collation odd cannot be indexed") != std::string::npos);
  }
  db->Execute("DROP TABLE IF EXISTS u; DROP TABLE IF EXISTS w");
  CHECK(db->Line("SELECT name FROM sqlite_schema") == "t");
}

TEST_CASE("ANALYZE, full-text search and R-trees live on our trees", "[sql]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a, b); CREATE INDEX ta ON t(a);"
      "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<100)"
      " SELECT i % 10, i FROM r; ANALYZE");
  CHECK(db->Line("SELECT stat FROM sqlite_stat1") == "100 10");
  db->Execute(
      "CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES('the quick brown fox'),"
      "('the lazy dog'); CREATE VIRTUAL TABLE r USING rtree(id, x0, x1);"
      "INSERT INTO r VALUES(1, 0, 1),(2, 5, 9)");
  CHECK(db->Line("SELECT body FROM f WHERE f MATCH 'lazy'") == "the lazy dog");
  CHECK(db->Line("SELECT id FROM r WHERE x0 > 2") == "2");
  db->Execute("DELETE FROM f WHERE rowid = 1; INSERT INTO f(f) VALUES('integrity-check')");
}

TEST_CASE("statistics as tables", "[sql][statistics]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
      "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<5000)"
      " SELECT i * 7, 'value ' || i FROM r; VACUUM");
  CHECK(db->Line("SELECT sum(records) >= 5000 FROM sibyl_segments") == "1");
  CHECK(db->Line("SELECT records, pieces > 0, blocks > 0 FROM sibyl_models JOIN sqlite_schema"
                 " USING(rootpage) WHERE name = 't'") == "5000|1|1");
  CHECK(db->Line("SELECT value FROM sibyl_stats WHERE name = 'model_bound_violations'") == "0");
  CHECK(db->Line("SELECT b FROM t WHERE a = 700") == "value 100");
  CHECK(db->Line("PRAGMA page_count") != "0");
  db->Execute("DELETE FROM t WHERE a > 70; SELECT sibyl_compact()");
  CHECK(db->Line("SELECT records FROM sibyl_models JOIN sqlite_schema USING(rootpage)"
                 " WHERE name = 't'") == "10");
  Connection memory(":memory:");
  CHECK(memory.Try("SELECT * FROM sibyl_stats").find("main is not a SibylDB database") !=
        std::string::npos);
}

// Multiples of 7, and their indexes.
constexpr char kSevens[] =
    "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c TEXT COLLATE NOCASE);"
    "CREATE INDEX tb ON t(b DESC); CREATE INDEX tc ON t(c, b);"
    "CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"
    "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<5000)"
    " SELECT i * 7, i % 100, 'Name ' || (i % 300) FROM r;"
    "INSERT INTO w SELECT 'key ' || a, b FROM t";

TEST_CASE("models and lookups as tables", "[sql][statistics]") {
  Database db;
  db->Execute(kSevens);
  CHECK(db->Line("SELECT count(*) FROM sibyl_pieces") == "0");
  CHECK(db->Line("SELECT source, outcome FROM sibyl_explain('t', 700)") == "generation|found");
  db->Execute("PRAGMA sibyl_compact");
  CHECK(db->Line("SELECT name, sum(records) FROM sibyl_pieces JOIN sqlite_schema USING(rootpage)"
                 " WHERE depth = 1 GROUP BY name ORDER BY name") ==
        "t|5000 tb|5000 tc|5000 w|5000");
  CHECK(
      db->Line("SELECT count(DISTINCT p.rootpage) FROM sqlite_schema s, sibyl_pieces(s.rootpage) p"
               " WHERE s.name IN ('t', 'tc')") == "2");
  CHECK(db->Line("SELECT min(typeof(first_key)), min(length(window)), min(slope) >= 0,"
                 " min(base) FROM sibyl_pieces") == "blob|16|1|0");
  for (const char* place :
       {"'t', 700", "'tb', 3", "'tc', 'nAME 7'", "'w', 'key 7'", "'t', '700'"}) {
    INFO(place);
    const std::string from =
        std::string(" FROM sibyl_explain(") + place + ") WHERE source = 'segment'";
    CHECK(db->Line("SELECT outcome" + from + " AND outcome IS NOT NULL") == "found");
    CHECK(db->Line("SELECT count(*) > 0, min(stage)" + from + " AND stage IS NOT NULL") == "1|1");
    CHECK(db->Line("SELECT slot < block_records AND predicted_slot <= block_records"
                   " AND read_bytes BETWEEN 100 AND 10000" +
                   from + " AND block IS NOT NULL") == "1");
  }
  // Absent keys: most are denied by the filter, the others looked for in their block.
  std::set<std::string> outcomes;
  for (int key = 701; key < 1400; key += 7) {
    const std::string from = " FROM sibyl_explain('t', " + std::to_string(key) +
                             ") WHERE source = 'segment' AND outcome IS NOT NULL";
    outcomes.insert(db->Line("SELECT outcome, block IS NOT NULL" + from));
  }
  CHECK(outcomes == std::set<std::string>{"absent|1", "filtered|0"});
  CHECK(db->Line("SELECT tree, key, database FROM sibyl_explain('t', 7) LIMIT 1") == "t|7|main");
  for (const char* wrong : {"'none', 1", "'t', 'text'", "'t'", "'t', 1, 'other'"}) {
    INFO(wrong);
    CHECK(db->Try(std::string("SELECT * FROM sibyl_explain(") + wrong + ")") != "ok");
  }
  // An exchanged tree is found under its root page.
  db->Execute("DELETE FROM t; INSERT INTO t VALUES(1, 2, 'three'); PRAGMA sibyl_compact");
  CHECK(db->Line("SELECT outcome FROM sibyl_explain('t', 1) WHERE block >= 0") == "found");
}

// How many rows EXPLAIN QUERY PLAN expects of `sql`, which reads one table.
int PlannedRows(Connection* db, const std::string& sql) {
  const std::string text = db->Line("EXPLAIN QUERY PLAN " + sql);
  INFO(text);
  const size_t at = text.find("(~");
  REQUIRE(at != std::string::npos);
  return std::stoi(text.substr(at + 2));
}

TEST_CASE("plans with and without the models' numbers", "[sql][statistics]") {
  Database db;
  db->Execute(kSevens);
  db->Execute("PRAGMA sibyl_compact");
  const auto plan = [&](const std::string& sql) {
    const std::string line = db->Line("EXPLAIN QUERY PLAN " + sql);
    return line.substr(line.rfind('|') + 1);
  };
  const auto rows = [&](const std::string& sql) { return PlannedRows(db.operator->(), sql); };
  const std::string by_value = "SELECT * FROM t WHERE b = 5";
  CHECK(db->Line("PRAGMA sibyl_planner") == "0");
  CHECK(plan(by_value) == "SEARCH t USING INDEX tb (b=?)");
  const std::string cheap = plan("SELECT * FROM t WHERE b > 5 AND c = 'x'");
  db->Execute("PRAGMA sibyl_planner = on");
  CHECK(db->Line("PRAGMA sibyl_planner") == "1");
  CHECK(plan(by_value).starts_with("SEARCH t USING LEARNED INDEX tb (b=?) (~"));
  CHECK(plan("SELECT * FROM t WHERE a = 7") ==
        "SEARCH t USING LEARNED INTEGER PRIMARY KEY (rowid=?) (~1 rows)");
  // A model that is a B-tree, because learning did not pay, is not called learned.
  const bool learned = db->Line(
                           "SELECT max(kind) FROM sibyl_models JOIN sqlite_schema USING(rootpage)"
                           " WHERE name = 'w'") == "learned";
  CHECK(plan("SELECT * FROM w WHERE k = 'key 7'") == std::string("SEARCH w USING ") +
                                                         (learned ? "LEARNED " : "") +
                                                         "PRIMARY KEY (k=?) (~1 rows)");
  CHECK(std::abs(rows(by_value) - 50) < 40);
  CHECK(std::abs(rows("SELECT * FROM t WHERE a BETWEEN 7000 AND 14000") - 1000) < 200);
  CHECK(std::abs(rows("SELECT * FROM t INDEXED BY tb WHERE b < 10") - 500) < 200);
  CHECK(std::abs(rows("SELECT * FROM t INDEXED BY tb WHERE b >= 90") - 500) < 200);
  CHECK(std::abs(rows("SELECT b FROM t WHERE c = 'NAME 7' AND b < 50") - 8) < 40);
  CHECK(rows("SELECT * FROM t WHERE a <= 9223372036854775807") > 3000);
  // What matches most rows is not looked up in an index.
  CHECK(plan("SELECT * FROM t WHERE b >= 1").starts_with("SCAN t"));
  CHECK(db->Line("SELECT count(*) FROM t WHERE b >= 1") == "4950");
  // ANALYZE knows more.
  db->Execute("ANALYZE");
  CHECK(plan(by_value).starts_with("SEARCH t USING LEARNED INDEX tb (b=?)"));
  db->Execute("DROP TABLE sqlite_stat1; PRAGMA sibyl_planner = off");
  CHECK(plan(by_value) == "SEARCH t USING INDEX tb (b=?)");
  CHECK(plan("SELECT * FROM t WHERE b > 5 AND c = 'x'") == cheap);
  CHECK(plan("SELECT * FROM t WHERE b >= 1") == "SEARCH t USING INDEX tb (b>?)");
}

TEST_CASE("the planner counts what conditions leave", "[sql][statistics]") {
  Database db;
  db->Execute(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, up, down); CREATE INDEX tu ON t(up);"
      "CREATE INDEX td ON t(down DESC); CREATE TABLE w(k PRIMARY KEY) WITHOUT ROWID;"
      "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<5000)"
      " SELECT i, iif(i % 5, NULL, i), iif(i % 5, NULL, i) FROM r;"
      "INSERT INTO w SELECT a FROM t; PRAGMA sibyl_compact; PRAGMA sibyl_planner = on");
  const auto rows = [&](const std::string& from) {
    return PlannedRows(db.operator->(), "SELECT 1 FROM " + from);
  };
  // NULLs are at one end of an index, and in no range.
  for (const std::string index : {"tu", "td"}) {
    const std::string from = "t INDEXED BY " + index + " WHERE " + (index == "tu" ? "up" : "down");
    INFO(from);
    CHECK(rows(from + " < 2500") < 1000);
    CHECK(rows(from + " > 2500") < 1000);
    CHECK(rows(from + " IS NULL") > 3000);
    CHECK(rows(from + " BETWEEN 100 AND 200") < 400);
  }
  // A bound beside an equality is none of the loop's.
  CHECK(rows("w WHERE k > 'a' AND k = 77") == 1);
  CHECK(rows("w WHERE k > 10 AND k < 4000 AND k = 77") == 1);
  CHECK(rows("t WHERE a > 10 AND a < 4000 AND a = 77") == 1);
  CHECK(rows("t INDEXED BY tu WHERE up > 10 AND up = 700") < 100);
  // Of rows that are not committed the models know nothing: they are guessed as SQLite does.
  db->Execute("BEGIN; CREATE TABLE u(a INTEGER PRIMARY KEY); INSERT INTO u SELECT a FROM t");
  CHECK(rows("u WHERE a > 1000") > 1000);
  db->Execute("ROLLBACK");
  // What is no literal, or cannot match, is planned all the same.
  CHECK(db->Line("SELECT count(*) FROM t WHERE up > a - 1 AND up > 4000") == "200");
  CHECK(db->Line("SELECT count(*) FROM t WHERE a > 9223372036854775807").back() == '0');
  CHECK(db->Line("SELECT count(*) FROM t WHERE up = NULL OR down > NULL") == "0");
  CHECK(db->Line("SELECT count(*) FROM t x, t y WHERE x.up = y.a AND y.up < 100") == "19");
}

TEST_CASE("OFFSET skips rows without walking over them", "[sql][statistics]") {
  Database db;
  db->Execute(kSevens);
  db->Execute("PRAGMA sibyl_compact");
  // Instructions of SQLite's virtual machine that the statement ran.
  const auto steps = [&](const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    REQUIRE(sqlite3_prepare_v2(db.handle(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
    }
    const int ran = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    sqlite3_finalize(statement);
    return ran;
  };
  CHECK(steps("SELECT a FROM t LIMIT 2 OFFSET 4900") < 100);
  CHECK(steps("SELECT a FROM t ORDER BY a DESC LIMIT 2 OFFSET 4900") < 100);
  CHECK(steps("SELECT b FROM t ORDER BY b LIMIT 2 OFFSET 4900") < 100);
  CHECK(steps("SELECT k FROM w ORDER BY k LIMIT 2 OFFSET 4900") < 100);
  CHECK(steps("SELECT a FROM t WHERE a > 70 LIMIT 2 OFFSET 4900") < 100);
  CHECK(steps("SELECT count(*) FROM t") < 100);
  CHECK(steps("SELECT a FROM t WHERE b % 2 LIMIT 2 OFFSET 2000") > 2000);  // each must be looked at
}

TEST_CASE("OFFSET and count(*) see every state", "[sql][statistics]") {
  Database db;
  db->Execute(kSevens);
  const bool compact = GENERATE(true, false);
  if (compact) db->Execute("PRAGMA sibyl_compact");
  CHECK(db->Line("SELECT a FROM t ORDER BY a LIMIT 2 OFFSET 4000") == "28007 28014");
  CHECK(db->Line("SELECT a FROM t ORDER BY a DESC LIMIT 2 OFFSET 4999") == "7");
  CHECK(db->Line("SELECT a FROM t ORDER BY a LIMIT 2 OFFSET 5000").empty());
  CHECK(db->Line("SELECT a FROM t WHERE a > 7000 ORDER BY a LIMIT 1 OFFSET 500") == "10507");
  CHECK(db->Line("SELECT a, b FROM t ORDER BY b LIMIT 1 OFFSET 2500") ==
        db->Line("SELECT a, b FROM t ORDER BY +b, +a DESC LIMIT 1 OFFSET 2500"));
  CHECK(db->Line("SELECT a, b FROM t ORDER BY c, b LIMIT 1 OFFSET 4000") ==
        db->Line("SELECT a, b FROM t ORDER BY +c, +b, +a LIMIT 1 OFFSET 4000"));
  CHECK(db->Line("SELECT k FROM w ORDER BY k LIMIT 1 OFFSET 3000") ==
        db->Line("SELECT k FROM w ORDER BY +k LIMIT 1 OFFSET 3000"));
  CHECK(db->Line("SELECT count(*) FROM t") == "5000");
  // Own writes, a savepoint, a snapshot of before.
  Connection reader(db.path());
  reader.Execute("BEGIN");
  CHECK(reader.Line("SELECT count(*) FROM t") == "5000");
  db->Execute("BEGIN; DELETE FROM t WHERE a <= 700; SAVEPOINT s; DELETE FROM t WHERE a > 7000");
  CHECK(db->Line("SELECT count(*) FROM t") == "900");
  CHECK(db->Line("SELECT a FROM t ORDER BY a LIMIT 1 OFFSET 800") == "6307");
  db->Execute("ROLLBACK TO s");
  CHECK(db->Line("SELECT count(*) FROM t") == "4900");
  db->Execute("COMMIT");
  CHECK(reader.Line("SELECT count(*) FROM t") == "5000");
  CHECK(reader.Line("SELECT a FROM t ORDER BY a LIMIT 1 OFFSET 800") == "5607");
  CHECK(db->Line("SELECT a FROM t ORDER BY a LIMIT 1 OFFSET 800") == "6307");
}

TEST_CASE("the budget holds from opening to closing", "[sql][statistics]") {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  Connection db(path);
  CHECK(db.Line("PRAGMA sibyl_budget") == "268435456");
  CHECK(db.Try("PRAGMA sibyl_budget = 100") != "ok");
  CHECK(db.Try("PRAGMA sibyl_budget = lots") != "ok");
  CHECK(db.Line("PRAGMA sibyl_budget = 2000000") == "2000000");
  db.Execute("CREATE TABLE t(a)");
  CHECK(db.Try("PRAGMA sibyl_budget = 4000000") != "ok");
  CHECK(db.Line("PRAGMA sibyl_budget") == "2000000");
  db.Execute(
      "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r"
      " WHERE i < 3000) SELECT randomblob(1000) FROM r; INSERT INTO t VALUES(1)");
  CHECK(db.Line("SELECT count(*) FROM t") == "3001");
  CHECK(db.Line("SELECT sum(value) > 1 FROM sibyl_stats"
                " WHERE name IN ('generations', 'generations_drained')") == "1");
  Connection memory(":memory:");
  CHECK(memory.Try("PRAGMA sibyl_budget") != "ok");
  CHECK(memory.Try("PRAGMA sibyl_compact") != "ok");
}

TEST_CASE("DELETE of all rows exchanges the tree, and nothing else notices", "[sql][features]") {
  const TemporaryDirectory folder;
  const std::string path = (folder.path() / "x.db").string();
  {
    Connection db(path);
    db.Execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE)");
    db.Execute("CREATE TABLE u(a TEXT PRIMARY KEY, b) WITHOUT ROWID");
    const std::string fill =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)";
    db.Execute("INSERT INTO t " + fill + " SELECT i, 'x' || i FROM n");
    db.Execute("INSERT INTO u " + fill + " SELECT 'x' || i, i FROM n");
    Connection reader(path);
    reader.Execute("BEGIN");
    CHECK(reader.Line("SELECT count(*) FROM t") == "1000");

    db.Execute("BEGIN; SAVEPOINT s; DELETE FROM t");
    CHECK(db.Line("SELECT changes()") == "1000");
    CHECK(db.Line("SELECT count(*) FROM t") == "0");
    db.Execute("INSERT INTO t VALUES(5, 'five')");
    db.Execute("ROLLBACK TO s");
    CHECK(db.Line("SELECT count(*), max(b) FROM t") == "1000|x999");
    db.Execute("DELETE FROM t; DELETE FROM u; INSERT INTO t VALUES(7, 'seven')");
    db.Execute("INSERT INTO t(b) VALUES('x1')");
    db.Execute("COMMIT");
    CHECK(db.Line("SELECT group_concat(a || b) FROM t") == "7seven,8x1");
    CHECK(db.Line("SELECT a FROM t WHERE b = 'x1'") == "8");
    CHECK(reader.Line("SELECT count(*) FROM t") == "1000");
    CHECK(reader.Line("SELECT count(*) FROM u") == "1000");
    CHECK(reader.Line("SELECT a FROM t WHERE b = 'x999'") == "999");
    reader.Execute("COMMIT");
    CHECK(reader.Line("SELECT count(*) FROM t") == "2");
  }
  Connection db(path);
  CHECK(db.Line("SELECT group_concat(a || b) FROM t") == "7seven,8x1");
  CHECK(db.Line("SELECT count(*) FROM u") == "0");
  db.Execute("VACUUM");
  CHECK(db.Line("SELECT group_concat(name) FROM (SELECT DISTINCT name FROM sqlite_schema JOIN "
                "sibyl_models USING(rootpage) ORDER BY 1)") == "sqlite_autoindex_t_1,t");
  CHECK(db.Line("PRAGMA integrity_check") == "ok");
  db.Execute("DROP TABLE t; DROP TABLE u; VACUUM");
  CHECK(db.Line("SELECT count(*) FROM sqlite_schema") == "0");
}

TEST_CASE("appended rows are found although nobody searched for them", "[sql][features]") {
  const TemporaryDirectory folder;
  Connection db((folder.path() / "x.db").string());
  db.Execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
  db.Execute("BEGIN");
  for (const char* row : {"1", "2", "3", "9"}) {
    db.Execute(std::string("INSERT INTO t VALUES(") + row + ", 0)");
  }
  db.Execute("INSERT INTO t(b) VALUES(1)");
  CHECK(db.Line("SELECT group_concat(a) FROM t") == "1,2,3,9,10");
  db.Execute("DELETE FROM t WHERE a >= 9; INSERT INTO t(b) VALUES(2)");
  CHECK(db.Line("SELECT group_concat(a) FROM t") == "1,2,3,4");
  db.Execute("SAVEPOINT s; INSERT INTO t VALUES(50, 0); INSERT INTO t(b) VALUES(3); ROLLBACK TO s");
  db.Execute("INSERT INTO t(b) VALUES(4); INSERT INTO t VALUES(50, 1)");
  CHECK(db.Line("SELECT group_concat(a) FROM t") == "1,2,3,4,5,50");
  CHECK_THROWS(db.Execute("INSERT INTO t VALUES(50, 2)"));
  db.Execute("UPDATE t SET a = 60 WHERE a = 50; INSERT INTO t VALUES(55, 0)");
  CHECK_THROWS(db.Execute("INSERT INTO t VALUES(60, 2)"));
  db.Execute("DELETE FROM t; INSERT INTO t(b) VALUES(5)");
  CHECK(db.Line("SELECT group_concat(a) FROM t") == "1");
  db.Execute("ROLLBACK; INSERT INTO t(b) VALUES(6)");
  CHECK(db.Line("SELECT group_concat(a) FROM t") == "1");
}

}  // namespace
}  // namespace sibyl::sql::testing
