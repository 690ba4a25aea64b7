// The commit log: where a write is durable before it is acknowledged.
//
// A log is a sequence of entries, each one commit group: a first sequence number, a count of
// records (record i has sequence first + i) and opaque bytes. It is cut into generations, which
// follow those of the delta: the engine freezes a generation, drains it to segments, records that
// in the manifest, and drops the generation's log. The manifest, a single blob replaced atomically,
// lives in the log as well.
//
// Two implementations: RocksDB (its write-ahead log, recovery and atomic batches; a column family
// per generation, see docs/decisions), and memory, for tests and for the thread sanitizer.

#ifndef SIBYL_STORAGE_COMMIT_LOG_H_
#define SIBYL_STORAGE_COMMIT_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"
#include "storage/file_system.h"

namespace sibyl::storage {

// The largest entry or manifest that a log takes.
inline constexpr uint64_t kMaxLogEntryBytes = uint64_t{2} << 30;

// One entry as Replay gives it; `bytes` are valid during the call only.
struct LogEntry {
  uint64_t first_sequence;
  uint64_t record_count;
  std::string_view bytes;
};

// A log that has nothing to replay: what an opening of it finds.
struct LogAtRest {
  std::string manifest;
  uint64_t generation = 0;  // the only one, without entries
};

// Thread-safety: Append and StartGeneration are called by one thread at a time (the leader of the
// commit group); every other method may run beside them and beside each other.
// After a write (any method below "Writing") has failed with kIo the log is dead: every later write
// fails with kReadOnly until it is opened again. What was appended before is kept.
class CommitLog {
 public:
  virtual ~CommitLog() = default;  // closes without draining; what was appended stays

  // ---- Recovery, before the first Append ----

  // The manifest last committed; nullopt in a new log.
  virtual std::optional<std::string> Manifest() const = 0;

  // Generations that have entries to replay or accept new ones, oldest first. At least one: a new
  // log starts with generation 1; the last is active.
  virtual std::vector<uint64_t> Generations() const = 0;

  // Calls `entry` for each entry of `generation` in order of sequence. The bytes are valid during
  // the call. Stops at the first error that `entry` returns.
  // Errors: kCorruption, kIo; kInvalidArgument if there is no such generation.
  virtual Status Replay(uint64_t generation,
                        const std::function<Status(const LogEntry&)>& entry) = 0;

  // ---- Writing ----

  // Appends one entry of `record_count` records to the active generation. It survives a crash of
  // the process once this returns, a power cut once Sync returns. After an error it may or may not
  // be there when the log is opened again. Preconditions (checked): record_count > 0;
  // first_sequence is at least the first_sequence + record_count of the entry before. Sequences may
  // be skipped: a gap is recorded as such. Errors: kIo (disk full included), kReadOnly;
  // kInvalidArgument past kMaxLogEntryBytes.
  virtual Status Append(uint64_t first_sequence, uint64_t record_count, std::string_view bytes) = 0;

  // Makes everything appended before the call durable. Does not block Append.
  // Errors: kIo, kReadOnly.
  virtual Status Sync() = 0;

  // Does what StartGeneration would otherwise have to do: creates the families of the next
  // generations and syncs what was appended so far. Optional, slow (milliseconds), meant for a
  // background thread, shortly before each StartGeneration. Errors: kIo, kReadOnly.
  virtual Status PrepareGeneration() = 0;

  // The barrier: every entry after it belongs to a new generation, one above the active one, and
  // lies in log files that hold no older entry. Everything before it is durable when it returns, so
  // that a power cut never loses an entry and keeps a later one. Returns the new generation's
  // number. Errors: kIo, kReadOnly.
  virtual Result<uint64_t> StartGeneration() = 0;

  // Replaces the manifest, durably: when it returns, a crash of any kind finds the new one.
  // The order that keeps data: segments synced, directory synced, then this, then
  // DropGenerations. Errors: kIo, kReadOnly; kInvalidArgument past kMaxLogEntryBytes.
  virtual Status CommitManifest(std::string_view manifest) = 0;

  // Forgets all generations below `floor` and reclaims their log files. The manifest committed
  // before must not need them. The files go within moments, not necessarily before it returns.
  // Precondition (checked): floor <= the active generation. Errors: kIo, kReadOnly.
  virtual Status DropGenerations(uint64_t floor) = 0;

  // Makes everything durable and says what the next opening will find, if that is a manifest and
  // nothing to replay; else, and after a failure, nothing. For the moment before the log is closed.
  virtual std::optional<LogAtRest> AtRest() { return std::nullopt; }

  // kReadOnly, saying why, from the first write that failed on.
  virtual Status CheckAlive() const { return Ok(); }

  // Checks what the files have, as far as nobody writes to them: the whole of a log that rests (see
  // resting_log.h), of others what does not change any more. Errors: kCorruption, kIo.
  virtual Status Verify() { return Ok(); }

  // Called when the process exits with the log open: nothing runs in the background from then on.
  // What was appended is kept.
  virtual void EndBackgroundWork() {}

  // Bytes of log files on disk, for statistics.
  virtual uint64_t DiskBytes() const = 0;
};

// Opens the log in `directory`, creating it (and its parents) if it is not there. Reads all
// entries: about 1 microsecond each. Errors: kCorruption, naming the directory and what is missing,
// if entries that were durable are missing or damaged (a torn tail that was never synced is cut off
// silently); kNotSupported for a newer format; kIo.
//
// Takes no lock: whoever opens it has the directory to itself, as the engine sees to. In a child
// process after fork() an inherited log must not be touched, nor destroyed; the child may open the
// same directory once its parent has closed it.
Result<std::unique_ptr<CommitLog>> OpenRocksDbLog(const Path& directory);

// The log in `directory` as it is at this moment, for recovery only: every write fails with
// kReadOnly. Touches no file and takes no lock, so it works on a read-only medium, and beside
// others that read or write. Each generation can be replayed once; after the last one the log lets
// go of its memory. Errors: as OpenRocksDbLog; beside a writer kCorruption and kIo also because
// files changed meanwhile.
Result<std::unique_ptr<CommitLog>> OpenRocksDbLogReadOnly(const Path& directory);

// The same for a log that may be damaged in any way: has the entries and the manifest that verify,
// and adds to `problems` a line for everything that does not.
std::unique_ptr<CommitLog> SalvageRocksDbLog(const Path& directory,
                                             std::vector<std::string>* problems);

// What a log in memory keeps when it is closed: hand the same object to the next open to "reopen".
struct MemoryLogState;
std::shared_ptr<MemoryLogState> NewMemoryLogState();
std::unique_ptr<CommitLog> OpenMemoryLog(std::shared_ptr<MemoryLogState> state);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_H_
