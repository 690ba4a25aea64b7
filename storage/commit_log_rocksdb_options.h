// RocksDB as the commit log configures it, and its statuses as ours.
//
// The only place where one of its options is chosen; each trap that one of them avoids is described
// in docs/decisions/0003-rocksdb-as-commit-log.md.

#ifndef SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_OPTIONS_H_
#define SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_OPTIONS_H_

#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <cstdarg>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "storage/file_system.h"

namespace sibyl::storage {

// Takes RocksDB's messages and writes none of them anywhere. Keeps the first one that says that
// recovery dropped bytes: only that names the damaged log file.
//
// Always installed: the default logger of Debian's build aborts the process when the disk is full.
// Thread-safe.
class QuietRocksDbLogger final : public rocksdb::Logger {
 public:
  QuietRocksDbLogger() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override;

  // That message, from the name of the file on; empty if there was none.
  std::string damage() const;

 private:
  mutable std::mutex mutex_;
  std::string damage_;
};

// `env` outlives the DB.
rocksdb::DBOptions LogDbOptions(rocksdb::Env* env, std::shared_ptr<rocksdb::Logger> logger,
                                rocksdb::WALRecoveryMode recovery_mode);
rocksdb::ColumnFamilyOptions LogMetaFamilyOptions();

// For opening: with what it replays kept in memory, appended and not sorted before it is read.
rocksdb::ColumnFamilyOptions LogGenerationFamilyOptions();

// For making one in a running log, where nobody will read it.
rocksdb::ColumnFamilyOptions NewLogGenerationFamilyOptions();

// A failed `status` of an operation on an open log in `directory`: kIo, or kCorruption.
Error FromRocksDb(const Path& directory, const rocksdb::Status& status);

// A failed `status` of opening: kCorruption for missing files, too.
Error FromRocksDbOpen(const Path& directory, const rocksdb::Status& status,
                      const QuietRocksDbLogger& logger);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_OPTIONS_H_
