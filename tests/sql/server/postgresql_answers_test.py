"""Goal: the answers that our tests expect are PostgreSQL's.

Method: dialect.test and recorded.test, which answers_test.cc runs on our translator and catalogue, are
run on a PostgreSQL 15 of this test's own. A record whose answer is another one there says so, and why,
in a line "# PostgreSQL: ..." before it; such a line where there is no difference is an error, too.
Zeros at the end of decimals do not count, which numerics do not keep here; of a cursor both sides run
the query.
postgresql_answers_test.py FOLDER_OF_THE_FILES
"""

import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from private_postgresql import PrivatePostgresql, why_not_through_psycopg  # noqa: E402

FOLDER = sys.argv[1]


def records(path):
    """(line, kind, why it differs or None, SQL, rows) of each."""
    with open(path, encoding="utf-8") as file:
        number = 1
        for block in file.read().split("\n\n"):
            lines = block.strip("\n").split("\n")
            comments = [line for line in lines if line.startswith("#")]
            reasons = [line for line in comments if line.startswith("# PostgreSQL: ")]
            body = lines[len(comments):]
            if body and body[0]:
                end = body.index("----") if "----" in body else len(body)
                yield (number + len(comments), body[0], reasons[0] if reasons else None,
                       "\n".join(body[1:end]), body[end + 1:])
            number += block.count("\n") + 2


def without_zeros(rows):
    return [re.sub(r"(?<![\d.-])(\d+)(?:\.0+|(\.\d*?[1-9])0+)(?=\||$)", r"\1\2", row)
            for row in rows]


class Judge:
    def __init__(self, host):
        import psycopg
        self.connection = psycopg.connect(f"host={host} user=sibyl dbname=sibyl", autocommit=True)
        self.pq = self.connection.pgconn

    def run(self, sql):
        """(SQLSTATE or None, rows as text)"""
        result = self.pq.exec_(sql.encode())
        state = result.error_field(67)  # PG_DIAG_SQLSTATE, 'C'
        if state:
            return state.decode(), []
        rows = []
        for r in range(result.ntuples):
            values = [result.get_value(r, c) for c in range(result.nfields)]
            rows.append("|".join("NULL" if v is None else v.decode() for v in values))
        return None, "\n".join(rows).split("\n") if rows else []

    def with_oids(self, text):
        for name in re.findall(r"\{(cust|ord)\}", text):
            _, rows = self.run(f"SELECT '{name}'::regclass::oid")
            text = text.replace("{" + name + "}", rows[0] if rows else "?")
        return text

    def difference(self, kind, sql, expected):
        """What is another answer here, or None."""
        sql = self.with_oids(sql)
        sql = re.sub(r"^DECLARE \w+ CURSOR FOR\s", "", sql)
        if kind == "prepare" and not re.match(r"(?i)(select|insert|update|delete|with)\b", sql):
            return None  # PostgreSQL prepares queries only
        if kind == "prepare":
            state, _ = self.run("PREPARE judged AS " + sql)
            if state is None:
                self.run("DEALLOCATE judged")
            return state and f"error {state}"
        state, rows = self.run(sql)
        if kind.startswith("error "):
            return None if state == kind[6:] else f"error {state}"
        if state is not None:
            return f"error {state}"
        wanted = [self.with_oids(row) for row in expected]
        if kind == "query" and without_zeros(rows) != without_zeros(wanted):
            return "\n".join(rows)
        return None


def judge_file(host, name):
    """How many records are wrong."""
    judge = Judge(host)
    wrong = count = marked = 0
    for line, kind, reason, sql, expected in records(os.path.join(FOLDER, name)):
        count += 1
        found = judge.difference(kind, sql, expected)
        marked += reason is not None
        if (found is None) == (reason is None):
            continue
        wrong += 1
        if found is None:
            print(f"{name}:{line}: PostgreSQL agrees, but: {reason}")
        else:
            print(f"{name}:{line}: {sql}\nPostgreSQL:\n{found}\nexpected:\n" + "\n".join(expected))
    print(f"{name}: {count} records, {marked} with another answer for a reason, {wrong} wrong")
    return wrong


def main():
    reason = why_not_through_psycopg()
    if reason:
        print("SKIPPED: " + reason)
        return 0
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, PrivatePostgresql(folder, "sibyl") as server:
        import psycopg
        for name in ("dialect.test", "recorded.test"):
            with psycopg.connect(f"host={server.host} user=sibyl dbname=postgres",
                                 autocommit=True) as connection:
                connection.execute("DROP DATABASE IF EXISTS sibyl")
                connection.execute("CREATE DATABASE sibyl")
            wrong += judge_file(server.host, name)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
