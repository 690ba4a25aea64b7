"""Random SQL that PostgreSQL and our server should answer alike: expressions of all types, and queries
over three tables. A grammar: what gives a type, made of what has which types."""

import collections
import random
import re

# Types by letter: i integer, b bigint, n numeric, f double precision, t text, o boolean, d date,
# s timestamp, z timestamp with time zone, h time, v interval, a integer[], A text[], j jsonb, J json,
# y bytea.
LITERALS = {
    "i": ["0", "1", "2", "-1", "7", "42", "-5", "100", "2147483647", "-2147483648", "NULL::int",
          "3::smallint"],
    "b": ["9223372036854775807", "-9223372036854775808", "5000000000::bigint", "-3::bigint",
          "NULL::bigint"],
    "n": ["0.5", "1.5", "2.5", "-2.5", "3.14159", "0.1", "0.2", "123.456", "-0.05", "1e3",
          "NULL::numeric", "7::numeric", "100.5::numeric(6,2)", "1.005"],
    "f": ["0.5::float8", "2.5::float8", "-3.5::float8", "1e10::float8", "3.14::float8",
          "NULL::float8", "4.5::real", "100::float8", "1.5::float8"],
    "t": ["''", "'abc'", "'Hello World'", "'éàü'", "'  pad '", "'a,b,c'", "'100%'", "'x_y'",
          "NULL::text", "'42'", "'ABC'::varchar(2)", "'test'::text", "'zzz'", "'a''b\\c'"],
    "o": ["true", "false", "NULL::boolean", "'t'::boolean"],
    "d": ["date '2024-02-29'", "date '2023-12-31'", "'2025-01-01'::date", "NULL::date",
          "date '1999-07-04'"],
    "s": ["timestamp '2024-02-29 13:45:10.5'", "timestamp '2023-12-31 23:59:59'",
          "'2025-06-15 00:00'::timestamp", "NULL::timestamp"],
    "z": ["timestamptz '2024-02-29 13:45:10+02'", "'2025-06-15 00:00:00+00'::timestamptz"],
    "h": ["time '12:34:56'", "'00:00:01.25'::time"],
    "v": ["interval '1 day'", "interval '2 hours 30 minutes'", "interval '1 year 2 mons'",
          "'-3 days'::interval", "NULL::interval", "interval '90 minutes'"],
    "a": ["ARRAY[1,2,3]", "'{}'::int[]", "ARRAY[5,NULL,7]", "'{4,4}'::int[]"],
    "A": ["ARRAY['a','b']", "'{x,\"y z\"}'::text[]", "NULL::text[]"],
    "j": ["'{\"b\":[1,2,{\"c\":null}],\"a\":1}'::jsonb", "'[1,\"x\",true]'::jsonb",
          "'{\"a\": 1.50e1, \"a\":2}'::jsonb", "'{\"b\": [1, 2, {\"c\": null}], \"a\":1}'::jsonb"],
    "J": ["'{\"a\":\"z\"}'::json", "'[1, 2]'::json"],
    "y": ["'\\x00ff'::bytea", "'abc'::bytea"],
}

# The columns of the tables below.
COLUMNS = {"i": "i", "b": "b", "n": "n", "f": "f", "t": "t", "o": "o", "d": "d", "s": "s", "a": "a"}

# What may be assigned to them without a cast.
ASSIGNED = {"i": "ibnf", "b": "ibnf", "n": "inf", "f": "inf", "t": "t", "o": "o", "d": "ds",
            "s": "sd", "a": "a"}

NUMBERS = "ibnf"

