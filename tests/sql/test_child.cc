// The process that the crash and shell tests start, kill and talk to.
//
//   sql_test_child shell ARGUMENTS...   the shell, as the sibyl binary runs it
//   sql_test_child commit PATH SYNC     commits transaction after transaction, printing the number
//                                       of each on a line of its own once COMMIT has returned
//   sql_test_child script PATH OTHER    commits the transactions of transaction_script.h, likewise
//   sql_test_child hold PATH            opens the database, prints a line, waits for standard input
//   sql_test_child append PATH          writes one row into t, which it makes if need be
//   sql_test_child nobody PATH          as a user who may write nothing: prints the number of rows
//                                       of t, what an attempt to write one says, and if it is
//                                       read-only
//   sql_test_child medium FOLDER PATH   the same where the folder is a read-only medium; prints
//                                       "no medium" if this process may not make it one

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "sibyl/sql.h"
#include "tests/sql/connection.h"
#include "tests/sql/transaction_script.h"

namespace {

using sibyl::sql::testing::Connection;

// Transaction n writes three rows, removes one of transaction n - 1, and keeps a sum beside them.
void CommitForever(const std::string& path, const std::string& synchronous) {
  Connection db(path);
  db.Execute(
      "PRAGMA synchronous = " + synchronous +
      "; CREATE TABLE IF NOT EXISTS t(n INT, part INT, text, PRIMARY KEY(n, part)) WITHOUT ROWID;"
      "CREATE TABLE IF NOT EXISTS log(n INTEGER PRIMARY KEY, live INT);"
      "CREATE INDEX IF NOT EXISTS ttext ON t(text)");
  for (long n = std::stol(db.Line("SELECT ifnull(max(n), 0) + 1 FROM log"));; n++) {
    const std::string number = std::to_string(n);
    db.Execute("BEGIN; INSERT INTO t VALUES(" + number + ",1,'a' || " + number + "),(" + number +
               ",2,'b'),(" + number + ",3,'c'); DELETE FROM t WHERE n = " + number +
               " - 1 AND part = 2;"
               "INSERT INTO log SELECT " +
               number + ", count(*) FROM t; COMMIT");
    std::printf("%ld\n", n);
    std::fflush(stdout);
  }
}

void CommitScript(const std::string& path, const std::string& other) {
  Connection db(path);
  db.Execute("PRAGMA synchronous = NORMAL; ATTACH '" + other + "' AS other");
  db.Execute(sibyl::sql::testing::ScriptSchema());
  for (long n = std::stol(db.Line("SELECT ifnull(max(n), 0) + 1 FROM log"));; n++) {
    db.Execute(sibyl::sql::testing::ScriptTransaction(n));
    std::printf("%ld\n", n);
    std::fflush(stdout);
    if (n % 30 == 0) db.Execute("VACUUM");
  }
}

int ReadWithoutWriting(const std::string& path) {
  Connection db(path);
  std::printf("%s\n%s\n%d\n", db.Line("SELECT count(*) FROM t").c_str(),
              db.Try("INSERT INTO t VALUES(9)").c_str(), sqlite3_db_readonly(db.handle(), "main"));
  return 0;
}

int ReadAsNobody(const std::string& path) {
  constexpr unsigned kNobody = 65534;
  if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return 1;
  return ReadWithoutWriting(path);
}

// The mount is this process's own.
int ReadFromMedium(const char* at, const std::string& path) {
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount(at, at, nullptr, MS_BIND, nullptr) != 0 ||
      mount(nullptr, at, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
    std::puts("no medium");
    return 0;
  }
  return ReadWithoutWriting(path);
}

void Append(const std::string& path) {
  Connection db(path);
  sqlite3_busy_timeout(db.handle(), 60000);
  db.Execute("CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES(1)");
}

void HoldOpen(const std::string& path) {
  Connection db(path);
  db.Execute("CREATE TABLE IF NOT EXISTS held(a)");
  std::puts("open");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "shell") return sibyl::sql::RunShell(argc - 1, argv + 1);
  if (what == "commit" && argc == 4) CommitForever(argv[2], argv[3]);
  if (what == "script" && argc == 4) CommitScript(argv[2], argv[3]);
  if (what == "nobody" && argc == 3) return ReadAsNobody(argv[2]);
  if (what == "medium" && argc == 4) return ReadFromMedium(argv[2], argv[3]);
  if (what == "append" && argc == 3) {
    Append(argv[2]);
    return 0;
  }
  if (what == "hold" && argc == 3) {
    HoldOpen(argv[2]);
    return 0;
  }
  return 2;
}
