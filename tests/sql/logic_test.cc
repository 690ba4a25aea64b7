// Goal: the answers of the .test files of this folder, in sqllogictest's text format.
// Method: each file runs on a database of ours, and on SQLite's own engine so that a wrong file is
// told from a wrong engine.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/sql/connection.h"
#include "tests/sql/logic_runner.h"
#include "tests/sql/md5.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

TEST_CASE("the hash of long results is MD5", "[sql][logic]") {
  CHECK(Md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(Md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(Md5(std::string(55, 'a')) == "ef1772b6dff9a122358552954ad0df65");
  CHECK(Md5("1234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
            "6789012345678901234567890") != Md5(""));
  CHECK(Md5("12345678901234567890123456789012345678901234567890123456789012345678901234567890") ==
        "57edf4a22be3c955ac49da2e2107b67a");
}

// What the runner says of a file with these lines.
std::string Run(const std::string& lines) {
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "x.test";
  std::ofstream(path) << lines;
  Connection db(":memory:");
  db.Execute("CREATE TABLE t(a, b); INSERT INTO t VALUES(2, 'b'), (1, 'c'), (10, NULL), (3, '')");
  return RunLogicFile(&db, "sibyl", path);
}

TEST_CASE("the runner obeys every directive, and notices what is wrong", "[sql][logic]") {
  const std::string query = "query IT rowsort\nSELECT a, b FROM t\n----\n";
  const std::string by_row = "1\nc\n10\nNULL\n2\nb\n3\n(empty)\n";
  CHECK(Run(query + by_row) == "");
  CHECK(Run("\n# a comment\n\n" + query + by_row + "\n\n") == "");
  CHECK(Run(query + "1\nc\n2\nb\n10\nNULL\n3\n(empty)\n").starts_with("x.test:1: expected"));
  CHECK(Run("query I nosort\nSELECT a FROM t\n----\n2\n1\n10\n3\n") == "");
  CHECK(Run("query I nosort\nSELECT a FROM t\n----\n1\n2\n3\n10\n") != "");
  CHECK(Run("query I valuesort\nSELECT a FROM t\n----\n1\n10\n2\n3\n") == "");
  CHECK(Run("query R nosort\nSELECT a / 4.0 FROM t LIMIT 1\n----\n0.500\n") == "");
  CHECK(Run("query I nosort\nSELECT a, b FROM t\n----\n").find("has 2 columns") !=
        std::string::npos);
  CHECK(Run("query I nosort\nSELECT a FROM t WHERE a > 99\n----\n") == "");
  CHECK(Run("query I nosort\nSELECT a FROM nowhere\n----\n").find("no such table") !=
        std::string::npos);

  CHECK(Run("statement ok\nDELETE FROM t\n") == "");
  CHECK(Run("statement ok\nDELETE FROM nowhere\n").find("no such table") != std::string::npos);
  CHECK(Run("statement error\nDELETE FROM nowhere\n") == "");
  CHECK(Run("statement error\nDELETE FROM t\n") == "x.test:1: should have failed");

  const std::string wrong = "statement error\nDELETE FROM t\n\n";
  CHECK(Run("skipif sibyl\n" + wrong) == "");
  CHECK(Run("skipif sqlite\n" + wrong) != "");
  CHECK(Run("onlyif sqlite # not ours\n" + wrong) == "");
  CHECK(Run("onlyif sibyl\nskipif sqlite\n" + wrong) != "");
  CHECK(Run("onlyif sibyl\nskipif sibyl\n" + wrong) == "");
  CHECK(Run("halt\n\n" + wrong) == "");
  CHECK(Run("onlyif sqlite\nhalt\n\n" + wrong) == "x.test:4: should have failed");

  const std::string hash = "8 values hashing to " + Md5(by_row) + "\n";
  CHECK(Run("hash-threshold 7\n\n" + query + hash) == "");
  CHECK(Run("hash-threshold 8\n\n" + query + hash) != "");
  CHECK(Run("hash-threshold 7\n\n" + query + "8 values hashing to " + Md5("") + "\n") != "");

  const std::string one = "query I nosort same\nSELECT 1\n----\n1\n\n";
  CHECK(Run(one + one) == "");
  CHECK(Run(one + "query I nosort same\nSELECT 2\n----\n2\n").find("the label same") !=
        std::string::npos);
}

TEST_CASE("sqllogictest files", "[sql][logic]") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SIBYL_SQL_LOGIC_FILES)) {
    if (entry.path().extension() != ".test") continue;
    files++;
    INFO(entry.path().filename().string());
    Connection native(":memory:");
    CHECK(RunLogicFile(&native, "sqlite", entry.path()) == "");
    const TemporaryDirectory folder;
    Connection ours(folder.path() / "x.db");
    CHECK(RunLogicFile(&ours, "sibyl", entry.path()) == "");
    CHECK(ours.Line("PRAGMA integrity_check") == "ok");
  }
  CHECK(files > 0);
}

}  // namespace
}  // namespace sibyl::sql::testing
