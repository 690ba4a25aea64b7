// A database on a log in memory and on files that can fail: for fault injection, and for the thread
// sanitizer, which cannot see into RocksDB.

#ifndef SIBYL_TESTS_ENGINE_MEMORY_LOG_DATABASE_H_
#define SIBYL_TESTS_ENGINE_MEMORY_LOG_DATABASE_H_

#include <memory>
#include <utility>

#include "engine/database_impl.h"
#include "engine/recovery.h"
#include "storage/commit_log.h"
#include "tests/engine/database_fixture.h"
#include "tests/engine/faulty_log.h"
#include "tests/support/fault_file_system.h"

namespace sibyl::testing {

class MemoryLogDatabase {
 public:
  explicit MemoryLogDatabase(Options options = SmallOptions()) : options_(std::move(options)) {}
  ~MemoryLogDatabase() { Close(); }

  Status Open() {
    const auto open_log = [this](const Path&) -> Result<std::unique_ptr<storage::CommitLog>> {
      return std::unique_ptr<storage::CommitLog>(
          std::make_unique<FaultyLog>(storage::OpenMemoryLog(log_), log_faults_));
    };
    if (auto prepared = engine::PrepareDirectory(files_, options_, path()); !prepared) {
      return prepared;
    }
    auto database = engine::DatabaseImpl::Open(options_, path(), {&files_, open_log});
    if (!database) return std::move(database).error();
    database_ = std::move(*database);
    return Ok();
  }
  void Close() { database_.reset(); }

  // Closes without draining the delta, as the death of the process would.
  void Crash() {
    log_faults_->all_dead = true;
    Close();
    log_faults_->all_dead = false;
  }

  bool is_open() const { return database_ != nullptr; }
  std::filesystem::path path() const { return directory_.path() / "db"; }
  FaultFileSystem& files() { return files_; }
  LogFaults& log_faults() { return *log_faults_; }
  Database& operator*() { return *database_; }
  Database* operator->() { return database_.get(); }

 private:
  TemporaryDirectory directory_;
  Options options_;
  FaultFileSystem files_;
  std::shared_ptr<storage::MemoryLogState> log_ = storage::NewMemoryLogState();
  std::shared_ptr<LogFaults> log_faults_ = std::make_shared<LogFaults>();
  std::unique_ptr<engine::DatabaseImpl> database_;
};

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_ENGINE_MEMORY_LOG_DATABASE_H_
