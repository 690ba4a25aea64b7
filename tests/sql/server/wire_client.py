"""A client that speaks the wire protocol message by message, for what drivers never send."""

import socket
import struct


class Closed(Exception):
    """The server has closed the connection."""


class WireClient:
    def __init__(self, port, timeout=280):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.key = None

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, kind, body=b""):
        self.send_raw(kind + struct.pack("!I", len(body) + 4) + body)

    def read_exactly(self, count):
        while len(self.received) < count:
            try:
                data = self.socket.recv(65536)
            except ConnectionError as error:
                raise Closed() from error
            if not data:
                raise Closed()
            self.received += data
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def read(self):
        kind = self.read_exactly(1)
        length = struct.unpack("!I", self.read_exactly(4))[0]
        return kind, self.read_exactly(length - 4)

    def read_until_ready(self):
        """All messages up to ReadyForQuery, that included."""
        messages = []
        while not messages or messages[-1][0] != b"Z":
            messages.append(self.read())
        return messages

    def start(self, **parameters):
        parameters = {"user": "ann", "database": "test", **parameters}
        body = struct.pack("!I", 3 << 16)
        for name, value in parameters.items():
            body += name.encode() + b"\0" + value.encode() + b"\0"
        body += b"\0"
        self.send_raw(struct.pack("!I", len(body) + 4) + body)
        messages = self.read_until_ready()
        self.key = next(body for kind, body in messages if kind == b"K")
        return messages

    def query(self, sql):
        self.send(b"Q", sql.encode() + b"\0")
        return self.read_until_ready()

    # ---- Extended query ----

    def parse(self, sql, name="", oids=()):
        body = name.encode() + b"\0" + sql.encode() + b"\0" + struct.pack("!H", len(oids))
        self.send(b"P", body + b"".join(struct.pack("!I", oid) for oid in oids))

    def bind(self, values=(), portal="", name="", formats=(), result_formats=()):
        body = portal.encode() + b"\0" + name.encode() + b"\0"
        body += struct.pack("!H", len(formats)) + b"".join(struct.pack("!h", f) for f in formats)
        body += struct.pack("!H", len(values))
        for value in values:
            body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
        body += struct.pack("!H", len(result_formats))
        self.send(b"B", body + b"".join(struct.pack("!h", f) for f in result_formats))

    def describe(self, kind, name=""):
        self.send(b"D", kind + name.encode() + b"\0")

    def execute(self, portal="", max_rows=0):
        self.send(b"E", portal.encode() + b"\0" + struct.pack("!i", max_rows))

    def sync(self):
        self.send(b"S")
        return self.read_until_ready()


def kinds(messages):
    return b"".join(kind for kind, _ in messages).decode()


def rows(messages):
    """The rows among messages, each a list of bytes or None."""
    found = []
    for kind, body in messages:
        if kind != b"D":
            continue
        count, at, row = struct.unpack("!H", body[:2])[0], 2, []
        for _ in range(count):
            length = struct.unpack("!i", body[at:at + 4])[0]
            at += 4
            row.append(None if length < 0 else body[at:at + length])
            at += max(length, 0)
        found.append(row)
    return found


def tags(messages):
    return [body[:-1].decode() for kind, body in messages if kind == b"C"]


def errors(messages):
    """The SQLSTATEs among messages."""
    found = []
    for kind, body in messages:
        if kind == b"E":
            fields = dict((field[:1], field[1:]) for field in body.split(b"\0") if field)
            found.append(fields[b"C"].decode())
    return found


def status(messages):
    return messages[-1][1].decode()
