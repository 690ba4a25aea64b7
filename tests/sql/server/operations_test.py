"""Goal: a server can be run: passwords and users, TLS, limits, crashes, backups, its shell, its end.

Method: servers as processes, and the programs that work with them, as an operator would.
operations_test.py SIBYL [PART ...]
"""

import contextlib
import ctypes
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server_process import ServerProcess  # noqa: E402
from test_support import SIBYL, check, connect, equal, expect_closed, psql, run_parts  # noqa: E402
from wire_client import Closed, WireClient, errors, rows, tags  # noqa: E402


def metrics(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as response:
        lines = response.read().decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


def operations(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/health") as response:
        equal(response.read(), b"ok\n")
    names = metrics(server)
    check("sibyl_statements_total" in names and "sibyl_sessions" in names, names)


def gathering(server):
    """Sessions that keep waiting for each other to write come to one loop, work there as before, and
    go home when they no longer wait."""
    if os.cpu_count() == 1:
        return "one event loop"
    holder, other = connect(server), connect(server)
    holder.query("CREATE TABLE gathered(id int primary key, n int); INSERT INTO gathered VALUES (1, 0)")
    update = "UPDATE gathered SET n = n + 1 WHERE id = 1"
    equal(tags(holder.query("BEGIN") + holder.query(update)), ["BEGIN", "UPDATE 1"])
    writes = 1
    while metrics(server)["sibyl_writers_gathered"] == 0:
        # Each transaction waits for the one before; one that is interrupted for long may not count.
        check(writes < 2000)
        writes += 1
        other.query("BEGIN")
        other.send(b"Q", update.encode() + b"\0")
        while metrics(server)["sibyl_writers_waiting"] == 0:
            pass
        equal(tags(holder.query("COMMIT")), ["COMMIT"])
        equal(tags(other.read_until_ready()), ["UPDATE 1"])
        holder, other = other, holder
    holder.query("COMMIT")
    for client in (holder, other):
        for _ in range(40):
            equal(rows(client.query("SELECT n FROM gathered WHERE id = 1")), [[str(writes).encode()]])
    equal(metrics(server)["sibyl_writers_gathered"], 0)
    for client in (holder, other):
        equal(tags(client.query(update)), ["UPDATE 1"])
        client.close()


def shared_syncs(server):
    """With synchronous=full, the default, commits that wait for the disk share its syncs: sooner or
    later there are fewer of them than commits; and a commit alone has one of its own."""
    client = connect(server)
    client.query("CREATE TABLE durable(n int)")

    def syncs():
        return int(rows(client.query("SELECT value FROM sibyl_stats WHERE name = 'log_syncs'"))[0][0])

    for sql in ("INSERT INTO durable VALUES (0)", "BEGIN; INSERT INTO durable VALUES (0); COMMIT",
                "INSERT INTO durable VALUES (0); INSERT INTO durable VALUES (0)"):
        before = syncs()
        equal(errors(client.query(sql)), [])
        check(syncs() > before, sql)
    for _ in range(100):
        before = syncs()
        writers = [connect(server) for _ in range(8)]
        insert = b"INSERT INTO durable VALUES (1)\0"
        for _ in range(20):
            for writer in writers:
                writer.send(b"Q", insert)
            for writer in writers:
                equal(tags(writer.read_until_ready()), ["INSERT 0 1"])
        for writer in writers:
            writer.close()
        if syncs() - before < 160:
            break
    else:
        check(False, "each commit had a sync of its own")
    client.close()


def add_user(path, name, password):
    subprocess.run([SIBYL, "user", "add", path, name], check=True, input=password + "\n", text=True)


def passwords(folder):
    """SCRAM: with the password and not without; verifiers in the database."""
    add_user(os.path.join(folder, "scram.db"), "ann", "sesame")
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
    add_user(os.path.join(folder, "tls.db"), "ann", "sesame")
    server = ServerProcess(SIBYL, folder, "--tls-cert", certificate, "--tls-key", key,
                           name="tls.db", trust=False)
    try:
        for binding in ("require", "disable"):  # SCRAM-SHA-256-PLUS, and without
            where = (f"host=127.0.0.1 port={server.port} user=ann password=sesame dbname=x "
                     f"sslmode=require channel_binding={binding}")
            done = subprocess.run(["psql", "-X", "-At", "-c", "SELECT length(repeat('x', 300000))",
                                   where], capture_output=True, text=True, timeout=60, check=False,
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


def shutdown_in_copy(folder):
    """SIGTERM while clients are in the midst of COPY, in and out: they are sent away in time, and what
    was not committed is not there."""
    path = os.path.join(folder, "copying.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("shutdown_timeout_ms = 300\n")
    server = ServerProcess(SIBYL, folder, "--config", path, name="copying.db")
    writer, reader = connect(server), connect(server)
    writer.query("CREATE TABLE c(a int PRIMARY KEY, b text); WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL "
                 "SELECT n + 1 FROM i WHERE n < 60000) INSERT INTO c SELECT n, hex(zeroblob(100)) FROM i")
    reader.send(b"Q", b"COPY c TO STDOUT\0")  # and reads nothing
    writer.send(b"Q", b"COPY c FROM STDIN\0")
    for i in range(1000):
        writer.send(b"d", f"{-i}\trow {i}\n".encode())
    equal(server.stop(), 0)
    server = ServerProcess(SIBYL, folder, name="copying.db")
    client = connect(server)
    equal(rows(client.query("SELECT count(*), min(a) FROM c")), [[b"60000", b"1"]])
    equal(rows(client.query("PRAGMA integrity_check")), [[b"ok"]])
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
        file.write("max_cursor_bytes = 900000\nmax_memory_bytes = 1500000\n")
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


def client_memory(folder):
    """What messages, prepared statements, portals and results of all clients may take together."""
    path = os.path.join(folder, "memory.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("max_memory_bytes = 4000000\n")
    server = ServerProcess(SIBYL, folder, "--config", path, name="memory.db")
    client, other = connect(server), connect(server)
    text = "x" * 300_000
    for i in range(20):  # statements of 900 KB each
        client.parse(f"SELECT '{text}'", name=f"s{i}")
        if failures := errors(client.sync()):
            break
    check(failures == ["53200"] and 2 <= i <= 4, failures, i)
    equal(rows(other.query("SELECT 1")), [[b"1"]])
    client.query("DEALLOCATE ALL")
    client.parse("SELECT length($1)", name="s", oids=(25,))
    equal(errors(client.sync()), [])
    client.query("BEGIN")
    for i in range(20):
        client.bind([text.encode()], name="s", portal=f"p{i}")
        if failures := errors(client.sync()):
            break
    check(failures == ["53200"] and 8 <= i <= 13, failures, i)
    client.query("ROLLBACK")
    client.bind([text.encode()], name="s")
    client.execute()
    equal(rows(client.sync()), [[b"300000"]])
    # A message for which there is no memory ends its session, a row for which there is none its query.
    try:
        client.send(b"Q", b"SELECT '" + b"x" * 5_000_000 + b"'\0")
        equal(errors([client.read()]), ["53200"])
        expect_closed(client)
    except (Closed, OSError):  # the rest of the message was never read
        pass
    equal(errors(other.query("SELECT repeat('x', 5000000)")), ["53200"])
    equal(rows(other.query("SELECT length(repeat('x', 5000000))")), [[b"5000000"]])
    # FETCH sends in pieces.
    other.query("BEGIN")
    other.query("DECLARE c CURSOR FOR SELECT repeat('x', 100000) FROM generate_series(1, 100)")
    equal(len(rows(other.query("FETCH ALL FROM c"))), 100)
    other.close()
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
    clients[2].query("SET idle_session_timeout = 50")
    equal(errors([clients[2].read()]), ["57P05"])
    expect_closed(clients[2])
    clients[1].send_raw(b"Q\0\0\7\0")
    equal(errors([clients[1].read()]), ["08P01"])
    expect_closed(clients[1])
    equal(server.stop(), 0)


def users_while_serving(folder):
    """Users come, change and go while the server runs; clients over TCP cannot make any."""
    path = os.path.join(folder, "users.db")
    server = ServerProcess(SIBYL, folder, trust=False, name="users.db")
    try:
        check(os.path.exists(path + "-sibyl/.s.PGSQL.5432"))
        add_user(path, "ann", "sesame")
        listed = subprocess.run([SIBYL, "user", "list", path], check=True, capture_output=True,
                                text=True)
        equal(listed.stdout, "ann\n")
        if not shutil.which("psql"):
            return "psql is not installed"
        equal(psql(server, "SELECT 1", password="sesame").stdout, "1\n")
        add_user(path, "ann", "\u00e9toile")  # another password, composed
        check("authentication failed" in psql(server, "SELECT 1", password="sesame").stderr)
        equal(psql(server, "SELECT 1", password="e\u0301toile").stdout, "1\n")  # not composed
        equal(psql(server, "ALTER USER ann PASSWORD 'own'", password="\u00e9toile").stdout,
              "ALTER ROLE\n")
        denied = psql(server, "CREATE USER eve PASSWORD 'x'", password="own").stderr
        check("only clients on a Unix socket" in denied, denied)
        socket = subprocess.run(
            ["psql", "-X", "-At", "-h", folder, "-p", str(server.port), "-U", "owner", "x", "-c",
             "CREATE USER bob PASSWORD 'b'", "-c", "CREATE USER bob PASSWORD 'c'"],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        equal(socket.stdout, "CREATE ROLE\n")
        check("already exists" in socket.stderr, socket.stderr)
        equal(psql(server, "SELECT 2", user="bob", password="b").stdout, "2\n")
        subprocess.run([SIBYL, "user", "delete", path, "bob"], check=True)
        gone = subprocess.run([SIBYL, "user", "delete", path, "bob"], check=False,
                              capture_output=True)
        equal(gone.returncode, 1)
        check("authentication failed" in psql(server, "SELECT 1", user="bob", password="b").stderr)
    finally:
        equal(server.stop(), 0)
    check(not os.path.exists(path + "-sibyl/.s.PGSQL.5432"))
    return None


def backup_while_serving(folder):
    """A copy made while transactions commit is one of a moment between two of them."""
    path, copy = os.path.join(folder, "busy.db"), os.path.join(folder, "copy.db")
    server = ServerProcess(SIBYL, folder, name="busy.db")
    client = connect(server)
    client.query("CREATE TABLE pairs(a int primary key, b int); CREATE INDEX pairs_b ON pairs(b)")
    stop = threading.Event()
    written = [0]

    def write():
        mine = connect(server)
        while not stop.is_set():
            i = written[0] + 1
            equal(errors(mine.query(f"INSERT INTO pairs VALUES ({i}, 1), ({-i}, 1)")), [])
            written[0] = i
        mine.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while written[0] < 50:
            time.sleep(0.01)
        before = written[0]
        subprocess.run([SIBYL, "shell", "-readonly", path, f".backup {copy}"], check=True,
                       stdin=subprocess.DEVNULL)
        after = written[0] + 1  # the last one's answer may be under way
    finally:
        stop.set()
        writer.join()
        client.close()
        equal(server.stop(), 0)
    restored = ServerProcess(SIBYL, folder, name="copy.db")
    client = connect(restored)
    count, total = rows(client.query("SELECT count(*), sum(a) FROM pairs"))[0]
    check(2 * before <= int(count) <= 2 * after and int(count) % 2 == 0, before, count, after)
    equal(total, b"0")
    equal(rows(client.query("PRAGMA integrity_check")), [[b"ok"]])
    client.close()
    equal(restored.stop(), 0)
    subprocess.run([SIBYL, "verify", copy], check=True, stdout=subprocess.DEVNULL)


def typed_into_shell(url):
    """On a terminal Ctrl-C takes back what is being typed; what the last statement answered."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="dumb", HOME="/nonexistent", INPUTRC="/dev/null")
        os.execv(SIBYL, [SIBYL, "shell", "--connect", url])
    said = b""

    def until(word):
        """What comes before it."""
        nonlocal said
        while word not in said:
            check(select.select([terminal], [], [], 60)[0], said)
            said += os.read(terminal, 4096)
        before, said = said.split(word, 1)
        return before

    try:
        until(b"=> ")
        os.write(terminal, b"SELECT nothing,\n")
        until(b"-> ")
        os.write(terminal, b"nor this\x03")
        until(b"=> ")
        os.write(terminal, b"SELECT count(*) AS n FROM t WHERE id = 1;\n")
        answer = until(b"=> ")
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
    return answer.decode().split("-\r\n")[1].split("\r\n")[0]


def shell_of_a_server(folder):
    """sibyl shell --connect: SQL and dot commands, from the command line and from standard input."""
    server = ServerProcess(SIBYL, folder, name="shell.db")
    url = f"postgresql://ann@127.0.0.1:{server.port}/shell"

    def shell(*words, text=""):
        done = subprocess.run([SIBYL, "shell", "--connect", url, *words], input=text, text=True,
                              capture_output=True, timeout=60, check=False)
        return done.stdout, done.stderr, done.returncode

    try:
        made = shell(text="CREATE TABLE t (id int PRIMARY KEY,\n  name text); -- ; not the end\n"
                     "INSERT INTO t VALUES (1, 'one'), (20, 'tw;o'), (3, NULL);\n"
                     "COPY t FROM STDIN;\n4\tfour\n\\.\nSELECT * FROM t ORDER BY id")
        equal(made, ("id  name\n--  ----\n 1  one\n 3\n 4  four\n20  tw;o\n", "", 0))
        equal(shell(".mode csv", "SELECT name, '' AS \"a,b\" FROM t WHERE id > 2 ORDER BY id"),
              ('name,"a,b"\n,""\nfour,""\ntw;o,""\n', "", 0))
        equal(shell(".mode csv", "SELECT id, name FROM t WHERE id < 0; SELECT 1; SELECT 2")[0],
              "id,name\n?column?\n1\n?column?\n2\n")
        equal(shell(".mode line", "SELECT id, name FROM t WHERE id = 1")[0],
              "  id = 1\nname = one\n")
        equal(shell(".mode line", "SELECT id FROM t WHERE id < 4 ORDER BY id")[0],
              "id = 1\n\nid = 3\n")
        equal(shell(".mode list", "COPY (SELECT 1, 2) TO STDOUT", "SELECT 3, NULL"),
              ("1\t2\n3|\n", "", 0))
        equal(shell(".tables", ".tables x%")[0], "name  type\n----  -----\nt     table\nname  type\n"
              "----  ----\n")
        check(shell(".schema t")[0].lower().startswith("create table t"), shell(".schema t"))
        check("t_pkey" in shell(".indexes")[0], shell(".indexes"))
        out, said, code = shell("SELECT 1; SELECT nothing; SELECT 2", "SELECT 3")
        check(code == 3 and "nothing" in said and "3" not in out, out, said, code)
        out, said, code = shell(text=".nonsense\nSELECT 1;\n")
        check(code == 3 and "nonsense" in said and out == "", out, said, code)
        file = os.path.join(folder, "script.sql")
        with open(file, "w", encoding="utf-8") as script:
            script.write(".mode list\nSELECT 'from a file';\n.quit\nSELECT 'never';\n")
        equal(shell(text=f".read {file}\nSELECT 'nor this';\n"), ("from a file\n", "", 0))
        equal(typed_into_shell(url), "1")
        refused = subprocess.run([SIBYL, "shell", "--connect", "postgresql://127.0.0.1:1/x"],
                                 input="", text=True, capture_output=True, timeout=60, check=False)
        check(refused.returncode == 3 and "refused" in refused.stderr, refused)
    finally:
        equal(server.stop(), 0)


@contextlib.contextmanager
def small_disk(at):
    """24 MB of memory mounted there, for this thread and what it starts; False: that may not be done."""
    new_namespace, private, recursive, lazily = 0x20000, 1 << 18, 0x4000, 2
    os.mkdir(at)
    libc = ctypes.CDLL(None)
    mounted = (libc.unshare(new_namespace) == 0 and
               libc.mount(None, b"/", None, private | recursive, None) == 0 and
               libc.mount(b"tmpfs", at.encode(), b"tmpfs", 0, b"size=24m") == 0)
    try:
        yield mounted
    finally:
        if mounted:
            libc.umount2(at.encode(), lazily)


def health(server):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/health") as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def disk_full(folder):
    """A commit that the disk has no room for fails as such; reading goes on, the supervisor is told,
    and with room and a new start everything acknowledged is there and writing goes on."""
    disk = os.path.join(folder, "small")
    with small_disk(disk) as mounted:
        if not mounted:
            return "may not mount a file system"
        fill_disk(disk)
    return None


def fill_disk(disk):
    filler = os.path.join(disk, "filler")
    with open(filler, "wb") as file:
        file.write(bytes(8 << 20))
    options = ("--metrics", "127.0.0.1:0")
    server = ServerProcess(SIBYL, disk, *options, name="full.db")
    client, reader = connect(server), connect(server)
    client.query("CREATE TABLE f(a int primary key, b text)")
    equal(health(server), (200, b"ok\n"))
    acknowledged = 0
    while not errors(answer := client.query(f"INSERT INTO f VALUES ({acknowledged}, hex(randomblob(9000)))")):
        acknowledged += 1
    equal(errors(answer), ["53100"])
    check(acknowledged > 100, acknowledged)
    equal(errors(client.query("INSERT INTO f VALUES (-1, 'more')")), ["25006"])
    equal(rows(reader.query("SELECT count(*), min(length(b)) FROM f")), [[b"%d" % acknowledged, b"18000"]])
    status, text = health(server)
    check(status == 503 and b"No space left" in text, status, text)
    equal(metrics(server)["sibyl_writes_stopped"], 1)
    equal(server.stop(), 0)
    os.remove(filler)
    server = ServerProcess(SIBYL, disk, *options, name="full.db")
    client = connect(server)
    equal(rows(client.query("SELECT count(*) FROM f")), [[b"%d" % acknowledged]])
    equal(errors(client.query("INSERT INTO f VALUES (-1, 'more')")), [])
    equal(rows(client.query("PRAGMA integrity_check")), [[b"ok"]])
    equal(health(server), (200, b"ok\n"))
    equal(server.stop(), 0)


SHARED = [operations, gathering, shared_syncs]
OWN = [passwords, tls, killed, shutdown, shutdown_in_copy, few_descriptors, cursor_memory,
       client_memory, limits, users_while_serving, backup_while_serving,
       shell_of_a_server, disk_full]

if __name__ == "__main__":
    sys.exit(run_parts(SHARED, OWN, "--metrics", "127.0.0.1:0"))
