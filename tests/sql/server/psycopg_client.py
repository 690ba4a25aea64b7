"""psycopg2 or psycopg 3 as programs use it: types both ways, errors, cursors of the server, COPY.

psycopg_client.py psycopg2|psycopg PORT
"""
import datetime
import decimal
import importlib
import io
import sys
import uuid

driver = importlib.import_module(sys.argv[1])
VERSION_3 = sys.argv[1] == "psycopg"
WHERE = f"host=127.0.0.1 port={sys.argv[2]} user=ann dbname=x"
ZONE = datetime.timezone(datetime.timedelta(hours=2))
VALUES = [  # a type, and what is kept in a column of it
    ("bool", True), ("int", -7), ("bigint", 1 << 60), ("float8", 0.1), ("text", "ä'\\\n"),
    ("numeric", decimal.Decimal("12.5")), ("bytea", b"\0\xff"), ("date", datetime.date(2024, 2, 29)),
    ("time", datetime.time(12, 30, 1, 500000)),
    ("timestamp", datetime.datetime(2024, 2, 29, 12, 0, 0, 60000)),
    ("timestamptz", datetime.datetime(2024, 2, 29, 12, 0, tzinfo=ZONE)),
    ("interval", datetime.timedelta(days=3, seconds=5)),
    ("int[]", [1, None, 3]), ("text[]", ["a,b", None, '"c"']), ("float8[]", [0.5, -1.0]),
]


def same(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


def types(connection):
    columns = ", ".join(f"c{i} {name}" for i, (name, _) in enumerate(VALUES))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE p ({columns})")
        values = [value for _, value in VALUES]
        cursor.execute(f"INSERT INTO p VALUES ({', '.join(['%s'] * len(values))})", values)
        cursor.execute("SELECT * FROM p")
        same([plain(value) for value in cursor.fetchone()], values)
        same([column.name for column in cursor.description][:2], ["c0", "c1"])
        for i, (name, value) in enumerate(VALUES):
            cursor.execute(f"SELECT count(*) FROM p WHERE c{i} = %s", (value,))
            same((name, cursor.fetchone()[0]), (name, 1))
    connection.rollback()


def types_in_binary(connection):
    """psycopg 3: every parameter and every result in binary."""
    columns = ", ".join(f"c{i} {name}" for i, (name, _) in enumerate(VALUES))
    values = [value for _, value in VALUES]
    connection.execute(f"CREATE TABLE p ({columns})")
    connection.execute(f"INSERT INTO p VALUES ({', '.join(['%b'] * len(values))})", values)
    row = connection.execute("SELECT * FROM p", binary=True).fetchone()
    same(list(row), values)
    key = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    same(connection.execute("SELECT %b::uuid", (key,), binary=True).fetchone()[0], key)
    connection.rollback()


def errors(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE q (a int PRIMARY KEY, b text NOT NULL,"
                       " c int REFERENCES q (a), CHECK (a > 0))")
        connection.commit()
        for sql, error in [("INSERT INTO q VALUES (1, 'x'), (1, 'y')", "UniqueViolation"),
                           ("INSERT INTO q VALUES (1, NULL)", "NotNullViolation"),
                           ("INSERT INTO q VALUES (1, 'x', 9)", "ForeignKeyViolation"),
                           ("INSERT INTO q VALUES (-1, 'x')", "CheckViolation"),
                           ("SELECT * FROM nowhere", "UndefinedTable"),
                           ("SELECT nothing FROM q", "UndefinedColumn"),
                           ("SELECT FROM WHERE", "SyntaxError"),
                           ("SELECT 1/0", "DivisionByZero"),
                           ("SELECT 'x'::int", "InvalidTextRepresentation")]:
            try:
                cursor.execute(sql)
                connection.commit()
                raise AssertionError("no error: " + sql)
            except getattr(driver.errors, error):
                connection.rollback()


def many_rows(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE r (a int PRIMARY KEY, b text)")
        cursor.executemany("INSERT INTO r VALUES (%s, %s)", [(i, f"row {i}") for i in range(100)])
        same(cursor.rowcount, 100)
        if VERSION_3:
            with cursor.copy("COPY r FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["int4", "text"])
                for i in range(100, 200):
                    copy.write_row((i, f"row {i}"))
        else:
            cursor.copy_from(io.StringIO("".join(f"{i}\trow {i}\n" for i in range(100, 200))), "r")
    with connection.cursor("named") as cursor:  # a cursor of the server
        cursor.execute("SELECT a FROM r ORDER BY a")
        same(len(cursor.fetchmany(30)), 30)
        same([row[0] for row in cursor], list(range(30, 200)))
    connection.commit()


def psycopg3_only(connection):
    with connection.pipeline():
        first = connection.execute("SELECT %s::int", (1,))
        second = connection.execute("SELECT count(*) FROM r")
        same((first.fetchone()[0], second.fetchone()[0]), (1, 200))
    with connection.transaction():
        connection.execute("DELETE FROM r WHERE a < 10")
        try:
            with connection.transaction():  # a savepoint
                connection.execute("DELETE FROM r")
                raise driver.Rollback
        except driver.Rollback:
            pass
        same(connection.execute("SELECT count(*) FROM r").fetchone()[0], 190)
    for _ in range(8):  # prepared from the fifth on
        same(connection.execute("SELECT b FROM r WHERE a = %s", (50,)).fetchone()[0], "row 50")


connection = driver.connect(WHERE)
types(connection)
errors(connection)
many_rows(connection)
if VERSION_3:
    types_in_binary(connection)
    psycopg3_only(connection)
with connection.cursor() as cursor:
    cursor.execute("DROP TABLE q; DROP TABLE r")
connection.commit()
connection.close()
print(sys.argv[1], "OK")