# Separated by semicolons.
RULES = {
    "i": """({i} % {i}); ({i} & {i}); ({i} | {i}); ({i} # {i}); (~{i}); ({i} << 2); ({i} >> 1);
            mod({i},{i}); ({n})::int; ({f})::int; ({t})::int; ({o})::int; length({t});
            octet_length({t}); position({t} in {t}); strpos({t},{t}); ascii({t});
            array_length({a},1); cardinality({a}); ({j}->>'a')::int; extract(year from {d})::int;
            ({d} - {d}); array_position({a},4); jsonb_array_length({j}); ({a})[1]; ({a})[9]""",
    "n": """round({n}); round({n},1); round({n},-1); trunc({n}); trunc({n},1); ceil({n});
            floor({n}); mod({n},-0.05); ({i})::numeric; ({n})::numeric(8,2); ({t})::numeric;
            sign({n}); ({n} % 0.3); extract(epoch from {s}); extract(epoch from {v});
            extract(second from {s}); extract(dow from {d}); extract(week from {d});
            extract(isodow from {d}); extract(quarter from {d}); extract(epoch from {z})""",
    "f": """round({f}); trunc({f}); ceil({f}); floor({f}); sqrt({f}); exp({f}); ln({f});
            ({i})::float8; ({n})::float8; power({f},{f}); ({f} ^ {f}); sin({f}); degrees({f});
            log({f}); atan2({f},{f}); sign({f}); ({t})::float8""",
    "t": """upper({t}); lower({t}); trim({t}); ltrim({t}); rtrim({t}); btrim({t},'a');
            trim(leading 'a' from {t}); substr({t},2); substring({t} from 2 for 2);
            substring({t},1,2); left({t},2); right({t},2); left({t},-1); right({t},-1);
            replace({t},'a','b'); repeat({t},2); reverse({t}); lpad({t},6,'*'); rpad({t},6);
            lpad({t},2); split_part({t},',',2); translate({t},'abc','xy'); ({t} || {t});
            concat({t},{t},{o},{i}); concat_ws('-',{t},{t},{t}); ({o})::text; ({d})::text;
            ({s})::text; ({v})::text; ({h})::text; ({a})::text; to_char({d},'YYYY-MM-DD');
            to_char({s},'HH24:MI:SS'); to_char({s},'Mon DD YYYY'); quote_literal({t});
            regexp_replace({t},'[a-c]','X'); regexp_replace({t},'[a-c]','X','g');
            to_hex({i}); encode({y},'hex'); ({j}->>'a'); ({t})::varchar(3); ({j}->'b')::text;
            array_to_string({a},','); array_to_string({A},',','?'); coalesce({t},'d');
            nullif({t},'abc'); jsonb_typeof({j}); substring({t} from '[a-z]+');
            substring({t} from 'b(.)'); (CASE {i} WHEN 1 THEN {t} ELSE {t} END); greatest({t},{t});
            ({b})::text; ({y})::text; ({z})::text; quote_nullable({t}); ({j})::text""",
    "o": """({t} LIKE 'a%'); ({t} LIKE '%o W%'); ({t} ILIKE 'ABC'); ({t} NOT LIKE '_b_');
            ({t} ~ '^[a-z]+$'); ({t} ~* 'hello'); ({t} !~ 'b'); ({t} SIMILAR TO '(a|b)%');
            ({t} < {t}); ({t} = {t}); ({o} AND {o}); ({o} OR {o}); (NOT {o}); ({o} IS TRUE);
            ({o} IS NOT FALSE); ({o} IS UNKNOWN); ({d} < {d}); ({s} >= {s}); ({d} = {s});
            ({v} < {v}); ({i} = ANY({a})); ({i} <> ALL({a})); ({t} = ANY({A}));
            ({a} = {a}); ({i})::boolean; ({t})::boolean; ({d} IS NULL); (({i},{t}) = ({i},{t}));
            (({i},{i}) < ({i},{i})); ({j} = {j}); ({o} = {o}); ({t} BETWEEN {t} AND {t});
            EXISTS (SELECT 1 WHERE {o}); starts_with({t},{t}); ({t} IN ({t},{t}));
            ({i} IN (SELECT unnest({a}))); ({o} IS NOT DISTINCT FROM {o}); ({h} < {h}); ({z} > {z});
            (CASE WHEN {o} THEN {o} ELSE {o} END); ({n} = {n} + {n})""",
    "d": """({d} + {i}); ({d} - 1); ({s})::date; make_date(2024,2,{i}); ({t})::date;
            greatest({d},{d}); ({z})::date; coalesce({d},{d})""",
    "s": """({d} + {v}); ({d} - {v}); ({s} + {v}); ({s} - {v}); date_trunc('month',{s});
            date_trunc('hour',{s}); date_trunc('week',{s}); ({d})::timestamp;
            date_trunc('quarter',{s}); ({z})::timestamp""",
    "v": """({s} - {s}); ({v} + {v}); ({v} * 2); ({v} / 2); age({s},{s}); (-{v}); ({v} - {v})""",
    "h": """({s})::time; ({t})::time""",
    "z": """({s})::timestamptz; ({z} + {v}); to_timestamp({i}); ({d})::timestamptz;
            ({s} AT TIME ZONE 'UTC')""",
    "a": """({a} || {i}); ({a} || {a}); array_append({a},{i}); array_prepend({i},{a});
            array_remove({a},4); ARRAY[{i},{i}]; array_cat({a},{a}); ARRAY(SELECT {i});
            string_to_array('1,2',',')::int[]""",
    "A": """string_to_array({t},','); ARRAY[{t},{t}]""",
    "j": """to_jsonb({i}); to_jsonb({a}); to_jsonb({A}); to_jsonb({o}); to_jsonb({d});
            jsonb_build_object('k',{i}); jsonb_build_object('k',({t})::text,'o',{o},'a',{a});
            jsonb_build_array({i},({t})::text,{a}); ({j} || '{{"z":1}}'::jsonb); ({j}->'b');
            ('[1,[2,3]]'::jsonb->1); (({t})::text)::jsonb; ({j} || {j})""",
    "J": """to_json({A}); json_build_object('a',{a},'j',{j}); json_build_array({f},{d},{o});
            ({j})::json; ({J}->'a')""",
    "y": """({t})::bytea; decode('ff00','hex'); ({y} || {y}); substring({y} from 1 for 1)""",
}

