"""Goal: a simple query that is run by its shape, constants apart, answers and does what its text says.

Method: statements from a grammar that has all forms of shapes and their neighbours, with constants that are
easily mistaken for each columns' type, by a random number generator with a fixed seed. Each is run as it
is and with a comment in it, which no shape has, each time in a transaction that is rolled back; all
messages and the table afterwards must be the same. The server's counter tells that shapes were used.

simple_query_test.py SIBYL [SEED]
"""

import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_process import ServerProcess, counters  # noqa: E402
from wire_client import WireClient, errors, kinds, rows  # noqa: E402

SIBYL = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 22
ROUNDS = 600

SCHEMA = """
CREATE TABLE t(id int PRIMARY KEY, h smallint, b bigint, n numeric(10,2), f float8, l bool, s text UNIQUE,
  v varchar(5), c char(4), d date, ts timestamp, u uuid, j json, y bytea, a int[], CHECK (h < 100));
CREATE TABLE k(s text PRIMARY KEY, id int REFERENCES t);
CREATE VIEW w AS SELECT id, s, n FROM t;
INSERT INTO t VALUES (1, 5, 5, 5, 5, true, 'a', 'a', 'a', '2024-01-01', '2024-01-01', NULL, '5', '', '{1,2}'),
  (2, -5, 2147483648, -5.5, 0.5, false, '5', '5', '5', '2024-02-29', '2024-03-01 12:00', NULL, '{}', '\\x00', '{}'),
  (-2147483648, NULL, -9223372036854775808, NULL, NULL, NULL, 'it''s', '', '', NULL, NULL, NULL, NULL, NULL, NULL),
  (5, 0, 9223372036854775807, 0.1, 1e300, true, '', 'é', 'é', NULL, NULL,
   '00000000-0000-0000-0000-000000000001', NULL, NULL, NULL);
INSERT INTO k VALUES ('a', 1), ('b', 2);
"""
COLUMNS = ["id", "h", "b", "n", "f", "l", "s", "v", "c", "d", "ts", "u", "j", "y", "a", "t.id", '"s"', "nobody"]
NUMBERS = ["0", "1", "2", "5", "-5", "- 5", "007", "2147483647", "2147483648", "-2147483648", "-2147483649",
           "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"]
STRINGS = ["''", "'a'", "'b'", "'it''s'", "'5'", "' 5'", "'5.50'", "'true'", "'2024-01-01'", "'2024-1-1 10:00'",
           "'{1,2}'", "'\\x00'", "'\\n'", "'é'", "'nan'", "'longer than five'",
           "'00000000-0000-0000-0000-000000000001'", "E'a'", "$$a$$", "'a' 'b'"]
OTHERS = ["NULL", "true", "DEFAULT", "1.5", "1e3", "CURRENT_DATE", "5::text", "'5'::int", "5 + 1", "(5)", "h",
          "CAST(5 AS text)", "-h", "+5", "5 COLLATE \"C\"", "abs(-5)", "date '2024-01-01'", "x'05'"]


PLACE = "\x01"  # in a statement: of a constant


def constant(_chance):
    return PLACE


def filled(chance, sql):
    """With constants in their places."""
    parts = sql.split(PLACE)
    return parts[0] + "".join(a_constant(chance) + part for part in parts[1:])


def a_constant(chance):
    kind = chance.random()
    return chance.choice(NUMBERS if kind < 0.5 else STRINGS if kind < 0.9 else OTHERS)


def conditions(chance):
    parts = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        column = chance.choice(COLUMNS[:-3] if chance.random() < 0.9 else COLUMNS)
        sign = "=" if chance.random() < 0.9 else chance.choice(["<>", ">", "<=", "IS", " = ANY"])
        parts.append(f"{column}{chance.choice(['', ' '])}{sign}{chance.choice(['', ' '])}{constant(chance)}")
    return chance.choice([" AND ", " and ", " AND ", " OR "]).join(parts)


def select(chance):
    columns = chance.choice(["*", "*", "id, s", "count(*)", "n, 5, 'x' AS y", "s || 'x'", "id AS q, h = 5"])
    source = chance.choice(["t", "t", "t", "w", "public.t", "t JOIN k USING (id)", "(SELECT * FROM t WHERE h = 5) AS t"])
    rest = chance.choice(["", "", "", " ORDER BY 1", " ORDER BY id DESC LIMIT 2", " LIMIT 1 OFFSET 1", " GROUP BY id",
                          " FOR UPDATE", " UNION SELECT 1", " HAVING 5 = 5", " + 1"])
    return f"SELECT {columns} FROM {source} WHERE {conditions(chance)}{rest}"


