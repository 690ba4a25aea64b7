// Opens the RocksDB of a commit log and proves that it holds everything that was durable.

#ifndef SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_RECOVERY_H_
#define SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_RECOVERY_H_

#include <rocksdb/db.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "storage/commit_log.h"
#include "storage/commit_log_rocksdb_env.h"
#include "storage/commit_log_witness.h"
#include "storage/file_system.h"

namespace sibyl::storage {

struct FamilyCloser {
  rocksdb::DB* db = nullptr;
  void operator()(rocksdb::ColumnFamilyHandle* family) const;
};
// Destroy before the DB.
using FamilyPtr = std::unique_ptr<rocksdb::ColumnFamilyHandle, FamilyCloser>;

struct LogGeneration {
  FamilyPtr family;
  // Over the entries as recovered, sorted already; gone once replayed or appended to.
  std::unique_ptr<rocksdb::Iterator> recovered;
};

// Members are destroyed in the right order: the last first.
struct OpenedLog {
  std::unique_ptr<LogEnv> env;
  std::unique_ptr<LogWitness> witness;  // null: opened for reading only
  std::unique_ptr<rocksdb::DB> db;
  FamilyPtr meta;
  std::map<uint64_t, LogGeneration> generations;  // by number; the last is active
  std::map<uint64_t, FamilyPtr> prepared;         // numbers above the active one; empty families
  std::optional<std::string> manifest;
  uint64_t manifest_number = 0;  // of commits of a manifest so far
  uint64_t active_start = 0;     // next_sequence when the active generation began
  uint64_t next_sequence = 0;    // one past the last record
};

// Errors: as OpenRocksDbLog. When it returns, everything found is durable.
Result<OpenedLog> OpenLogDatabase(const Path& directory);

// The same without touching any file, and so without a lock: beside a writer it shows the log of
// one moment, or fails because files changed meanwhile. Errors: as OpenRocksDbLogReadOnly.
Result<OpenedLog> OpenLogDatabaseReadOnly(const Path& directory);

// Whatever can be read of a damaged log, without touching it: damaged records are skipped, and the
// chain of entries is not followed. `problems` gets a line for each thing that is wrong. Without
// any generation, and without a database, if RocksDB cannot open it at all.
OpenedLog SalvageLogDatabase(const Path& directory, std::vector<std::string>* problems);

// Hands over all entries of a generation in order. A malformed one, which only salvaging lets pass,
// is left out there and otherwise kCorruption.
Status ReplayEntries(const Path& directory, rocksdb::Iterator* entries, bool salvaging,
                     const std::function<Status(const LogEntry&)>& visit);

// An iterator over all entries of a generation, not positioned yet.
std::unique_ptr<rocksdb::Iterator> NewEntryIterator(rocksdb::DB* db,
                                                    rocksdb::ColumnFamilyHandle* family);

// The numbers of the log files in `directory`, ascending; none if it is not there. Errors: kIo.
Result<std::vector<uint64_t>> ListLogFiles(const Path& directory);

// The name RocksDB gives to log file `number`.
std::string LogFileName(uint64_t number);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_RECOVERY_H_