AGGREGATES = ["count(*)", "count({t})", "sum({i})", "sum({b})", "sum({n})", "avg({i})", "avg({n})",
              "min({t})", "max({d})", "max({s})", "min({n})", "bool_and({o})", "bool_or({o})",
              "count(DISTINCT {i})", "sum({i}) FILTER (WHERE {o})", "max({i}) + min({i})",
              "string_agg({t}, ',' ORDER BY k)", "array_agg({i} ORDER BY k)", "every({o})"]

WINDOWS = ["row_number() OVER (ORDER BY k)", "rank() OVER (PARTITION BY o ORDER BY i)",
           "sum(i::bigint) OVER (ORDER BY k)", "lag({t}) OVER (ORDER BY k)",
           "lead(i, 2) OVER (PARTITION BY o ORDER BY k)", "dense_rank() OVER (ORDER BY t)",
           "first_value({i}) OVER (ORDER BY k)", "count(*) OVER (PARTITION BY t)",
           "max({n}) OVER (ORDER BY k ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
           "ntile(3) OVER (ORDER BY k)"]


def all_rules():
    rules = collections.defaultdict(list)
    for letter, text in RULES.items():
        rules[letter] = [" ".join(rule.split()) for rule in text.split(";")]
    for x in NUMBERS:
        rules[x] += [f"({{{x}}} {op} {{{x}}})" for op in "+-*/"]
        rules[x] += [pattern.replace("?", "{" + x + "}") for pattern in (
            "(-?)", "abs(?)", "coalesce(?,?)", "nullif(?,?)", "greatest(?,?)", "least(?,?)",
            "(CASE WHEN {o} THEN ? ELSE ? END)")]
        rules["o"] += [pattern.replace("?", "{" + x + "}") for pattern in (
            "(? < ?)", "(? = ?)", "(? <> ?)", "(? BETWEEN ? AND ?)", "(? IN (?,?))",
            "(? IS DISTINCT FROM ?)", "(? IS NULL)")]
    for x, y, result in ("ibb", "inn", "iff", "bff", "nff"):  # a bigint may have too many digits
        rules[result] += [f"({{{x}}} {op} {{{y}}})" for op in "+*-"]
        rules["o"].append(f"({{{x}}} >= {{{y}}})")
    return rules


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rules = all_rules()
        self.columns = False

    def every_rule(self):
        """Each rule once, of literals."""
        return [self.filled(rule, 0) for rules in self.rules.values() for rule in rules]

    def filled(self, rule, depth):
        return re.sub(r"\{\{|\}\}|\{(\w)\}",
                      lambda found: {"{{": "{", "}}": "}"}.get(found.group(0))
                      or self.expression(found.group(1), depth - 1), rule)

    def expression(self, letter, depth):
        if depth <= 0 or self.random.random() < 0.25:
            if self.columns and letter in COLUMNS and self.random.random() < 0.7:
                return COLUMNS[letter]
            return self.random.choice(LITERALS[letter])
        return self.filled(self.random.choice(self.rules[letter]), depth)

    def any_expression(self, depth):
        return self.expression(self.random.choice(list(self.rules)), depth)

    def listed(self, letters, depth=2):
        return [self.expression(self.random.choice(letters), depth) for _ in
                range(self.random.randint(1, 3))]

    def query(self):
        """Over the tables, in an order that leaves nothing open."""
        self.columns = True
        kind = self.random.choice(["plain", "group", "join", "union", "window", "with", "in"])
        sql = getattr(self, "query_" + kind)()
        self.columns = False
        return sql

    def change(self, number):
        """Of a row of t1, or a new one; returns what became of it."""
        letters = self.random.sample(list(ASSIGNED), 2)
        self.columns = self.random.random() < 0.6
        values = [self.expression(self.random.choice(ASSIGNED[x]), 2) for x in letters]
        if self.columns:
            self.columns = False
            return (f"UPDATE t1 SET {letters[0]} = {values[0]}, {letters[1]} = {values[1]}"
                    f" WHERE k = {self.random.randint(1, 15)} RETURNING *")
        return (f"INSERT INTO t1(k, {', '.join(letters)}) VALUES ({1000 + number},"
                f" {', '.join(values)}) RETURNING *")

    def where(self):
        return f" WHERE {self.expression('o', 2)}" if self.random.random() < 0.7 else ""

    def limit(self):
        return self.random.choice(["", "", f" LIMIT {self.random.randint(0, 9)}",
                                   f" OFFSET {self.random.randint(0, 5)}"])

    def query_plain(self):
        columns = ", ".join(["k"] + self.listed("ibnftodsaj"))
        order = self.random.choice(["k", "t, k", "n DESC, k", "d NULLS FIRST, k DESC", "o, i DESC, k"])
        return f"SELECT {columns} FROM t1{self.where()} ORDER BY {order}{self.limit()}"

    def query_group(self):
        key = self.random.choice(["i", "o", "t", "d", "i % 3", "n", "upper(t)"])
        made = [self.filled(self.random.choice(AGGREGATES), 1) for _ in range(3)]
        having = self.random.choice(["", " HAVING count(*) > 1", " HAVING sum(i) IS NOT NULL"])
        return (f"SELECT {key} AS g, {', '.join(made)} FROM t1{self.where()} GROUP BY {key}{having}"
                " ORDER BY 1")

    def query_join(self):
        self.columns = False
        kind = self.random.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        on = self.random.choice(["t1.i = t2.i", "t1.t = t2.t", "t1.k = t2.k", "t1.d < t2.d",
                                 "t1.i = t2.i AND t1.o"])
        if kind == "FULL JOIN":  # PostgreSQL merges or hashes those
            on = self.random.choice(["t1.i = t2.i", "t1.k = t2.k"])
        return (f"SELECT t1.k, t2.k, t1.t || t2.t, coalesce(t1.n, t2.n) FROM t1 {kind} t2 ON {on}"
                f" WHERE {self.random.choice(['true', 't1.k > 3', 't2.i IS NULL', 't1.n < t2.n'])}"
                " ORDER BY 1, 2")

    def query_union(self):
        letters = [self.random.choice("intdo") for _ in range(2)]
        parts = [f"SELECT {', '.join(self.expression(x, 1) for x in letters)} FROM {table}"
                 for table in ("t1", "t2")]
        op = self.random.choice(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"])
        return f"{parts[0]} {op} {parts[1]} ORDER BY 1, 2"

    def query_window(self):
        columns = [self.filled(self.random.choice(WINDOWS), 1) for _ in range(2)]
        return f"SELECT k, {', '.join(columns)} FROM t1{self.where()} ORDER BY k"

    def query_with(self):
        return (f"WITH w AS (SELECT k, {self.expression('i', 2)} AS x FROM t1{self.where()})"
                " SELECT w.x, count(*), min(t2.t) FROM w LEFT JOIN t2 ON t2.k = w.k"
                " GROUP BY w.x ORDER BY 1")

    def query_in(self):
        test = self.random.choice(["i IN (SELECT i FROM t2)", "i NOT IN (SELECT i FROM t2 WHERE i > 0)",
                                   "EXISTS (SELECT 1 FROM t2 WHERE t2.k = t1.k AND t2.o)",
                                   "n > (SELECT avg(n) FROM t2)", "t = ANY(SELECT t FROM t2)",
                                   "i > ALL(SELECT i FROM t2 WHERE k < 4)"])
        return f"SELECT k, {self.expression('t', 2)} FROM t1 WHERE {test} ORDER BY k"


def tables(seed):
    """Statements that make the tables, with NULLs and equal values."""
    choose = random.Random(seed).choice
    statements = []
    for table in ("t1", "t2"):
        statements.append(f"CREATE TABLE {table}(k int PRIMARY KEY, i int, b bigint, n numeric(8,2),"
                          " f float8, t text, o boolean, d date, s timestamp, a int[])")
        for key in range(1, 16):
            row = [str(key), choose(["NULL", "0", "1", "2", "-7", "42"]),
                   choose(["NULL", "5000000000", "3"]), choose(["NULL", "0.5", "2.25", "-1.1", "2.5"]),
                   choose(["NULL", "0.5", "2.5", "1e10"]),
                   choose(["NULL", "'a'", "'B'", "''", "'abc'", "'éa'", "'Z'"]),
                   choose(["NULL", "true", "false"]),
                   choose(["NULL", "'2024-02-29'", "'2023-12-31'", "'1999-07-04'"]),
                   choose(["NULL", "'2024-02-29 13:45:10.5'", "'2023-12-31 23:59:59'"]),
                   choose(["NULL", "'{1,2,3}'", "'{}'", "'{5,NULL}'"])]
            statements.append(f"INSERT INTO {table} VALUES ({', '.join(row)})")
    return statements
