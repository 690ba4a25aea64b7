// Goal: the shell works on our databases as SQLite's does on its own: scripts through a pipe, dot
// commands, errors and exit codes, and a session at a terminal with a prompt and history.
// Method: the shell runs in a child process; its output is compared.

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/sql/child_process.h"
#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using sibyl::testing::TemporaryDirectory;

TEST_CASE("a script through a pipe", "[sql][shell]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  std::ofstream(folder.path() / "in.csv") << "3,three\n4,\"four, too\"\n";
  ChildProcess shell({"shell", path});
  shell.Write(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);\nINSERT INTO t VALUES(1,'one'),(2,NULL);\n"
      ".mode csv\n.import " +
      (folder.path() / "in.csv").string() +
      " t\n.mode list\n"
      "SELECT * FROM t;\n.tables\n.schema\n.dump t\nSELECT kind FROM sibyl_models LIMIT 0;\n");
  shell.CloseInput();
  const std::string output = shell.ReadAll();
  CHECK(shell.Wait() == 0);
  CHECK(output.find("1|one\n2|\n3|three\n4|four, too\n") != std::string::npos);
  CHECK(output.find("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);") != std::string::npos);
  CHECK(output.find("INSERT INTO t VALUES(4,'four, too');") != std::string::npos);
  CHECK(IsOurs(path));

  ChildProcess again(
      {"shell", path, "SELECT count(*) FROM t; VACUUM; SELECT b FROM t WHERE a = 3"});
  CHECK(again.ReadAll() == "4\nthree\n");
  CHECK(again.Wait() == 0);
}

TEST_CASE("errors are told, and end the shell with 1", "[sql][shell]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  ChildProcess shell({"shell", "-bail", path, "SELECT * FROM nowhere"});
  CHECK(shell.ReadAll().find("no such table: nowhere") != std::string::npos);
  CHECK(shell.Wait() == 1);
}

TEST_CASE(".learned shows the models of a table and its indexes", "[sql][shell]") {
  const TemporaryDirectory folder;
  ChildProcess shell({"shell", (folder.path() / "x.db").string()});
  shell.Write(
      "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX tb ON t(b); CREATE TABLE empty(a);\n"
      "INSERT INTO t WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<3000)"
      " SELECT i, i % 9 FROM r;\nPRAGMA sibyl_compact;\n.learned T\n.learned empty\n.help learned\n"
      // Completion of keywords, tables and columns asks this.
      "SELECT group_concat(candidate) FROM (SELECT DISTINCT candidate FROM completion('emp'));\n");
  shell.CloseInput();
  const std::string output = shell.ReadAll();
  CHECK(shell.Wait() == 0);
  INFO(output);
  CHECK(output.find("table t  ") != std::string::npos);
  CHECK(output.find("index tb  ") != std::string::npos);
  CHECK(output.find("3000 records in ") != std::string::npos);
  CHECK(output.find("empty                     nothing learned yet") != std::string::npos);
  CHECK(output.find(".learned ?TABLE?") != std::string::npos);
  CHECK(output.find("\nempty\n") != std::string::npos);
  ChildProcess wrong({"shell", "-bail", (folder.path() / "x.db").string(), ".learned nowhere"});
  CHECK(wrong.ReadAll().find("no such table: nowhere") != std::string::npos);
  CHECK(wrong.Wait() == 1);
}

TEST_CASE(".backup and .restore", "[sql][shell]") {
  const TemporaryDirectory folder;
  const std::string path = folder.path() / "x.db";
  const std::string copy = folder.path() / "copy.db";
  const std::string script = "CREATE TABLE t(a); INSERT INTO t VALUES(1);\n.backup " + copy +
                             "\nDELETE FROM t;\n.restore " + copy + "\nSELECT a FROM t;\n";
  ChildProcess shell({"shell", "-bail", path});
  shell.Write(script);
  shell.CloseInput();
  CHECK(shell.ReadAll() == "1\n");
  CHECK(shell.Wait() == 0);
}

TEST_CASE("a session at a terminal", "[sql][shell]") {
  const TemporaryDirectory folder;
  setenv("SQLITE_HISTORY", (folder.path() / "history").c_str(), 1);
  ChildProcess shell({"shell", (folder.path() / "x.db").string()}, true);
  CHECK(shell.ReadUntil("sibyl> ").find("sibyl> ") != std::string::npos);
  shell.Write("CREATE TABLE t(a);\rINSERT INTO t\rVALUES(41);\r");
  CHECK(shell.ReadUntil("...> ").find("...> ") != std::string::npos);
  shell.Write("SELECT a + 1 FROM t;\r");
  CHECK(shell.ReadUntil("42").find("42") != std::string::npos);
  shell.Write(".quit\r");
  shell.ReadAll();
  CHECK(shell.Wait() == 0);
  std::ifstream history(folder.path() / "history");
  const std::string lines{std::istreambuf_iterator<char>(history), {}};
  CHECK(lines.find("SELECT a + 1 FROM t;") != std::string::npos);
}

}  // namespace
}  // namespace sibyl::sql::testing
