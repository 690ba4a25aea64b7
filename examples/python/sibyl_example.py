#!/usr/bin/env python3
"""SibylDB from Python, through ctypes: a small binding of sibyl/c.h and sibyl/c_index.h, and a tour
that checks itself.

    SIBYL_LIBRARY=build/release/lib/libsibyl.so examples/python/sibyl_example.py

Without SIBYL_LIBRARY the installed library is used.
"""

import ctypes
import ctypes.util
import os
import tempfile
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_size_t, c_uint32, c_uint64, c_void_p


class Slice(ctypes.Structure):
    """Bytes of ours that the library reads, or of the library's that we read."""
    _fields_ = [("data", c_void_p), ("size", c_size_t)]

    def __bytes__(self):
        return ctypes.string_at(self.data, self.size) if self.size else b""


class Buffer(Slice):
    """Bytes that the library hands over; take() frees them."""

    def take(self):
        content = bytes(self)
        LIBRARY.sibyl_buffer_free(byref(self))
        return content


class Piece(ctypes.Structure):
    """One piece of a model."""
    _fields_ = [("level", c_uint32), ("segment", c_uint64), ("node", c_uint32), ("depth", c_uint32),
                ("kind", c_int), ("first_key", Slice), ("window", c_uint64),
                ("base_block", c_double), ("blocks_per_window", c_double), ("records", c_uint64)]


class Counter(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("meaning", c_char_p), ("value", c_uint64)]


class LevelStats(ctypes.Structure):
    _fields_ = [("level", c_uint32), ("segment_count", c_size_t), ("segments", c_void_p)]


class Stats(ctypes.Structure):
    """The beginning of sibyl_database_stats: members are only ever added at its end."""
    _fields_ = [("generation_count", c_size_t), ("generations", c_void_p),
                ("level_count", c_size_t), ("levels", POINTER(LevelStats)),
                ("counter_count", c_size_t), ("counters", POINTER(Counter))]


class VerifyReport(ctypes.Structure):
    _fields_ = [("segments", c_uint64), ("blocks", c_uint64), ("records", c_uint64),
                ("problems", c_uint64)]


class SibylError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def load_library():
    name = os.environ.get("SIBYL_LIBRARY") or ctypes.util.find_library("sibyl")
    if not name:
        raise SystemExit("libsibyl is not installed: set SIBYL_LIBRARY to its path")
    library = ctypes.CDLL(name)
    library.sibyl_error_message.restype = c_char_p
    library.sibyl_error_message.argtypes = [c_void_p]
    library.sibyl_error_code.argtypes = [c_void_p]
    library.sibyl_error_free.argtypes = [c_void_p]
    library.sibyl_version.restype = c_char_p
    for name in ("iterator_key", "iterator_value"):
        getattr(library, "sibyl_" + name).restype = Slice
    library.sibyl_options_new.restype = c_void_p
    library.sibyl_batch_new.restype = c_void_p
    library.sibyl_transaction_savepoint.restype = c_uint64
    library.sibyl_index_options_new.restype = c_void_p
    library.sibyl_range_index_lower_bound.restype = c_uint64
    library.sibyl_range_index_kind.restype = c_char_p
    return library


LIBRARY = load_library()


def call(name, *arguments):
    """Calls sibyl_<name>, whose result is NULL or an error, which is raised."""
    function = getattr(LIBRARY, "sibyl_" + name)
    function.restype = c_void_p
    error = function(*arguments)
    if error:
        exception = SibylError(LIBRARY.sibyl_error_code(error),
                               LIBRARY.sibyl_error_message(error).decode())
        LIBRARY.sibyl_error_free(error)
        raise exception


def slice_of(content):
    """A slice that points to the bytes, or NULL for None; keep `content` alive beside it."""
    if content is None:
        return None
    return byref(Slice(ctypes.cast(c_char_p(content), c_void_p), len(content)))


class Iterator:
    def __init__(self, handle):
        self.handle = handle

    def __iter__(self):
        LIBRARY.sibyl_iterator_seek_to_first(self.handle)
        while LIBRARY.sibyl_iterator_valid(self.handle):
            yield (bytes(LIBRARY.sibyl_iterator_key(self.handle)),
                   bytes(LIBRARY.sibyl_iterator_value(self.handle)))
            LIBRARY.sibyl_iterator_next(self.handle)
        call("iterator_error", self.handle)

    def __reversed__(self):
        LIBRARY.sibyl_iterator_seek_to_last(self.handle)
        while LIBRARY.sibyl_iterator_valid(self.handle):
            yield (bytes(LIBRARY.sibyl_iterator_key(self.handle)),
                   bytes(LIBRARY.sibyl_iterator_value(self.handle)))
            LIBRARY.sibyl_iterator_prev(self.handle)
        call("iterator_error", self.handle)

    def __del__(self):
        LIBRARY.sibyl_iterator_free(self.handle)


