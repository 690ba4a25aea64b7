"""What the tests of the server share: checks, clients, and running parts one after the other."""

import os
import subprocess
import sys
import tempfile
import threading
import time

from server_process import ServerProcess
from wire_client import Closed, WireClient

SIBYL = sys.argv[1]


def check(condition, *why):
    assert condition, why


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def connect(server):
    client = WireClient(server.port)
    client.start()
    return client


def expect_closed(client):
    try:
        while True:
            client.read()
    except Closed:
        pass
    client.close()


def run_all(works):
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as failure:  # told to the main thread
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def psql(server, *commands, user="ann", password=None, **options):
    words = ["psql", "-X", "-h", "127.0.0.1", "-p", str(server.port), "-U", user, "-At", "test"]
    for command in commands:
        words += ["-c", command]
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "30"}
    if password is not None:
        environment["PGPASSWORD"] = password
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL, env=environment, **options)


def run_parts(shared, own, *options):
    """Runs those that argv names, or all: `shared` with a server for all of them, `own` with a folder.

    A part returns why it was left out, or None. The exit code.
    """
    wanted = sys.argv[2:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(SIBYL, folder, *options)
        for part in shared + own:
            if wanted and part.__name__ not in wanted:
                continue
            start = time.time()
            try:
                skipped = part(server if part in shared else folder)
                result = f"skipped: {skipped}" if skipped else "ok"
            except Exception as failure:  # the other parts are worth running
                result = f"FAILED: {type(failure).__name__} {failure}"
                line = failure.__traceback__
                while line.tb_next:
                    line = line.tb_next
                    if line.tb_frame.f_code.co_name == part.__name__:
                        result += f" (line {line.tb_lineno})"
                failed += 1
            print(f"{part.__name__:24} {time.time() - start:5.1f} s  {result}", flush=True)
        if server.stop() != 0:
            failed += 1
            print("the server did not end well")
        if failed:
            print(server.said()[-4000:])
    return 1 if failed else 0
