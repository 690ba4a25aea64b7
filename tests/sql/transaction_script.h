// Transactions that a child commits until it is killed, and that its parent repeats to know what
// must be there.

#ifndef SIBYL_TESTS_SQL_TRANSACTION_SCRIPT_H_
#define SIBYL_TESTS_SQL_TRANSACTION_SCRIPT_H_

#include <string>

namespace sibyl::sql::testing {

// Tables a, w and log, and log in the database attached as `other`.
inline std::string ScriptSchema() {
  return "CREATE TABLE IF NOT EXISTS a(id INTEGER PRIMARY KEY, k INT, t TEXT);"
         "CREATE INDEX IF NOT EXISTS a_k ON a(k, t);"
         "CREATE TABLE IF NOT EXISTS w(t TEXT PRIMARY KEY, v INT, b BLOB) WITHOUT ROWID;"
         "CREATE TABLE IF NOT EXISTS log(n INTEGER PRIMARY KEY);"
         "CREATE TABLE IF NOT EXISTS other.log(n INT, part INT, PRIMARY KEY(n, part))";
}

// What transaction `n` does: always the same. Rows come and go in numbers, a table is emptied at
// once, work is rolled back to a savepoint, indexes and tables are made and dropped.
inline std::string ScriptWork(long n) {
  const std::string number = std::to_string(n);
  switch (n % 8) {
    case 0:
      return n % 3 == 0 ? "DELETE FROM a" : "DELETE FROM w";
    case 1:
    case 5:
      return "INSERT OR REPLACE INTO a WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
             "FROM r"
             " WHERE i < 160) SELECT " +
             number + " * 7 % 900 + i, i % 11, 'row ' || i || ' of " + number + "' FROM r";
    case 2:
      return "UPDATE a SET k = k + 1, t = t || '+' WHERE k % 3 = " + number + " % 3";
    case 3:
      return "SAVEPOINT s; DELETE FROM w WHERE v < 9; UPDATE a SET id = -id WHERE k = 4;"
             " ROLLBACK TO s; INSERT OR REPLACE INTO w VALUES('of " +
             number + "', " + number + ", zeroblob(3000)); RELEASE s";
    case 4:
      return n % 16 == 4 ? "CREATE INDEX IF NOT EXISTS a_t ON a(t DESC, k)"
                         : "DROP INDEX IF EXISTS a_t";
    case 6:
      return "INSERT OR REPLACE INTO w SELECT t, k, zeroblob(300) FROM a WHERE k < 5";
    default:
      return "CREATE TABLE e" + number +
             " AS SELECT id, t FROM a WHERE k = 3; DROP TABLE IF EXISTS e" +
             std::to_string(n < 16 ? 0 : n - 16);
  }
}

// The same as a transaction that leaves its number behind.
inline std::string ScriptTransaction(long n) {
  const std::string number = std::to_string(n);
  return "BEGIN; " + ScriptWork(n) + "; INSERT INTO log VALUES(" + number +
         "); INSERT OR REPLACE INTO other.log VALUES(" + number + ", 1), (" + number +
         ", 2); COMMIT";
}

}  // namespace sibyl::sql::testing

#endif  // SIBYL_TESTS_SQL_TRANSACTION_SCRIPT_H_
