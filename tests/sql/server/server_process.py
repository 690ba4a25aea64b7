"""`sibyl serve` as a process, for tests."""

import ctypes
import os
import resource
import signal
import subprocess
import urllib.request

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class ServerProcess:
    def __init__(self, sibyl, folder, *options, trust=True, name="test.db", descriptors=None):
        """To be made in a thread that outlives it. descriptors: how many the process may have."""
        self.sibyl = sibyl
        self.path = os.path.join(folder, name)
        self.log = open(self.path + ".log", "a", encoding="utf-8")
        words = [sibyl, "serve", self.path, "--listen", "127.0.0.1:0", "--socket", folder, *options]
        test = os.getpid()

        def before_it_starts():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a test that is killed leaves no server
            if os.getppid() != test:
                os._exit(1)
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen(words + (["--trust"] if trust else []), text=True,
                                        stdout=subprocess.PIPE, stderr=self.log,
                                        preexec_fn=before_it_starts)
        ready = self.process.stdout.readline().split()
        assert ready[:1] == ["ready"], f"the server did not start: {open(self.log.name).read()}"
        values = dict(word.split("=") for word in ready[1:])
        self.port = int(values["port"])
        self.metrics_port = int(values.get("metrics_port", 0))

    def stop(self):
        """SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        """Its exit code, once it ends."""
        code = self.process.wait(timeout=280)
        self.process.stdout.close()
        self.log.close()
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def said(self):
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()


def counters(server):
    """The server's metrics by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
