"""What the tests of reads past SQLite share: sessions that change tables and ask the same in two ways."""

from server_process import counters
from wire_client import WireClient, errors, kinds


class TwoWaySession:
    """A client that knows whether it is in a block."""

    def __init__(self, server):
        self.client = WireClient(server.port)
        self.client.start()
        self.statements = {}
        self.in_block = False
        self.do("SET lock_timeout = 20")

    def do(self, sql):
        return errors(self.client.query(sql))

    def end_block(self):
        self.do("ROLLBACK")
        self.in_block = False

    def apply(self, change):
        """Whether the change was made. One that fails ends the block."""
        failures = self.do(change)
        if failures or change in ("COMMIT", "ROLLBACK"):
            self.end_block()
        elif change.startswith("BEGIN"):
            self.in_block = True
        return not failures

    def compare(self, ask, question):
        """How many rows were found by key; `ask` is called with True for that, then with False."""
        by_key = ask(True)
        failed = isinstance(by_key[-1], str)
        if failed and self.in_block:  # nothing else can be asked in this block
            self.end_block()
            return 0
        by_sqlite = ask(False)
        assert by_key == by_sqlite, (question, by_key, by_sqlite)
        return 0 if failed else kinds(by_key).count("D")


def change_and_compare(server, sessions, rounds, chance, a_change, questions):
    """In each round one session makes a change, then each asks `questions` times.

    `a_change` takes the session; sessions have compare_once(). Ends the server.
    """
    found = changes = 0
    for _ in range(rounds):
        session = chance.choice(sessions)
        changes += session.apply(a_change(session, chance))
        for _ in range(questions):
            found += sum(one.compare_once() for one in sessions)
    for session in sessions:
        session.end_block()
    past_sqlite = counters(server)["sibyl_point_reads_total"]
    print(f"{changes} changes, {found} rows found, {past_sqlite} reads past SQLite")
    assert changes > rounds / 2 and found > rounds and past_sqlite > rounds
    assert server.stop() == 0, server.said()
