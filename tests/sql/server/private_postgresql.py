"""A PostgreSQL 15 of a test's own: a new cluster in a folder, on a Unix socket there, and gone after it."""

import os
import shutil
import subprocess

BINARIES = "/usr/lib/postgresql/15/bin"


def why_not():
    """The reason why there cannot be one here, or None."""
    if not os.path.exists(BINARIES + "/initdb"):
        return "postgresql-15 is not installed"
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        asked = subprocess.run(["id", "-u", "postgres"], capture_output=True, check=False)
        if not shutil.which("runuser") or asked.returncode != 0:
            return "running as root, and there is no user postgres"
    return None


def why_not_through_psycopg():
    """The same for who asks it through psycopg 3."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "python3-psycopg is not installed"
    return why_not()


class PrivatePostgresql:
    """In `folder`/pg, whose name is also the host for libpq. A context manager."""

    def __init__(self, folder, user="postgres"):
        self.host = os.path.join(folder, "pg")
        self.user = user
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        os.mkdir(self.host)
        if self.as_user:
            os.chmod(folder, 0o755)
            shutil.chown(self.host, "postgres")

    def run(self, program, *words):
        # Without pipes, which would stay open in the server.
        subprocess.run(self.as_user + [BINARIES + "/" + program, "-D", self.host + "/data", *words],
                       cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=200, check=True)

    def __enter__(self):
        self.run("initdb", "-A", "trust", "-U", self.user, "--no-sync", "--locale=C",
                 "--encoding=UTF8")
        self.run("pg_ctl", "-w", "-l", self.host + "/log", "-o",
                 f"-c listen_addresses= -k {self.host} -c fsync=off -c timezone=UTC", "start")
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-m", "immediate", "stop")
