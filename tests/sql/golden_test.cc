// Goal: SQL databases that earlier versions wrote open, and their tables and indexes have
// everything. Method: one in tests/formats, left by a process that ended without closing, so that
// part of it is in segments and part in the log, with every kind of key: read through each index,
// written to, vacuumed and opened again, beside SQLite's own database in memory to which the same
// was done.

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

const std::filesystem::path kFormats =
    std::filesystem::path(SIBYL_SOURCE_DIRECTORY) / "tests/formats";

// Numbers where integers and reals meet, text in every collation, blobs, NULLs, in ascending and
// descending keys, with and without rowid.
constexpr const char* kInSegments = R"(
  CREATE TABLE v(id INTEGER PRIMARY KEY, x, t TEXT, u UNIQUE);
  INSERT INTO v VALUES
    (-9223372036854775808, NULL, NULL, 1), (-1, -9223372036854775808, '', 2), (0, 0, 'a', NULL),
    (1, 9007199254740992, 'A', 'one'), (2, 9007199254740992.0, 'a ', x''), (3, 9007199254740993, 'B', x'00'),
    (4, 9223372036854775807, 'b', 9223372036854775807), (5, 9.3e18, 'aB', -0.5), (6, -1e308, 'ab', 1e-300),
    (7, 1e308, char(233), 'o'), (8, x'', 'a' || char(1), x'0001'), (9, x'ff00', x'6100' || '', 'onE'),
    (10, 'text', 'longer than a window of eight bytes', 0.5), (9223372036854775807, 0.1, 'z', 3);
  CREATE INDEX v_x ON v(x, t);
  CREATE INDEX v_down ON v(x DESC, t COLLATE NOCASE DESC);
  CREATE INDEX v_trimmed ON v(t COLLATE RTRIM);
  CREATE INDEX v_part ON v(lower(t)) WHERE x IS NOT NULL;
  CREATE TABLE w(a TEXT COLLATE NOCASE, b, c, PRIMARY KEY(a, b DESC)) WITHOUT ROWID;
  INSERT INTO w SELECT t, x, id FROM v WHERE t IS NOT NULL;
  CREATE TABLE many(n INTEGER PRIMARY KEY, s TEXT);
  WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 300)
    INSERT INTO many SELECT n * n, 'row ' || n FROM i;
  CREATE INDEX many_s ON many(s);
  PRAGMA user_version = 7;
  PRAGMA application_id = 77;
)";

constexpr const char* kInTheLog = R"(
  UPDATE v SET x = x || '!' WHERE id = 10;
  DELETE FROM v WHERE id = 5;
  INSERT INTO w VALUES('In the log', 1, 2), ('in the LOG', 0, 3);
  DELETE FROM many WHERE n BETWEEN 100 AND 400;
  CREATE TABLE late(a PRIMARY KEY, b REFERENCES v);
  INSERT INTO late VALUES('only in the log', 4);
)";

constexpr const char* kAfterwards = R"(
  INSERT INTO v VALUES(11, 9007199254740992.5, 'new', 'new');
  UPDATE OR REPLACE v SET u = 2 WHERE id = 3;
  DELETE FROM w WHERE a = 'IN THE LOG';
  INSERT INTO many SELECT n + 1, s || '+' FROM many;
  ALTER TABLE late ADD COLUMN c DEFAULT 5;
)";

constexpr const char* kQuestions[] = {
    "SELECT quote(id), quote(x), quote(t), quote(u) FROM v ORDER BY id",
    "SELECT id FROM v INDEXED BY v_x WHERE x > -1e400 OR x IS NULL ORDER BY x, t",
    "SELECT quote(x), quote(t) FROM v INDEXED BY v_x WHERE x >= '' ORDER BY x",
    "SELECT id FROM v INDEXED BY v_down WHERE x < 1e300 ORDER BY x DESC, t COLLATE NOCASE DESC",
    "SELECT id FROM v INDEXED BY v_trimmed WHERE t COLLATE RTRIM = 'a'",
    "SELECT id FROM v INDEXED BY v_part WHERE lower(t) >= 'a' AND x IS NOT NULL ORDER BY lower(t), "
    "id",
    "SELECT id FROM v WHERE x = 9007199254740992 ORDER BY id",
    "SELECT id FROM v WHERE u = 'one' OR u = x'0001' OR u = 9223372036854775807 ORDER BY id",
    "SELECT quote(a), quote(b), c FROM w ORDER BY a, b DESC",
    "SELECT c FROM w WHERE a = 'AB' ORDER BY b DESC",
    "SELECT count(*), sum(n), min(s), max(s) FROM many",
    "SELECT n FROM many INDEXED BY many_s WHERE s BETWEEN 'row 2' AND 'row 25' ORDER BY s, n",
    "SELECT * FROM late",
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
    "PRAGMA user_version",
    "PRAGMA application_id",
    "PRAGMA integrity_check",
    "PRAGMA foreign_key_check"};

void CheckSame(Connection& golden, Connection& native) {
  for (const char* question : kQuestions) {
    INFO(question);
    CHECK(golden.Execute(question) == native.Execute(question));
  }
}

TEST_CASE("SQL databases of every version have everything", "[sql][golden]") {
  const std::string name = "sql_v1.db";
  const sibyl::testing::TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / name;
  for (const char* part : {"", "-sibyl"}) {
    std::filesystem::copy(kFormats / (name + part), path.string() + part,
                          std::filesystem::copy_options::recursive);
  }
  Connection native(":memory:");
  native.Execute(kInSegments);
  native.Execute(kInTheLog);
  {
    Connection golden(path.string());
    REQUIRE(IsOurs(path));
    CheckSame(golden, native);
    golden.Execute(kAfterwards);
    native.Execute(kAfterwards);
    CheckSame(golden, native);
    golden.Execute("VACUUM");
    CheckSame(golden, native);
  }
  Connection golden(path.string());
  CheckSame(golden, native);
}

// Ends without closing.
TEST_CASE("writes the golden SQL database", "[.write-golden-files]") {
  const std::filesystem::path path = kFormats / "sql_v1.db";
  const pid_t child = fork();
  if (child == 0) {
    Connection golden(path.string());
    golden.Execute(kInSegments);
    golden.Execute("PRAGMA sibyl_compact");
    golden.Execute(kInTheLog);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  std::filesystem::remove(path.string() + "-sibyl/LOCK");
  std::filesystem::remove(path.string() + "-sibyl/EVENTS");
}

}  // namespace
}  // namespace sibyl::sql::testing
