"""Goal: `sibyl serve` answers as PostgreSQL's protocol demands, whatever is asked in it.

Method: a server as a process; message by message with a client of our own. What clients do that mean
harm: hostile_test.py. Passwords, crashes, backups: operations_test.py. Programs that people use:
clients_test.py. server_test.py SIBYL [PART ...]
"""

import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_support import check, connect, equal, expect_closed, run_all, run_parts  # noqa: E402
from wire_client import WireClient, errors, kinds, rows, status, tags  # noqa: E402


# ---- Protocol ----

def startup(server):
    client = WireClient(server.port)
    for code in (80877103, 80877104):  # TLS and GSSAPI: not offered
        client.send_raw(struct.pack("!II", 8, code))
        equal(client.read_exactly(1), b"N")
    messages = client.start(application_name="me")
    equal(kinds(messages)[0], "R")
    told = dict(body[:-1].split(b"\0") for kind, body in messages if kind == b"S")
    for name in (b"server_version", b"client_encoding", b"DateStyle", b"TimeZone",
                 b"integer_datetimes", b"standard_conforming_strings", b"IntervalStyle",
                 b"is_superuser", b"in_hot_standby", b"server_encoding",
                 b"session_authorization", b"default_transaction_read_only"):
        check(name in told, name)
    equal(told[b"application_name"], b"me")
    equal(status(messages), "I")
    client.send(b"X")
    expect_closed(client)


def simple_query(server):
    client = connect(server)
    equal(kinds(client.query("")), "IZ")
    equal(kinds(client.query("   ;")), "IZ")
    messages = client.query("SELECT 1, 'two', NULL")
    equal(kinds(messages), "TDCZ")
    equal(rows(messages), [[b"1", b"two", None]])
    equal(tags(messages), ["SELECT 1"])
    messages = client.query("CREATE TABLE simple(a int primary key, b text)")
    equal(tags(messages), ["CREATE TABLE"])
    equal(tags(client.query("INSERT INTO simple VALUES (1,'x'),(2,'y')")), ["INSERT 0 2"])
    equal(tags(client.query("UPDATE simple SET b = 'z'")), ["UPDATE 2"])
    equal(tags(client.query("DELETE FROM simple WHERE a = 1")), ["DELETE 1"])
    # Several statements are one transaction.
    messages = client.query("INSERT INTO simple VALUES (7,'q'); INSERT INTO simple VALUES (2,'r')")
    equal(errors(messages), ["23505"])
    equal(rows(client.query("SELECT a FROM simple")), [[b"2"]])
    equal(errors(client.query("SELEC 1")), ["42601"])
    equal(errors(client.query("SELECT * FROM nowhere")), ["42P01"])
    equal(errors(client.query("SELECT nothing FROM simple")), ["42703"])
    client.close()


def transactions(server):
    client = connect(server)
    client.query("CREATE TABLE trans(a int primary key)")
    equal(status(client.query("BEGIN")), "T")
    equal(kinds(client.query("BEGIN")), "NCZ")  # a warning
    client.query("INSERT INTO trans VALUES (1)")
    equal(status(client.query("INSERT INTO trans VALUES (1)")), "E")
    equal(errors(client.query("SELECT 1")), ["25P02"])
    messages = client.query("COMMIT")
    equal((tags(messages), status(messages)), (["ROLLBACK"], "I"))
    equal(rows(client.query("SELECT count(*) FROM trans")), [[b"0"]])
    # Savepoints, before the first write and after.
    client.query("BEGIN")
    client.query("SAVEPOINT a")
    client.query("INSERT INTO trans VALUES (1)")
    client.query("SAVEPOINT b")
    equal(status(client.query("INSERT INTO trans VALUES (1)")), "E")
    equal(status(client.query("ROLLBACK TO SAVEPOINT b")), "T")
    client.query("INSERT INTO trans VALUES (2)")
    client.query("RELEASE a")
    equal(errors(client.query("ROLLBACK TO nothing")), ["3B001"])
    client.query("ROLLBACK")
    client.query("BEGIN; SAVEPOINT a; INSERT INTO trans VALUES (5); ROLLBACK TO a; "
                 "INSERT INTO trans VALUES (6); COMMIT")
    equal(rows(client.query("SELECT a FROM trans")), [[b"6"]])
    equal(kinds(client.query("COMMIT")), "NCZ")
    equal(errors(client.query("SAVEPOINT a")), ["25P01"])
    client.close()


