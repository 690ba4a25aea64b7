// Every choice a user of a database can make, with its unit, default and trade-off.

#ifndef SIBYL_OPTIONS_H_
#define SIBYL_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/merge_operator.h"

namespace sibyl {

class Snapshot;

// How segments are read. Answers are the same in both modes.
enum class ReadMode : uint8_t {
  // Segment files are mapped into memory; the operating system's page cache is the only cache, but
  // for
  // the plain form of compressed blocks.
  // Fastest, but an I/O error under a mapping arrives as the signal SIGBUS, not as an Error, and
  // bytes that rot after a block was first verified are not noticed again (see verify_every_read).
  kMapping,
  // Each block is read with one pread into a cache of block_cache_bytes. For data larger than
  // memory,
  // whose part in memory that limits, and for systems where an I/O error must be an Error.
  kPread,
};

// A value out of its range makes Open fail with kInvalidArgument.
struct Options {
  // ---- Behaviour ----

  // Create the database if the directory has none; otherwise a missing one is kInvalidArgument.
  bool create_if_missing = true;

  // Fail with kInvalidArgument if the directory already has a database.
  bool error_if_exists = false;

  // Open for reading only. Touches no file, takes no lock and starts no thread, so it works on a
  // read-only medium, any number of readers at once, and beside a process that writes. The database
  // then shows the state of the moment when it was opened, for as long as it is open: what was
  // acknowledged before, but for what a crash of the writer at that moment would have lost (with
  // WriteOptions::sync or without: nothing). To see later writes, open it again. What the writer
  // had not drained to segments yet is replayed into memory, at most about generation_bytes x
  // (max_frozen_generations + 1). Segments that the writer compacts away stay on disk until the
  // reader closes. Each opening is its own, and may go on in a child after fork(). Every write is
  // kReadOnly. Beside a writer that changes files faster than they can be opened, opening is kBusy.
  bool read_only = false;

  // Check the checksum of every block on every read, not only when it is first touched.
  // Costs about 250 ns per random read of a 4 KiB block.
  bool verify_every_read = false;

  // What trees may name as their merge operator (merge_operator.h), beside those that are always
  // there.
  std::vector<std::shared_ptr<const MergeOperator>> merge_operators;

  // Seconds since some fixed moment, the same at every opening: what a time to live (TreeOptions)
  // counts. Called by any thread, quickly, without calling the database. Empty: the system's clock,
  // since 1970.
  std::function<uint64_t()> clock_seconds;

  // ---- Performance ----

  // Size at which the active generation of the delta is frozen and drained to segments.
  // Larger: fewer, larger compactions. Smaller: less memory, and a faster reopening, since an
  // undrained delta is replayed from the log. At least 4 KiB.
  uint64_t generation_bytes = 64ull << 20;

  // Most frozen generations that queue up for the drain: with generation_bytes it bounds the memory
  // of the delta. Writers are slowed down, by at most a millisecond at a time, from half of that
  // on, so that they hardly ever have to wait for a drain to end. At least 1.
  uint32_t max_frozen_generations = 3;

  // Generations that were drained, but are still read by old snapshots, may take so much memory.
  // Beyond that the snapshots' share of them is written to segments of their own, the oldest
  // snapshot's first, and read from there; the files go with the snapshots. Iterators and
  // transactions keep theirs in memory. Larger: snapshots read from memory. Smaller: less memory.
  uint64_t max_pinned_generation_bytes = 256ull << 20;

  // A DeleteRange of more keys than this is kept as one range deletion: it writes a few bytes,
  // frees whole segments unread, and until compactions have passed the rest each read in the tree
  // looks whether it has the key (some 20 ns), and Count and At look for the ranks of both ends of
  // each. Fewer keys are deleted one by one. Range: from 0.
  uint64_t range_deletion_keys = 1000;

  // Memory for the writes of one transaction. What is over it goes to sorted files on disk, which a
  // commit then names instead of writing all to the log. Larger: fewer such files to look at while
  // the transaction goes on, and after it. Smaller: less memory. While a thread spills, a
  // transaction takes this once more, and up to twice segment_bytes, less if it spills less. Range:
  // 16 KiB to 1 GiB.
  uint64_t transaction_memory_bytes = 64ull << 20;

