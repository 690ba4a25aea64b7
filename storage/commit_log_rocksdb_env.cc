#include "storage/commit_log_rocksdb_env.h"

#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sibyl::storage {
namespace {

// The machine's files, but for two things.
//
// RocksDB writes all its options to a file, for people, whenever it is opened and whenever a family
// comes or goes; and reads that again, syncs and renames it, and removes the last but one. Without
// the file it goes on (fail_if_options_file_error is off).
//
// And nothing is changed by path once the folder is not where it was (storage/folder_place.h).
class LogFiles final : public rocksdb::FileSystemWrapper {
  using Options = rocksdb::IOOptions;
  using Context = rocksdb::IODebugContext;
  using IOStatus = rocksdb::IOStatus;
  using WritableFile = std::unique_ptr<rocksdb::FSWritableFile>;

 public:
  explicit LogFiles(const LogEnv& env)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), env_(env) {}
  const char* Name() const override { return "SibylDB log"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           WritableFile* file, Context* context) override {
    if (path.find("/OPTIONS-") != std::string::npos) {
      return IOStatus::NotSupported("nobody reads it");
    }
    return InPlace(
        [&] { return FileSystemWrapper::NewWritableFile(path, options, file, context); });
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              WritableFile* file, Context* context) override {
    return InPlace(
        [&] { return FileSystemWrapper::ReopenWritableFile(path, options, file, context); });
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const rocksdb::FileOptions& options, WritableFile* file,
                             Context* context) override {
    return InPlace([&] {
      return FileSystemWrapper::ReuseWritableFile(path, old_path, options, file, context);
    });
  }
  IOStatus DeleteFile(const std::string& path, const Options& options, Context* context) override {
    return InPlace([&] { return FileSystemWrapper::DeleteFile(path, options, context); });
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const Options& options,
                      Context* context) override {
    return InPlace([&] { return FileSystemWrapper::RenameFile(from, to, options, context); });
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const Options& options,
                    Context* context) override {
    return InPlace([&] { return FileSystemWrapper::LinkFile(from, to, options, context); });
  }
  IOStatus Truncate(const std::string& path, size_t size, const Options& options,
                    Context* context) override {
    return InPlace([&] { return FileSystemWrapper::Truncate(path, size, options, context); });
  }

 private:
  template <typename Change>
  IOStatus InPlace(const Change& change) const {
    const Status place = env_.CheckPlace();
    return place ? change() : IOStatus::IOError(place.error().message);
  }

  const LogEnv& env_;  // which has this
};

}  // namespace

LogEnv::LogEnv(std::optional<FolderPlace> place)
    : EnvWrapper(rocksdb::Env::Default()), place_(std::move(place)) {
  // An EnvWrapper reaches its file system through itself, call by call; the DB may as well have it.
  file_system_ = std::make_shared<LogFiles>(*this);
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
