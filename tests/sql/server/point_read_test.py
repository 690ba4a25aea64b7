"""Goal: a row that the server reads past SQLite, by its key, is what SQLite would have answered.

Method: two sessions change a small table in every way, by a random number generator with a fixed seed:
writes, transactions with savepoints at both isolation levels, TRUNCATE, columns added, the table made
anew with other columns, a temporary table of the same name. After each change both ask for rows in two
ways: by key or by a list or an array of keys, which goes past SQLite, and by an expression of the key, which
cannot; in both formats.
The server's counters tell that both ways were gone.

point_read_test.py SIBYL [SEED]
"""

import os
import random
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_process import ServerProcess, counters  # noqa: E402
from two_ways import TwoWaySession, change_and_compare  # noqa: E402
from wire_client import errors, kinds  # noqa: E402

SIBYL = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20
INT4, INT8 = 23, 20
ARRAY_OF = {INT4: 1007, INT8: 1016}
ROUNDS = 300
KEYS = list(range(-3, 40)) + [127, 128, 32767, 32768, 2**31 - 1, -2**31]
EXTREME_KEYS = [2**31, 2**47, -2**47 - 1, 2**63 - 1, -2**63]
TABLES = [
    "CREATE TABLE t(id int PRIMARY KEY, a int, b bigint, c float8, d text, e bytea, f numeric, g bool)",
    "CREATE TABLE t(g bool, c float8 DEFAULT 1.5, id bigint PRIMARY KEY, d text, f numeric, b bigint, "
    "a int, e bytea)",
]
FILL = ("INSERT INTO t (id, d) SELECT n, 'many' FROM generate_series({}, {}) g(n) "
        "ON CONFLICT DO NOTHING")
COLUMNS = ["id", "a", "b", "c", "d", "e", "f", "g"]


class Session(TwoWaySession):
    def __init__(self, server, chance):
        super().__init__(server)
        self.chance = chance
        self.has_temporary = False

    def apply(self, change):
        made = super().apply(change)
        self.has_temporary = self.has_temporary or (made and "TEMP" in change)
        return made

    def discard_all(self):
        self.end_block()
        self.do("DISCARD ALL")
        self.do("SET lock_timeout = 20")
        self.statements.clear()
        self.has_temporary = False

    def prepared(self, sql, oids):
        """The name of the statement; None if it could not be prepared."""
        if (sql, oids[0]) in self.statements:
            return self.statements[sql, oids[0]]
        name = f"s{len(self.statements)}"
        self.client.parse(sql, name=name, oids=oids)
        if errors(self.client.sync()):
            return None
        self.statements[sql, oids[0]] = name
        return name

    def ask(self, sql, keys, oid, is_binary, result_format):
        """The messages from Bind to the end."""
        is_array = "ANY" in sql
        name = self.prepared(sql, [ARRAY_OF[oid]] if is_array else [oid] * len(keys))
        if name is None:
            return "not prepared"
        if is_binary:
            values = [None if key is None else struct.pack("!i" if oid == INT4 else "!q", key)
                      for key in keys]
        else:
            values = [None if key is None else str(key).encode() for key in keys]
        if is_array and keys != [None]:
            values = [array_value(values, oid, is_binary)]
        self.client.bind(values, name=name, formats=[int(is_binary)], result_formats=[result_format])
        self.client.describe(b"P")
        self.client.execute()
        messages = self.client.sync()
        return [message for message in messages if message[0] not in (b"N", b"E")] + errors(messages)

    def compare_once(self):
        chance = self.chance
        columns = chance.choice(["*", "d", ", ".join(chance.sample(COLUMNS, chance.randint(1, 8)))])
        oid = chance.choice([INT4, INT8])
        count = 1 if chance.random() < 0.7 else chance.randint(2, 5)
        places = ", ".join(f"${i + 1}" for i in range(count))
        condition = f"= {places}" if count == 1 else f"IN ({places})"
        if chance.random() < 0.25:
            condition = "= ANY($1)"
        keys = [chance.choice(KEYS if oid == INT4 or chance.random() < 0.9 else EXTREME_KEYS)
                for _ in range(count)]
        keys = [None if chance.random() < 0.03 else key for key in keys]
        how = (keys, oid, chance.random() < 0.5, chance.randint(0, 1))

        def ask(by_key):
            place = "id" if by_key else "id + 0"
            return self.ask(f"SELECT {columns} FROM t WHERE {place} {condition}", *how)

        return self.compare(ask, (columns, how))


