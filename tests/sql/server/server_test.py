"""Goal: `sibyl serve` answers as PostgreSQL's protocol demands, whatever clients do, and loses nothing.

Method: a server as a process; message by message with a client of our own, then with the programs
that people use: psql, pgbench, psycopg2, psycopg 3. What is not installed is skipped, in a line.
server_test.py SIBYL [PART ...]
"""

import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_process import ServerProcess  # noqa: E402
from wire_client import Closed, WireClient, errors, kinds, rows, status, tags  # noqa: E402

SIBYL = sys.argv[1]


def check(condition, *why):
    assert condition, why


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def connect(server):
    client = WireClient(server.port)
    client.start()
    return client


def expect_closed(client):
    try:
        while True:
            client.read()
    except Closed:
        pass
    client.close()


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


def temporary_tables(server):
    one, two = connect(server), connect(server)
    one.query("CREATE TEMP TABLE mine(a int); INSERT INTO mine VALUES (1)")
    equal(rows(one.query("SELECT a FROM mine")), [[b"1"]])
    equal(errors(two.query("SELECT a FROM mine")), ["42P01"])
    one.close()
    two.close()


# ---- Hostile clients ----

def malformed(server):
    for bytes_sent in (b"\0\0\0\3", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n",
                       struct.pack("!II", 8, 3 << 16), struct.pack("!II", 8, 2 << 16),
                       struct.pack("!II", 9, 3 << 16) + b"x", os.urandom(64)):
        client = WireClient(server.port)
        client.send_raw(bytes_sent)
        client.socket.shutdown(1)
        expect_closed(client)
    for kind, body in ((b"Q", b"no end"), (b"P", b"x"), (b"B", b"\0\0\xff\xff"), (b"D", b"?\0"),
                       (b"E", b"\0"), (b"C", b""), (b"F", b"\0\0\0\1")):
        client = connect(server)
        client.send(kind, body)
        if kind not in b"QF":
            equal(errors(client.sync()), ["08P01"])
        else:
            check(errors(client.read_until_ready()), kind)
        equal(rows(client.query("SELECT 1")), [[b"1"]])  # the session lives
        client.close()
    for raw in (b"Q\0\0\0\3", b"Q\x7f\xff\xff\xff", b"\0\0\0\0\4", b"z\0\0\0\4"):
        client = connect(server)
        client.send_raw(raw)
        expect_closed(client)
    client = connect(server)
    client.send_raw(b"Q\0\0")  # and goes
    client.close()
    # Out of order: COPY's messages without COPY, Execute before Bind, many Syncs.
    client = connect(server)
    client.send(b"d", b"1\t2\n")
    client.send(b"c")
    client.execute()
    equal(kinds(client.sync()), "EZ")
    client.send_raw(b"S\0\0\0\4" * 100)
    for _ in range(100):
        equal(client.read()[0], b"Z")
    client.close()


def strange_text(server):
    client = connect(server)
    client.send(b"Q", b"SELECT '\xff\xfe'\0")
    client.read_until_ready()
    client.send(b"Q", b"SELECT 1\0SELECT 2\0")
    equal(errors(client.read_until_ready()), ["08P01"])
    check(errors(client.query("SELECT " + "(" * 5000 + "1" + ")" * 5000)))
    equal(rows(client.query("SELECT '" + "x" * 300000 + "'")), [[b"x" * 300000]])
    equal(rows(client.query("SELECT 1")), [[b"1"]])
    client.close()


def denied(server):
    client = connect(server)
    for sql in ("ATTACH 'other.db' AS other", "SELECT load_extension('x')",
                "SELECT readfile('/etc/passwd')", "SELECT writefile('/tmp/x', 'y')",
                "VACUUM INTO '/tmp/stolen.db'", "PRAGMA writable_schema = 1",
                "PRAGMA temp_store_directory = '/tmp'", "SELECT * FROM sibyl_users",
                "CREATE TABLE sibyl_users(a int)", "BEGIN IMMEDIATE",
                "COPY (SELECT 1) TO '/tmp/x'", "COPY t FROM PROGRAM 'id'"):
        check(errors(client.query(sql)), sql)
        equal(status(client.query("SELECT 1")), "I")
    check(not os.path.exists("/tmp/stolen.db"))
    client.close()


def slow_reader(server):
    """A client that does not read holds back itself only, and costs little memory."""
    slow = connect(server)
    slow.send(b"Q", b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
              b"WHERE i < 2000000) SELECT i, 'some text that makes rows longer' FROM n\0")
    time.sleep(0.3)
    other = connect(server)
    equal(rows(other.query("SELECT 1")), [[b"1"]])
    other.close()
    slow.close()


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