def new_value(chance, column):
    if chance.random() < 0.4:
        return f"{column} {chance.choice('+-+-*')} {constant(chance)}"
    return constant(chance)


def update(chance):
    columns = chance.sample(COLUMNS[:-3], chance.choice([1, 1, 2]))
    changes = ", ".join(f"{column} = {new_value(chance, column)}" for column in columns)
    where = "" if chance.random() < 0.2 else f" WHERE {conditions(chance)}"
    return f"UPDATE t SET {changes}{where}{chance.choice(['', '', ' RETURNING *', ' RETURNING id + 5'])}"


def insert(chance):
    if chance.random() < 0.2:
        return f"INSERT INTO k VALUES ({constant(chance)}, {constant(chance)})"
    columns = chance.sample(COLUMNS[1:-3], chance.choice([1, 2, 3]))
    values = ", ".join(constant(chance) for _ in columns)
    rest = chance.choice(["", "", " RETURNING *", " ON CONFLICT DO NOTHING", " ON CONFLICT (s) DO UPDATE SET h = 7"])
    return f"INSERT INTO t (id, {', '.join(columns)}) VALUES ({chance.choice(NUMBERS)}, {values}){rest}"


def a_statement(chance):
    kind = chance.random()
    if kind < 0.45:
        return select(chance)
    if kind < 0.65:
        return update(chance)
    if kind < 0.9:
        return insert(chance)
    return f"DELETE FROM t WHERE {conditions(chance)}"


def run(client, sql):
    """What is answered, and the table afterwards."""
    client.query("BEGIN")
    answer = client.query(sql)
    table = [] if errors(answer) else rows(client.query("SELECT * FROM t ORDER BY id, s"))
    table += [] if errors(answer) else rows(client.query("SELECT * FROM k ORDER BY s"))
    client.query("ROLLBACK")
    return answer, table


def check_transactions(server):
    """A text of several statements, a failed block, and a schema that changes under a shape."""
    client, other = WireClient(server.port), WireClient(server.port)
    for one in (client, other):
        one.start()
    assert kinds(client.query("SELECT id FROM t WHERE id = 1; UPDATE t SET h = 6 WHERE id = 1; "
                              "SELECT h FROM t WHERE id = 1")) == "TDCCTDCZ"
    assert rows(other.query("SELECT h FROM t WHERE id = 1")) == [[b"6"]]
    client.query("BEGIN")
    assert errors(client.query("INSERT INTO t (id) VALUES (1)")) == ["23505"]
    assert errors(client.query("SELECT h FROM t WHERE id = 1")) == ["25P02"]
    client.query("ROLLBACK")
    text = "SELECT * FROM k WHERE s = '{}'"
    assert rows(client.query(text.format("a"))) == [[b"a", b"1"]]
    other.query("ALTER TABLE k ADD COLUMN z date DEFAULT '2024-01-01'")
    assert rows(client.query(text.format("b"))) == [[b"b", b"2", b"2024-01-01"]]
    other.query("DROP TABLE k; CREATE TABLE k(s date)")
    other.query("INSERT INTO k VALUES ('2024-01-01')")
    assert rows(client.query(text.format("2024-1-1"))) == [[b"2024-01-01"]]
    other.query("DROP TABLE k")
    assert errors(client.query(text.format("a"))) == ["42P01"]
    client.query("CREATE TEMP TABLE k(s text); INSERT INTO k VALUES ('mine')")
    assert rows(client.query(text.format("mine"))) == [[b"mine"]]
    assert errors(other.query(text.format("mine"))) == ["42P01"]
    client.query("DISCARD ALL")
    assert errors(client.query(text.format("mine"))) == ["42P01"]


def main():
    chance = random.Random(SEED)
    print("seed", SEED)
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(SIBYL, folder, "--metrics", "127.0.0.1:0", "--synchronous", "normal")
        client = WireClient(server.port)
        client.start()
        assert not errors(client.query(SCHEMA))
        answered = failed = 0
        for i in range(ROUNDS * 3):
            if i % 3 == 0:
                shape = a_statement(chance)
            sql = filled(chance, shape)
            first, second = (sql, sql + " /* as it is */") if chance.random() < 0.5 else (sql + " -- so", sql)
            one, two = run(client, first), run(client, second)
            assert one == two, (first, one, second, two)
            failed += bool(errors(one[0]))
            answered += not errors(one[0])
        check_transactions(server)
        used = counters(server)["sibyl_shaped_queries_total"]
        print(f"{answered} answered, {failed} failed, {used} by their shape")
        assert answered > ROUNDS and used > ROUNDS / 2
        assert server.stop() == 0, server.said()


main()
