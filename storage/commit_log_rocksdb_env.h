// What the commit log lets RocksDB have of the process: the machine's file system without locks and
// without files of options, for as long as the log's folder is where it was; and a background
// thread of its own.
//
// RocksDB keeps two things for the whole process that do not survive a fork. The child inherits its
// table of locked files, and so could never open a database that its parent had open; and it
// inherits the queues of its background threads, but not the threads, so that nothing scheduled
// would ever run, and exit() would wait for them. Here neither is used. Who opens a log has the
// folder to itself already (the engine locks it); a background thread belongs to one open log, and
// goes with it.

#ifndef SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_ENV_H_
#define SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_ENV_H_

#include <rocksdb/env.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "storage/folder_place.h"

namespace sibyl::storage {

// One per open log; destroy it after the DB. Thread-safe, as every Env.
class LogEnv final : public rocksdb::EnvWrapper {
 public:
  // `place` is the log's folder; nullopt: of a log that is only read, where there is nothing to
  // guard.
  explicit LogEnv(std::optional<FolderPlace> place);
  ~LogEnv() override;  // EndBackgroundWork

  // Waits for the job that is running, if one is; none runs from then on.
  void EndBackgroundWork();

  // Errors: kIo if the log's folder is not where it was.
  Status CheckPlace() const { return place_ ? place_->Check() : Ok(); }

  // Nothing is locked.
  rocksdb::Status LockFile(const std::string& path, rocksdb::FileLock** lock) override;
  rocksdb::Status UnlockFile(rocksdb::FileLock* lock) override;

  // The thread is started by the first job. It takes jobs of all priorities, in order: there are
  // few, they are small (RocksDB flushes and merges the log's few records about itself), and none
  // waits for another.
  void Schedule(void (*function)(void* argument), void* argument, Priority priority, void* tag,
                void (*cancel)(void* argument)) override;
  int UnSchedule(void* tag, Priority priority) override;
  unsigned int GetThreadPoolQueueLen(Priority priority) const override;

  // One for each priority but the lowest, whatever is asked for: RocksDB must not take a pool for
  // empty.
  int GetBackgroundThreads(Priority priority) override { return priority == BOTTOM ? 0 : 1; }
  void SetBackgroundThreads(int, Priority) override {}
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  int ReserveThreads(int, Priority) override { return 0; }
  int ReleaseThreads(int, Priority) override { return 0; }

 private:
  struct Job {
    void (*function)(void* argument);
    void* argument;
    Priority priority;
    void* tag;
    void (*cancel)(void* argument);
  };
  void RunJobs();

  const std::optional<FolderPlace> place_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // guarded by mutex_, as the rest
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_COMMIT_LOG_ROCKSDB_ENV_H_
