// Goal: the answers of the .test files of this folder, in sqllogictest's text format.
// Method: each file runs on a database of ours, and on SQLite's own engine so that a wrong file is
// told from a wrong engine.

#include <catch2/catch.hpp>
#include <filesystem>

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