  // Size at which a compaction closes one segment and begins the next. Also bounds the memory
  // that training buffers. Range: 64 KiB to 256 MiB.
  uint64_t segment_bytes = 64ull << 20;

  // Bytes of records that the model aims to put into one block. Smaller: less to search and read
  // per Get. Larger: a smaller index. Range: 512 B to 64 KiB.
  uint32_t block_bytes = 4096;

  // Largest distance, in blocks, between where the model draws a block's border and where an even
  // division of the bytes would: a block holds at most (1 + 2 epsilon) x block_bytes and one
  // record. Smaller: evener blocks. Larger: fewer pieces in the model. Range: 1/64 to 64.
  double epsilon_blocks = 0.5;

  // Each drain leaves a run, a sorted list of segments of its own. The runs are merged into the
  // first level below them, all at once, when together they exceed first_level_bytes (at least
  // 4 KiB) or are max_runs (1 to 1000). Larger: less is rewritten while loading. Smaller: less to
  // look at per read, some 20 ns per run and Get. Each level below holds level_ratio (2 to 1000)
  // times as much as what is above it.
  uint64_t first_level_bytes = 512ull << 20;
  uint32_t max_runs = 12;
  uint32_t level_ratio = 10;

  // Size of the filters that tell most keys that a segment does not have, in bits per key; 0: none
  // are made. 10 let pass 1 key in 100. Range: 0 to 64.
  uint32_t filter_bits_per_key = 10;

  // The same for the last level, which has nearly all keys: its filters cost memory, but save most
  // of a Get of an absent key. They are asked only by threads that lately read absent keys, so that
  // reads of present keys do not wait for them. 2 let pass 4 keys in 10.
  uint32_t last_level_filter_bits_per_key = 2;

  // Most bytes per second that merges in the background write, so that they leave the disk to
  // others; 0: as many as they can. Drains are not slowed down, since writers wait for them: too
  // low a limit lets runs pile up, until writers are slowed down to it. Compact() is not limited.
  uint64_t background_bytes_per_second = 0;

  ReadMode read_mode = ReadMode::kMapping;

  // Most memory for cached blocks, all of the cache's own bookkeeping included. The cache holds
  // what is read with kPread, and in both modes the decompressed blocks of trees with a compression
  // (TreeOptions). A hard limit: while blocks in use fill it, others are read without being kept.
  // Larger: fewer reads. 0: nothing is kept.
  uint64_t block_cache_bytes = 64ull << 20;

  // Threads that drain and compact in the background; there is never more than one, which merges
  // and, between the records of a merge, drains. 0: nothing happens in the background and the
  // writer that fills a generation drains it itself (for tests and for single-threaded hosts).
  uint32_t background_threads = 1;

  // ---- Observation ----

  // Size of the event log: the file EVENTS in the database's folder, a line of JSON for each drain,
  // compaction, stall, error and the like. A full one becomes EVENTS.1, so at most twice this is
  // kept. 0: no file.
  uint64_t event_log_bytes = 1 << 20;

  // Called with each such line, without newline, by whichever thread was at it: return quickly and
  // do not call the database.
  std::function<void(std::string_view line)> event_listener;
};

struct ReadOptions {
  // Read the state that this snapshot saw instead of the latest. Must belong to the same database
  // and outlive the call (for an iterator: outlive the iterator).
  const Snapshot* snapshot = nullptr;
};

struct IteratorOptions {
  const Snapshot* snapshot = nullptr;  // as in ReadOptions

  // The iterator sees keys with lower_bound <= key < upper_bound; nullopt is unbounded.
  std::optional<std::string> lower_bound;
  std::optional<std::string> upper_bound;
};

struct WriteOptions {
  // True: the call returns once the write would survive a power cut (one fdatasync, shared by all
  // writers that wait for it). False: the write survives a crash of the process, kill -9 included,
  // but a power cut may lose the latest writes, always from the end.
  bool sync = false;
};

struct IngestOptions {
  // True: the source promises strictly increasing keys; the first one that is not is named in a
  // kInvalidArgument error and nothing is ingested. False: input in any order is sorted on disk
  // first; of equal keys the last one wins.
  bool sorted = false;
};

}  // namespace sibyl

#endif  // SIBYL_OPTIONS_H_
