"""Runs SQLite's own Tcl tests with a testfixture linked with our engine, and compares.

A test counts if SQLite's own B-tree passes it in a testfixture built from the same source with the same
options (--baseline); it must then pass with ours too, unless exclusions.txt gives a reason.

    run.py --source FOLDER --fixture PROGRAM [--baseline PROGRAM] [--jobs N] [--timeout SECONDS]
           [--times FILE] [FILE.test ...]

Without files: those of files.txt. Ends with 1 if a test failed that should not have, a file did not run
to its end with either fixture, or, when all files run beside the baseline, an exclusion excludes nothing.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # Tcl never frees all


class Outcome:
    """What one test file did with one fixture."""

    def __init__(self, failed, tests, ended, output, seconds):
        self.failed = failed  # names of the tests that failed
        self.tests = tests    # number of tests that ran
        self.ended = ended    # reached its end
        self.output = output
        self.seconds = seconds


def ordinary_user(paths):
    """For root: how to run a program as nobody, for whom files can be read-only; {} if he cannot read `paths`."""
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    if os.geteuid() != 0:
        return {}
    reaches = subprocess.run(["/usr/bin/cat", *paths], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             **nobody)
    return nobody if reaches.returncode == 0 else {}


def run_file(fixture, path, timeout_seconds):
    """Runs one test file in an empty folder."""
    begin = time.monotonic()
    fixture, path = os.path.abspath(fixture), path.absolute()
    user = ordinary_user([fixture, path])
    with tempfile.TemporaryDirectory() as folder:
        if user:
            os.chown(folder, user["user"], user["group"])
        try:
            process = subprocess.run(
                [fixture, path], cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_seconds, text=True,
                errors="replace", **user)
            output = process.stdout
        except subprocess.TimeoutExpired as expired:
            output = (expired.stdout or b"").decode(errors="replace") + "\ntime is up\n"
    failed = {name for line in re.findall(r"^!Failures on these tests: (.*)$", output, re.M)
              for name in line.split()}
    failed |= set(re.findall(r"^! (\S+) (?:expected|got): ", output, re.M))
    summary = re.search(r"^(\d+) errors out of (\d+) tests", output, re.M)
    return Outcome(failed, int(summary.group(2)) if summary else 0, summary is not None, output,
                   time.monotonic() - begin)


def read_lines(name):
    """The lines of a file beside this one, without comments."""
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


class Exclusions:
    """The patterns of exclusions.txt, and which of them have excluded something."""

    def __init__(self):
        self.reasons = dict((part.strip() for part in line.split("|", 1))
                            for line in read_lines("exclusions.txt"))
        self.used = set()

    def has(self, name):
        for pattern in self.reasons:
            if fnmatch.fnmatchcase(name, pattern):
                self.used.add(pattern)
                return True
        return False

    def unused(self):
        """But for those that root alone may need."""
        return [pattern for pattern, reason in self.reasons.items()
                if pattern not in self.used and not reason.startswith("as root")]


def complaints_about_end(name, ours, native, exclusions):
    """Of a file that did not run to its end: what came last shows where it stopped."""
    if ours.ended or exclusions.has(name):
        return []
    if native is None or native.ended:
        return [f"{name} did not end:\n{ours.output[-1500:]}"]
    return [f"{name} ended with neither fixture, so that nothing is known of it. With SQLite's B-tree:\n"
            f"{native.output[-700:]}\nWith ours:\n{ours.output[-700:]}"]


def judge(path, arguments, exclusions):
    """Runs one file. Returns (our outcome, SQLite's or None, excluded names, complaints)."""
    ours = run_file(arguments.fixture, path, arguments.timeout)
    native = (run_file(arguments.baseline, path, arguments.timeout)
              if arguments.baseline else None)
    complaints, excluded = complaints_about_end(path.name, ours, native, exclusions), set()
    for name in sorted(ours.failed):
        if exclusions.has(name) or exclusions.has(path.name):
            excluded.add(name)
        elif native is None or name not in native.failed:
            details = [line for line in ours.output.splitlines() if line.startswith(f"! {name} ")]
            complaints.append(f"{name} failed:\n  " + "\n  ".join(details)[:1500])
    if native and native.ended and ours.ended and ours.tests < native.tests and not exclusions.has(
            path.name):
        complaints.append(f"{path.name}: {ours.tests} tests ran, with SQLite's B-tree {native.tests}")
    return ours, native, excluded, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="the folder with SQLite's source in it")
    parser.add_argument("--fixture", required=True, help="testfixture with our engine")
    parser.add_argument("--baseline", help="testfixture with SQLite's own B-tree")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=float, default=200, help="seconds that a file may take")
    parser.add_argument("--times", help="file for a line per test file: seconds with ours, seconds with "
                        "SQLite's B-tree, name, tests")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    names = arguments.files or read_lines("files.txt")
    exclusions = Exclusions()
    tests, = Path(arguments.source).glob("*/test")
    paths = [tests / name for name in names]
    total, all_excluded, wrong = 0, set(), 0
    times = open(arguments.times, "w") if arguments.times else None
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = pool.map(lambda p: judge(p, arguments, exclusions), paths)
        for path, (ours, native, excluded, complaints) in zip(paths, outcomes):
            total += ours.tests
            all_excluded |= excluded
            wrong += len(complaints)
            for complaint in complaints:
                print(complaint, flush=True)
            if times:
                seconds = f"{native.seconds:.1f}" if native else "-"
                print(f"{ours.seconds:.1f} {seconds} {path.name} {ours.tests}", file=times, flush=True)
    if arguments.baseline and not arguments.files:
        for pattern in exclusions.unused():
            wrong += 1
            print(f"{pattern} is excluded, but nothing is")
    print(f"{len(paths)} files, {total} tests, {len(all_excluded)} excluded, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
