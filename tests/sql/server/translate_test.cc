// Goal: what the translator writes means in SQLite what the text meant in PostgreSQL, and what it
// cannot write so is an error with the right SQLSTATE and place.
// Method: edges first (nothing, only comments, hostile text); then each shim by its text, against a
// schema given here, so that no database is needed. What the SQL answers is tested in answers_test.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "sql/server/dialect/translate.h"
#include "sql/server/type_oids.h"

namespace sibyl::sql::server {
namespace {

// t(id, a int, b varchar(10), n numeric(10,2), f bool, ts timestamp, d date), u(id, tid); parent and
// child, which refers to it.
class FixedSchema : public Schema {
 public:
  FixedSchema() {
    t_.name = "t";
    t_.create_sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a int)";
    t_.columns = {{"id", kInt8Oid, -1, true, true, 1, "", false},
                  {"a", kInt4Oid, -1, false, false, 0, "7", false},
                  {"b", kVarcharOid, 14, false, false, 0, "", false},
                  {"n", kNumericOid, 655366, false, false, 0, "", false},
                  {"f", kBoolOid, -1, false, false, 0, "", false},
                  {"ts", kTimestampOid, -1, true, false, 0, "", false},
                  {"d", kDateOid, -1, false, false, 0, "", false}};
    u_.name = "u";
    u_.create_sql = "CREATE TABLE u (id int, tid bigint, CHECK (id > 0))";
    u_.dependent_sql = {"CREATE INDEX u_tid ON u (tid)"};
    u_.columns = {{"id", kInt4Oid, -1, false, false, 0, "", false},
                  {"tid", kInt8Oid, -1, false, false, 0, "", false}};
    parent_.name = "parent";
    parent_.referencing = {"child"};
    child_.name = "child";
  }
  const RelationInfo* Find(std::string_view name) const override {
    for (const RelationInfo* relation : {&t_, &u_, &parent_, &child_}) {
      if (relation->name == name) return relation;
    }
    return nullptr;
  }
  bool HasIndex(std::string_view name) const override { return name == "t_a_idx"; }