class Transaction:
    """Commits at the end of a with block, rolls back if that raises."""

    def __init__(self, database):
        self.handle = c_void_p()
        call("transaction_begin", database.handle, byref(self.handle))

    def put(self, key, value, tree=1):
        call("transaction_put", self.handle, c_uint32(tree), key, c_size_t(len(key)), value,
             c_size_t(len(value)))

    def get(self, key, tree=1):
        found, value = c_int(), Buffer()
        call("transaction_get", self.handle, c_uint32(tree), key, c_size_t(len(key)), byref(found),
             byref(value))
        return value.take() if found.value else None

    def savepoint(self):
        return LIBRARY.sibyl_transaction_savepoint(self.handle)

    def rollback_to(self, savepoint):
        call("transaction_rollback_to", self.handle, c_uint64(savepoint))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                call("transaction_commit", self.handle, c_int(1))
        finally:
            LIBRARY.sibyl_transaction_free(self.handle)


class RangeIndex:
    """The rank of any integer among sorted ones."""

    def __init__(self, keys, **options):
        self.keys = (c_uint64 * len(keys))(*keys)  # the index refers to them
        self.handle = c_void_p()
        chosen = c_void_p(LIBRARY.sibyl_index_options_new())
        try:
            for name, value in options.items():
                call("index_options_set", chosen, name.encode(), str(value).encode())
            call("range_index_build", self.keys, c_size_t(len(keys)), chosen, byref(self.handle))
        finally:
            LIBRARY.sibyl_index_options_free(chosen)

    def __del__(self):
        LIBRARY.sibyl_range_index_free(self.handle)

    def kind(self):
        return LIBRARY.sibyl_range_index_kind(self.handle).decode()

    def lower_bound(self, key):
        return LIBRARY.sibyl_range_index_lower_bound(self.handle, c_uint64(key))

    def lower_bounds(self, keys):
        ranks = (c_uint64 * len(keys))()
        LIBRARY.sibyl_range_index_lower_bound_batch(
            self.handle, (c_uint64 * len(keys))(*keys), c_size_t(len(keys)), ranks)
        return list(ranks)


class Database:
    def __init__(self, path, **options):
        chosen = c_void_p(LIBRARY.sibyl_options_new())
        self.handle = c_void_p()
        try:
            for name, value in options.items():
                text = str(value).lower() if isinstance(value, bool) else str(value)
                call("options_set", chosen, name.encode(), text.encode())
            call("open", str(path).encode(), chosen, byref(self.handle))
        finally:
            LIBRARY.sibyl_options_free(chosen)

    def close(self):
        LIBRARY.sibyl_close(self.handle)
        self.handle = c_void_p()

    def put(self, key, value, tree=1, sync=False):
        call("put", self.handle, c_uint32(tree), key, c_size_t(len(key)), value,
             c_size_t(len(value)), c_int(sync))

    def delete(self, key, tree=1, sync=False):
        call("delete", self.handle, c_uint32(tree), key, c_size_t(len(key)), c_int(sync))

    def get(self, key, tree=1):
        found, value = c_int(), Buffer()
        call("get", self.handle, None, c_uint32(tree), key, c_size_t(len(key)), byref(found),
             byref(value))
        return value.take() if found.value else None

    def scan(self, lower=None, upper=None, tree=1):
        handle = c_void_p()
        call("iterator_new", self.handle, None, c_uint32(tree), slice_of(lower), slice_of(upper),
             byref(handle))
        return Iterator(handle)

    def count(self, begin=None, end=None, tree=1):
        count = c_uint64()
        call("count", self.handle, None, c_uint32(tree), slice_of(begin), slice_of(end),
             byref(count))
        return count.value

    def at(self, rank, tree=1):
        found, key, value = c_int(), Buffer(), Buffer()
        call("at", self.handle, None, c_uint32(tree), c_uint64(rank), byref(found), byref(key),
             byref(value))
        return (key.take(), value.take()) if found.value else None

    def ingest(self, records, tree=1, in_order=True):
        remaining, current = iter(records), []

        @ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Slice), POINTER(Slice))
        def source(_, key, value):
            record = next(remaining, None)
            if record is None:
                return 0
            current[:] = record  # keeps the bytes alive until the next call
            for content, place in zip(record, (key, value)):
                place[0].data = ctypes.cast(c_char_p(content), c_void_p)
                place[0].size = len(content)
            return 1

        count = c_uint64()
        call("ingest", self.handle, c_uint32(tree), source, None, c_int(in_order), byref(count))
        return count.value

    def create_tree(self, name):
        tree = c_uint32()
        call("create_tree", self.handle, name, c_size_t(len(name)), byref(tree))
        return tree.value

    def compact(self):
        call("compact", self.handle)

    def checkpoint(self, path):
        call("checkpoint", self.handle, str(path).encode())

    def pieces(self, tree=1):
        """(first key, records) of each piece of the tree's models."""
        count, found = c_size_t(), POINTER(Piece)()
        call("list_pieces", self.handle, c_uint32(tree), byref(count), byref(found))
        try:
            return [(bytes(piece.first_key), piece.records) for piece in found[:count.value]]
        finally:
            LIBRARY.sibyl_piece_list_free(count, found)

    def verify(self):
        report, problems = VerifyReport(), Buffer()
        call("verify_with_info", self.handle, byref(report), byref(problems))
        return report, problems.take().decode().splitlines()

    def counters(self):
        """Each counter's value by its name; and how many segments each level has."""
        found = POINTER(Stats)()
        call("get_stats", self.handle, byref(found))
        try:
            stats = found.contents
            values = {counter.name.decode(): counter.value
                      for counter in stats.counters[:stats.counter_count]}
            return values, [level.segment_count for level in stats.levels[:stats.level_count]]
        finally:
            LIBRARY.sibyl_database_stats_free(found)


