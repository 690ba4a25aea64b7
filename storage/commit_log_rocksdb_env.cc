#include "storage/commit_log_rocksdb_env.h"

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sibyl::storage {
namespace {

// RocksDB writes all its options to a file, for people, whenever it is opened and whenever a family
// comes or goes; and reads that again, syncs and renames it, and removes the last but one. Without
// the file it goes on (fail_if_options_file_error is off).
class FilesWithoutOptions final : public rocksdb::FileSystemWrapper {
 public:
  FilesWithoutOptions() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "SibylDB log"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    if (path.find("/OPTIONS-") != std::string::npos) {
      return rocksdb::IOStatus::NotSupported("nobody reads it");
    }
    return FileSystemWrapper::NewWritableFile(path, options, file, context);
  }
};

}  // namespace

LogEnv::LogEnv() : EnvWrapper(rocksdb::Env::Default()) {
  // An EnvWrapper reaches its file system through itself, call by call; the DB may as well have it.
  file_system_ = std::make_shared<FilesWithoutOptions>();
  system_clock_ = rocksdb::Env::Default()->GetSystemClock();
}

LogEnv::~LogEnv() { EndBackgroundWork(); }

void LogEnv::EndBackgroundWork() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

rocksdb::Status LogEnv::LockFile(const std::string&, rocksdb::FileLock** lock) {
  *lock = new rocksdb::FileLock;  // null would mean that there is none to give back
  return rocksdb::Status::OK();
}

rocksdb::Status LogEnv::UnlockFile(rocksdb::FileLock* lock) {
  delete lock;
  return rocksdb::Status::OK();
}

void LogEnv::Schedule(void (*function)(void* argument), void* argument, Priority priority,
                      void* tag, void (*cancel)(void* argument)) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({function, argument, priority, tag, cancel});
    if (!thread_.joinable() && !ended_) thread_ = std::thread([this] { RunJobs(); });
  }
  changed_.notify_all();
}

int LogEnv::UnSchedule(void* tag, Priority priority) {
  std::vector<Job> cancelled;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(jobs_, [&](const Job& job) {
      const bool is_meant = job.tag == tag && job.priority == priority;
      if (is_meant) cancelled.push_back(job);
      return is_meant;
    });
  }
  for (const Job& job : cancelled) {
    if (job.cancel != nullptr) job.cancel(job.argument);
  }
  return static_cast<int>(cancelled.size());
}

unsigned int LogEnv::GetThreadPoolQueueLen(Priority priority) const {
  const std::lock_guard lock(mutex_);
  unsigned int jobs = 0;
  for (const Job& job : jobs_) jobs += job.priority == priority;
  return jobs;
}

void LogEnv::RunJobs() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
    if (ended_) return;
    const Job job = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    job.function(job.argument);
    lock.lock();
  }
}

}  // namespace sibyl::storage