def isolation(server):
    one, two = connect(server), connect(server)
    one.query("CREATE TABLE iso(a int)")
    # READ COMMITTED: a snapshot per statement, and no conflict.
    one.query("BEGIN")
    equal(rows(one.query("SELECT count(*) FROM iso")), [[b"0"]])
    two.query("INSERT INTO iso VALUES (1)")
    equal(rows(one.query("SELECT count(*) FROM iso")), [[b"1"]])
    equal(tags(one.query("UPDATE iso SET a = a + 1")), ["UPDATE 1"])
    one.query("COMMIT")
    # REPEATABLE READ: one snapshot, and 40001.
    one.query("BEGIN ISOLATION LEVEL REPEATABLE READ")
    equal(rows(one.query("SELECT a FROM iso")), [[b"2"]])
    two.query("UPDATE iso SET a = 9")
    equal(rows(one.query("SELECT a FROM iso")), [[b"2"]])
    equal(errors(one.query("UPDATE iso SET a = 3")), ["40001"])
    one.query("ROLLBACK")
    # READ ONLY.
    one.query("BEGIN READ ONLY")
    equal(errors(one.query("DELETE FROM iso")), ["25006"])
    one.query("ROLLBACK")
    # The writer's turn, with a time limit.
    two.query("SET lock_timeout = '50ms'")
    one.query("BEGIN; DELETE FROM iso")
    equal(errors(two.query("DELETE FROM iso")), ["55P03"])
    one.query("ROLLBACK")
    equal(tags(two.query("DELETE FROM iso")), ["DELETE 1"])
    one.close()
    two.close()


def extended_query(server):
    client = connect(server)
    client.query("CREATE TABLE ext(a int primary key, b text, c bool)")
    client.parse("INSERT INTO ext VALUES ($1, $2, $3)", oids=(23, 25, 16))
    client.bind([b"\0\0\0\5", b"five", b"t"], formats=(1, 0, 0))
    client.describe(b"P")
    client.execute()
    messages = client.sync()
    equal(kinds(messages), "12nCZ")
    equal(tags(messages), ["INSERT 0 1"])
    # Named, described before it is bound, binary results.
    client.parse("SELECT a, b, c FROM ext WHERE a = $1", name="get")
    client.describe(b"S", "get")
    messages = client.sync()
    equal(kinds(messages), "1tTZ")
    equal(messages[1][1], struct.pack("!HI", 1, 20))  # an INTEGER PRIMARY KEY is 64 bits wide
    client.bind([b"5"], name="get", result_formats=(1,))
    client.execute()
    messages = client.sync()
    equal(kinds(messages), "2DCZ")
    equal(rows(messages), [[struct.pack("!q", 5), b"five", b"\1"]])
    # An error skips everything up to Sync, and the session goes on.
    client.bind([b"x"], name="get")
    client.execute()
    client.bind([b"5"], name="get")
    client.execute()
    messages = client.sync()
    equal((kinds(messages), errors(messages)), ("EZ", ["22P02"]))
    client.bind([b"5", b"6"], name="get")
    equal(errors(client.sync()), ["08P01"])
    client.bind([b"5"], name="nothing")
    equal(errors(client.sync()), ["26000"])
    client.execute("nothing")
    equal(errors(client.sync()), ["34000"])
    client.parse("SELECT 1", name="get")
    equal(errors(client.sync()), ["42P05"])
    client.parse("SELECT 1; SELECT 2")
    equal(errors(client.sync()), ["42601"])
    client.send(b"C", b"Sget\0")
    equal(kinds(client.sync()), "3Z")
    client.bind([b"5"], name="get")
    equal(errors(client.sync()), ["26000"])
    client.parse("")
    client.bind()
    client.execute()
    equal(kinds(client.sync()), "12IZ")
    client.close()


