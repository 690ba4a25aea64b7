// The files of an open database, as long as its folder is where it was: see storage/folder_place.h.

#ifndef SIBYL_STORAGE_ANCHORED_FILE_SYSTEM_H_
#define SIBYL_STORAGE_ANCHORED_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/file_system.h"
#include "storage/folder_place.h"

namespace sibyl::storage {

// Everything that takes a path fails with kIo, and touches nothing, once the folder was deleted or
// moved. Files that are open already stay so. `files` must outlive it.
class AnchoredFileSystem final : public FileSystem {
 public:
  AnchoredFileSystem(FileSystem& files, FolderPlace place)
      : files_(files), place_(std::move(place)) {}

  Result<std::unique_ptr<WritableFile>> Create(const Path& path) override {
    return InPlace([&] { return files_.Create(path); });
  }
  Result<std::unique_ptr<WritableFile>> OpenToAppend(const Path& path) override {
    return InPlace([&] { return files_.OpenToAppend(path); });
  }
  Result<std::unique_ptr<ReadableFile>> Open(const Path& path) override {
    return InPlace([&] { return files_.Open(path); });
  }
  Result<std::string> ReadAll(const Path& path) override {
    return InPlace([&] { return files_.ReadAll(path); });
  }
  Result<bool> Exists(const Path& path) override {
    return InPlace([&] { return files_.Exists(path); });
  }
  Result<std::vector<std::string>> List(const Path& directory) override {
    return InPlace([&] { return files_.List(directory); });
  }
  Status CreateDirectory(const Path& path) override {
    return InPlace([&] { return files_.CreateDirectory(path); });
  }
  Status SyncDirectory(const Path& path) override {
    return InPlace([&] { return files_.SyncDirectory(path); });
  }
  Status Rename(const Path& from, const Path& to) override {
    return InPlace([&] { return files_.Rename(from, to); });
  }
  Status Remove(const Path& path) override {
    return InPlace([&] { return files_.Remove(path); });
  }
  Status RemoveAll(const Path& path) override {
    return InPlace([&] { return files_.RemoveAll(path); });
  }
  Status Link(const Path& from, const Path& to) override {
    return InPlace([&] { return files_.Link(from, to); });
  }
  Result<std::unique_ptr<FileLock>> Lock(const Path& path) override {
    return InPlace([&] { return files_.Lock(path); });
  }

 private:
  // What failed because the folder went meanwhile says so, too.
  template <typename Operation>
  auto InPlace(const Operation& operation) -> decltype(operation()) {
    SIBYL_RETURN_IF_ERROR(place_.Check());
    auto done = operation();
    if (!done) SIBYL_RETURN_IF_ERROR(place_.Check());
    return done;
  }

  FileSystem& files_;
  const FolderPlace place_;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_ANCHORED_FILE_SYSTEM_H_
