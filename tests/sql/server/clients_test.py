"""Goal: programs written for PostgreSQL work with the server, unchanged.

Method: one server on a new database, and one program after the other, each with the answers that
matter: psql (every backslash command, \\d of tables, \\copy), pgbench (every step of -i, its scripts in
all protocols, several clients), libpq (a C program), psycopg2 and psycopg 3, SQLAlchemy's reflection
and ORM, JDBC (a Java program), postgres_fdw of a real PostgreSQL 15. A client that is not installed is
left out, with a line that says so.

clients_test.py SIBYL LIBPQ_CLIENT FOLDER_OF_THIS_FILE [PART ...]
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from private_postgresql import PrivatePostgresql, why_not  # noqa: E402
from server_process import ServerProcess  # noqa: E402

SIBYL, LIBPQ_CLIENT, SOURCES = sys.argv[1:4]
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages
SETUP = """
CREATE TABLE cust (id serial PRIMARY KEY, name text NOT NULL, bal numeric(10,2) DEFAULT 0,
                   ts timestamp);
CREATE TABLE ord (id bigserial PRIMARY KEY, cust int REFERENCES cust (id) ON DELETE CASCADE,
                  qty int CHECK (qty > 0), note varchar(20) UNIQUE);
CREATE INDEX ord_cust ON ord (cust, qty DESC);
CREATE VIEW v AS SELECT id, name FROM cust WHERE bal > 0;
INSERT INTO cust (name, bal, ts) VALUES ('alice', 1.5, '2024-01-02 03:04:05.5'),
  ('bob', 2, '2024-01-03'), ('Carol', 0, NULL);
