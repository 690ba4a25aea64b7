"""Goal: programs that were written for SQLite, in the languages and frameworks that people use it from, see
no difference.

Method: each program in programs/ runs on Debian's libsqlite3.so.0 and on ours, and must print the same;
on ours what it leaves is a database of ours, which our `sibyl verify` finds whole. What a program needs
and is not installed is named, and the program left out; `scripts/setup.sh --clients` installs it all.

    programs_test.py LIBRARY_FOLDER SIBYL [PRELOAD]    PRELOAD: libasan.so and what else a
                                                   library built with it needs
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

LIBRARY = Path(sys.argv[1]).resolve()
SIBYL = Path(sys.argv[2]).resolve()
PRELOAD = sys.argv[3] if len(sys.argv) > 3 else ""
NATIVE = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
OURS = dict(
    NATIVE,
    LD_LIBRARY_PATH=str(LIBRARY),
    LD_PRELOAD=PRELOAD,
    ASAN_OPTIONS="detect_leaks=0",  # interpreters leak on purpose
)
PROGRAMS = Path(__file__).resolve().parent / "programs"
PYTHON = "/usr/bin/python3"  # Debian's, linked with libsqlite3.so.0


def is_installed(*command):
    return shutil.which(command[0]) is not None and subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Programs(unittest.TestCase):
    def check(self, *command):
        """Runs `command`, with a database's path as last argument, on both libraries."""
        printed = {}
        for name, environment in (("native", NATIVE), ("ours", OURS)):
            with tempfile.TemporaryDirectory() as folder:
                database = Path(folder) / "program.db"
                result = subprocess.run(
                    [*command, str(database)], cwd=folder, env=environment, text=True, timeout=240,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.assertEqual(result.returncode, 0, f"{name}: {result.stdout}")
                printed[name] = result.stdout
                marked = database.read_bytes().startswith(b"SibylDB marker")
                self.assertEqual(marked, name == "ours", name)
                if marked:
                    self.verify(database)
        self.assertGreater(len(printed["native"].splitlines()), 5)
        self.assertEqual(printed["ours"], printed["native"])

    def verify(self, database):
        result = subprocess.run([SIBYL, "verify", f"{database}-sibyl"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(result.returncode, 0, result.stdout)

    @unittest.skipIf(PRELOAD, "PHP loads its extensions in a way that sanitizers refuse")
    @unittest.skipUnless(is_installed("php", "-r", "exit(extension_loaded('sqlite3') ? 0 : 1);"),
                         "php-cli and php-sqlite3 are not installed")
    def test_php(self):
        self.check("php", PROGRAMS / "library.php")

    @unittest.skipUnless(is_installed("/usr/bin/perl", "-MDBD::SQLite", "-e", "1"),
                         "libdbd-sqlite3-perl is not installed")
    def test_perl(self):
        self.check("/usr/bin/perl", PROGRAMS / "telephone.pl")

    @unittest.skipUnless(is_installed(PYTHON, "-c", "import django"),
                         "python3-django is not installed")
    def test_django(self):
        self.check(PYTHON, PROGRAMS / "shop_django.py")

    @unittest.skipUnless(is_installed(PYTHON, "-c", "import sqlalchemy"),
                         "python3-sqlalchemy is not installed")
    def test_sqlalchemy(self):
        self.check(PYTHON, PROGRAMS / "forum_sqlalchemy.py")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
