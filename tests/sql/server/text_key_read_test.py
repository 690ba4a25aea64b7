"""Goal: a row that the server reads past SQLite by a unique key, text above all, is what SQLite would
have answered.

Method: tables whose keys are text, numbers and UUIDs, as primary keys of tables with and without rowids
and as unique columns, hold values that are easily mistaken: NUL bytes, spaces at the end, capitals,
texts that look like numbers, numbers, blobs and invalid UTF-8 where the column says text, keys as long
as keys may be. Two sessions change them by a random number generator with a fixed seed and ask in two
ways: by key, by lists and by arrays of keys, which goes past SQLite, and the same with an OFFSET, which
cannot. The server's counter tells that both ways were gone.

text_key_read_test.py SIBYL [SEED]
"""

import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_process import ServerProcess, counters  # noqa: E402
from two_ways import TwoWaySession, change_and_compare  # noqa: E402
from wire_client import errors  # noqa: E402

SIBYL = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 21
INT4, TEXT, VARCHAR, UUID = 23, 25, 1043, 2950
ARRAY_OF = {INT4: 1007, TEXT: 1009, VARCHAR: 1015, UUID: 2951}
ROUNDS = 80

# Through SQLite's interface, which lets in what the wire does not.
SCHEMA = """
CREATE TABLE r(k text PRIMARY KEY, a int, f float8, d text);
CREATE TABLE w(a int, f float8, k varchar(40) PRIMARY KEY, d text) WITHOUT ROWID;
CREATE TABLE u(id integer PRIMARY KEY, k text UNIQUE, n int UNIQUE, g uuid UNIQUE, d text);
CREATE TABLE p(k text, a int, d text);
CREATE UNIQUE INDEX p_k ON p(k) WHERE a > 3;
CREATE TABLE c(k text COLLATE NOCASE UNIQUE, z text COLLATE RTRIM UNIQUE, a int);
CREATE UNIQUE INDEX c_down ON c(a DESC);
INSERT INTO c VALUES ('Some', 'some', 1), ('other', 'other  ', 2);
"""
ODD_KEYS = ["CAST(x'610062' AS TEXT)", "CAST(x'6100' AS TEXT)", "CAST(x'ff61' AS TEXT)", "x'61'", "x''",
            "17", "1.5", "CAST(x'00' AS TEXT)", "9223372036854775807", "'1'", "'01'", "' 1'"]
TEXTS = ["", " ", "a", "A", "a ", "é", "漢字", "\x01", "1", "01", "1e3", " 1", "-0", "9223372036854775808",
         "nan", "NULL", "it's", "back\\slash", '"quoted"', "{brace,d}", "🦉", "b" * 300, "z" * 30000,
         "y" * 65530, *(f"key {i}" for i in range(12)), "y" * 70000]  # the last is longer than keys may be
UUIDS = [f"{i:08x}-0000-4000-8000-00000000000a" for i in range(8)] + ["11111111-1111-1111-1111-111111111111"]
NUMBERS = [str(i) for i in range(-2, 10)] + ["2147483647", "-2147483648"]