def many_connections(server):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    clients = [connect(server) for _ in range(min(950, most - 50))]
    for client in clients[::20]:
        client.query("BEGIN")
        equal(rows(client.query("SELECT 1")), [[b"1"]])
    for client in clients:
        client.send(b"Q", b"SELECT 2\0")
    for client in clients:
        equal(rows(client.read_until_ready()), [[b"2"]])
    for client in clients:
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


def run_all(works):
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as failure:  # told to the main thread
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def operations(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/health") as response:
        equal(response.read(), b"ok\n")
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as response:
        text = response.read().decode()
    check("\nsibyl_statements_total " in text and "\nsibyl_sessions " in text, text)


# ---- Programs ----

def psql(server, *commands, user="ann", password=None, **options):
    words = ["psql", "-X", "-h", "127.0.0.1", "-p", str(server.port), "-U", user, "-At", "test"]
    for command in commands:
        words += ["-c", command]
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "30"}
    if password is not None:
        environment["PGPASSWORD"] = password
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL, env=environment, **options)


def psql_queries(server):
    if not shutil.which("psql"):
        return "psql is not installed"
    done = psql(server, "CREATE TABLE p(a int primary key, b text)",
                "INSERT INTO p VALUES (1,'x'),(2,NULL)", "SELECT * FROM p ORDER BY a")
    equal((done.stdout, done.returncode), ("CREATE TABLE\nINSERT 0 2\n1|x\n2|\n", 0))
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("3,three\n4,\"fo\"\"ur\"\n")
        file.flush()
        done = psql(server, f"\\copy p FROM '{file.name}' CSV",
                    "\\copy (SELECT * FROM p WHERE a > 2 ORDER BY a) TO STDOUT")
    equal((done.stdout, done.stderr), ("COPY 2\n3\tthree\n4\tfo\"ur\n", ""))
    done = psql(server, "SELECT * FROM p WHERE")
    check("syntax error" in done.stderr, done)
    return None


def pgbench(server):
    if not shutil.which("pgbench"):
        return "pgbench is not installed"
    base = ["pgbench", "-h", "127.0.0.1", "-p", str(server.port), "-U", "ann", "test"]

    def run(*options):
        done = subprocess.run(base + list(options), capture_output=True, text=True, timeout=240,
                              stdin=subprocess.DEVNULL, check=False)
        check(done.returncode == 0, done.stdout, done.stderr)
        return done.stdout

    run("-i", "-s", "1", "-q")
    for mode in ("simple", "extended", "prepared"):
        run("-n", "-S", "-M", mode, "-c", "4", "-t", "25")
        output = run("-n", "-M", mode, "-c", "4", "-t", "10")
        check("number of transactions actually processed: 40/40" in output, output)
    client = connect(server)
    equal(rows(client.query("SELECT count(*) FROM pgbench_history")), [[b"120"]])
    sums = rows(client.query(
        "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM "
        "pgbench_branches), (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM "
        "pgbench_history)"))[0]
    equal(len(set(sums)), 1)
    client.close()
    return None