def row_limits(server):
    client = connect(server)
    client.query("CREATE TABLE lim(a int); INSERT INTO lim VALUES (1),(2),(3),(4),(5)")
    client.query("BEGIN")
    client.parse("SELECT a FROM lim ORDER BY a")
    client.bind(portal="p")
    client.execute("p", 2)
    messages = client.sync()
    equal((kinds(messages), rows(messages)), ("12DDsZ", [[b"1"], [b"2"]]))
    # A write in between is not seen by the portal.
    client.query("UPDATE lim SET a = a + 10")
    client.execute("p", 2)
    equal(rows(client.sync()), [[b"3"], [b"4"]])
    client.execute("p", 2)
    messages = client.sync()
    equal((kinds(messages), rows(messages)), ("DCZ", [[b"5"]]))
    client.query("COMMIT")
    client.execute("p", 2)
    equal(errors(client.sync()), ["34000"])
    client.close()


def cursors(server):
    client = connect(server)
    client.query("CREATE TABLE cur(a int); INSERT INTO cur VALUES (1),(2),(3),(4),(5)")
    equal(errors(client.query("DECLARE c CURSOR FOR SELECT a FROM cur")), ["25P01"])
    client.query("BEGIN")
    equal(tags(client.query("DECLARE c CURSOR FOR SELECT a FROM cur ORDER BY a")),
          ["DECLARE CURSOR"])
    messages = client.query("FETCH 2 FROM c")
    equal((tags(messages), rows(messages)), (["FETCH 2"], [[b"1"], [b"2"]]))
    equal(errors(client.query("FETCH BACKWARD 1 FROM c")), ["55000"])
    client.query("ROLLBACK")
    client.query("BEGIN")
    client.query("DECLARE s SCROLL CURSOR FOR SELECT a FROM cur ORDER BY a")
    equal(rows(client.query("FETCH ALL FROM s")), [[b"1"], [b"2"], [b"3"], [b"4"], [b"5"]])
    equal(rows(client.query("FETCH BACKWARD 2 FROM s")), [[b"5"], [b"4"]])
    equal(rows(client.query("FETCH ABSOLUTE 1 FROM s")), [[b"1"]])
    equal(rows(client.query("FETCH RELATIVE 2 FROM s")), [[b"3"]])
    equal(tags(client.query("MOVE 1 FROM s")), ["MOVE 1"])
    equal(rows(client.query("FETCH LAST FROM s")), [[b"5"]])
    equal(rows(client.query("FETCH NEXT FROM s")), [])
    equal(rows(client.query("FETCH PRIOR FROM s")), [[b"5"]])
    equal(tags(client.query("CLOSE s")), ["CLOSE CURSOR"])
    equal(errors(client.query("FETCH 1 FROM s")), ["34000"])
    client.query("ROLLBACK")
    client.query("BEGIN")
    client.query("DECLARE h CURSOR WITH HOLD FOR SELECT a FROM cur ORDER BY a")
    client.query("FETCH 1 FROM h")
    client.query("DELETE FROM cur")
    client.query("COMMIT")
    equal(rows(client.query("FETCH 1 FROM h")), [[b"2"]])
    client.query("CLOSE ALL")
    client.close()


def settings(server):
    client = connect(server)
    equal(kinds(client.query("SET TimeZone = 'GMT'")), "CSZ")  # the client is told
    equal(rows(client.query("SHOW timezone")), [[b"GMT"]])
    equal(errors(client.query("SET nothing_known = 1")), ["42704"])
    client.query("BEGIN")
    client.query("SET LOCAL application_name = 'inner'")
    equal(rows(client.query("SHOW application_name")), [[b"inner"]])
    client.query("COMMIT")
    equal(rows(client.query("SHOW application_name")), [[b""]])
    equal(rows(client.query("SHOW transaction_isolation")), [[b"read committed"]])
    equal(tags(client.query("DISCARD ALL")), ["DISCARD ALL"])
    client.close()


