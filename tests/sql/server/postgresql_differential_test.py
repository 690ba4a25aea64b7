"""Goal: what the server answers to SQL is what PostgreSQL answers, or an error that says what is not
supported; never another answer, and no answer where PostgreSQL sees an error in the values.

Method: random expressions, queries and changes (random_sql.py), run on `sibyl serve` and on a PostgreSQL 15 of
this test's own. Known to differ: zeros at the end of numerics and digits behind the fifteenth, blanks in
json that functions make, and what PostgreSQL's parser refuses for its types only.
postgresql_differential_test.py SIBYL [SEED [COUNT]]
"""

import collections
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from private_postgresql import PrivatePostgresql, why_not_through_psycopg  # noqa: E402
from random_sql import Generator, tables  # noqa: E402
from server_process import ServerProcess  # noqa: E402

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 6000

JSON_OID = 114
# What a server may say that has less: not supported, no such function or operator, no form of a date
# that it reads, no year after 9999.
REFUSALS = {"0A000", "42883", "22007", "22008"}
# In which order conditions and arguments are looked at, and which not at all, nobody promises.
OPEN = re.compile(r"coalesce|CASE|AND|OR|IN |ANY|ALL|\) < \(|NULL")
# Where PostgreSQL's parser does not know a type or operator, and values are all right.
STRICTER = {"42601", "42725", "42804", "42846", "42883", "42P18"}


class Answer:
    def __init__(self, connection, sql):
        result = connection.exec_(sql.encode())
        state = result.error_field(67)  # PG_DIAG_SQLSTATE, 'C'
        self.state = state.decode() if state else None
        self.message = (result.error_field(77) or b"").decode()  # PG_DIAG_MESSAGE_PRIMARY, 'M'
        self.rows = []
        for r in range(0 if state else result.ntuples):
            values = [result.get_value(r, c) for c in range(result.nfields)]
            self.rows.append([None if v is None else v.decode(errors="replace") for v in values])
        self.types = [result.ftype(c) for c in range(result.nfields)] if not state else []

    def __str__(self):
        return f"{self.state} {self.message}" if self.state else str(self.rows)


def without_zeros(text):
    return re.sub(r"(?<![\d.])(\d+)(?:\.0+|(\.\d*?[1-9])0+)(?!\d)", r"\1\2", text)


def answer(connection, sql, is_change):
    """A change is taken back."""
    if is_change:
        connection.exec_(b"BEGIN")
    given = Answer(connection, sql)
    if is_change:
        connection.exec_(b"ROLLBACK")
    return given


def rounded_json(text):
    return json.loads(text, parse_float=lambda digits: f"{float(digits):.13g}",
                      parse_int=lambda digits: f"{int(digits):.13g}")


def same_value(left, right, type_oid):
    if left == right:
        return True
    if left is None or right is None:
        return False
    if type_oid == JSON_OID:
        return rounded_json(left) == rounded_json(right)
    if without_zeros(left) == without_zeros(right):
        return True
    try:
        a, b = float(left), float(right)
        return abs(a - b) <= 1e-13 * max(abs(a), abs(b))
    except ValueError:
        return False


def difference(theirs, ours, is_open):
    """Why the answers differ, or None."""
    if is_open and any(state and state.startswith("22") for state in (theirs.state, ours.state)):
        return None
    if ours.state:
        # PostgreSQL does not look at what is added to a NULL that it knows beforehand.
        if theirs.state or ours.state in REFUSALS or (
                ours.state.startswith("22") and any(row is None for row in sum(theirs.rows, []))):
            return None
        return "refused"
    if theirs.state:
        return None if theirs.state in STRICTER else "PostgreSQL sees an error"
    if len(theirs.rows) != len(ours.rows):
        return "another number of rows"
    for left, right in zip(theirs.rows, ours.rows):
        if not all(map(same_value, left, right, theirs.types)):
            return "another answer"
    return None


def compare(theirs, ours, generator):
    told = collections.Counter()
    wrong = 0
    statements = generator.every_rule()
    statements += [generator.any_expression(2) for _ in range(COUNT)]
    statements = ["SELECT " + expression for expression in statements]
    expressions = len(statements)
    statements += [generator.query() for _ in range(COUNT // 4)]
    queries_end = len(statements)
    statements += [generator.change(number) for number in range(COUNT // 8)]
    for number, sql in enumerate(statements):
        is_change = number >= queries_end
        their_answer, our_answer = answer(theirs, sql, is_change), answer(ours, sql, is_change)
        is_open = expressions <= number < queries_end or OPEN.search(sql)
        why = difference(their_answer, our_answer, is_open)
        told["same" if not our_answer.state else "both refuse" if their_answer.state else
             "not supported"] += 1
        if why:
            wrong += 1
            print(f"{why}: {sql}\n  PostgreSQL: {their_answer}\n  ours: {our_answer}")
    print(f"seed {SEED}: {len(statements)} statements, {wrong} wrong;", dict(told))
    # A comparison of refusals would be none.
    return wrong == 0 and told["same"] > 2 * len(statements) // 3


def main():
    reason = why_not_through_psycopg()
    if reason:
        print("SKIPPED: " + reason)
        return 0
    import psycopg
    with tempfile.TemporaryDirectory() as folder, PrivatePostgresql(folder, "sibyl") as postgresql:
        server = ServerProcess(sys.argv[1], folder)
        with psycopg.connect(f"host={postgresql.host} user=sibyl dbname=postgres",
                             autocommit=True) as theirs, \
                psycopg.connect(f"host=127.0.0.1 port={server.port} user=ann dbname=test",
                                autocommit=True) as ours:
            for statement in tables(SEED):
                theirs.execute(statement)
                ours.execute(statement)
            good = compare(theirs.pgconn, ours.pgconn, Generator(SEED))
        good = server.stop() == 0 and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
