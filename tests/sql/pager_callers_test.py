"""Goal: docs/sql.md says what every part of SQLite that asks for a Btree's pager meets on a database of ours.

Method: the files of SQLite's source that call sqlite3BtreePager are compared with those of the table.

    pager_callers_test.py SOURCE DOCUMENT    SOURCE: the folder with SQLite's source in it
"""

import re
import sys
from pathlib import Path


def callers(source):
    """Names of the files that call it; not btree.c, which has it, nor SQLite's own tests."""
    sources, = Path(source).glob("*/src")
    return {path.name for path in sources.glob("*.c")
            if "sqlite3BtreePager(" in path.read_text(errors="replace")
            and path.name != "btree.c" and not re.match(r"test", path.name)}


def documented(document):
    """Names in the first column of the table "Callers of sqlite3BtreePager"."""
    section = Path(document).read_text().split("## Callers of sqlite3BtreePager")[1].split("\n## ")[0]
    return set(re.findall(r"^\| (\w+\.c) \|", section, re.M))


def main():
    called, told = callers(sys.argv[1]), documented(sys.argv[2])
    for name in sorted(called ^ told):
        print(f"{name} " + ("is not in the table" if name in called else "does not call it"))
    return 1 if called != told or not called else 0


if __name__ == "__main__":
    sys.exit(main())