def startup_options(server):
    client = WireClient(server.port)
    client.start(options="-c statement_timeout=1234 --application-name=of\\ options",
                 search_path="public")
    equal(rows(client.query("SHOW statement_timeout")), [[b"1234"]])
    equal(rows(client.query("SHOW application_name")), [[b"of options"]])
    client.close()
    client = WireClient(server.port)
    body = struct.pack("!I", 3 << 16) + b"user\0ann\0options\0-c nothing_known=1\0\0"
    client.send_raw(struct.pack("!I", len(body) + 4) + body)
    equal(kinds([client.read()]), "R")
    equal(errors([client.read()]), ["42704"])
    expect_closed(client)


def transaction_time(server):
    """now() and CURRENT_TIMESTAMP are the time at which the transaction began, in defaults too."""
    client = connect(server)
    client.query("CREATE TABLE clock(a int, t timestamptz DEFAULT CURRENT_TIMESTAMP, "
                 "d date DEFAULT CURRENT_DATE)")
    client.query("BEGIN")
    first = rows(client.query("SELECT now()"))
    time.sleep(0.01)
    equal(rows(client.query("SELECT CURRENT_TIMESTAMP")), first)
    client.query("INSERT INTO clock(a) VALUES (1)")
    equal(rows(client.query("SELECT t, t = now(), d = CURRENT_DATE FROM clock")),
          [[first[0][0], b"t", b"t"]])
    equal(rows(client.query("SELECT clock_timestamp() > now()")), [[b"t"]])
    client.query("COMMIT")
    equal(rows(client.query(f"SELECT now() > '{first[0][0].decode()}'")), [[b"t"]])
    time.sleep(0.01)
    equal(rows(client.query("SELECT now() > max(t), count(DISTINCT now()) = 1 FROM clock, "
                            "generate_series(1, 1000)")), [[b"t", b"t"]])
    client.close()


def temporary_tables(server):
    one, two = connect(server), connect(server)
    one.query("CREATE TEMP TABLE mine(a int); INSERT INTO mine VALUES (1)")
    equal(rows(one.query("SELECT a FROM mine")), [[b"1"]])
    equal(errors(two.query("SELECT a FROM mine")), ["42P01"])
    one.close()
    two.close()


def sequences(server):
    """lastval() and currval() are what a session's own INSERTs got, from whatever they were asked."""
    one, two = connect(server), connect(server)
    for sql in ("CREATE TABLE numbered(id serial PRIMARY KEY, a text UNIQUE)",
                "CREATE TABLE other(key bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a text)",
                "CREATE TABLE plain(id int PRIMARY KEY, a text)"):
        equal(errors(one.query(sql)), [])

    def value(client, expression):
        answer = client.query("SELECT " + expression)
        return errors(answer)[0] if errors(answer) else int(rows(answer)[0][0])

    equal(value(one, "lastval()"), "55000")
    equal(value(one, "currval('numbered_id_seq')"), "55000")
    equal(value(one, "currval('nothing_seq')"), "42P01")
    one.query("INSERT INTO numbered(a) VALUES ('x'), ('y')")
    equal(value(one, "lastval()"), 2)
    equal(value(two, "lastval()"), "55000")
    two.query("INSERT INTO numbered(a) SELECT 'z'")
    one.query("INSERT INTO other DEFAULT VALUES")
    equal(value(one, "lastval()"), 1)
    equal(value(one, "currval('public.numbered_id_seq')"), 2)
    equal(value(one, "currval(pg_get_serial_sequence('other', 'key'))"), 1)
    equal(value(two, "currval('numbered_id_seq'::regclass)"), 3)
    # Not from the sequence: keys that are given, rows that are not made, tables without one.
    for sql in ("INSERT INTO numbered VALUES (50, 'own')", "INSERT INTO plain VALUES (70, 'own')",
                "INSERT INTO numbered(a) VALUES ('x') ON CONFLICT DO NOTHING",
                "INSERT INTO numbered(a) VALUES ('x') ON CONFLICT (a) DO UPDATE SET a = 'w'"):
        equal(errors(one.query(sql)), [])
    equal((value(one, "lastval()"), value(one, "currval('numbered_id_seq')")), (1, 2))
    one.parse("INSERT INTO numbered(id, a) VALUES (DEFAULT, $1)")
    one.bind([b"prepared"])
    one.execute()
    equal(errors(one.sync()), [])
    equal(value(one, "lastval()"), value(two, "id FROM numbered WHERE a = 'prepared'"))
    one.query("DISCARD ALL")
    equal(value(one, "lastval()"), "55000")
    one.close()
    two.close()


