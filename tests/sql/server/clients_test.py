"""Goal: programs written for PostgreSQL work with the server, unchanged.

Method: one server on a new database; psql's backslash commands, JDBC's DatabaseMetaData (a small Java
program), SQLAlchemy's reflection and ORM, and postgres_fdw of a real PostgreSQL 15 (IMPORT FOREIGN
SCHEMA, SELECT, INSERT, UPDATE, DELETE, COPY, transactions), each with the answers that matter. A client
that is not installed is left out, with a line that says so.

clients_test.py SIBYL FOLDER_OF_THIS_FILE
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SIBYL, SOURCES = sys.argv[1:3]
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

failures = []


def check(name, text, *wanted):
    for pattern in wanted:
        if not re.search(pattern, text, re.M):
            failures.append(name)
            print(f"FAILED {name}: no /{pattern}/ in\n{text}")
            return


def run(command, **options):
    done = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200, **options)
    return done.stdout


def serve(folder):
    log = open(folder + "/log", "w+")
    server = subprocess.Popen([SIBYL, "serve", folder + "/x.db", "--listen", "127.0.0.1:0", "--trust"],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(600):
        ready = re.search(r"^ready port=(\d+)", open(folder + "/log").read(), re.M)
        if ready:
            return server, ready.group(1)
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit("the server did not start:\n" + open(folder + "/log").read())


def psql_test(port):
    psql = ["psql", "-X", "-h", "127.0.0.1", "-p", port, "-U", "ann", "-d", "x", "-v",
            "ON_ERROR_STOP=1"]
    check("psql setup", run(psql + ["-q", "-c", SETUP]) + "end", r"\Aend\Z")
    for command in re.findall(r"\\[^\\;\n]+", COMMANDS):
        check("psql " + command, run(psql + ["-c", command.strip()]), r"\A(?![\s\S]*ERROR)")
    check("psql \\d ord", run(psql + ["-c", "\\d ord"]),
          r'"ord_pkey" PRIMARY KEY, btree \(id\)', r'"ord_cust" btree \(cust, qty DESC\)',
          r'"ord_note_key" UNIQUE CONSTRAINT', r"CHECK \(\(?qty > 0\)?\)",
          r"FOREIGN KEY \(cust\) REFERENCES cust\(id\) ON DELETE CASCADE")
    check("psql \\d cust", run(psql + ["-c", "\\d cust"]), r"bal +\| numeric\(10,2\)",
          r"Referenced by:")


def sqlalchemy_test(port):
    python = "/usr/bin/python3"
    if run([python, "-c", "import sqlalchemy, psycopg2"]):
        print("SKIPPED sqlalchemy: python3-sqlalchemy or python3-psycopg2 is not installed")
        return
    check("sqlalchemy", run([python, SOURCES + "/sqlalchemy_client.py", port]), r"^SQLAlchemy OK$")


def jdbc_test(port, folder):
    jars = glob.glob("/usr/share/java/postgresql.jar")
    if not jars or not shutil.which("javac"):
        print("SKIPPED jdbc: libpostgresql-jdbc-java or a JDK is not installed")
        return
    print(run(["javac", "-d", folder, SOURCES + "/MetaData.java"]), end="")
    text = run(["java", "-Duser.timezone=UTC", "-cp", jars[0] + ":" + folder, "MetaData",
                f"jdbc:postgresql://127.0.0.1:{port}/x?user=ann"])
    check("jdbc", text, r"^table\|ord\|TABLE$", r"^table\|v\|VIEW$",
          r"^column\|id\|int8\|-5\|0\|YES\|19$", r"^column\|note\|varchar\|12\|1\|NO\|20$",
          r"^pk\|id\|1\|ord_pkey$", r"^fk\|cust\|id\|cust\|0\|ord_cust_fkey\|cust_pkey$",
          r"^index\|ord_cust\|qty\|t\|D$", r"^types true$", r"^key\|4$",
          r"^jdbc 3\.25 2024-05-06 07:08:09\.5 true 2024-05-06$", r"^JDBC OK$")


def fdw_test(port, folder):
    binaries = "/usr/lib/postgresql/15/bin"
    extension = "/usr/share/postgresql/15/extension/postgres_fdw.control"
    if not os.path.exists(binaries + "/initdb") or not os.path.exists(extension):
        print("SKIPPED postgres_fdw: PostgreSQL 15 is not installed")
        return
    user = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        if not shutil.which("runuser") or run(["id", "-u", "postgres"]).strip().isdigit() is False:
            print("SKIPPED postgres_fdw: running as root, and there is no user postgres")
            return
        user = ["runuser", "-u", "postgres", "--"]
    os.chmod(folder, 0o755)
    data = folder + "/pg"
    os.mkdir(data)
    if user:
        shutil.chown(data, "postgres")
    run(user + [binaries + "/initdb", "-D", data + "/data", "-A", "trust", "-U", "postgres",
                "--no-sync"], cwd="/")
    start = user + [binaries + "/pg_ctl", "-D", data + "/data", "-w", "-l", data + "/log"]
    # Without pipes: the server would keep them open.
    subprocess.run(start + ["-o", f"-c listen_addresses= -k {data} -c fsync=off", "start"], cwd="/",
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   timeout=200)
    try:
        text = run(["psql", "-X", "-h", data, "-U", "postgres", "-At", "-v", f"port={port}", "-f",
                    SOURCES + "/postgres_fdw.sql"])
    finally:
        subprocess.run(start + ["-m", "immediate", "stop"], cwd="/", stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=200)
    expected = open(SOURCES + "/postgres_fdw.expected").read()
    if text != expected:
        failures.append("postgres_fdw")
        print("FAILED postgres_fdw: got\n" + text + "expected\n" + expected)


def main():
    if not shutil.which("psql"):
        print("SKIPPED clients: psql is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        server, port = serve(folder)
        try:
            psql_test(port)
            sqlalchemy_test(port)
            jdbc_test(port, folder)
            fdw_test(port, folder)
        finally:
            server.terminate()
            code = server.wait(60)
        if code != 0:
            failures.append("server")
            print(f"FAILED: the server ended with {code}:\n" + open(folder + "/log").read())
    sys.exit(1 if failures else 0)


main()
