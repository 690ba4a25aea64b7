"""The two servers that are compared, each private to one run: a fresh PostgreSQL 15 cluster and a fresh
`sibyl serve`, on 127.0.0.1 and free ports, with their data in a temporary folder."""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def end_with_parent():
    """In a server before it starts: a benchmark that is killed leaves none behind."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def busy_share(seconds):
    """How much of the processors is in use, from 0 to 1, during the next seconds."""

    def ticks():
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(field) for field in stat.readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # all; idle and waiting for disks

    all_before, idle_before = ticks()
    time.sleep(seconds)
    all_after, idle_after = ticks()
    return 1 - (idle_after - idle_before) / (all_after - all_before)


def children_of(pid):
    """The processes that `pid` started and that live."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return [int(child) for child in children.read().split()]


def cpu_seconds(pid, with_ended_children=False):
    """User and system time of a process; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(field) for field in fields[11:15 if with_ended_children else 13]) / TICKS_PER_SECOND


def memory_mb(pid):
    """Proportional set size, which counts shared pages once in a sum over processes; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0.0


class Server:
    """What both have in common; `process` runs in the foreground."""

    name = ""

    def __init__(self):
        self.port = free_port()
        self.process = None

    def client_options(self):
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "bench"]

    def processes(self):
        return [self.process.pid] + children_of(self.process.pid)

    def memory_mb(self):
        return sum(memory_mb(pid) for pid in self.processes())

    def wait_until_ready(self, log):
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        with open(log, encoding="utf-8", errors="replace") as text:
            raise SystemExit(f"{self.name} did not start:\n{text.read()}")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL: a fast shutdown
            self.process.wait(120)


class PostgreSql(Server):
    """Default settings, but for synchronous_commit=off, and max_connections where it is given."""

    name = "PostgreSQL"

    def __init__(self, binaries, folder, max_connections=None):
        super().__init__()
        home = os.path.join(folder, "postgresql")
        os.mkdir(home)
        self.user = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = self.unprivileged()
            os.chmod(folder, 0o755)
            os.chown(home, owner.pw_uid, owner.pw_gid)
            self.user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data, log = os.path.join(home, "data"), os.path.join(home, "log")
        subprocess.run([os.path.join(binaries, "initdb"), "-D", data, "-U", "bench", "-A", "trust"],
                       check=True, cwd=home, stdout=subprocess.DEVNULL, **self.user)
        # Under a name of its own, so that a list of processes tells it from the machine's server.
        program = os.path.join(folder, "postgresql-15")
        if not os.path.lexists(program):
            os.symlink(os.path.join(binaries, "postgres"), program)
        words = [program, "-D", data, "-p", str(self.port), "-k", home, "-c", "synchronous_commit=off"]
        if max_connections is not None:
            words += ["-c", f"max_connections={max_connections}"]
        with open(log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(words, cwd=home, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, preexec_fn=end_with_parent, **self.user)
        self.wait_until_ready(log)
        self.create_database(binaries)

    @staticmethod
    def unprivileged():
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                pass
        raise SystemExit("running as root, and there is neither a user postgres nor nobody")

    def create_database(self, binaries):
        command = [os.path.join(binaries, "createdb"), *self.client_options(), "bench"]
        for _ in range(100):  # until it accepts more than a connection
            if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise SystemExit("createdb failed: " + " ".join(command))

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid, True) + sum(
            cpu_seconds(pid) for pid in children_of(self.process.pid))


class Sibyl(Server):
    """synchronous=NORMAL, whose promise is that of synchronous_commit=off: a power cut may take the
    latest commits."""

    name = "SibylDB"

    def __init__(self, sibyl, folder, options=()):
        super().__init__()
        self.log = os.path.join(folder, "sibyl.log")
        self.words = [sibyl, "serve", os.path.join(folder, "sibyl.db"), "--listen",
                      f"127.0.0.1:{self.port}", "--trust", "--synchronous", "normal", *options]
        self.start()

    def start(self):
        with open(self.log, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            preexec_fn=end_with_parent)
        self.wait_until_ready(self.log)

    def restart(self):
        """So that memory that earlier work has left behind does not count."""
        self.stop()
        self.start()

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)


def find_binaries(folder):
    """The folder of PostgreSQL 15's programs, or an end with what to install."""
    for program in ("postgres", "initdb", "pgbench", "createdb", "psql"):
        if not shutil.which(os.path.join(folder, program)):
            raise SystemExit(f"no {program} in {folder}: scripts/setup.sh --postgresql installs it")
    return folder