def cancel(server):
    client = connect(server)
    client.send(b"Q", b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
              b"SELECT count(*) FROM n\0")
    time.sleep(0.1)
    wrong = WireClient(server.port)
    wrong.send_raw(struct.pack("!II", 16, 80877102) + client.key[:4] + b"\0\0\0\0")
    expect_closed(wrong)
    right = WireClient(server.port)
    right.send_raw(struct.pack("!II", 16, 80877102) + client.key)
    expect_closed(right)
    equal(errors(client.read_until_ready()), ["57014"])
    client.query("SET statement_timeout = 100")
    equal(errors(client.query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                              "SELECT count(*) FROM n")), ["57014"])
    equal(rows(client.query("SELECT 1")), [[b"1"]])
    client.close()


def copy_canceled(server):
    """COPY that is canceled, in or out: its rows are taken back, others write at once, the session goes on."""
    client, other = connect(server), connect(server)
    client.query("CREATE TABLE half(a int PRIMARY KEY, b text)")

    def cancel_it():
        canceler = WireClient(server.port)
        canceler.send_raw(struct.pack("!II", 16, 80877102) + client.key)
        expect_closed(canceler)

    client.send(b"Q", b"COPY half FROM STDIN\0")
    for i in range(1000):
        client.send(b"d", f"{i}\trow {i}\n".encode())
    cancel_it()
    while (message := client.read())[0] != b"E":  # while the client could send more
        pass
    equal(errors([message]), ["57014"])
    equal(tags(other.query("INSERT INTO half VALUES (-1, 'other')")), ["INSERT 0 1"])
    client.send(b"d", b"2000\ttoo late\n")
    client.send(b"c")
    equal(errors(client.read_until_ready()), [])
    equal(rows(client.query("SELECT a FROM half")), [[b"-1"]])

    client.query("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 60000) "
                 "INSERT INTO half SELECT n, hex(zeroblob(100)) FROM i")
    client.send(b"Q", b"COPY half TO STDOUT\0")
    time.sleep(0.2)  # nothing is read: the server waits for this client, in the midst
    cancel_it()
    equal(errors(client.read_until_ready()), ["57014"])
    equal(rows(client.query("SELECT count(*) FROM half")), [[b"60001"]])
    client.close()
    other.close()