def tour(folder):
    database = Database(folder + "/my.db")
    database.put(b"greeting", b"hello", sync=True)
    assert database.get(b"greeting") == b"hello"
    assert database.get(b"absent") is None
    assert database.get(b"") is None

    numbers = database.create_tree(b"numbers")
    records = [(i.to_bytes(8, "big"), str(i).encode()) for i in range(10_000)]
    assert database.ingest(records, tree=numbers) == len(records)
    assert database.count(tree=numbers) == len(records)
    assert database.count(begin=records[10][0], end=records[25][0], tree=numbers) == 15
    assert database.at(7_777, tree=numbers) == records[7_777]

    assert sum(records for _, records in database.pieces(tree=numbers)) == len(records)

    part = database.scan(lower=records[5][0], upper=records[8][0], tree=numbers)
    assert list(part) == records[5:8]
    assert list(reversed(part)) == records[5:8][::-1]

    with Transaction(database) as transaction:
        transaction.put(b"kept", b"1")
        savepoint = transaction.savepoint()
        transaction.put(b"undone", b"2")
        transaction.rollback_to(savepoint)
        assert transaction.get(b"kept") == b"1" and transaction.get(b"undone") is None
        assert database.get(b"kept") is None
    assert database.get(b"kept") == b"1" and database.get(b"undone") is None

    try:
        with Transaction(database) as transaction:
            transaction.put(b"kept", b"mine")
            database.put(b"kept", b"theirs")
    except SibylError as error:
        assert error.code == 5, error  # SIBYL_CONFLICT
    else:
        raise AssertionError("a conflict went unnoticed")

    database.delete(b"greeting")
    database.compact()
    assert database.get(b"greeting") is None
    counters, segments = database.counters()
    assert counters["model_bound_violations"] == 0 and counters["writes_records"] > 0
    report, problems = database.verify()
    assert report.segments == sum(segments) > 0 and report.records > len(records)
    assert report.problems == 0 and problems == []
    database.checkpoint(folder + "/copy.db")
    database.close()

    copy = Database(folder + "/copy.db", read_only=True)
    assert copy.get(b"kept") == b"theirs"
    assert copy.count(tree=numbers) == len(records)
    try:
        copy.put(b"a", b"b")
    except SibylError as error:
        assert error.code == 7, error  # SIBYL_READ_ONLY
    else:
        raise AssertionError("a write to a database opened read-only")
    copy.close()


def tour_of_indexes():
    squares = [i * i for i in range(50_000)]
    index = RangeIndex(squares, kind="pieces", window_keys=32)
    assert index.kind() == "pieces"
    assert index.lower_bound(49) == 7 and index.lower_bound(50) == 8
    assert index.lower_bounds([0, 1, 10**18]) == [0, 1, len(squares)]
    try:
        RangeIndex([2, 1])
    except SibylError as error:
        assert error.code == 1, error  # SIBYL_INVALID_ARGUMENT
    else:
        raise AssertionError("an index over keys that are not sorted")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        tour(temporary)
    tour_of_indexes()
    print("SibylDB", LIBRARY.sibyl_version().decode(), "works from Python")