def psycopg2_driver(server):
    try:
        import psycopg2
    except ImportError:
        return "psycopg2 is not installed"
    connection = psycopg2.connect(host="127.0.0.1", port=server.port, user="ann", dbname="test")
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE py2(a serial primary key, b text, c float8, d bytea)")
        cursor.execute("INSERT INTO py2(b, c, d) VALUES (%s, %s, %s) RETURNING a",
                       ("ten", 1.5, psycopg2.Binary(b"\0\xff")))
        equal(cursor.fetchone()[0], 1)
        cursor.execute("SELECT b, c, d FROM py2 WHERE a = %s", (1,))
        text, number, data = cursor.fetchone()
        equal((text, number, bytes(data)), ("ten", 1.5, b"\0\xff"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO py2(a) VALUES (1)")
        check(False, "a duplicate key was accepted")
    except psycopg2.errors.UniqueViolation:
        pass
    connection.close()
    return None


def psycopg3_driver(server):
    try:
        import psycopg
    except ImportError:
        return "psycopg is not installed"
    where = f"host=127.0.0.1 port={server.port} user=ann dbname=test"
    with psycopg.connect(where) as connection:
        connection.execute("CREATE TABLE py3(a int primary key, b text, c bool)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO py3 VALUES (%s, %s, %s)",
                               [(i, f"row {i}", i % 2 == 0) for i in range(50)])
            cursor.execute("SELECT a, b, c FROM py3 WHERE a = %s", (7,))
            equal(cursor.fetchone(), (7, "row 7", False))
            cursor.execute("SELECT a, c FROM py3 WHERE a < 2 ORDER BY a", binary=True)
            equal(cursor.fetchall(), [(0, True), (1, False)])
            with cursor.copy("COPY py3 (a, b) FROM STDIN") as copy:
                for i in range(50, 60):
                    copy.write_row((i, "copied"))
            cursor.execute("SELECT count(*) FROM py3 WHERE b = 'copied'")
            equal(cursor.fetchone(), (10,))
        with connection.cursor(name="named") as cursor:
            cursor.execute("SELECT a FROM py3 ORDER BY a")
            equal(len(cursor.fetchmany(20)), 20)
            equal(len(cursor.fetchall()), 40)
    return None


# ---- Servers of their own ----

def passwords(folder):
    """SCRAM: with the password and not without; verifiers in the database."""
    subprocess.run([SIBYL, "user", "add", os.path.join(folder, "scram.db"), "ann"], check=True,
                   input="sesame\n", text=True)
    server = ServerProcess(SIBYL, folder, trust=False, name="scram.db")
    try:
        client = WireClient(server.port)
        body = struct.pack("!I", 3 << 16) + b"user\0ann\0\0"
        client.send_raw(struct.pack("!I", len(body) + 4) + body)
        kind, body = client.read()
        equal((kind, body[4:]), (b"R", b"SCRAM-SHA-256\0\0"))
        client.send(b"Q", b"SELECT 1\0")  # no way around it
        equal(client.read()[0], b"E")
        expect_closed(client)
        if not shutil.which("psql"):
            return "psql is not installed"
        equal(psql(server, "SELECT 5", password="sesame").stdout, "5\n")
        check("password authentication failed" in
              psql(server, "SELECT 5", password="wrong").stderr)
        check("password authentication failed" in
              psql(server, "SELECT 5", user="bob", password="sesame").stderr)
    finally:
        equal(server.stop(), 0)
    listed = subprocess.run([SIBYL, "user", "list", os.path.join(folder, "scram.db")], check=True,
                            capture_output=True, text=True)
    equal(listed.stdout, "ann\n")
    return None


def tls(folder):
    if not shutil.which("openssl") or not shutil.which("psql"):
        return "openssl or psql is not installed"
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True)
    server = ServerProcess(SIBYL, folder, "--tls-cert", certificate, "--tls-key", key,
                           name="tls.db")
    try:
        words = ["psql", "-X", "-At", "-c", "SELECT length(repeat('x', 300000))",
                 f"host=127.0.0.1 port={server.port} user=ann dbname=x sslmode=require"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        equal((done.stdout, done.stderr), ("300000\n", ""))
        # Bytes in the clear behind the request are not taken for encrypted ones.
        client = WireClient(server.port)
        client.send_raw(struct.pack("!II", 8, 80877103) + b"Q\0\0\0\5\0")
        expect_closed(client)
    finally:
        equal(server.stop(), 0)
    return None


def killed(folder):
    """kill -9: what was acknowledged is there, nothing is torn."""
    server = ServerProcess(SIBYL, folder, name="killed.db")
    client = connect(server)
    client.query("CREATE TABLE k(a int primary key, b int)")
    acknowledged = [0] * 3

    def write(worker):
        mine = connect(server)
        try:
            for i in range(1, 100000):
                a = worker * 1000000 + i
                for sql in ("BEGIN", f"INSERT INTO k VALUES ({a}, 1)",
                            f"INSERT INTO k VALUES ({-a}, 1)", "COMMIT"):
                    if errors(mine.query(sql)):
                        return
                acknowledged[worker] = i
        except (Closed, OSError):
            pass

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    server.kill()
    for thread in threads:
        thread.join()
    server = ServerProcess(SIBYL, folder, name="killed.db")
    client = connect(server)
    for worker, count in enumerate(acknowledged):
        low = worker * 1000000
        found = rows(client.query(f"SELECT count(*) FROM k WHERE a > {low} AND a <= {low + count}"))
        equal(found, [[str(count).encode()]])
    equal(rows(client.query("SELECT sum(a) FROM k")), [[b"0"]])
    client.close()
    equal(server.stop(), 0)


def shutdown(folder):
    """SIGTERM: a transaction may end; the idle are sent away; the data is there afterwards."""
    server = ServerProcess(SIBYL, folder, name="stop.db")
    idle, busy = connect(server), connect(server)
    busy.query("CREATE TABLE s(a int)")
    busy.query("BEGIN; INSERT INTO s VALUES (1)")
    server.process.terminate()
    equal(errors([idle.read()]), ["57P01"])
    equal(tags(busy.query("COMMIT")), ["COMMIT"])
    equal(server.wait(), 0)
    server = ServerProcess(SIBYL, folder, name="stop.db")
    client = connect(server)
    equal(rows(client.query("SELECT a FROM s")), [[b"1"]])
    client.close()
    equal(server.stop(), 0)


def few_descriptors(folder):
    """Clients beyond what the process may open are refused; the others and the database go on."""
    few = 128
    server = ServerProcess(SIBYL, folder, name="few.db", descriptors=few)
    clients, refused = [], 0
    for _ in range(few + 20):
        try:
            clients.append(connect(server))
        except (Closed, OSError):
            refused += 1
    check(len(clients) > 20 and refused > 20, len(clients), refused)
    equal(errors(clients[0].query("CREATE TABLE t(a int); INSERT INTO t VALUES (1); VACUUM")), [])
    for client in clients[1:]:
        client.close()
    for _ in range(1000):  # until the server has seen that they are gone
        try:
            connect(server).close()
            break
        except (Closed, OSError):
            time.sleep(0.01)
    else:
        check(False, "nobody can connect any more")
    equal(rows(clients[0].query("SELECT a FROM t")), [[b"1"]])
    clients[0].close()
    equal(server.stop(), 0)


def cursor_memory(folder):
    """What the rows of one cursor, and of all, may take; what ends gives its memory back."""
    path = os.path.join(folder, "cursors.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("max_cursor_bytes = 900000\nmax_cursors_bytes = 1500000\n")
    server = ServerProcess(SIBYL, folder, "--config", path, name="cursors.db")

    def declare(client, name, kilobytes):
        failures = errors(client.query(
            f"BEGIN; DECLARE {name} SCROLL CURSOR WITH HOLD FOR SELECT repeat('x', 1000) "
            f"FROM generate_series(1, {kilobytes}); COMMIT"))
        if failures:
            client.query("ROLLBACK")
        return failures

    def fill(client):
        """How many cursors there is memory for."""
        for i in range(20):
            if failures := declare(client, f"c{i}", 300):
                equal(failures, ["53200"])
                return i
        return 20

    first, second = connect(server), connect(server)
    equal(declare(first, "a", 1000), ["53200"])  # of the one
    for _ in range(3):
        check(2 <= fill(second) <= 4)
        check(fill(first) <= 1)
        equal(len(rows(second.query("FETCH ALL FROM c1"))), 300)
        first.query("CLOSE ALL")
        second.query("CLOSE ALL")
    check(2 <= fill(second) <= 4)
    second.close()
    for _ in range(1000):  # until the server has seen that it is gone
        if 2 <= fill(first):
            break
        first.query("CLOSE ALL")
        time.sleep(0.01)
    else:
        check(False, "the memory of a session that ended is not free")
    first.close()
    equal(server.stop(), 0)


def limits(folder):
    path = os.path.join(folder, "limits.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("max_connections = 3\nmax_message_bytes = 1000\npool_connections = 1\n"
                   "idle_in_transaction_timeout_ms = 300\nlock_timeout_ms = 100\n")
    server = ServerProcess(SIBYL, folder, "--config", path, name="limits.db")
    clients = [connect(server) for _ in range(3)]
    fourth = WireClient(server.port)
    try:
        fourth.start()
        check(False, "a fourth client was let in")
    except Closed:
        pass
    clients[0].query("CREATE TABLE l(a int)")
    clients[0].query("BEGIN; INSERT INTO l VALUES (1)")  # has the only connection
    equal(errors(clients[1].query("SELECT 1")), ["53300"])
    messages = [clients[0].read()]  # sent away, for doing nothing
    equal(errors(messages), ["25P03"])
    equal(rows(clients[1].query("SELECT count(*) FROM l")), [[b"0"]])
    clients[1].send_raw(b"Q\0\0\7\0")
    equal(errors([clients[1].read()]), ["08P01"])
    expect_closed(clients[1])
    equal(server.stop(), 0)


SHARED = [startup, simple_query, transactions, isolation, extended_query, row_limits, cursors,
          settings, temporary_tables, malformed, strange_text, denied, slow_reader, cancel,
          copy_in, many_connections, parallel_writers, operations, psql_queries, pgbench, psycopg2_driver,
          psycopg3_driver]
OWN = [passwords, tls, killed, shutdown, few_descriptors, cursor_memory, limits]


def main():
    wanted = sys.argv[2:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(SIBYL, folder, "--metrics", "127.0.0.1:0", "--synchronous", "normal")
        for part in SHARED + OWN:
            if wanted and part.__name__ not in wanted:
                continue
            start = time.time()
            try:
                skipped = part(server if part in SHARED else folder)
                result = f"skipped: {skipped}" if skipped else "ok"
            except Exception as failure:  # the other parts are worth running
                result = f"FAILED: {type(failure).__name__} {failure}"
                line = failure.__traceback__
                while line.tb_next:
                    line = line.tb_next
                    if line.tb_frame.f_code.co_name == part.__name__:
                        result += f" (line {line.tb_lineno})"
                failed += 1
            print(f"{part.__name__:20} {time.time() - start:5.1f} s  {result}", flush=True)
        if server.stop() != 0:
            failed += 1
            print("the server did not end well")
        if failed:
            print(server.said()[-4000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
