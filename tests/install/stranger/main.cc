// A stranger's program: a database that outlives its first opening, an index over an array in
// memory, and SQL. Exit code 0 if all answers are right.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "sibyl/database.h"
#include "sibyl/range_index.h"
#include "sibyl/version.h"

#ifdef STRANGER_SQL
#include "sqlite3.h"
#endif

namespace {

int Fail(const std::string& what) {
  std::cerr << "stranger: " << what << "\n";
  return 1;
}

int UseDatabase(const char* path) {
  {
    auto database = sibyl::Database::Open({}, path);
    if (!database) return Fail(database.error().ToString());
    const auto put = (*database)->Put("key", "value");
    if (!put) return Fail(put.error().ToString());
  }
  auto database = sibyl::Database::Open({}, path);
  if (!database) return Fail(database.error().ToString());
  const auto value = (*database)->Get("key");
  if (!value || *value != "value") return Fail("the value did not survive reopening");
  return 0;
}

int UseRangeIndex() {
  std::vector<uint64_t> keys;
  for (uint64_t i = 0; i < 10'000; ++i) keys.push_back(i * i);
  const auto index = sibyl::index::RangeIndex::Build(keys);
  if (!index) return Fail(index.error().ToString());
  for (const uint64_t key : {uint64_t{0}, uint64_t{50}, uint64_t{99'980'001}, UINT64_MAX}) {
    const auto expected = std::lower_bound(keys.begin(), keys.end(), key) - keys.begin();
    if (index->LowerBound(key) != static_cast<uint64_t>(expected)) return Fail("wrong rank");
  }
  return 0;
}

#ifdef STRANGER_SQL
int UseSql(const std::string& path) {
  sqlite3* connection = nullptr;
  if (sqlite3_open(path.c_str(), &connection) != SQLITE_OK) return Fail("cannot open SQL");
  const char* sql = "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, 'x')";
  const int code = sqlite3_exec(connection, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(sqlite3_errmsg(connection));
  sqlite3_close(connection);
  return 0;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return Fail("usage: stranger PATH");
  std::cout << "SibylDB " << sibyl::kVersion << "\n";
  int failed = UseDatabase(argv[1]) + UseRangeIndex();
#ifdef STRANGER_SQL
  failed += UseSql(std::string(argv[1]) + "-sql");
#endif
  return failed == 0 ? 0 : 1;
}
