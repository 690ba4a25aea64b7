#!/usr/bin/python3
"""The server beside PostgreSQL 15: both private to this run, the same data, in turns.

pgbench drives both: SELECT by primary key (-S) with 8 clients and with one, the same by a key that is text,
TPC-B-like with 8, all prepared, and the first and the last in the other two modes of pgbench; psql copies a million rows into each; and connections stand idle. Medians of the rounds, which
alternate; the answers are checked: the same rows in both after loading, and after TPC-B four sums of
money that must agree and a history with a row for each transaction.

Needs PostgreSQL 15's programs (scripts/setup.sh --postgresql) and Python's standard library.
docs/benchmarks.md has the results. --help lists the options.
"""

import argparse
import contextlib
import glob
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from private_servers import PostgreSql, Sibyl, busy_share, find_binaries

# name: pgbench's options, what is wanted of us as a multiple of PostgreSQL's tps; nothing: to be as fast
EIGHT_CLIENTS = ["-c", "8", "-j", "2"]
BY_TEXT = "by_text.sql"
PGBENCH_RUNS = {
    "select8": (["-S", "-M", "prepared", *EIGHT_CLIENTS], 1.5),
    "select1": (["-S", "-M", "prepared", "-c", "1", "-j", "1"], 1.3),
    "text8": (["-f", BY_TEXT, "-M", "prepared", *EIGHT_CLIENTS], 1.5),
    "tpcb8": (["-M", "prepared", *EIGHT_CLIENTS], 1.0),
    "select8_simple": (["-S", "-M", "simple", *EIGHT_CLIENTS], 1.0),
    "select8_extended": (["-S", "-M", "extended", *EIGHT_CLIENTS], 1.0),
    "tpcb8_simple": (["-M", "simple", *EIGHT_CLIENTS], 1.0),
    "tpcb8_extended": (["-M", "extended", *EIGHT_CLIENTS], 1.0),
}
# name: how the column of keys is declared, what the keys are multiplied with: 1 leaves them in order
COPIES = {
    "copy": ("", 1),
    "copy_pk": (" PRIMARY KEY", 1),
    "copy_pk_random": (" PRIMARY KEY", 7368787),
}
COPY_WANTED = 1.5
IDLE_WANTED_MB = 100
LOGGED_SHARE = 0.2  # of transactions, for the percentiles: a share that does not slow pgbench