def array_value(values, oid, is_binary):
    """An array of what is bound otherwise one by one."""
    if not is_binary:
        return b"{" + b",".join(b"NULL" if value is None else value for value in values) + b"}"
    elements = [struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
                for value in values]
    head = struct.pack("!iiiii", 1, int(None in values), oid, len(values), 1)
    return head + b"".join(elements)


def a_value(chance, column):
    if chance.random() < 0.15:
        return "NULL"
    number = chance.choice([0, 1, -1, 127, -128, 255, 32767, 10**6, -10**6, 2**31 - 1])
    return {
        "a": str(number),
        "b": str(number * chance.choice([1, 2**20, 2**31])),
        "c": chance.choice([str(number), "0.5", "-1e300", "2e-9", "3"]),
        "d": chance.choice(["''", "'x'", "'é漢'", "repeat('long ', 60)"]),
        "e": chance.choice(["'\\x'", "'\\x00ff'", "'\\x0102030405'"]),
        "f": chance.choice([str(number), "1.25", "-0.001"]),
        "g": chance.choice(["true", "false"]),
    }[column]


def a_change(session, chance):
    """A statement, or two that belong together; sometimes after everything else was discarded."""
    if session.has_temporary and chance.random() < 0.2:
        session.discard_all()
    key = chance.choice(KEYS)
    column = chance.choice(COLUMNS[1:])
    kind = chance.random()
    if kind < 0.35:
        names = ", ".join(COLUMNS[1:])
        values = ", ".join(a_value(chance, name) for name in COLUMNS[1:])
        return f"INSERT INTO t (id, {names}) VALUES ({key}, {values}) ON CONFLICT DO NOTHING"
    if kind < 0.5:
        return f"UPDATE t SET {column} = {a_value(chance, column)} WHERE id = {key}"
    if kind < 0.55:
        return f"UPDATE t SET id = {key} WHERE id = {chance.choice(KEYS)}"
    if kind < 0.65:
        return f"DELETE FROM t WHERE id = {key}"
    if kind < 0.75:
        return chance.choice(["SAVEPOINT p", "ROLLBACK TO p", "RELEASE p"]) if session.in_block else "BEGIN"
    if kind < 0.85:
        return chance.choice(["COMMIT", "ROLLBACK"]) if session.in_block else chance.choice(
            ["BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN READ ONLY"])
    if kind < 0.89:
        return "TRUNCATE t" if chance.random() < 0.3 else FILL.format(-2, chance.choice([30, 400]))
    if kind < 0.93:
        return f"ALTER TABLE t ADD COLUMN x{chance.randint(0, 10**6)} int DEFAULT 7"
    if kind < 0.96:
        return "CREATE TEMP TABLE t(id int PRIMARY KEY, d text)"
    return "; ".join(["DROP TABLE t", chance.choice(TABLES), FILL.format(0, 35)])


def check_ways(server, chance):
    """Each kind of lookup goes past SQLite from its second run on."""
    session = Session(server, chance)
    assert not session.do("CREATE TABLE u(id int PRIMARY KEY, d text)")
    assert not session.do("INSERT INTO u SELECT n, 'row' FROM generate_series(1, 9) g(n)")
    for condition, keys, rows in (("= $1", [1], 1), ("IN ($1, $2)", [1, 2], 2),
                                  ("= ANY($1)", [5, None, 2, 5, 77], 2), ("= ANY($1)", [3], 1)):
        for is_binary in (False, True):
            before = counters(server)["sibyl_point_reads_total"]
            for _ in range(5):
                answer = session.ask(f"SELECT d FROM u WHERE id {condition}", keys, INT8, is_binary, 0)
                assert kinds(answer).count("D") == rows, (condition, answer)
            past = counters(server)["sibyl_point_reads_total"] - before
            assert past >= 4, (condition, is_binary, past)


def main():
    chance = random.Random(SEED)
    print("seed", SEED)
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(SIBYL, folder, "--metrics", "127.0.0.1:0", "--synchronous", "normal")
        sessions = [Session(server, chance), Session(server, chance)]
        sessions[0].do(TABLES[0] + "; " + FILL.format(0, 35))
        check_ways(server, chance)
        change_and_compare(server, sessions, ROUNDS, chance, a_change, 4)


main()
