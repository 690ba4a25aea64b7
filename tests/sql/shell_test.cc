// Goal: the shell works on our databases as SQLite's does on its own: scripts through a pipe, dot
// commands, errors and exit codes, and sessions at a terminal with prompt, history, completion and
// progress. Method: the shell runs in a child process, at a pipe or a terminal made for it; its
// output is compared.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>

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

// A terminal shell in a folder of its own. The history must not be that of whoever runs the test.
class TerminalShell {
 public:
  TerminalShell() {
    setenv("SQLITE_HISTORY", history().c_str(), 1);
    child_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{"shell", (folder_.path() / "x.db").string()}, true);
    child_->ReadUntil("sibyl> ");
  }
  ~TerminalShell() { unsetenv("SQLITE_HISTORY"); }

  ChildProcess* operator->() { return child_.get(); }
  std::filesystem::path history() const { return folder_.path() / "history"; }
  const std::filesystem::path& folder() const { return folder_.path(); }

  // Waits for `text`; false if the shell ends without having shown it.
  bool Shows(const std::string& text) {
    return child_->ReadUntil(text).find(text) != std::string::npos;
  }

  int Quit() {
    child_->Write(".quit\r");
    child_->ReadAll();
    return child_->Wait();
  }

 private:
  TemporaryDirectory folder_;
  std::unique_ptr<ChildProcess> child_;
};

TEST_CASE("a session at a terminal", "[sql][shell]") {
  TerminalShell shell;
  CHECK(shell.Shows("sibyl> "));
  shell->Write("CREATE TABLE t(a);\rINSERT INTO t\rVALUES(41);\r");
  CHECK(shell.Shows("...> "));
  shell->Write("SELECT a + 1 FROM t;\r");
  CHECK(shell.Shows("42"));
  CHECK(shell.Quit() == 0);
  std::ifstream history(shell.history());
  const std::string lines{std::istreambuf_iterator<char>(history), {}};
  CHECK(lines.find("SELECT a + 1 FROM t;") != std::string::npos);
}

TEST_CASE("a terminal completes names and brings back lines", "[sql][shell]") {
  TerminalShell shell;
  shell->Write("CREATE TABLE peculiar_table(remarkable_column);\r");
  shell->Write("INSERT INTO pecul\tVALUES(6 * 7);\r");
  shell->Write("SELECT 'got ' || remark\tFROM peculiar_table;\r");
  CHECK(shell.Shows("got 42"));
  // The arrow upwards, twice: the line before the last. A row more, then.
  shell->Write("\033[A\033[A\rSELECT 'rows ' || count(*) FROM peculiar_table;\r");
  CHECK(shell.Shows("rows 2"));
  CHECK(shell.Quit() == 0);
}

TEST_CASE("an import shows how far it is, on a terminal only", "[sql][shell]") {
  constexpr int kRows = 3000;
  TerminalShell shell;
  const std::string csv = shell.folder() / "in.csv";
  {
    std::ofstream file(csv);
    for (int i = 0; i < kRows; i++) file << i << ",value " << i << "\n";
  }
  shell->Write("CREATE TABLE t(a INTEGER PRIMARY KEY, b);\r.import --csv " + csv + " t\r");
  shell->Write("SELECT 'rows ' || count(*) FROM t;\r");
  CHECK(shell.Shows("rows " + std::to_string(kRows)));
  const std::string& seen = shell->seen();
  const size_t bar = seen.find("[#########.....................] 30 %  1024 rows");
  INFO(seen);
  REQUIRE(bar != std::string::npos);
  CHECK(seen.find("\r\033[K", bar) != std::string::npos);  // and is gone at the end
  CHECK(shell.Quit() == 0);

  ChildProcess piped({"shell", (shell.folder() / "x.db").string(), "DELETE FROM t",
                      ".import --csv " + csv + " t", "SELECT count(*) FROM t"});
  CHECK(piped.ReadAll() == std::to_string(kRows) + "\n");
  CHECK(piped.Wait() == 0);
}

}  // namespace
}  // namespace sibyl::sql::testing