def copy_in(server):
    """Rows are inserted in blocks: an error is still that of the first wrong row, and takes all back."""
    client = connect(server)
    client.query("CREATE TABLE copied(a int PRIMARY KEY, b text, c int CHECK (c < 1000))")

    def copy(lines, pieces=1, table="copied"):
        """The tag, or the code and the place of the error."""
        client.send(b"Q", f"COPY {table} FROM STDIN\0".encode())
        data = "".join(line + "\n" for line in lines).encode()
        size = len(data) // pieces + 1
        for at in range(0, len(data), size):
            client.send(b"d", data[at:at + size])
        client.send(b"c")
        messages = client.read_until_ready()
        if not errors(messages):
            return tags(messages)[0]
        fields = next(body for kind, body in messages if kind == b"E").split(b"\0")
        detail = next((field for field in fields if field.startswith(b"D")), b"").decode()
        return errors(messages)[0], int(detail.rsplit("line ", 1)[1])

    def lines(count, **wrong):
        """Rows; wrong: line_N="text"."""
        wrong = {int(name[5:]): line for name, line in wrong.items()}
        return [wrong.get(i, f"{i}\trow {i}\t{i % 100}") for i in range(1, count + 1)]

    for count in (0, 1, 63, 64, 65, 1000):
        equal(copy(lines(count), pieces=7), f"COPY {count}")
        equal(rows(client.query("SELECT count(*), sum(a), sum(length(b)) FROM copied")),
              [[str(count).encode(), str(count * (count + 1) // 2).encode() if count else None,
                str(sum(len(f"row {i}") for i in range(1, count + 1))).encode() if count else None]])
        client.query("DELETE FROM copied")
    for wrong, expected in (({"line_150": "149\tagain\t1"}, ("23505", 150)),
                            ({"line_100": "x\t\t1"}, ("22P02", 100)),
                            ({"line_130": "x\t\t1", "line_128": "7\tseven\t7"}, ("23505", 128)),
                            ({"line_130": "x\t\t1", "line_131": "7\tseven\t7"}, ("22P02", 130)),
                            ({"line_70": "70\tseventy"}, ("22P04", 70)),
                            ({"line_1": "1\tone\t1000"}, ("23514", 1)),
                            ({"line_200": "200\tlast\t1000"}, ("23514", 200))):
        for pieces in (1, 50):
            equal(copy(lines(200, **wrong), pieces), expected)
            equal(rows(client.query("SELECT count(*) FROM copied")), [[b"0"]])
    # What rolls back by itself leaves nothing behind either.
    equal(errors(client.query("CREATE TABLE drastic("
                              "a INTEGER PRIMARY KEY ON CONFLICT ROLLBACK, b, c)")), [])
    equal(copy(lines(200, line_100="5\tfive\t5"), table="drastic")[0], "23505")
    equal(rows(client.query("SELECT count(*) FROM drastic")), [[b"0"]])
    equal(status(client.query("SELECT 1")), "I")
    # Long values: fewer rows at once.
    equal(copy([f"{i}\t{'x' * 300_000}\t1" for i in range(20)], pieces=3), "COPY 20")
    equal(rows(client.query("SELECT sum(length(b)) FROM copied")), [[b"6000000"]])
    client.close()


def copy_in_plain(server):
    """A table with nothing to check: the rows are those that INSERT makes, and errors as elsewhere."""
    client = connect(server)
    for table in ("bare", "inserted"):
        client.query(f"CREATE TABLE {table}(a int NOT NULL, b text, c date, d float8, e bytea, f varchar)")

    def copy(data):
        client.send(b"Q", b"COPY bare FROM STDIN\0")
        for at in range(0, len(data), 1000):
            client.send(b"d", data[at:at + 1000])
        client.send(b"c")
        return client.read_until_ready()

    def values(table):
        columns = ", ".join(f"{name}, typeof({name})" for name in "abcdef")
        return rows(client.query(f"SELECT rowid, {columns} FROM {table} ORDER BY rowid"))

    data, inserts = [], []
    for i in range(-300, 300):
        fields = (str(i * 7), f"row {i}", "2024-02-29", f"{i / 8}", "\\\\x00ff", ["1.5", "a\\\\b", ""][i % 3])
        data.append("\t".join("\\N" if column > 0 and (i + column) % 5 == 0 else field
                              for column, field in enumerate(fields)))
        literals = ("NULL" if column > 0 and (i + column) % 5 == 0 else
                    "'" + field.replace("\\\\", "\\") + "'" for column, field in enumerate(fields))
        inserts.append(f"({', '.join(literals)})")
    equal(tags(copy("\n".join(data).encode() + b"\n")), ["COPY 600"])
    equal(tags(client.query(f"INSERT INTO inserted VALUES {', '.join(inserts)}")), ["INSERT 0 600"])
    equal(values("bare"), values("inserted"))
    before = values("bare")
    for line, code in (("x\t\t2024-01-01\t1\t\t", "22P02"), ("\\N\t\t2024-01-01\t1\t\t", "23502"), ("1\t2", "22P04"),
                       ("1\t\xff\t2024-01-01\t1\t\t", "22021")):
        wrong = data[:100] + [line] + data[:100]
        encoded = "\n".join(wrong).encode("latin-1") + b"\n"
        messages = copy(encoded)
        equal(errors(messages), [code])
        check(any(b"line 101" in body for kind, body in messages if kind == b"E"), messages)
        equal(values("bare"), before)
    # In a transaction: beside other statements, and undone with them.
    client.query("BEGIN; INSERT INTO bare(rowid, a) VALUES (5000, 1); SAVEPOINT s")
    equal(tags(copy(b"1\t\\N\t\\N\t\\N\t\\N\t\\N\n" * 10)), ["COPY 10"])
    equal(rows(client.query("SELECT max(rowid), count(*) FROM bare")), [[b"5010", b"611"]])
    client.query("ROLLBACK TO s")
    equal(tags(copy(b"2\t\\N\t\\N\t\\N\t\\N\t\\N\n" * 3)), ["COPY 3"])
    equal(rows(client.query("SELECT max(rowid), count(*), sum(a) FROM bare WHERE a > 0 AND b IS NULL "
                            "AND c IS NULL AND d IS NULL")), [[b"5003", b"4", b"7"]])
    client.query("ROLLBACK")
    equal(values("bare"), before)
    client.close()


def numeric_places(server):
    """A numeric(p,s) is rounded to s places however it comes in, and shown with all of them."""
    client = connect(server)
    client.query("CREATE TABLE prices(a int PRIMARY KEY, n numeric(10,2))")
    client.query("INSERT INTO prices VALUES (1, 1.5), (2, 2), (3, 1.239)")
    client.send(b"Q", b"COPY prices FROM STDIN\0")
    client.send(b"d", b"4\t4.5678\n5\t\\N\n")
    client.send(b"c")
    equal(tags(client.read_until_ready()), ["COPY 2"])
    shown = [b"1.50", b"2.00", b"1.24", b"4.57", None]
    equal(rows(client.query("SELECT n FROM prices ORDER BY a")), [[n] for n in shown])
    client.send(b"Q", b"COPY prices (n) TO STDOUT\0")
    copied = [body for kind, body in client.read_until_ready() if kind == b"d"]
    equal(b"".join(copied), b"1.50\n2.00\n1.24\n4.57\n\\N\n")
    client.parse("SELECT n FROM prices WHERE a = $1", name="get", oids=(23,))
    for _ in range(2):  # the second time past SQLite
        client.bind([b"2"], name="get")
        client.execute()
        equal(rows(client.sync()), [[b"2.00"]])
    client.close()


def parallel_writers(server):
    """Each increment arrives: transactions that write take turns."""
    client = connect(server)
    client.query("CREATE TABLE counter(n int); INSERT INTO counter VALUES (0)")

    def work():
        mine = connect(server)
        for i in range(25):
            if i % 2:
                equal(errors(mine.query("UPDATE counter SET n = n + 1")), [])
            else:
                for sql in ("BEGIN", "SELECT n FROM counter", "UPDATE counter SET n = n + 1",
                            "COMMIT"):
                    equal(errors(mine.query(sql)), [])
        mine.close()

    run_all([work] * 6)
    equal(rows(client.query("SELECT n FROM counter")), [[b"150"]])
    client.close()


PARTS = [startup, simple_query, transactions, isolation, extended_query, row_limits, cursors,
         settings, startup_options, transaction_time, temporary_tables, sequences, cancel, copy_canceled, copy_in,
         copy_in_plain, numeric_places, parallel_writers]

if __name__ == "__main__":
    sys.exit(run_parts(PARTS, [], "--synchronous", "normal"))
