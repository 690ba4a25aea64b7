// What the commit log is known to have held: a second, independent account of it.
//
// RocksDB recovers whatever it finds in its directory. If its newest log file is deleted, or a tail
// that had been synced is cut off, it opens without a complaint. The witness is a small file beside
// it that says how far the log was synced and which log files there were, so that the loss is
// noticed. It is a lower bound: written in place and without a sync after the log itself was
// synced, it is exact after a crash of the process and at worst a little old after a power cut.
//
// Two slots, written alternately, each with a checksum: a torn write leaves the other one.
// Byte by byte in docs/file-format.md, "WITNESS".

#ifndef SIBYL_STORAGE_COMMIT_LOG_WITNESS_H_
#define SIBYL_STORAGE_COMMIT_LOG_WITNESS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "storage/file_system.h"

namespace sibyl::storage {

struct LogTestimony {
  uint64_t synced_next_sequence = 0;  // every entry below this sequence is durable
  uint64_t manifest_number = 0;       // the last manifest that is durable; 0: none
  std::string boot_id;                // of the machine's run in which this was written
  std::vector<uint64_t> log_files;    // numbers of the log files at that time, ascending
  friend bool operator==(const LogTestimony&, const LogTestimony&) = default;
};

// Identifies the time since the machine was last started; empty if it cannot be known. While it
// stays the same, nothing that a process handed to the operating system can have been lost.
std::string CurrentBootId();

// Thread-safe.
class LogWitness {
 public:
  // Opens `path`, creating an empty testimony durably if it is not there (the caller syncs the
  // directory). Errors: kCorruption if both slots are damaged; kIo.
  static Result<std::unique_ptr<LogWitness>> Open(const Path& path);

  // What the file at `path` says, without touching it; an empty testimony if it is not there.
  // Errors: as Open.
  static Result<LogTestimony> Read(const Path& path);

  ~LogWitness();
  LogWitness(const LogWitness&) = delete;
  LogWitness& operator=(const LogWitness&) = delete;

  // What the file said when it was opened, with what was recorded since.
  LogTestimony testimony() const;

  // Records that the log is synced up to `next_sequence` and manifest `manifest_number` (lower
  // values than known change nothing) and, if given, which log files there are; those must be in
  // the directory durably. Not durable by itself. Cost: one pwrite, about 2 microseconds. A failed
  // write is no error: the old testimony stays true, and the log itself is what counts.
  void RecordSynced(uint64_t next_sequence, uint64_t manifest_number,
                    std::optional<std::vector<uint64_t>> log_files = std::nullopt);

  // Makes what was recorded durable. Errors: kIo.
  Status Sync();

 private:
  LogWitness(Path path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor), boot_id_(CurrentBootId()) {}
  Result<bool> LoadSlots();  // false: the file is empty
  Status Initialize();
  Status WriteSlot();  // precondition: mutex_ is held, or nobody else has this object yet

  const Path path_;
  const int descriptor_;
  const std::string boot_id_;
  mutable std::mutex mutex_;  // guards the rest
  LogTestimony testimony_;
  uint64_t writes_ = 0;  // of slots, ever: says which slot is newer and which is next
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_WITNESS_H_
