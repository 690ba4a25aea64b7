// Goal: the bytes of keys sort exactly as SQLite sorts the values, whatever their types, collation
// and direction.
// Method: SQLite itself ranks random rows (dense_rank over ORDER BY, which compares with
// sqlite3VdbeRecordCompare); for every pair of rows memcmp of the keys must have the sign of the
// ranks' difference. Values are drawn from pools full of edges. Seeds are fixed and printed.

#include "sql/key_codec.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/sql/connection.h"

namespace sibyl::sql::testing {
namespace {

// Frees the buffer that the C interface grows.
struct Key : SibylKey {
  Key() : SibylKey{} {}
  ~Key() { sibyl_key_free(this); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  std::string bytes_string() const { return {reinterpret_cast<const char*>(bytes), size}; }
};

struct Value {
  enum Kind { kNull, kInteger, kReal, kText, kBlob } kind = kNull;
  int64_t integer = 0;
  double real = 0;
  std::string bytes;
};

Value Integer(int64_t v) { return {Value::kInteger, v, 0, ""}; }
Value Real(double v) { return {Value::kReal, 0, v, ""}; }

std::vector<Value> NumberPool() {
  std::vector<Value> pool = {Value{}};
  const int64_t max = std::numeric_limits<int64_t>::max();
  for (const int64_t base : {int64_t{0}, int64_t{1} << 7, int64_t{1} << 15, int64_t{1} << 31,
                             int64_t{1} << 52, int64_t{1} << 53, int64_t{1} << 62, max}) {
    for (int64_t step = -2; step <= 2; step++) {
      if (base == max && step > 0) continue;
      pool.push_back(Integer(base + step));
      pool.push_back(Integer(-(base + step)));
      pool.push_back(Real(static_cast<double>(base) + static_cast<double>(step)));
      pool.push_back(Real(-static_cast<double>(base) - static_cast<double>(step) / 4));
    }
  }
  pool.push_back(Integer(std::numeric_limits<int64_t>::min()));
  for (const double v : {0.5, -0.5, 1e-300, 5e-324, 1e300, 9.2233720368547758e18,
                         1.8446744073709552e19, std::nextafter(9.2233720368547758e18, 0.0),
                         4503599627370495.5, std::numeric_limits<double>::infinity()}) {
    pool.push_back(Real(v));
    pool.push_back(Real(-v));
  }
  pool.push_back(Real(-0.0));
  return pool;
}

std::vector<Value> BytesPool(std::mt19937_64* random) {
  std::vector<Value> pool = {Value{}, Integer(5)};
  const std::string alphabet("\0\x01 aAbBzZ\x7f\xc3\xa4\xfe\xff", 14);
  for (int i = 0; i < 120; i++) {
    Value value;
    value.kind = i % 3 == 0 ? Value::kBlob : Value::kText;
    for (uint64_t n = (*random)() % 7; n > 0; n--) value.bytes += alphabet[(*random)() % 14];
    pool.push_back(value);
  }
  return pool;
}

void Append(SibylKey* key, const Value& value, SibylCollation collation, unsigned order) {
  switch (value.kind) {
    case Value::kNull:
      return sibyl_key_append_null(key, order);
    case Value::kInteger:
      return sibyl_key_append_integer(key, value.integer, order);
    case Value::kReal:
      return sibyl_key_append_real(key, value.real, order);
    case Value::kText:
      return sibyl_key_append_text(key, value.bytes.data(), value.bytes.size(), collation, order);
    case Value::kBlob:
      return sibyl_key_append_blob(key, value.bytes.data(), value.bytes.size(), 0, order);
  }
}

void Bind(sqlite3_stmt* statement, int at, const Value& value) {
  const int size = static_cast<int>(value.bytes.size());
  switch (value.kind) {
    case Value::kNull:
      sqlite3_bind_null(statement, at);
      break;
    case Value::kInteger:
      sqlite3_bind_int64(statement, at, value.integer);
      break;
    case Value::kReal:
      sqlite3_bind_double(statement, at, value.real);
      break;
    case Value::kText:
      sqlite3_bind_text(statement, at, value.bytes.data(), size, SQLITE_TRANSIENT);
      break;
    case Value::kBlob:
      if (size == 0) {
        sqlite3_bind_zeroblob(statement, at, 0);
      } else {
        sqlite3_bind_blob(statement, at, value.bytes.data(), size, SQLITE_TRANSIENT);
      }
      break;
  }
}

struct Field {
  SibylCollation collation;
  unsigned order;
};

std::string OrderBy(const std::string& column, const Field& field) {
  static constexpr const char* kCollations[] = {"BINARY", "NOCASE", "RTRIM"};
  const bool descending = (field.order & SIBYL_KEY_DESC) != 0;
  std::string sql = column + " COLLATE " + kCollations[field.collation];
  if (descending) sql += " DESC";
  // SQLite's BIGNULL: NULLs at the end opposite to the usual one.
  if (field.order & SIBYL_KEY_BIGNULL) sql += descending ? " NULLS FIRST" : " NULLS LAST";
  return sql;
}

int Sign(int v) { return (v > 0) - (v < 0); }

void CheckPairs(const std::vector<std::pair<Value, Value>>& rows, const Field& first,
                const Field& second) {
  Connection db(":memory:");
  db.Execute("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)");
  sqlite3_stmt* insert = nullptr;
  REQUIRE(sqlite3_prepare_v2(db.handle(), "INSERT INTO t(a, b) VALUES(?, ?)", -1, &insert,
                             nullptr) == SQLITE_OK);
  std::vector<std::string> keys;
  for (const auto& [a, b] : rows) {
    Bind(insert, 1, a);
    Bind(insert, 2, b);
    REQUIRE(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
    Key key;
    Append(&key, a, first.collation, first.order);
    Append(&key, b, second.collation, second.order);
    REQUIRE(key.out_of_memory == 0);
    keys.push_back(key.bytes_string());
  }
  sqlite3_finalize(insert);
  std::vector<int> ranks(rows.size());
  for (const std::string& row :
       db.Execute("SELECT id, dense_rank() OVER (ORDER BY " + OrderBy("a", first) + ", " +
                  OrderBy("b", second) + ") FROM t ORDER BY id")) {
    const size_t bar = row.find('|');
    ranks[std::stoul(row.substr(0, bar)) - 1] = std::stoi(row.substr(bar + 1));
  }
  for (size_t i = 0; i < rows.size(); i++) {
    for (size_t j = 0; j < i; j++) {
      if (Sign(keys[i].compare(keys[j])) != Sign(ranks[i] - ranks[j])) {
        FAIL("rows " << i << " and " << j << ": ranks " << ranks[i] << " and " << ranks[j]);
      }
    }
  }
}

TEST_CASE("two-field keys sort as SQLite's records", "[sql][key_codec]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  const auto first_order = GENERATE(0u, 1u, 2u, 3u);
  const auto second_order = GENERATE(0u, 1u);
  const auto collation = GENERATE(SIBYL_COLLATE_BINARY, SIBYL_COLLATE_NOCASE, SIBYL_COLLATE_RTRIM);
  INFO("seed=" << seed << " orders=" << first_order << ',' << second_order
               << " collation=" << collation);
  std::mt19937_64 random(seed);
  std::vector<Value> pool = NumberPool();
  for (const Value& value : BytesPool(&random)) pool.push_back(value);
  std::vector<std::pair<Value, Value>> rows;
  for (int i = 0; i < 300; i++) {
    rows.emplace_back(pool[random() % pool.size()], pool[random() % pool.size()]);
  }
  CheckPairs(rows, {collation, first_order}, {collation, second_order});
}

TEST_CASE("every pair of edge numbers", "[sql][key_codec]") {
  std::vector<std::pair<Value, Value>> rows;
  for (const Value& value : NumberPool()) rows.emplace_back(value, Value{});
  CheckPairs(rows, {SIBYL_COLLATE_BINARY, GENERATE(0u, 1u)}, {SIBYL_COLLATE_BINARY, 0});
}

TEST_CASE("the successor bounds exactly the keys with a prefix", "[sql][key_codec]") {
  std::mt19937_64 random(7);
  const std::vector<Value> numbers = NumberPool();
  std::vector<Value> pool = BytesPool(&random);
  pool.insert(pool.end(), numbers.begin(), numbers.end());
  const unsigned order = GENERATE(0u, 1u, 2u, 3u);
  INFO("order " << order);
  for (const Value& value : pool) {
    Key prefix;
    Append(&prefix, value, SIBYL_COLLATE_BINARY, order);
    Key bound;
    Append(&bound, value, SIBYL_COLLATE_BINARY, order);
    sibyl_key_successor(&bound);
    const std::string begin = prefix.bytes_string();
    const std::string end = bound.bytes_string();
    for (const Value& other : pool) {
      Key key;
      Append(&key, other, SIBYL_COLLATE_BINARY, order);
      Append(&key, value, SIBYL_COLLATE_BINARY, order);
      const std::string bytes = key.bytes_string();
      const bool inside = bytes >= begin && bytes < end;
      if (inside != bytes.starts_with(begin)) FAIL("a key is on the wrong side of the successor");
    }
  }
}

TEST_CASE("zero-filled blobs and rowids", "[sql][key_codec]") {
  Key written;
  Key filled;
  sibyl_key_append_blob(&written, "ab\0\0\0", 5, 0, 0);
  sibyl_key_append_blob(&filled, "ab", 2, 3, 0);
  CHECK(written.bytes_string() == filled.bytes_string());

  unsigned char last[8] = {};
  for (const int64_t rowid : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                              int64_t{1}, std::numeric_limits<int64_t>::max()}) {
    unsigned char key[8];
    sibyl_rowid_encode(rowid, key);
    CHECK(sibyl_rowid_decode(key) == rowid);
    CHECK((rowid == std::numeric_limits<int64_t>::min() || std::memcmp(last, key, 8) < 0));
    std::memcpy(last, key, 8);
  }
}

TEST_CASE("small numbers make small keys", "[sql][key_codec]") {
  Key key;
  sibyl_key_append_integer(&key, 0, 0);
  CHECK(key.size == 1);
  sibyl_key_clear(&key);
  sibyl_key_append_integer(&key, 127, 0);
  CHECK(key.size == 2);
  sibyl_key_clear(&key);
  sibyl_key_append_real(&key, -1000.0, 0);
  CHECK(key.size == 3);
}

}  // namespace
}  // namespace sibyl::sql::testing
