// The registry of open databases in this process: the one global of the library.
//
// A directory, known by device and inode, is open at most once: later openings share the first
// one's database. After fork() the child's registry is empty and every inherited database is marked
// as such, so that it touches no file. exit() in such a child runs the handlers that were
// registered since the fork and then ends the process: those of before are its parent's. When the
// process exits with databases open, their background threads are ended before the libraries that
// they use are torn down.

#ifndef SIBYL_ENGINE_REGISTRY_H_
#define SIBYL_ENGINE_REGISTRY_H_

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/file_identity.h"
#include "sibyl/result.h"

namespace sibyl::engine {

class DatabaseImpl;

// Thread-safe.
class Registry {
 public:
  static Registry& Instance();

  // The open database of `directory`, or the one that `open` makes. Waits while another thread
  // opens or closes the same directory. The directory must exist.
  Result<std::shared_ptr<DatabaseImpl>> OpenOnce(
      const std::filesystem::path& directory,
      const std::function<Result<std::unique_ptr<DatabaseImpl>>()>& open);

  // To be called when a log has been opened, which may be long after its database: whatever that
  // has constructed is destroyed after background work was ended, too.
  void NoteLogOpened();

 private:
  using FileId = base::FileIdentity::Id;
  struct Entry {
    std::optional<base::FileIdentity> identity;  // of the directory, which may have been deleted
    DatabaseImpl* database = nullptr;            // null while it opens or closes
    std::weak_ptr<DatabaseImpl> handle;
  };

  Registry();
  std::shared_ptr<DatabaseImpl> Publish(FileId id, std::unique_ptr<DatabaseImpl> database);
  void Close(FileId id, DatabaseImpl* database);
  void ForgetAllInChild();
  void EndBackgroundWork();
  void EndBackgroundWorkAtExit(std::once_flag* registered);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::once_flag exit_handler_;
  std::once_flag exit_handler_of_logs_;
  std::map<FileId, Entry> entries_;  // guarded by mutex_
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_REGISTRY_H_
