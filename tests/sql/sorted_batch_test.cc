// Goal: a batch gives back what it was given, once, in the order of the bytes of its keys; and the
// indexes that are filled through it are those that SQLite makes.
// Method: std::map is the judge of random batches whose keys share prefixes, contain each other and
// differ behind their windows; SQL statements on a native database are the judge of indexes.

#include "sql/sorted_batch.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "tests/sql/connection.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::sql::testing {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

Entries TakeAll(SortedBatch* batch) {
  Entries entries;
  const int result = batch->Take([&entries](std::string_view key, std::string_view value) {
    entries.emplace_back(key, value);
    return 0;
  });
  CHECK(result == 0);
  CHECK(batch->empty());
  return entries;
}

TEST_CASE("few keys, and none", "[sql][sorted_batch]") {
  SortedBatch batch;
  CHECK(TakeAll(&batch).empty());
  batch.Add("only", "one");
  CHECK(TakeAll(&batch) == Entries{{"only", "one"}});
  batch.Add("", "empty");
  CHECK(TakeAll(&batch) == Entries{{"", "empty"}});
  for (const char* key : {"b", "", "abcdefghij", "abcdefghi", "abcdefgh", "a"}) batch.Add(key, key);
  batch.Add(std::string("abcdefgh\0", 9), "with a NUL");
  CHECK(TakeAll(&batch) == Entries{{"", ""},
                                   {"a", "a"},
                                   {"abcdefgh", "abcdefgh"},
                                   {std::string("abcdefgh\0", 9), "with a NUL"},
                                   {"abcdefghi", "abcdefghi"},
                                   {"abcdefghij", "abcdefghij"},
                                   {"b", "b"}});
}

TEST_CASE("random keys come in order", "[sql][sorted_batch]") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  const auto alphabet = GENERATE(2, 256);
  INFO("seed=" << seed << " alphabet=" << alphabet);
  std::mt19937_64 random(seed);
  const std::string prefix(random() % 12, '\xff');
  std::map<std::string, std::string> expected;
  SortedBatch batch;
  while (expected.size() < 3000) {
    std::string key = prefix;
    for (size_t i = random() % 14; i > 0; --i) {
      key.push_back(static_cast<char>(random() % static_cast<unsigned>(alphabet)));
    }
    key += std::to_string(expected.size() * 7919 % 3001);
    const std::string value(random() % 5, 'v');
    if (expected.emplace(key, value).second) batch.Add(key, value);
  }
  CHECK(TakeAll(&batch) == Entries(expected.begin(), expected.end()));
}

TEST_CASE("a failure ends the taking and empties the batch", "[sql][sorted_batch]") {
  SortedBatch batch;
  for (const char* key : {"c", "a", "b"}) batch.Add(key, "");
  std::string taken;
  const int result = batch.Take([&taken](std::string_view key, std::string_view) {
    taken += key;
    return key == "b" ? 7 : 0;
  });
  CHECK(result == 7);
  CHECK(taken == "ab");
  CHECK(TakeAll(&batch).empty());
}

TEST_CASE("a batch says when it is full", "[sql][sorted_batch]") {
  SortedBatch batch;
  const std::string value(1 << 20, 'v');
  for (size_t i = 0; i < 47; ++i) {
    REQUIRE_FALSE(batch.IsFull());
    batch.Add(std::to_string(i), value);
  }
  batch.Add("last", value);
  CHECK(batch.IsFull());
}

TEST_CASE("CREATE INDEX and REINDEX make what SQLite makes", "[sql][index]") {
  const sibyl::testing::TemporaryDirectory folder;
  Connection ours(folder.path() / "ours.db");
  Connection native(":memory:");
  const auto both = [&](const std::string& sql) {
    INFO(sql);
    REQUIRE(ours.Try(sql) == native.Try(sql));
  };
  const auto same = [&](const std::string& query) {
    INFO(query);
    REQUIRE(ours.Execute(query) == native.Execute(query));
  };
  both("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b TEXT COLLATE NOCASE, c REAL)");
  both("CREATE INDEX of_nothing ON t(a)");
  both(
      "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t "
      "SELECT i, CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN i * 7919 % 101 WHEN 2 THEN -i * 1.5 WHEN "
      "3 "
      "THEN 'text ' || (i % 13) WHEN 4 THEN x'00ff' ELSE i END, substr('AbCdEfG', i % 5, i % 4), "
      "(i * 31 % 977) / 7.0 FROM n");
  both("CREATE INDEX a_b ON t(a, b DESC)");
  both("CREATE INDEX part ON t(c DESC) WHERE a IS NOT NULL");
  both("CREATE INDEX of_expression ON t(abs(c) * -1, length(b))");
  both("CREATE UNIQUE INDEX unique_ids ON t(id, a)");
  both("CREATE UNIQUE INDEX never ON t(b)");  // a constraint fails: there are equal ones
  const auto compare = [&] {
    same("SELECT a, b, id FROM t INDEXED BY a_b ORDER BY a, b DESC, id");
    same("SELECT c, id FROM t INDEXED BY part WHERE a IS NOT NULL ORDER BY c DESC, id");
    same("SELECT id FROM t WHERE abs(c) * -1 < -50 ORDER BY abs(c) * -1, length(b), id");
    same("SELECT count(*) FROM t WHERE a = 'text 5'");
    same("PRAGMA integrity_check");
  };
  compare();
  both("BEGIN; UPDATE t SET a = id WHERE id % 3 = 0; REINDEX t");
  compare();
  both(
      "SAVEPOINT s; DROP INDEX part; CREATE INDEX part ON t(c DESC) WHERE a IS NOT NULL; "
      "ROLLBACK TO s");
  compare();
  both("ROLLBACK");
  compare();
  both("REINDEX");
  compare();
  both("CREATE INDEX fails ON t(json_extract(b, '$.x'))");  // at the first row
  both("CREATE TABLE w(x TEXT, y INTEGER, PRIMARY KEY(y, x)) WITHOUT ROWID");
  both("INSERT INTO w SELECT 'x' || id, id * 7919 % 1009 FROM t");
  both("CREATE INDEX w_x ON w(x DESC)");
  same("SELECT x, y FROM w INDEXED BY w_x ORDER BY x DESC, y");
  both("REINDEX w");
  same("PRAGMA integrity_check");
}

TEST_CASE("an index of several batches is whole", "[sql][index]") {
  const sibyl::testing::TemporaryDirectory folder;
  Connection ours(folder.path() / "ours.db");
  ours.Execute(
      "CREATE TABLE t(a BLOB); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE "
      "i<4000) INSERT INTO t SELECT (i * 7919 % 4001) || hex(zeroblob(8000)) FROM n;"
      "CREATE INDEX t_a ON t(a)");
  CHECK(ours.Line("PRAGMA integrity_check") == "ok");
  CHECK(ours.Line("SELECT count(*), min(a > 'x') FROM t INDEXED BY t_a WHERE a > ''") == "4000|0");
}

}  // namespace
}  // namespace sibyl::sql::testing