INSERT INTO ord (cust, qty, note) VALUES (1, 3, 'x'), (1, 5, 'y'), (2, 1, NULL);
"""
# Every command of psql that looks at the catalogue must be answered.
COMMANDS = r"""\d \d+ \d cust;\d ord;\d+ ord;\d v;\d ord_cust;\da \db \dc \dC \dconfig \dd \dD \ddp \dE \des
\det \deu \dew \df \dg \di \dL \dm \dn \dn+ \do \dO \dp \dRp \dRs \ds \dt \dt+ \dT \du \dv \dx \dX \dy \l \l+
\z \sv v"""


class Failed(Exception):
    pass


def check(name, text, *wanted):
    for pattern in wanted:
        if not re.search(pattern, text, re.M):
            raise Failed(f"{name}: no /{pattern}/ in\n{text}")


def run(command, **options):
    done = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200, **options)
    return done.stdout


def psql_words(port):
    return ["psql", "-X", "-h", "127.0.0.1", "-p", str(port), "-U", "ann", "-d", "x", "-v",
            "ON_ERROR_STOP=1"]


# Each part gives the reason why it was left out, or None. They share the tables of SETUP.

def psql_part(port, folder):
    psql = psql_words(port)
    commands = re.findall(r"\\[^\\;\n]+", COMMANDS)
    words = [word for command in commands for word in ("-c", command.strip())]
    check("psql's commands", run(psql + words), r"\A(?![\s\S]*ERROR)")
    check("\\d ord", run(psql + ["-c", "\\d ord"]),
          r'"ord_pkey" PRIMARY KEY, btree \(id\)', r'"ord_cust" btree \(cust, qty DESC\)',
          r'"ord_note_key" UNIQUE CONSTRAINT', r"CHECK \(\(?qty > 0\)?\)",
          r"FOREIGN KEY \(cust\) REFERENCES cust\(id\) ON DELETE CASCADE")
    check("\\d cust", run(psql + ["-c", "\\d cust"]), r"bal +\| numeric\(10,2\)", r"Referenced by:")
    check("\\dt", run(psql + ["-c", "\\dt"]), r"^ public \| cust \| table \| sibyl$")
    check("\\di", run(psql + ["-c", "\\di"]), r"^ public \| ord_cust +\| index \| sibyl \| ord$")
    check("\\dv", run(psql + ["-c", "\\dv"]), r"^ public \| v +\| view \| sibyl$")
    check("\\dn", run(psql + ["-c", "\\dn"]), r"^ +public \| sibyl$")
    check("\\l", run(psql + ["-c", "\\l"]), r"^ x +\| sibyl \| UTF8 ")
    source, target = folder + "/in.csv", folder + "/out.csv"
    with open(source, "w", encoding="utf-8") as file:
        file.write('id,note\n1,"a, b"\n2,\n')
    text = run(psql + ["-c", "CREATE TABLE copied (id int, note text)",
                       "-c", f"\\copy copied FROM '{source}' WITH (FORMAT csv, HEADER)",
                       "-c", f"\\copy (SELECT * FROM copied ORDER BY id) TO '{target}' CSV HEADER",
                       "-c", "DROP TABLE copied"])
    check("\\copy", text, r"^COPY 2\nCOPY 2\n")
    if open(target, encoding="utf-8").read() != open(source, encoding="utf-8").read():
        raise Failed("\\copy: the file is not what it was")


def pgbench_part(port, _):
    if not shutil.which("pgbench"):
        return "pgbench is not installed"
    pgbench = ["pgbench", "-h", "127.0.0.1", "-p", str(port), "-U", "ann"]
    text = run(pgbench + ["-i", "-s", "1", "-I", "dtgvpfdtGvpf", "--unlogged-tables", "x"])
    check("pgbench -i", text, r"^done in ", r"\A(?![\s\S]*(ERROR|error:))")
    for mode in ("simple", "extended", "prepared"):
        for script in ("select-only", "tpcb-like", "simple-update"):
            text = run(pgbench + ["-n", "-M", mode, "-b", script, "-c", "4", "-j", "2", "-t", "20", "x"])
            check(f"pgbench -M {mode} -b {script}", text, r"processed: 80/80",
                  r"failed transactions: 0 ")
    sums = run(psql_words(port) + ["-At", "-c", "SELECT (SELECT sum(abalance) FROM pgbench_accounts)"
                                   " - (SELECT sum(delta) FROM pgbench_history),"
                                   " count(*) FROM pgbench_history"])
    check("pgbench's sums", sums, r"^0\|480$")


def libpq_part(port, _):
    check("libpq", run([LIBPQ_CLIENT, f"host=127.0.0.1 port={port} user=ann dbname=x"]),
          r"\Alibpq OK$")


def psycopg_part(driver, port):
    if run([PYTHON, "-c", "import " + driver]):
        return f"python3-{driver} is not installed"
    check(driver, run([PYTHON, SOURCES + "/psycopg_client.py", driver, str(port)]), f"^{driver} OK$")


def sqlalchemy_part(port, _):
    if run([PYTHON, "-c", "import sqlalchemy, psycopg2"]):
        return "python3-sqlalchemy or python3-psycopg2 is not installed"
    check("sqlalchemy", run([PYTHON, SOURCES + "/sqlalchemy_client.py", str(port)]),
          r"^SQLAlchemy OK$")


def jdbc_part(port, folder):
    jars = glob.glob("/usr/share/java/postgresql.jar")
    if not jars or not shutil.which("javac"):
        return "libpostgresql-jdbc-java or a JDK is not installed"
    path = jars[0] + ":" + folder
    compiled = run(["javac", "-encoding", "UTF-8", "-cp", path, "-d", folder,
                    SOURCES + "/JdbcClient.java"])
    text = run(["java", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-cp", path, "JdbcClient",
                f"jdbc:postgresql://127.0.0.1:{port}/x?user=ann"])
    check("jdbc", compiled + text, r"^table\|ord\|TABLE$", r"^table\|v\|VIEW$",
          r"^column\|id\|int8\|-5\|0\|YES\|19$", r"^column\|note\|varchar\|12\|1\|NO\|20$",
          r"^pk\|id\|1\|ord_pkey$", r"^fk\|cust\|id\|cust\|0\|ord_cust_fkey\|cust_pkey$",
          r"^exported\|ord\|cust$", r"^index\|ord_cust\|qty\|t\|D$", r"^best\|id$", r"^types true$",
          r"^key\|\d+$", r"^JDBC OK$")


def fdw_part(port, folder):
    if not os.path.exists("/usr/share/postgresql/15/extension/postgres_fdw.control") or why_not():
        return why_not() or "the extension postgres_fdw is not installed"
    with PrivatePostgresql(folder) as server:
        text = run(["psql", "-X", "-h", server.host, "-U", "postgres", "-At", "-v", f"port={port}",
                    "-f", SOURCES + "/postgres_fdw.sql"])
    expected = open(SOURCES + "/postgres_fdw.expected", encoding="utf-8").read()
    if text != expected:
        raise Failed("got\n" + text + "expected\n" + expected)


PARTS = {
    "psql": psql_part,
    "pgbench": pgbench_part,
    "libpq": libpq_part,
    "psycopg2": lambda port, _: psycopg_part("psycopg2", port),
    "psycopg": lambda port, _: psycopg_part("psycopg", port),
    "sqlalchemy": sqlalchemy_part,
    "jdbc": jdbc_part,
    "postgres_fdw": fdw_part,
}


def run_part(name, port, folder):
    """Whether it went well."""
    start = time.time()
    try:
        reason = PARTS[name](port, folder)
        result = f"SKIPPED: {reason}" if reason else "ok"
    except (Failed, OSError, subprocess.SubprocessError) as failure:
        result = f"FAILED: {failure}"
    print(f"{name:14} {time.time() - start:5.1f} s  {result}", flush=True)
    return not result.startswith("FAILED")


def main():
    if not shutil.which("psql"):
        print("SKIPPED: psql is not installed")
        return 0
    wanted = sys.argv[4:] or PARTS
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(SIBYL, folder, "--synchronous", "normal", name="x.db")
        made = run(psql_words(server.port) + ["-q", "-c", SETUP])
        good = [run_part(name, server.port, folder) for name in wanted]
        code = server.stop()
        if made or code != 0 or not all(good):
            print(f"psql said at the start: {made}\nthe server ended with {code}:\n"
                  + server.said()[-4000:])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
