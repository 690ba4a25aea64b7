// The commit log: where a write is durable before it is acknowledged.
//
// A log is a sequence of entries, each one commit group: a first sequence number and opaque bytes.
// It is cut into generations, which follow those of the delta: the engine freezes a generation,
// drains it to segments, records that in the manifest, and drops the generation's log. The
// manifest, a single blob replaced atomically, lives in the log as well.
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

// Thread-safety: Append and StartGeneration are called by one thread at a time (the leader of the
// commit group); every other method may run beside them and beside each other.
// After an Append or Sync has failed the log is dead: every later write fails with kReadOnly until
// it is opened again.
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
  // the call. Stops at the first error that `entry` returns. Errors: kCorruption, kIo.
  virtual Status Replay(
      uint64_t generation,
      const std::function<Status(uint64_t first_sequence, std::string_view bytes)>& entry) = 0;

  // ---- Writing ----

  // Appends one entry to the active generation. It survives a crash of the process once this
  // returns, a power cut once Sync returns. Sequences strictly increase over the life of the log.
  // Errors: kIo (disk full included), kReadOnly.
  virtual Status Append(uint64_t first_sequence, std::string_view bytes) = 0;

  // Makes everything appended before the call durable. Does not block Append. Errors: kIo.
  virtual Status Sync() = 0;

  // Prepares the family of the next generation, so that StartGeneration is quick. Optional, slow
  // (milliseconds), meant for a background thread.
  virtual Status PrepareGeneration() = 0;

  // The barrier: every entry after it belongs to a new generation, one above the active one, and
  // lies in log files that hold no older entry. Returns the new generation's number.
  virtual Result<uint64_t> StartGeneration() = 0;

  // Replaces the manifest, durably: when it returns, a crash of any kind finds the new one.
  // The order that keeps data: segments synced, directory synced, then this, then
  // DropGenerations.
  virtual Status CommitManifest(std::string_view manifest) = 0;

  // Forgets all generations below `floor` and reclaims their log files. The manifest committed
  // before must not need them. Precondition: floor <= the active generation.
  virtual Status DropGenerations(uint64_t floor) = 0;

  // Bytes of log files on disk, for statistics.
  virtual uint64_t DiskBytes() const = 0;
};

// Opens the log in `directory`, creating it if it is not there. Errors: kCorruption if entries that
// were durable are missing or damaged (a torn tail that was never synced is cut off silently);
// kBusy if another process has it open; kIo.
Result<std::unique_ptr<CommitLog>> OpenRocksDbLog(const Path& directory);

// What a log in memory keeps when it is closed: hand the same object to the next open to "reopen".
struct MemoryLogState;
std::shared_ptr<MemoryLogState> NewMemoryLogState();
std::unique_ptr<CommitLog> OpenMemoryLog(std::shared_ptr<MemoryLogState> state);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_H_