# column: values, types that a client may declare for them
LOOKUPS = {
    ("r", "k"): (TEXTS, [TEXT, VARCHAR, 0]),
    ("w", "k"): (TEXTS, [TEXT, VARCHAR, 0]),
    ("u", "k"): (TEXTS, [TEXT, VARCHAR, 0]),
    ("u", "n"): (NUMBERS, [INT4, 0]),
    ("u", "g"): (UUIDS, [UUID, 0]),
    ("p", "k"): (TEXTS, [TEXT]),
    ("c", "k"): (["some", "SOME", "other", "Other "], [TEXT]),
    ("c", "z"): (["some ", "some", "other"], [TEXT]),
    ("c", "a"): (["1", "2", "3"], [INT4]),
}
COLUMNS = {"r": ["k", "a", "f", "d"], "w": ["k", "a", "f", "d"], "u": ["id", "k", "n", "g", "d"],
           "p": ["k", "a", "d"], "c": ["k", "z", "a"]}


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def fill(path):
    statements = [SCHEMA]
    for key in ODD_KEYS:
        for table in "rwu":
            statements.append(f"INSERT OR IGNORE INTO {table}(k, d) VALUES ({key}, 'odd');")
        statements.append(f"INSERT OR IGNORE INTO u(n, g) VALUES ({key}, {key});")
    for i, key in enumerate(TEXTS[:-1]):
        for table in "rw":
            statements.append(f"INSERT OR IGNORE INTO {table}(k, a, f, d) VALUES ({literal(key)}, {i}, {i}, 'd{i}');")
        statements.append(f"INSERT OR IGNORE INTO u(k, n, d) VALUES ({literal(key)}, {i + 20}, 'd{i}');")
        statements.append(f"INSERT OR IGNORE INTO p VALUES ({literal(key)}, {i % 8}, 'd{i}');")
    done = subprocess.run([SIBYL, "shell", path], input="\n".join(statements), text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr[:2000]


class Session(TwoWaySession):
    def __init__(self, server, chance):
        super().__init__(server)
        self.chance = chance

    def ask(self, sql, oids, values, result_format):
        """The answer, the fields' description included."""
        if (sql, oids) not in self.statements:
            self.statements[sql, oids] = f"s{len(self.statements)}"
            self.client.parse(sql, name=self.statements[sql, oids], oids=oids)
            assert not errors(self.client.sync()), sql
        self.client.bind(values, name=self.statements[sql, oids], result_formats=[result_format])
        self.client.describe(b"P")
        self.client.execute()
        messages = self.client.sync()
        return [message for message in messages if message[0] != b"E"] + errors(messages)

    def compare_once(self):
        sql, oids, values = a_question(self.chance)
        result_format = self.chance.randint(0, 1)

        def ask(by_key):
            return self.ask(sql if by_key else sql + " OFFSET 0", oids, values, result_format)

        return self.compare(ask, (sql, oids, values))


def array_text(values):
    elements = []
    for value in values:
        if value is None:
            elements.append("NULL")
        else:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            elements.append(f'"{escaped}"')
    return "{" + ",".join(elements) + "}"


def a_question(chance):
    """The statement but for its end, declared types, parameters."""
    table, column = chance.choice(list(LOOKUPS))
    values, oids = LOOKUPS[table, column]
    oid = chance.choice(oids)
    columns = chance.choice(["*", column, ", ".join(COLUMNS[table][::-1])])
    count = 1 if chance.random() < 0.6 else chance.randint(2, 5)
    keys = [None if chance.random() < 0.05 else chance.choice(values) for _ in range(count)]
    also = " AND a > 3" if table == "p" else ""
    encoded = [None if key is None else key.encode() for key in keys]
    if oid in ARRAY_OF and chance.random() < 0.3:
        condition, oids, encoded = "= ANY($1)", (ARRAY_OF[oid],), [array_text(keys).encode()]
    elif count == 1:
        condition, oids = "= $1", (oid,)
        if chance.random() < 0.03:
            encoded = [chance.choice([b"a\0b", b"\xff", b"\xc3", b"\xed\xa0\x80"])]
    else:
        condition, oids = "IN (" + ", ".join(f"${i + 1}" for i in range(count)) + ")", (oid,) * count
    return f"SELECT {columns} FROM {table} WHERE {column} {condition}{also}", oids, encoded


def a_change(session, chance):
    table = chance.choice("rwu")
    key, other = (literal(chance.choice(TEXTS[:-1])) for _ in range(2))
    kind = chance.random()
    if kind < 0.3:
        return f"INSERT INTO {table}(k, d) VALUES ({key}, 'new') ON CONFLICT DO NOTHING"
    if kind < 0.45:
        return f"UPDATE {table} SET k = {other} WHERE k = {key}"
    if kind < 0.55:
        return f"UPDATE {table} SET d = d || 'x' WHERE k = {key}"
    if kind < 0.65:
        return f"DELETE FROM {table} WHERE k = {key}"
    if kind < 0.75:
        return f"INSERT INTO u(g, n) VALUES ('{chance.choice(UUIDS)}', {chance.choice(NUMBERS)}) ON CONFLICT DO NOTHING"
    if kind < 0.8:
        return f"ALTER TABLE {chance.choice('ru')} ADD COLUMN x{chance.randint(0, 10**9)} int DEFAULT 7"
    if session.in_block:
        return chance.choice(["SAVEPOINT s", "ROLLBACK TO s", "COMMIT", "ROLLBACK"])
    return chance.choice(["BEGIN", "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ"])


def check_ways(server, session):
    """Each kind of lookup goes past SQLite from its second run on, and only where it may."""
    kinds_of_lookup = [("r", "k", "= $1", (TEXT,), [b"a"], True),
                       ("w", "k", "= $1", (TEXT,), [b"a"], True),
                       ("w", "k", "IN ($1, $2)", (TEXT, TEXT), [b"a", b"A"], True),
                       ("r", "k", "= ANY($1)", (ARRAY_OF[TEXT],), [b"{a,A,nobody}"], True),
                       ("u", "n", "= $1", (INT4,), [b"21"], True),
                       ("u", "n", "= ANY($1)", (ARRAY_OF[INT4],), [b"{21,22}"], True),
                       ("u", "g", "= $1", (UUID,), [UUIDS[0].encode()], True),
                       ("u", "g", "= ANY($1)", (ARRAY_OF[UUID],), ["{" + UUIDS[0] + "}"], True),
                       ("c", "k", "= $1", (TEXT,), [b"some"], False),
                       ("c", "z", "= $1", (TEXT,), [b"some"], False),
                       ("c", "a", "= $1", (INT4,), [b"1"], False)]
    for table, column, condition, oids, values, expected in kinds_of_lookup:
        values = [value.encode() if isinstance(value, str) else value for value in values]
        before = counters(server)["sibyl_point_reads_total"]
        for _ in range(3):
            session.ask(f"SELECT {column}, a FROM {table} WHERE {column} {condition}" if table != "u" else
                        f"SELECT id, d FROM u WHERE {column} {condition}", oids, values, 0)
        past = counters(server)["sibyl_point_reads_total"] - before
        assert past >= 2 if expected else past == 0, (table, column, condition, past)


def main():
    chance = random.Random(SEED)
    print("seed", SEED)
    with tempfile.TemporaryDirectory() as folder:
        fill(os.path.join(folder, "test.db"))
        server = ServerProcess(SIBYL, folder, "--metrics", "127.0.0.1:0", "--synchronous", "normal")
        sessions = [Session(server, chance), Session(server, chance)]
        check_ways(server, sessions[0])
        change_and_compare(server, sessions, ROUNDS, chance, a_change, 6)


main()