SAME_IN_BOTH = """
SELECT count(*), sum(aid), sum(bid), sum(abalance) FROM pgbench_accounts;
SELECT count(*), sum(tid), sum(bid), sum(tbalance) FROM pgbench_tellers;
SELECT count(*), sum(bid), sum(bbalance) FROM pgbench_branches;
"""
BY_TEXT_TABLE = """
CREATE TABLE named (name text PRIMARY KEY, balance int);
INSERT INTO named SELECT CAST(aid AS text), abalance FROM pgbench_accounts;
"""
BY_TEXT_SCRIPT = "\\set aid random(1, 100000 * :scale)\nSELECT balance FROM named WHERE name = :aid;\n"
FOUR_SUMS = """
SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
       (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history),
       (SELECT count(*) FROM pgbench_history)
"""


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.binaries = find_binaries(options.postgresql)
        self.results = {}  # (run, server's name) -> list of dictionaries
        self.busy = busy_share(1)  # by other programs: nothing of ours runs yet
        self.transactions = {}  # server's name -> TPC-B transactions done

    # ---- Programs ----

    def psql(self, server, sql):
        command = [os.path.join(self.binaries, "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1",
                   *server.client_options(), "-d", "bench"]
        done = subprocess.run(command, input=sql, text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"psql on {server.name} failed: {done.stderr}")
        return done.stdout

    def pgbench(self, server, options):
        command = [os.path.join(self.binaries, "pgbench"), *server.client_options(), *options, "bench"]
        done = subprocess.run(command, text=True, capture_output=True, check=False, cwd=self.folder)
        if done.returncode != 0:
            raise SystemExit(f"pgbench on {server.name} failed: {done.stderr}")
        return done.stdout

    # ---- pgbench ----

    def load(self, servers):
        with open(os.path.join(self.folder, BY_TEXT), "w", encoding="ascii") as script:
            script.write(BY_TEXT_SCRIPT)
        for server in servers:
            start = time.monotonic()
            self.pgbench(server, ["-i", "-q", "-s", str(self.options.scale)])
            if "text8" in self.options.runs:
                self.psql(server, BY_TEXT_TABLE)
            self.psql(server, "VACUUM ANALYZE;")
            print(f"{server.name}: loaded scale {self.options.scale} in {time.monotonic() - start:.1f} s",
                  file=sys.stderr)
        sums = {self.psql(server, SAME_IN_BOTH) for server in servers}
        if len(sums) != 1:
            raise SystemExit(f"different data after loading: {sums}")

    def run_pgbench(self, run, server):
        words, _ = PGBENCH_RUNS[run]
        prefix = os.path.join(self.folder, "latency")
        cpu = server.cpu_seconds()
        if "-f" in words:
            words = [*words, "-s", str(self.options.scale)]
        said = self.pgbench(server, [*words, "-n", "-T", str(self.options.seconds), "-l",
                                     f"--log-prefix={prefix}", f"--sampling-rate={LOGGED_SHARE}"])
        cpu = server.cpu_seconds() - cpu
        done = int(re.search(r"actually processed: (\d+)", said)[1])
        failed = int(re.search(r"failed transactions: (\d+)", said)[1])
        if failed:
            raise SystemExit(f"{run} on {server.name}: {failed} transactions failed")
        if run.startswith("tpcb"):
            self.transactions[server.name] = self.transactions.get(server.name, 0) + done
        return {"tps": float(re.search(r"^tps = ([\d.]+)", said, re.M)[1]),
                "server_cpu_us": cpu / done * 1e6, **self.percentiles(prefix)}

    @staticmethod
    def percentiles(prefix):
        times_us = []
        for name in glob.glob(prefix + "*"):
            with open(name, encoding="ascii") as log:
                times_us += [int(line.split()[2]) for line in log]
            os.unlink(name)
        times_us.sort()
        return {f"p{percent}_us": times_us[int(len(times_us) * percent / 100)] for percent in (50, 99)}

    def check_sums(self, servers):
        for server in servers:
            done = self.transactions.get(server.name, 0)
            if done == 0:
                continue
            accounts, tellers, branches, history, rows = self.psql(server, FOUR_SUMS).strip().split("|")
            if len({accounts, tellers, branches, history}) != 1 or int(rows) != done:
                raise SystemExit(f"{server.name}: sums {accounts} {tellers} {branches} {history}, "
                                 f"{rows} rows in the history after {done} transactions")

    # ---- COPY ----

    def rows_file(self, factor):
        """A file with keys from 0, each once: `factor` is prime to their number."""
        path, count = os.path.join(self.folder, f"rows{factor}"), self.options.copy_rows
        if not os.path.exists(path):
            with open(path, "w", encoding="ascii") as rows:
                for i in range(count):
                    rows.write(f"{i * factor % count}\t{i % 1000}\t{i / 100}\trow number {i}\n")
        return path

    def run_copy(self, run, server):
        key, factor = COPIES[run]
        path = self.rows_file(factor)
        self.psql(server, f"CREATE TABLE copied (id int{key}, b int, c float8, d text);")
        cpu, start = server.cpu_seconds(), time.monotonic()
        self.psql(server, f"\\copy copied FROM '{path}'\n")
        seconds, cpu = time.monotonic() - start, server.cpu_seconds() - cpu
        rows = self.options.copy_rows
        answer = self.psql(server, "SELECT count(*), sum(id), min(d) FROM copied;").strip()
        self.psql(server, "DROP TABLE copied;")
        if answer != f"{rows}|{rows * (rows - 1) // 2}|row number 0":
            raise SystemExit(f"{server.name} after COPY: {answer}")
        return {"tps": rows / seconds, "server_cpu_us": cpu / rows * 1e6}

    # ---- Idle connections ----

    @staticmethod
    def connect(server):
        connection = socket.create_connection(("127.0.0.1", server.port))
        body = struct.pack("!I", 196608) + b"user\0bench\0database\0bench\0\0"
        connection.sendall(struct.pack("!I", len(body) + 4) + body)
        return connection

    @staticmethod
    def until_ready(connection):
        received = b""
        while not received.endswith(b"Z\0\0\0\x05I"):
            part = connection.recv(65536)
            if not part or received.startswith(b"E"):
                raise SystemExit(f"a connection was refused: {received}")
            received += part
        return received

    def measure_idle(self, server, count):
        """Megabytes that `count` connections cost: idle since login, and idle after a query."""
        if isinstance(server, Sibyl):
            server.restart()
        self.psql(server, "SELECT abalance FROM pgbench_accounts WHERE aid = 1;")
        before = server.memory_mb()
        with contextlib.ExitStack() as connections:
            opened = [connections.enter_context(self.connect(server)) for _ in range(count)]
            for connection in opened:
                self.until_ready(connection)
            time.sleep(0.5)
            fresh = server.memory_mb() - before
            query = b"SELECT abalance FROM pgbench_accounts WHERE aid = 1\0"
            for connection in opened:
                connection.sendall(b"Q" + struct.pack("!I", len(query) + 4) + query)
                if b"SELECT 1" not in self.until_ready(connection):
                    raise SystemExit(f"{server.name}: wrong answer on an idle connection")
            return {"connections": count, "fresh_mb": fresh, "used_mb": server.memory_mb() - before}

    # ---- All ----

    def run(self, servers):
        self.load(servers)
        for round_number in range(self.options.rounds):
            for run in self.options.runs:
                for server in servers if round_number % 2 == 0 else servers[::-1]:
                    if run in PGBENCH_RUNS:
                        result = self.run_pgbench(run, server)
                    elif run in COPIES:
                        result = self.run_copy(run, server)
                    elif round_number == 0:
                        # PostgreSQL's default is 100 connections, of which psql's checks need a few.
                        result = self.measure_idle(server, 1000 if server.name == Sibyl.name else 90)
                    else:
                        continue
                    self.results.setdefault((run, server.name), []).append(result)
                    print(f"  {run} {server.name}: " +
                          " ".join(f"{name}={value:.0f}" for name, value in result.items()), file=sys.stderr)
        self.check_sums(servers)

    def median(self, run, server, what):
        values = [result[what] for result in self.results.get((run, server), []) if what in result]
        return statistics.median(values) if values else None

    def print_table(self):
        columns = ["tps", "server_cpu_us", "p50_us", "p99_us"]
        print("| run | what | PostgreSQL | SibylDB | SibylDB / PostgreSQL | wanted |")
        print("|---|---|---|---|---|---|")
        for run in self.options.runs:
            wanted_tps = PGBENCH_RUNS[run][1] if run in PGBENCH_RUNS else COPY_WANTED
            for what in columns:
                theirs, ours = (self.median(run, name, what) for name in (PostgreSql.name, Sibyl.name))
                if ours is None:
                    continue
                wanted = {"tps": f"{wanted_tps:.1f} or more", "p99_us": "1.0 or less"}.get(what, "")
                shown = "rows per second" if what == "tps" and run in COPIES else what
                ratio = "" if theirs is None else f"{ours / max(theirs, 1e-9):.2f}"
                left = "" if theirs is None else f"{theirs:.1f}"
                print(f"| {run} | {shown} | {left} | {ours:.1f} | {ratio} | {wanted} |")
            if run == "idle":
                for name in (PostgreSql.name, Sibyl.name):
                    for result in self.results.get((run, name), []):
                        print(f"| idle | {name}: {result['connections']} connections, MB since login; "
                              f"after a query | | {result['fresh_mb']:.1f}; {result['used_mb']:.1f} | | "
                              f"under {IDLE_WANTED_MB} for 1,000 |")
        print(f"\nOther programs used {self.busy * 100:.0f} % of {os.cpu_count()} processors before the start.")


def main():
    all_runs = [*PGBENCH_RUNS, *COPIES, "idle"]
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sibyl", default="build/bench/bin/sibyl", help="the program to measure")
    parser.add_argument("--postgresql", default="/usr/lib/postgresql/15/bin", help="folder of its programs")
    parser.add_argument("--runs", default=",".join(all_runs), help="which of " + ", ".join(all_runs))
    parser.add_argument("--only-sibyl", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--scale", type=int, default=10, help="pgbench's: 100,000 accounts each")
    parser.add_argument("--seconds", type=int, default=10, help="of each run of pgbench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copy-rows", type=int, default=1_000_000)
    parser.add_argument("--serve-option", action="append", default=[], help="for sibyl serve, repeatable")
    options = parser.parse_args()
    options.runs = options.runs.split(",")
    if unknown := set(options.runs) - set(all_runs):
        parser.error(f"unknown runs: {unknown}")
    with tempfile.TemporaryDirectory(prefix="server_bench") as folder, contextlib.ExitStack() as running:
        bench = Bench(options, folder)
        servers = []
        if not options.only_sibyl:
            servers.append(PostgreSql(bench.binaries, folder))
            running.callback(servers[-1].stop)
        servers.append(Sibyl(options.sibyl, folder, options.serve_option))
        running.callback(servers[-1].stop)
        bench.run(servers)
        bench.print_table()


main()
