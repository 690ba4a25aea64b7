// Goal: sibyl_sql_bench measures what it says and notices wrong answers.
// Method: the whole comparison, small, between two tables of functions of the SQLite under test;
// then with one that answers wrongly; and speedtest1's lines from a program that prints such.

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "bench/sql/comparison.h"
#include "bench/sql/speedtest.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::bench {
namespace {

using sibyl::testing::TemporaryDirectory;

SqlComparisonOptions Small(const TemporaryDirectory& folder) {
  SqlComparisonOptions options;
  options.directory = folder.path();
  options.rows = 1000;
  options.operations = 100;
  options.rounds = 1;
  options.changed_rows = 50;
  return options;
}

TEST_CASE("every row is measured on both, with equal answers", "[bench][sql]") {
  const TemporaryDirectory folder;
  SqliteApi first = OurSqlite();
  first.name = "first";
  const SqliteApi second = OurSqlite();
  std::ostringstream progress;
  SqlComparison comparison(Small(folder), {&first, &second}, progress);
  const Status status = comparison.Run();
  INFO((status ? std::string() : status.error().ToString()));
  REQUIRE(status.has_value());
  CHECK(comparison.results().size() ==
        LoadSteps().size() + 2 * ReadWorkloads().size() + WriteWorkloads().size());
  for (const SqlResult& result : comparison.results()) {
    INFO(result.phase << ", " << result.name);
    REQUIRE(result.medians.size() == 2);
    CHECK(result.medians[1].wall_ns > 0);
  }
  CHECK(comparison.disk_bytes()[0] > 100'000);
  std::ostringstream table;
  PrintTable(comparison.results(), table);
  CHECK(table.str().find("| IN list of 100 | ") != std::string::npos);
}

TEST_CASE("a wrong answer ends the comparison", "[bench][sql]") {
  const TemporaryDirectory folder;
  SqliteApi honest = OurSqlite();
  honest.name = "honest";
  SqliteApi liar = OurSqlite();
  liar.column_int64 = [](sqlite3_stmt* statement, int column) -> sqlite3_int64 {
    return sqlite3_column_int64(statement, column) + 1;
  };
  std::ostringstream progress;
  SqlComparison comparison(Small(folder), {&honest, &liar}, progress);
  const Status status = comparison.Run();
  REQUIRE(!status);
  CHECK(status.error().code == ErrorCode::kCorruption);
  CHECK(status.error().message.find("point, text key: sibyl answers otherwise than honest") !=
        std::string::npos);
}

TEST_CASE("speedtest1's lines are read", "[bench][sql]") {
  const TemporaryDirectory folder;
  const std::string program = (folder.path() / "program").string();
  std::ofstream(program)
      << "#!/bin/sh\n"
         "echo '-- Speedtest1 for SQLite 3.40.1'\n"
         "echo ' 100 - 50 INSERTs into table with no index.........    0.035s'\n"
         "echo '       TOTAL.......................................    1.500s'\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const auto lines = RunSpeedtest({program, program}, folder.path() / "db", 1, 1);
  REQUIRE(lines.has_value());
  REQUIRE(lines->size() == 2);
  CHECK((*lines)[0].name == "100 - 50 INSERTs into table with no index");
  CHECK((*lines)[0].seconds == std::vector<double>{0.035, 0.035});
  CHECK((*lines)[1].name == "TOTAL");
  CHECK((*lines)[1].seconds == std::vector<double>{1.5, 1.5});
  CHECK(!RunSpeedtest({"/nonexistent"}, folder.path() / "db", 1, 1));
}

}  // namespace
}  // namespace sibyl::bench
