// Goal: only statements of the plain forms have a shape, and it has all of the text but the
// constants. Method: each form by its text; then their neighbours, which must have none. That a
// shape means what the text does is tested with a server, in simple_query_test.py.

#include <catch2/catch.hpp>
#include <string>

#include "sql/server/dialect/shape.h"
#include "sql/server/type_oids.h"

namespace sibyl::sql::server {
namespace {

// The shape's text and its constants; "none".
std::string ShapeOf(const std::string& sql) {
  Shape shape;
  if (!FindShape(sql, &shape)) return "none";
  REQUIRE(shape.constants.size() == shape.declared_oids.size());
  std::string all = shape.text;
  for (size_t i = 0; i < shape.constants.size(); ++i) {
    const SqlValue value = shape.constants[i].view();
    const uint32_t oid = shape.declared_oids[i];
    all += value.type == ValueType::kText
               ? " [" + std::string(value.bytes) + "]"
               : " " + std::to_string(value.integer) + (oid == kInt4Oid ? "" : "L");
  }
  return all;
}

}  // namespace

TEST_CASE("plain statements have a shape", "[server][shape]") {
  CHECK(ShapeOf("SELECT a FROM t WHERE id = 77;") == "SELECT a FROM t WHERE id = $1 77");
  CHECK(
      ShapeOf("select 5, 'x' FROM t AS u where u.\"id\"=-7 AND b = c and s = 'it''s' ORDER BY 1") ==
      "select 5, 'x' FROM t AS u where u.\"id\"=$1 AND b = c and s = $2 ORDER BY 1 -7 [it's]");
  CHECK(ShapeOf("SELECT (SELECT 1 WHERE 2 = 3) FROM t WHERE a = ''") ==
        "SELECT (SELECT 1 WHERE 2 = 3) FROM t WHERE a = $1 []");
  CHECK(ShapeOf("UPDATE t SET a = a + -5, b = 'x', c = d WHERE id = 1 RETURNING 5") ==
        "UPDATE t SET a = a + $1, b = $2, c = d WHERE id = $3 RETURNING 5 -5 [x] 1");
  CHECK(ShapeOf("UPDATE t SET a = a - - 5") == "UPDATE t SET a = a - $1 -5");
  CHECK(ShapeOf("DELETE FROM t WHERE id = 1") == "DELETE FROM t WHERE id = $1 1");
  CHECK(ShapeOf("INSERT INTO t (a, b) VALUES (1, -2), CURRENT_TIMESTAMP") == "none");
  CHECK(ShapeOf("INSERT INTO t (a, b, c) VALUES (1, -2, now) ON CONFLICT DO NOTHING") ==
        "INSERT INTO t (a, b, c) VALUES ($1, $2, now) ON CONFLICT DO NOTHING 1 -2");
}

TEST_CASE("numbers have the type that PostgreSQL gives them", "[server][shape]") {
  const std::string text = "DELETE FROM t WHERE a = ";
  const std::string shape = "DELETE FROM t WHERE a = $1 ";
  CHECK(ShapeOf(text + "2147483647") == shape + "2147483647");
  CHECK(ShapeOf(text + "2147483648") == shape + "2147483648L");
  CHECK(ShapeOf(text + "-2147483648") == shape + "-2147483648");
  CHECK(ShapeOf(text + "-2147483649") == shape + "-2147483649L");
  CHECK(ShapeOf(text + "9223372036854775807") == shape + "9223372036854775807L");
  CHECK(ShapeOf(text + "9223372036854775808") == "none");
  CHECK(ShapeOf(text + "007") == shape + "7");
}

TEST_CASE("their neighbours have none", "[server][shape]") {
  const std::string sql = GENERATE(
      as<std::string>(), "", ";", "SELECT 5", "SELECT a FROM t", "BEGIN",
      "SELECT a FROM t WHERE a = 5 + 1", "SELECT a FROM t WHERE a = 5::text",
      "SELECT a FROM t WHERE a = 5 OR b", "SELECT a FROM t WHERE a > 5",
      "SELECT a FROM t WHERE a = 1.5", "SELECT a FROM t WHERE a = 1e3",
      "SELECT a FROM t WHERE a = E'x'", "SELECT a FROM t WHERE a = x'05'",
      "SELECT a FROM t WHERE a = 'x' 'y'", "SELECT a FROM t WHERE a = 'x\\y'",
      "SELECT a FROM t WHERE a = 'x", "SELECT a FROM t WHERE a = $1",
      "SELECT a FROM t WHERE a = $$x$$", "SELECT a FROM t WHERE a = 5 -- x",
      "SELECT a FROM t WHERE a = /* x */ 5", "SELECT a FROM t WHERE a = 5; SELECT 1",
      "SELECT a FROM t WHERE f(a) = 5", "SELECT a FROM t WHERE a = date '2024-01-01'",
      "SELECT a FROM t WHERE a = 5 UNION SELECT 1", "SELECT a FROM t WHERE a = 5 COLLATE x",
      "SELECT a FROM t WHERE (a = 5)", "SELECT a FROM t WHERE a =+ 5",
      "SELECT a FROM t WHERE a =@ 5", "SELECT a FROM t WHERE a => 5",
      "SELECT (a FROM t WHERE a = 5", "UPDATE t SET a = a * 5", "UPDATE t SET a = 5 + a",
      "UPDATE t SET (a) = (5)", "INSERT INTO t VALUES (f(5))", "INSERT INTO t VALUES (1), (2)",
      "INSERT INTO t SELECT 5", "EXPLAIN SELECT a FROM t WHERE a = 5",
      "WITH t AS (SELECT 5) SELECT a FROM t WHERE a = 5");
  INFO(sql);
  CHECK(ShapeOf(sql) == "none");
}

TEST_CASE("long texts and many constants have none", "[server][shape]") {
  const std::string text = "DELETE FROM t WHERE a = ";
  CHECK(ShapeOf(text + "'" + std::string(4000, 'x') + "'") != "none");
  CHECK(ShapeOf(text + "'" + std::string(4096, 'x') + "'") == "none");
  std::string values = "INSERT INTO t VALUES (0";
  for (int i = 1; i < 64; ++i) values += ", 0";
  CHECK(ShapeOf(values + ")") != "none");
  CHECK(ShapeOf(values + ", 0)") == "none");
}

}  // namespace sibyl::sql::server