 private:
  RelationInfo t_;
  RelationInfo u_;
  RelationInfo parent_;
  RelationInfo child_;
};

std::vector<Translated> All(const std::string& sql) {
  const auto result = Translate(sql, FixedSchema());
  INFO(sql << ": " << (result ? "" : result.error().message));
  REQUIRE(result.has_value());
  return *result;
}

Translated One(const std::string& sql) {
  auto all = All(sql);
  INFO(sql);
  REQUIRE(all.size() == 1);
  return all[0];
}

std::string Sql(const std::string& sql) { return One(sql).sql; }

SqlError ErrorOf(const std::string& sql) {
  const auto result = Translate(sql, FixedSchema());
  INFO(sql << " gave " << (result && !result->empty() ? (*result)[0].sql : ""));
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

// ---- Edges ----

TEST_CASE("a text without statements has none", "[sql][server][translate]") {
  CHECK(All("").empty());
  CHECK(All("  \n\t ").empty());
  CHECK(All(";;").empty());
  CHECK(All("-- only a comment").empty());
  CHECK(All("/* /* nested */ */ ;").empty());
}

TEST_CASE("text that no parser should see is refused", "[sql][server][translate]") {
  CHECK(ErrorOf(std::string("SELECT '\0'", 10)).sqlstate == "22021");
  CHECK(ErrorOf("SELECT " + std::string(2000, '(') + "1").sqlstate == "54001");
  CHECK(ErrorOf("SELECT 'unfinished").sqlstate == "42601");
  const auto repeated = [](const std::string& part, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += part;
    return text;
  };
  // Each would be a tree of that depth, and PostgreSQL's parser has no limit.
  for (const std::string& deep :
       {"1" + repeated("+1", 100000), repeated("- ", 100000) + "1", "1" + repeated("::int", 50000),
        "1" + repeated(" union select 1", 50000), "a" + repeated("[1]", 50000),
        repeated("case when true then ", 5000) + "1" + repeated(" end", 5000),
        "'a'" + repeated("||'b'", 50000), "1" + repeated(" is null", 50000),
        "1 from t" + repeated(" join t using (id)", 20000)}) {
    CHECK(ErrorOf("SELECT " + deep).sqlstate == "54001");
  }
  // Long, and flat.
  CHECK(One("SELECT 1 FROM t WHERE a IN (1" + repeated(", -1", 5000) + ")").sql.size() > 10000);
  CHECK(One("SELECT '" + repeated("(+", 5000) + "'").sql.size() > 10000);
  CHECK(ErrorOf("SELECT \"\"").sqlstate == "42601");
}

TEST_CASE("several statements come apart, with their own words", "[sql][server][translate]") {
  const auto all = All("BEGIN; SELECT 1; UPDATE t SET a = 1;; COMMIT");
  REQUIRE(all.size() == 4);
  CHECK(all[0].kind == StatementKind::kBegin);
  CHECK(all[1].kind == StatementKind::kSelect);
  CHECK(all[2].kind == StatementKind::kUpdate);
  CHECK(all[3].kind == StatementKind::kCommit);
}

TEST_CASE("SQLite's own dialect passes through unchanged", "[sql][server][translate]") {
  const auto all = All(
      "PRAGMA user_version; SELECT 1; REPLACE INTO t VALUES (1); CREATE TRIGGER x AFTER INSERT ON t"
      " BEGIN SELECT 1; SELECT 2; END; SELECT ?1");
  REQUIRE(all.size() == 5);
  CHECK(all[0].sql == "PRAGMA user_version");
  REQUIRE(all[0].syntax_error.has_value());
  CHECK(all[0].syntax_error->sqlstate == "42601");
  CHECK(all[0].syntax_error->position == 1);
  CHECK_FALSE(all[1].syntax_error.has_value());
  CHECK(all[2].kind == StatementKind::kInsert);
  CHECK(all[3].sql == "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END");
  CHECK(all[3].tag_word == "CREATE TRIGGER");
  CHECK(all[4].sql == "SELECT ?1 AS \"?column?\"");
}

// ---- Names and places ----

TEST_CASE("unknown names are errors at their place, counted in characters",
          "[sql][server][translate]") {
  const SqlError table = ErrorOf("SELECT 'ö' FROM nope");
  CHECK(table.sqlstate == "42P01");
  CHECK(table.message == "relation \"nope\" does not exist");
  CHECK(table.position == 17);
  const SqlError column = ErrorOf("SELECT nope FROM t");
  CHECK(column.sqlstate == "42703");
  CHECK(column.position == 8);
  CHECK(ErrorOf("SELECT x.id FROM t").sqlstate == "42P01");
  CHECK(ErrorOf("SELECT 1::nope").sqlstate == "42704");
  CHECK(ErrorOf("SELECT * FROM other.t").sqlstate == "3F000");
}

TEST_CASE("result columns have PostgreSQL's names and types", "[sql][server][translate]") {
  const Translated query =
      One("SELECT 1, count(*), b, f = true, a::text AS z, now(), NULL, 'x', ARRAY[1,2] FROM t");
  std::vector<std::string> names;
  std::vector<uint32_t> types;
  for (const ResultColumn& column : query.result_columns) {
    names.push_back(column.name);
    types.push_back(column.type_oid);
  }
  CHECK(names == std::vector<std::string>{"?column?", "count", "b", "?column?", "z", "now",
                                          "?column?", "?column?", "array"});
  CHECK(types == std::vector<uint32_t>{kInt4Oid, kInt8Oid, kVarcharOid, kBoolOid, kTextOid,
                                       kTimestamptzOid, kTextOid, kTextOid, kInt4ArrayOid});
}

TEST_CASE("parameters take the type of what they meet", "[sql][server][translate]") {
  const auto types = [](const std::string& sql) { return One(sql).parameter_type_oids; };
  CHECK(types("SELECT * FROM t WHERE id = $1 AND f = $2") ==
        std::vector<uint32_t>{kInt8Oid, kBoolOid});
  CHECK(types("INSERT INTO t (b, ts) VALUES ($2, $1)") ==
        std::vector<uint32_t>{kTimestampOid, kVarcharOid});
  CHECK(types("UPDATE t SET a = a + $1") == std::vector<uint32_t>{kInt4Oid});
  CHECK(types("SELECT $1::date, $2") == std::vector<uint32_t>{kDateOid, kTextOid});
  CHECK(types("SELECT 1 FROM t WHERE id = ANY($1) LIMIT $2") ==
        std::vector<uint32_t>{kInt8ArrayOid, kInt8Oid});
  CHECK(types("SELECT $2::int4") == std::vector<uint32_t>{0, kInt4Oid});
}

// ---- Shims ----

TEST_CASE("untyped literals become what their column is", "[sql][server][translate]") {
  CHECK(Sql("SELECT 1 FROM t WHERE f = 'yes'").ends_with("WHERE (f = 1)"));
  CHECK(Sql("SELECT 1 FROM t WHERE id = '5'").ends_with("WHERE (id = 5)"));
  CHECK(Sql("SELECT 1 FROM t WHERE d > '20240229'").ends_with("(d > '2024-02-29')"));
  CHECK(Sql("INSERT INTO t (ts) VALUES ('2024-01-01T10:00:00.500Z')")
            .ends_with("VALUES ('2024-01-01 10:00:00.5')"));
  CHECK(ErrorOf("SELECT 1 FROM t WHERE f = 'maybe'").sqlstate == "22P02");
  CHECK(ErrorOf("SELECT 1 FROM t WHERE a = '5x'").sqlstate == "22P02");
  CHECK(ErrorOf("SELECT 1 FROM t WHERE a = '99999999999'").sqlstate == "22003");
  CHECK(ErrorOf("SELECT 1 FROM t WHERE d = '2023-02-29'").sqlstate == "22008");
  CHECK(ErrorOf("SELECT '2023-02-29'::date").message ==
        "date/time field value out of range: \"2023-02-29\"");
  CHECK(ErrorOf("SELECT 1 FROM t WHERE d = 'someday'").sqlstate == "22007");
}

TEST_CASE("patterns keep their case and escapes", "[sql][server][translate]") {
  CHECK(Sql("SELECT 1 FROM t WHERE b LIKE 'a%_*[\\%'").ends_with("(b GLOB 'a*?[*][[]%')"));
  CHECK(Sql("SELECT 1 FROM t WHERE b NOT LIKE 'x'").ends_with("(b NOT GLOB 'x')"));
  CHECK(Sql("SELECT 1 FROM t WHERE b LIKE $1").ends_with("pg_like(b, ?1)"));
  CHECK(Sql("SELECT 1 FROM t WHERE b ILIKE 'x%'").ends_with("pg_ilike(b, 'x%')"));
  CHECK(Sql("SELECT 1 FROM t WHERE b LIKE 'a!%' ESCAPE '!'").ends_with("(b GLOB 'a%')"));
  CHECK(Sql("SELECT 1 FROM t WHERE b !~ 'x'").ends_with("(NOT pg_regex_match(b, 'x'))"));
  CHECK(ErrorOf("SELECT 1 FROM t WHERE b LIKE 'a\\'").sqlstate == "22025");
}

TEST_CASE("NULL sorts as PostgreSQL's largest value", "[sql][server][translate]") {
  CHECK(Sql("SELECT id FROM t ORDER BY a").ends_with("ORDER BY a NULLS LAST"));
  CHECK(Sql("SELECT id FROM t ORDER BY a DESC").ends_with("ORDER BY a DESC NULLS FIRST"));
  CHECK(Sql("SELECT id FROM t ORDER BY a NULLS FIRST").ends_with("ORDER BY a"));
  CHECK(Sql("SELECT id FROM t ORDER BY ts").ends_with("ORDER BY ts"));
}

TEST_CASE("division keeps fractions and notices zero", "[sql][server][translate]") {
  CHECK(Sql("SELECT a / 2 FROM t").find("(a / 2)") != std::string::npos);
  CHECK(Sql("SELECT n / 2 FROM t").find("pg_divide_real(n, 2)") != std::string::npos);
  CHECK(Sql("SELECT a / id FROM t").find("pg_divide(a, id)") != std::string::npos);
}

TEST_CASE("ANY of an array is a list", "[sql][server][translate]") {
  CHECK(Sql("SELECT 1 FROM t WHERE id = ANY('{1,2,10}'::integer[])").ends_with("(id IN (1, 2, 10))"));
  CHECK(Sql("SELECT 1 FROM t WHERE id = ANY(ARRAY[1,2])").ends_with("(id IN (1, 2))"));
  CHECK(Sql("SELECT 1 FROM t WHERE b <> ALL('{x,\"y z\"}')").ends_with("(b NOT IN ('x', 'y z'))"));
  CHECK(Sql("SELECT 1 FROM t WHERE id = ANY($1)")
            .ends_with("(id IN (SELECT value FROM pg_elements(?1, 20)))"));
  CHECK(ErrorOf("SELECT 1 FROM t WHERE id = ANY('{1,')").sqlstate == "22P02");
}

TEST_CASE("tables keep PostgreSQL's types; integer keys are the rowid", "[sql][server][translate]") {
  CHECK(Sql("CREATE TABLE x (id SERIAL PRIMARY KEY, b VARCHAR(5) NOT NULL, f BOOL DEFAULT 't') WITH "
            "(fillfactor=70)") ==
        "CREATE TABLE x (id INTEGER PRIMARY KEY AUTOINCREMENT, b character varying(5) NOT NULL, "
        "f boolean DEFAULT (1))");
  CHECK(Sql("CREATE TABLE IF NOT EXISTS public.x (a int, b int, PRIMARY KEY (a, b))") ==
        "CREATE TABLE IF NOT EXISTS x (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (a, b))");
  CHECK(Sql("CREATE TABLE x (a bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ts timestamptz "
            "DEFAULT now())") ==
        "CREATE TABLE x (a INTEGER PRIMARY KEY AUTOINCREMENT, ts timestamp with time zone DEFAULT "
        "CURRENT_TIMESTAMP)");
  CHECK(ErrorOf("CREATE TABLE x (a serial)").sqlstate == "0A000");
  CHECK(ErrorOf("CREATE TABLE x () INHERITS (t)").sqlstate == "0A000");
}

TEST_CASE("ALTER TABLE ADD PRIMARY KEY makes the table anew, with its indexes",
          "[sql][server][translate]") {
  CHECK(Sql("ALTER TABLE u ADD PRIMARY KEY (id)") ==
        "CREATE TABLE sibyl_new_u (id INTEGER PRIMARY KEY, tid bigint, CHECK (id > 0)); INSERT INTO "
        "sibyl_new_u (id, tid) SELECT pg_not_null(id, 'id', 'u'), tid FROM u; DROP TABLE u; ALTER "
        "TABLE sibyl_new_u RENAME TO u; CREATE INDEX u_tid ON u (tid)");
  CHECK(ErrorOf("ALTER TABLE t ADD PRIMARY KEY (a)").sqlstate == "42P16");
  CHECK(ErrorOf("ALTER TABLE u ADD PRIMARY KEY (nope)").sqlstate == "42703");
}

TEST_CASE("statements of the session come as data", "[sql][server][translate]") {
  CHECK(One("START TRANSACTION ISOLATION LEVEL REPEATABLE READ").isolation ==
        IsolationLevel::kRepeatableRead);
  CHECK(One("BEGIN READ ONLY").read_only);
  const Translated set = One("SET LOCAL search_path = a, \"B\"");
  CHECK(set.kind == StatementKind::kSet);
  CHECK(set.is_local);
  CHECK(set.name == "search_path");
  CHECK(set.value == "a, B");
  CHECK(One("SHOW transaction isolation level").name == "transaction_isolation");
  CHECK(One("RESET ALL").name == "all");
  const Translated cursor = One("DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM t");
  CHECK(cursor.kind == StatementKind::kDeclareCursor);
  CHECK((cursor.hold && cursor.scroll));
  CHECK(cursor.sql == "SELECT id FROM t");
  const Translated fetch = One("FETCH BACKWARD 7 FROM c");
  CHECK(fetch.fetch_direction == FetchDirection::kBackward);
  CHECK(fetch.count == 7);
  CHECK(One("FETCH ALL c").count == INT64_MAX);
  const Translated prepare = One("PREPARE p (int, text) AS SELECT $1, $2");
  CHECK(prepare.inner_text == " SELECT $1, $2");
  CHECK(prepare.parameter_type_oids == std::vector<uint32_t>{kInt4Oid, kTextOid});
  CHECK(One("EXECUTE p (1, 'x')").arguments == std::vector<std::string>{"1", "'x'"});
  CHECK(One("DEALLOCATE ALL").name.empty());
}

TEST_CASE("tables are dropped before those that they refer to", "[sql][server][translate]") {
  CHECK(Sql("DROP TABLE parent, t, child") == "DROP TABLE t; DROP TABLE child; DROP TABLE parent");
  CHECK(Sql("DROP TABLE IF EXISTS child, absent, parent CASCADE") ==
        "DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS absent; DROP TABLE IF EXISTS parent");
  CHECK(ErrorOf("DROP TABLE t, parent").sqlstate == "2BP01");
  CHECK(ErrorOf("DROP TABLE parent CASCADE").sqlstate == "0A000");
}

TEST_CASE("users have a name and a password", "[sql][server][translate]") {
  const Translated create = One("CREATE USER ann WITH LOGIN PASSWORD 'sesame'");
  CHECK(create.kind == StatementKind::kCreateUser);
  CHECK((create.name == "ann" && create.value == "sesame" && create.tag_word == "CREATE ROLE"));
  const Translated alter = One("ALTER ROLE \"Ann B\" PASSWORD 'x'");
  CHECK((alter.kind == StatementKind::kAlterUser && alter.name == "Ann B" && alter.value == "x"));
  const Translated drop = One("DROP USER IF EXISTS ann, bob");
  CHECK((drop.kind == StatementKind::kDropUser && drop.missing_ok));
  CHECK(drop.arguments == std::vector<std::string>{"ann", "bob"});
  CHECK(ErrorOf("CREATE USER ann").sqlstate == "0A000");
  CHECK(ErrorOf("CREATE ROLE ann SUPERUSER PASSWORD 'x'").sqlstate == "0A000");
  CHECK(ErrorOf("ALTER USER ann PASSWORD NULL").sqlstate == "0A000");
}

TEST_CASE("COPY comes as options; files of the server stay closed", "[sql][server][translate]") {
  const Translated in = One("COPY t (id, b) FROM STDIN WITH (FORMAT csv, HEADER, NULL 'x')");
  CHECK(in.kind == StatementKind::kCopyIn);
  CHECK(in.copy.table == "t");
  CHECK(in.copy.columns == std::vector<std::string>{"id", "b"});
  CHECK(in.copy.format == CopyFormat::kCsv);
  CHECK(in.copy.delimiter == ',');
  CHECK(in.copy.header);
  CHECK(in.copy.null_text == "x");
  CHECK(One("COPY t TO STDOUT (DELIMITER '|')").copy.delimiter == '|');
  CHECK(One("COPY (SELECT 1) TO STDOUT").sql == "SELECT 1 AS \"?column?\"");
  CHECK(ErrorOf("COPY t FROM '/etc/passwd'").sqlstate == "42501");
  CHECK(ErrorOf("COPY t TO PROGRAM 'sh'").sqlstate == "42501");
  CHECK(ErrorOf("COPY t (nope) FROM STDIN").sqlstate == "42703");
}

TEST_CASE("what would give another answer is refused", "[sql][server][translate]") {
  for (const char* sql :
       {"SELECT DISTINCT ON (a) a FROM t", "SELECT a FROM t GROUP BY ROLLUP (a)",
        "SELECT * FROM t ORDER BY a FETCH FIRST 1 ROW WITH TIES", "SELECT nextval('s')",
        "CREATE TABLE x (LIKE t)", "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "GRANT ALL ON t TO x", "CREATE FUNCTION f() RETURNS int AS 'x' LANGUAGE sql"}) {
    INFO(sql);
    CHECK(ErrorOf(sql).sqlstate == "0A000");
  }
  CHECK(ErrorOf("SELECT b + 1 FROM t").sqlstate == "42883");
}

}  // namespace
}  // namespace sibyl::sql::server
