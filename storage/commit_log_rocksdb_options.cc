#include "storage/commit_log_rocksdb_options.h"

#include <rocksdb/memtablerep.h>

#include <cstdio>
#include <limits>
#include <string_view>

#include "storage/commit_log_rocksdb_forgetful.h"

namespace sibyl::storage {
namespace {

// More than any generation takes: RocksDB never flushes or rotates on its own. (It accepts no more
// than 64 GiB as a write buffer.)
constexpr uint64_t kNeverBytes = uint64_t{64} << 30;

}  // namespace

void QuietRocksDbLogger::Logv(const char* format, va_list arguments) {
  char buffer[512];
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  const std::string_view message(buffer);
  if (message.find("dropping") == std::string_view::npos) return;
  // "[WARN] [where in RocksDB's source] /path/000012.log: dropping ..."
  const size_t path = message.find("] /");
  const std::lock_guard lock(mutex_);
  if (damage_.empty()) damage_ = message.substr(path == std::string_view::npos ? 0 : path + 2);
}

std::string QuietRocksDbLogger::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

rocksdb::DBOptions LogDbOptions(rocksdb::Env* env, std::shared_ptr<rocksdb::Logger> logger,
                                rocksdb::WALRecoveryMode recovery_mode) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.info_log = std::move(logger);
  options.fail_if_options_file_error = false;  // LogEnv has no such files
  options.wal_recovery_mode = recovery_mode;

  // Generations stay in the log: none becomes a sorted file unless we say so.
  options.avoid_flush_during_recovery = true;
  options.avoid_flush_during_shutdown = true;
  options.max_total_wal_size = kNeverBytes;

  // RocksDB would preallocate each log file at the size of a write buffer: 64 GiB.
  options.allow_fallocate = false;

  // The kernel starts writing each MiB when it is complete, so that a sync finds little left to do.
  options.wal_bytes_per_sync = 1 << 20;

  options.allow_concurrent_memtable_write = false;  // our memtables cannot
  options.flush_verify_memtable_count = true;       // the guard of the forgetful ones
  options.max_bgerror_resume_count = 0;             // a log with an error stays as it is
  options.enable_write_thread_adaptive_yield = false;

  // Nothing reads this database but recovery: as few threads, files and statistics as possible.
  options.max_background_jobs = 2;
  options.max_open_files = 64;
  options.max_file_opening_threads = 1;
  options.max_manifest_file_size = 1 << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  return options;
}

rocksdb::ColumnFamilyOptions LogMetaFamilyOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = kNeverBytes;
  // Every rotation flushes a tiny file. Several may wait, and many files may gather before they are
  // merged, without a writer being held up.
  options.max_write_buffer_number = 64;
  options.level0_file_num_compaction_trigger = 8;
  options.level0_slowdown_writes_trigger = 1000;
  options.level0_stop_writes_trigger = 2000;
  return options;
}

rocksdb::ColumnFamilyOptions LogGenerationFamilyOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = kNeverBytes;
  options.disable_auto_compactions = true;
  // Nobody searches it: entries are appended here, and sorted once if they are ever replayed.
  options.memtable_factory = std::make_shared<rocksdb::VectorRepFactory>();
  return options;
}

rocksdb::ColumnFamilyOptions NewLogGenerationFamilyOptions() {
  rocksdb::ColumnFamilyOptions options = LogGenerationFamilyOptions();
  options.memtable_factory = NewForgetfulMemTableFactory();
  return options;
}

Error FromRocksDb(const Path& directory, const rocksdb::Status& status) {
  const ErrorCode code = status.IsCorruption() ? ErrorCode::kCorruption : ErrorCode::kIo;
  return Error{code, directory.string() + ": RocksDB says: " + status.ToString()};
}

Error FromRocksDbOpen(const Path& directory, const rocksdb::Status& status,
                      const QuietRocksDbLogger& logger) {
  Error error = FromRocksDb(directory, status);
  if (const std::string damage = logger.damage(); !damage.empty()) error.message += "; " + damage;
  // What RocksDB says of CURRENT if it cannot be opened, for whatever reason, which follows.
  constexpr std::string_view kCannotOpen = "Found options incompatible with filesystem";
  const bool is_passing = error.message.find(kCannotOpen) != std::string::npos &&
                          error.message.find("No such file") == std::string::npos;
  // We looked before: there is a database, so files that it names must be there.
  if (!is_passing &&
      (status.IsPathNotFound() || status.IsNotFound() || status.IsInvalidArgument())) {
    error.code = ErrorCode::kCorruption;
  }
  return error;
}

}  // namespace sibyl::storage
