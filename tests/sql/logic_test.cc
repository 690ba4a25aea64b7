// Goal: the answers of the .test files of this folder, in sqllogictest's text format.
// Method: each file runs on a database of ours, and on SQLite's own engine so that a wrong file is
// told from a wrong engine.

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/sql/connection.h"
#include "tests/sql/logic_runner.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

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
