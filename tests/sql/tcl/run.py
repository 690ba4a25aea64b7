"""Runs SQLite's own Tcl tests with a testfixture linked with our engine, and compares.

A test counts if SQLite's own B-tree passes it in a testfixture built from the same source with the same
options (--baseline); it must then pass with ours too, unless exclusions.txt gives a reason.

    run.py --source FOLDER --fixture PROGRAM [--baseline PROGRAM] [--jobs N] [FILE.test ...]

Without files: those of files.txt. Ends with 1 if a test failed that should not have, or passed that is
excluded.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 200
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")  # Tcl never frees all


class Outcome:
    """What one test file did with one fixture."""

    def __init__(self, failed, tests, ended, output):
        self.failed = failed  # names of the tests that failed
        self.tests = tests    # number of tests that ran
        self.ended = ended    # reached its end
        self.output = output


def run_file(fixture, path):
    """Runs one test file in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            process = subprocess.run(
                [os.path.abspath(fixture), path.absolute()], cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, text=True, errors="replace")
            output = process.stdout
        except subprocess.TimeoutExpired as expired:
            output = (expired.stdout or b"").decode(errors="replace") + "\ntime is up\n"
    failed = {name for line in re.findall(r"^!Failures on these tests: (.*)$", output, re.M)
              for name in line.split()}
    failed |= set(re.findall(r"^! (\S+) (?:expected|got): ", output, re.M))
    summary = re.search(r"^(\d+) errors out of (\d+) tests", output, re.M)
    return Outcome(failed, int(summary.group(2)) if summary else 0, summary is not None, output)


def read_lines(name):
    """The lines of a file beside this one, without comments."""
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def read_exclusions():
    """[(pattern, reason)] of exclusions.txt."""
    return [tuple(part.strip() for part in line.split("|", 1)) for line in read_lines("exclusions.txt")]


def reason_for(name, exclusions):
    for pattern, reason in exclusions:
        if fnmatch.fnmatchcase(name, pattern):
            return reason
    return None


def judge(path, arguments, exclusions):
    """Runs one file. Returns (tests, excluded names, complaints)."""
    ours = run_file(arguments.fixture, path)
    native = run_file(arguments.baseline, path) if arguments.baseline else None
    file_name = path.name
    complaints, excluded = [], set()
    if not ours.ended and (native is None or native.ended) and not reason_for(file_name, exclusions):
        complaints.append(f"{file_name} did not end:\n" + ours.output[-1500:])
    for name in sorted(ours.failed - (native.failed if native else set())):
        if reason_for(name, exclusions) or reason_for(file_name, exclusions):
            excluded.add(name)
        else:
            details = [line for line in ours.output.splitlines() if line.startswith(f"! {name} ")]
            complaints.append(f"{name} failed:\n  " + "\n  ".join(details)[:1500])
    if native and native.ended and ours.ended and ours.tests < native.tests and not reason_for(
            file_name, exclusions):
        complaints.append(f"{file_name}: {ours.tests} tests ran, with SQLite's B-tree {native.tests}")
    return ours.tests, excluded, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="the folder with SQLite's source in it")
    parser.add_argument("--fixture", required=True, help="testfixture with our engine")
    parser.add_argument("--baseline", help="testfixture with SQLite's own B-tree")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    names = arguments.files or read_lines("files.txt")
    exclusions = read_exclusions()
    tests, = Path(arguments.source).glob("*/test")
    paths = [tests / name for name in names]
    total, all_excluded, wrong = 0, set(), 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for tests, excluded, complaints in pool.map(lambda p: judge(p, arguments, exclusions), paths):
            total += tests
            all_excluded |= excluded
            wrong += len(complaints)
            for complaint in complaints:
                print(complaint, flush=True)
    print(f"{len(paths)} files, {total} tests, {len(all_excluded)} excluded, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
