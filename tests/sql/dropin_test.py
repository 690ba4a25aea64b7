"""Goal: programs built against SQLite's shared library run on ours unchanged.

Method: LD_LIBRARY_PATH gives Debian's own sqlite3 shell and Python's sqlite3 module our
libsqlite3.so.0: what it exports and how it is compiled are compared with Debian's, files come out as ours,
processes fork and share a database, and Python's own test suite of the module runs, if a Python with
one is installed.

    dropin_test.py LIBRARY_FOLDER [PRELOAD]    PRELOAD: libasan.so and what else a
                                               library built with it needs
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LIBRARY = Path(sys.argv[1]).resolve() / "libsqlite3.so.0"
ENVIRONMENT = dict(
    os.environ,
    LD_LIBRARY_PATH=str(LIBRARY.parent),
    LD_PRELOAD=sys.argv[2] if len(sys.argv) > 2 else "",
    ASAN_OPTIONS="detect_leaks=0",  # Python itself leaks on purpose
)
PYTHON = "/usr/bin/python3"
SHELL = "/usr/bin/sqlite3"


def run(*command, folder, script=None, timeout=120):
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, input=script if script is not None else "",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)


def exports_of(library):
    """The names that programs linked with `library` find in it."""
    listed = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return {line.split()[-1].split("@")[0] for line in listed.splitlines()}


def library_of(program):
    """The libsqlite3.so.0 that the loader gives to `program`."""
    listed = subprocess.run(["ldd", program], check=True, text=True, stdout=subprocess.PIPE).stdout
    return re.search(r"libsqlite3\.so\.0 => (\S+)", listed).group(1)


class DropIn(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def python(self, script, *arguments):
        """What `script` prints; it must succeed."""
        result = run(PYTHON, "-c", script, *arguments, folder=self.folder)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout.split()

    def is_ours(self, name):
        return (self.folder / name).read_bytes().startswith(b"SibylDB marker")

    def test_exports_what_debians_library_does(self):
        """Of SQLite's public interface; Debian's shows the inside of SQLite as well."""
        exported = exports_of(LIBRARY)
        public = re.compile(r"sqlite3(changegroup|changeset|rebaser|session)?_\w+")
        debians = {name for name in exports_of(library_of(SHELL)) if public.fullmatch(name)}
        self.assertGreater(len(debians), 300)
        self.assertEqual(exported, debians)

    def test_has_debians_build_options(self):
        script = "SELECT compile_options FROM pragma_compile_options"
        debians, ours = (
            set(subprocess.run([SHELL, ":memory:", script], env=environment, check=True, text=True,
                               stdout=subprocess.PIPE).stdout.split("\n"))
            for environment in (os.environ, ENVIRONMENT))
        self.assertIn("ENABLE_SESSION", debians)
        # Which compiler; what it has; the way Debian allocates; and where a value of ours replaces its own.
        may_miss = re.compile(r"COMPILER=.*|HAVE_ISNAN|OMIT_LOOKASIDE|DEFAULT_.*")
        self.assertEqual({option for option in debians - ours if not may_miss.fullmatch(option)}, set())

    def test_soname_and_binding(self):
        dynamic = subprocess.run(["readelf", "-d", LIBRARY], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        self.assertIn("Library soname: [libsqlite3.so.0]", dynamic)
        self.assertIn("SYMBOLIC", dynamic)

    def test_shell(self):
        result = run(SHELL, "x.db", folder=self.folder, script=(
            "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE);\n"
            "INSERT INTO t(b) VALUES('one'),('two');\nSELECT * FROM t;\n"
            ".backup ours.db\n.save 'file:native.db?engine=sqlite'\n.dump\n"
            "SELECT count(*) > 0 FROM sibyl_stats;\nPRAGMA integrity_check;\n"))
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("1|one\n2|two\n", result.stdout)
        self.assertIn("INSERT INTO t VALUES(2,'two');", result.stdout)
        self.assertTrue(result.stdout.endswith("1\nok\n"), result.stdout)
        self.assertTrue(self.is_ours("x.db") and self.is_ours("ours.db"))
        self.assertTrue((self.folder / "native.db").read_bytes().startswith(b"SQLite format 3"))
        for name in ("ours.db", "native.db"):
            result = run(SHELL, name, "SELECT b FROM t WHERE a=2", folder=self.folder)
            self.assertEqual(result.stdout, "two\n", name)

    def test_python_module(self):
        printed = self.python(
            "import sqlite3\n"
            "db = sqlite3.connect('p.db')\n"
            "db.execute('CREATE TABLE t(a UNIQUE)')\n"
            "with db: db.executemany('INSERT INTO t VALUES(?)', ((i,) for i in range(1000)))\n"
            "try: db.execute('INSERT INTO t VALUES(7)')\n"
            "except sqlite3.IntegrityError: print('refused'); db.rollback()\n"
            "copy = sqlite3.connect(':memory:')\n"
            "db.backup(copy)\n"
            "print(copy.execute('SELECT sum(a) FROM t').fetchone()[0])\n"
            "print(db.execute('PRAGMA journal_mode').fetchone()[0], sqlite3.sqlite_version)\n")
        self.assertEqual(printed, ["refused", "499500", "wal", "3.40.1"])
        self.assertTrue(self.is_ours("p.db"))

    def test_a_forked_child_neither_uses_nor_disturbs_the_parents_connection(self):
        printed = self.python(
            "import multiprocessing, sqlite3\n"
            "multiprocessing.set_start_method('fork')\n"
            "db = sqlite3.connect('f.db', timeout=0)\n"
            "db.execute('CREATE TABLE t(a)')\n"
            "with db: db.execute('INSERT INTO t VALUES(1)')\n"
            "def attempt(connection, sql):\n"
            "    try: return str(connection.execute(sql).fetchall())\n"
            "    except sqlite3.Error as error: return type(error).__name__\n"
            "def child(queue):\n"
            "    queue.put(attempt(db, 'SELECT * FROM t'))\n"
            "    queue.put(attempt(db, 'INSERT INTO t VALUES(2)'))\n"
            "    queue.put(attempt(sqlite3.connect('f.db', timeout=0), 'SELECT * FROM t'))\n"
            "queue = multiprocessing.Queue()\n"
            "process = multiprocessing.Process(target=child, args=(queue,))\n"
            "process.start()\n"
            "print(*[queue.get() for _ in range(3)])\n"
            "process.join()\n"
            "print(process.exitcode)\n"
            "with db: db.execute('INSERT INTO t VALUES(3)')\n"
            "db.close()\n"
            "db = sqlite3.connect('f.db')\n"
            "print(db.execute('SELECT group_concat(a) FROM t').fetchone()[0])\n"
            "print(db.execute('PRAGMA integrity_check').fetchone()[0])\n")
        self.assertEqual(len(printed), 6, printed)
        for refused in printed[:3]:
            self.assertIn(refused, ("OperationalError", "DatabaseError"))
        self.assertEqual(printed[3:], ["0", "1,3", "ok"])

    def test_forked_children_open_what_their_parent_had_open(self):
        printed = self.python(
            "import multiprocessing, sqlite3\n"
            "multiprocessing.set_start_method('fork')\n"
            "db = sqlite3.connect('o.db', isolation_level=None)\n"
            "db.execute('CREATE TABLE t(a)')\n"
            "other = sqlite3.connect('o.db', isolation_level=None)\n"
            "other.execute('BEGIN IMMEDIATE'); other.execute('INSERT INTO t VALUES(1)')\n"
            "def child(queue, n):\n"
            "    db.close()\n"  # the parent's: forgotten, not closed
            "    for i in range(3):\n"
            "        own = sqlite3.connect('o.db', timeout=60)\n"
            "        with own: own.execute('INSERT INTO t VALUES(?)', (10 * n + i,))\n"
            "        own.execute('VACUUM')\n"
            "        own.close()\n"
            "    queue.put(n)\n"
            "queue = multiprocessing.Queue()\n"
            "children = [multiprocessing.Process(target=child, args=(queue, n)) for n in (2, 3, 4)]\n"
            "for process in children: process.start()\n"
            "other.execute('COMMIT'); other.close()\n"
            "db.execute('INSERT INTO t VALUES(5)'); db.close()\n"
            "print(sum(queue.get() for _ in children))\n"
            "for process in children: process.join()\n"
            "db = sqlite3.connect('o.db', timeout=60)\n"
            "print(db.execute('SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY a)')"
            ".fetchone()[0])\n"
            "print(db.execute('PRAGMA integrity_check').fetchone()[0])\n")
        self.assertEqual(printed, ["9", "1,5,20,21,22,30,31,32,40,41,42", "ok"])

    def test_a_forked_child_ends_by_exit(self):
        """Not by _exit, as multiprocessing's do: what Python and C have registered runs."""
        printed = self.python(
            "import atexit, os, sqlite3, sys\n"
            "db = sqlite3.connect('e.db')\n"
            "db.execute('CREATE TABLE t(a)'); db.execute('INSERT INTO t VALUES(1)'); db.commit()\n"
            "sys.stdout.flush()\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    own = sqlite3.connect('own.db')\n"
            "    own.execute('CREATE TABLE u(a)')\n"
            "    atexit.register(print, 'registered')\n"
            "    sys.exit(7)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
            "print(db.execute('SELECT a FROM t').fetchone()[0])\n"
            "print(sqlite3.connect('own.db').execute('SELECT name FROM sqlite_schema').fetchone()[0])\n")
        self.assertEqual(printed, ["registered", "7", "1", "u"])

    def test_spawned_children_wait_for_their_turn(self):
        (self.folder / "spawn.py").write_text(
            "import multiprocessing, sqlite3\n"
            "def work(n):\n"
            "    db = sqlite3.connect('s.db', timeout=100)\n"
            "    with db: db.execute('INSERT INTO t VALUES(?)', (n,))\n"
            "    db.close()\n"
            "if __name__ == '__main__':\n"
            "    context = multiprocessing.get_context('spawn')\n"
            "    db = sqlite3.connect('s.db')\n"
            "    db.execute('CREATE TABLE t(a)')\n"
            "    children = [context.Process(target=work, args=(n,)) for n in (1, 2)]\n"
            "    for child in children: child.start()\n"
            "    with db: db.execute('INSERT INTO t VALUES(0)')\n"
            "    db.close()\n"
            "    for child in children: child.join()\n"
            "    db = sqlite3.connect('s.db')\n"
            "    print(*db.execute('SELECT count(*), sum(a) FROM t').fetchone())\n")
        result = run(PYTHON, "spawn.py", folder=self.folder)
        self.assertEqual((result.returncode, result.stdout), (0, "3 3\n"))

    def test_a_process_may_read_what_another_writes(self):
        printed = self.python(
            "import sqlite3, subprocess, sys\n"
            "db = sqlite3.connect('r.db')\n"
            "db.execute('CREATE TABLE t(a)')\n"
            "reader = subprocess.Popen([sys.executable, '-c', sys.argv[1]], text=True,\n"
            "    stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
            "for i in range(5):\n"
            "    with db: db.execute('INSERT INTO t VALUES(?)', (i,))\n"
            "    if i == 3: db.execute('VACUUM')\n"
            "    print('', file=reader.stdin, flush=True)\n"
            "    print(reader.stdout.readline(), end='')\n"
            "reader.communicate()\n",
            "import sqlite3\n"
            "db = sqlite3.connect('file:r.db?mode=ro', uri=True)\n"
            "for i in range(5):\n"
            "    input()\n"
            "    print(db.execute('SELECT count(*) FROM t').fetchone()[0], flush=True)\n")
        self.assertEqual(printed, ["1", "2", "3", "4", "5"])

    def test_processes_that_connect_for_each_request_take_turns(self):
        printed = self.python(
            "import multiprocessing, sqlite3\n"
            "def work(n):\n"
            "    for i in range(5):\n"
            "        db = sqlite3.connect('w.db', timeout=60)\n"
            "        with db: db.execute('INSERT INTO t VALUES(?)', (5 * n + i,))\n"
            "        db.close()\n"
            "if __name__ == '__main__':\n"
            "    db = sqlite3.connect('w.db')\n"
            "    db.execute('CREATE TABLE t(a UNIQUE)')\n"
            "    db.close()\n"
            "    with multiprocessing.Pool(3) as pool: pool.map(work, range(3), 1)\n"
            "    db = sqlite3.connect('w.db', timeout=60)\n"
            "    print(*db.execute('SELECT count(*), sum(a) FROM t').fetchone())\n")
        self.assertEqual(printed, ["15", "105"])

    def test_pythons_own_suite(self):
        python = python_with_suite()
        if python is None:
            self.skipTest("no Python with test/test_sqlite3: see docs/testing.md")
        result = run(python, "-m", "unittest", "-v", "test.test_sqlite3", folder=self.folder,
                     timeout=250)
        self.assertEqual(result.returncode, 0, result.stdout)
        ran = int(re.search(r"^Ran (\d+) tests", result.stdout, re.M).group(1))
        self.assertGreater(ran, 400)


def python_with_suite():
    """A Python whose library has the suite of its sqlite3 module (Debian's has not)."""
    for python in (os.environ.get("SIBYL_SUITE_PYTHON"), PYTHON,
                   *sorted(Path.home().glob(".pyenv/versions/3.11*/bin/python3"))):
        if python and subprocess.run([python, "-c", "import test.test_sqlite3"],
                                     stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL).returncode == 0:
            return str(python)
    return None


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
