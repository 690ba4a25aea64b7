"""Goal: clients that are broken, greedy, slow or bad harm themselves only.

Method: messages cut, too long, out of order; text that is none; ways out of the database; results that
nobody reads, many connections. After each the server serves others, and where it can the same client.
hostile_test.py SIBYL [PART ...]
"""

import os
import resource
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_support import check, connect, equal, expect_closed, run_parts  # noqa: E402
from wire_client import WireClient, errors, kinds, rows, status  # noqa: E402


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
    for text in (b"SELECT '\xff\xfe'", b"SELECT '\xed\xa0\x80'", b"SELECT 1 AS \"\xc3\""):
        client.send(b"Q", text + b"\0")
        equal(errors(client.read_until_ready()), ["22021"])
    for value in (b"\xc3", b"a\0b"):
        for text_format in (0, 1):
            client.parse("SELECT $1::text", oids=(25,))
            client.bind([value], formats=(text_format,))
            equal(errors(client.sync()), ["22021"])
    client.query("CREATE TABLE strange(a text)")
    client.send(b"Q", b"COPY strange FROM STDIN\0")
    client.read()
    client.send(b"d", b"good\n\xff\n")
    client.send(b"c")
    equal(errors(client.read_until_ready()), ["22021"])
    equal(rows(client.query("SELECT count(*) FROM strange")), [[b"0"]])
    client.send(b"Q", b"SELECT 1\0SELECT 2\0")
    equal(errors(client.read_until_ready()), ["08P01"])
    check(errors(client.query("SELECT " + "(" * 5000 + "1" + ")" * 5000)))
    equal(rows(client.query("SELECT '" + "x" * 300000 + "'")), [[b"x" * 300000]])
    equal(rows(client.query("SELECT 1")), [[b"1"]])
    client.close()


def denied(server):
    """There is no way out of the database, nor into the table of users."""
    client = connect(server)
    client.query("CREATE TABLE here(a text)")
    path = "/tmp/sibyl_stolen"
    for sql in ("ATTACH 'other.db' AS other", f"ATTACH '{path}' AS other", "DETACH main",
                "SELECT load_extension('x')", "SELECT readfile('/etc/passwd')",
                f"SELECT writefile('{path}', 'y')", "SELECT edit('x')", "SELECT * FROM fsdir('/etc')",
                "SELECT pg_read_file('/etc/passwd')", "SELECT pg_ls_dir('/')",
                "SELECT lo_import('/etc/passwd')", "SELECT * FROM zipfile('/tmp/x.zip')",
                f"VACUUM INTO '{path}'", f"VACUUM main INTO '{path}'", "PRAGMA writable_schema = 1",
                "PRAGMA temp_store_directory = '/tmp'", "PRAGMA data_store_directory = '/tmp'",
                "PRAGMA temp_store = 1", "PRAGMA journal_mode = DELETE", "PRAGMA mmap_size = 1000000",
                "PRAGMA synchronous = 0", "PRAGMA wal_checkpoint", "PRAGMA trusted_schema = 1",
                "PRAGMA database_list; PRAGMA key = 'x'",
                "CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd')",
                "SELECT * FROM sibyl_users", "SELECT * FROM main.sibyl_users",
                "CREATE TABLE sibyl_users(a int)", "DROP TABLE sibyl_users",
                "CREATE VIEW u AS SELECT * FROM sibyl_users; SELECT * FROM u",
                "UPDATE sqlite_schema SET sql = ''", "DELETE FROM sqlite_schema",
                "CREATE USER eve PASSWORD 'x'", "DROP USER ann", "ALTER USER bob PASSWORD 'x'",
                "BEGIN IMMEDIATE", "COPY (SELECT 1) TO '/tmp/x'", "COPY here FROM '/etc/passwd'",
                "COPY here FROM PROGRAM 'id'", "COPY here TO PROGRAM 'id'"):
        check(errors(client.query(sql)), sql)
        equal(status(client.query("SELECT 1")), "I")
    check(not os.path.exists(path))
    equal(rows(client.query("SELECT count(*) FROM here")), [[b"0"]])
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


def slow_writer(server):
    """Messages that come byte by byte are messages; others are served meanwhile."""
    other = connect(server)
    slow = WireClient(server.port)
    body = struct.pack("!I", 3 << 16) + b"user\0ann\0database\0x\0\0"
    for byte in struct.pack("!I", len(body) + 4) + body:
        slow.send_raw(bytes([byte]))
    slow.read_until_ready()
    text = b"SELECT 'slowly'\0"
    for byte in b"Q" + struct.pack("!I", len(text) + 4) + text:
        slow.send_raw(bytes([byte]))
        equal(rows(other.query("SELECT 1")), [[b"1"]])
    equal(rows(slow.read_until_ready()), [[b"slowly"]])
    slow.close()
    other.close()


def memory_is_bounded(server):
    """Lengths alone allocate nothing; results, cursors and statements are kept within limits."""
    def resident_bytes():
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident_bytes()
    clients = [connect(server) for _ in range(40)]
    for client in clients:
        client.send_raw(b"Q" + struct.pack("!I", 60 << 20) + b"SELECT ")  # and no more
    slow = [connect(server) for _ in range(10)]
    for client in slow:  # 100 MB each, which nobody reads
        client.send(b"Q", b"SELECT repeat('x', 100000) FROM generate_series(1, 1000)\0")
    other = connect(server)
    equal(rows(other.query("SELECT 1")), [[b"1"]])
    time.sleep(0.3)
    grown = resident_bytes() - before
    check(grown < 700 << 20, f"{grown >> 20} MB more")  # of the 3400 that they asked for
    for client in clients + slow:
        client.close()
    other.query("BEGIN")
    equal(errors(other.query("DECLARE c SCROLL CURSOR FOR SELECT repeat('x', 1000000) "
                             "FROM generate_series(1, 10000)")), ["53200"])
    other.query("ROLLBACK")
    check(errors(other.query("SELECT length(repeat('x', 2000000000))")))
    check(errors(other.query("SELECT " + " || ".join(["'x'"] * 100000))))
    equal(rows(other.query("SELECT 1")), [[b"1"]])
    other.close()


PARTS = [malformed, strange_text, denied, slow_reader, many_connections, slow_writer,
         memory_is_bounded]

if __name__ == "__main__":
    sys.exit(run_parts(PARTS, [], "--synchronous", "normal"))
