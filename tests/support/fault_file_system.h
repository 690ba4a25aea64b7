// A file system that fails on demand: the n-th call, a full disk, a power cut.
//
// It passes everything on to another file system (the real one), and remembers what has been made
// durable. A power cut takes back all the rest: bytes appended since the last Sync of their file,
// and names created, replaced or removed since the last SyncDirectory of their directory. That is
// the worst that POSIX allows; real disks usually keep more. (Directories themselves count as
// durable at once, a renamed file as soon as its new directory is synced.)

#ifndef SIBYL_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define SIBYL_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "storage/file_system.h"

namespace sibyl::testing {

using storage::Path;

// Thread-safe.
class FaultFileSystem final : public storage::FileSystem {
 public:
  explicit FaultFileSystem(storage::FileSystem& base = storage::PosixFileSystem()) : base_(base) {}

  // How many calls there were, to this object and to its files. All are counted but those that
  // cannot fail.
  uint64_t calls() const;

  // The calls numbered first to last (the next is calls() + 1) fail with kIo and do nothing, but
  // that a failing Append first writes half of its bytes.
  void FailCalls(uint64_t first, uint64_t last);

  // Appends fail with kIo once they have written so many bytes more, like a disk that is full.
  // What Remove frees can be written again. nullopt: unlimited, as at first.
  void SetFreeBytes(std::optional<uint64_t> bytes);

  // Takes back what was not made durable. Files opened before fail from now on. Faults and limits
  // end.
  void PowerCut();

  Result<std::unique_ptr<storage::WritableFile>> Create(const Path& path) override;
  Result<std::unique_ptr<storage::WritableFile>> OpenToAppend(const Path& path) override;
  Result<std::unique_ptr<storage::ReadableFile>> Open(const Path& path) override;
  Result<std::string> ReadAll(const Path& path) override;
  Result<bool> Exists(const Path& path) override;
  Result<std::vector<std::string>> List(const Path& directory) override;
  Status CreateDirectory(const Path& path) override;
  Status SyncDirectory(const Path& path) override;
  Status Rename(const Path& from, const Path& to) override;
  Status Remove(const Path& path) override;
  Status RemoveAll(const Path& path) override;  // counts as durable at once
  Status Link(const Path& from, const Path& to) override;
  Result<std::unique_ptr<storage::FileLock>> Lock(const Path& path) override;

 private:
  friend class FaultWritableFile;
  friend class FaultReadableFile;

  // What is known of a file created here, under its present name.
  struct FileState {
    uint64_t written_bytes = 0;
    uint64_t synced_bytes = 0;
  };
  // How to take back a change of a name in `directory`.
  struct Undo {
    Path directory;
    std::function<void()> run;
  };
  // The file at `path` as it is, to be put back.
  struct Backup {
    std::optional<std::string> bytes;  // nullopt: there is no file
    std::shared_ptr<FileState> state;  // null: it is older than this object, and durable
  };

  // Counts a call; the injected error if it is to fail.
  Status CountCall(const char* action, const Path& path);
  // As CountCall, and an error if the power was cut since the file was opened.
  Status CountFileCall(const char* action, const Path& path, uint64_t power_cuts);
  // How many of `bytes` there is room for, which are then taken.
  uint64_t TakeFreeBytes(uint64_t bytes);

  // The rest: with mutex_ held.
  Status RenameDirectory(const Path& from, const Path& to);
  Backup BackUp(const Path& path);
  void PutBack(const Path& path, const Backup& backup);
  void CutToSyncedBytes(const Path& path, FileState* state);

  storage::FileSystem& base_;
  mutable std::mutex mutex_;
  uint64_t calls_ = 0;
  uint64_t first_failing_call_ = 1;
  uint64_t last_failing_call_ = 0;
  std::optional<uint64_t> free_bytes_;
  uint64_t power_cuts_ = 0;
  std::map<Path, std::shared_ptr<FileState>> files_;
  std::vector<Undo> undo_;  // oldest first
};

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
