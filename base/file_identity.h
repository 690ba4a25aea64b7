// Which file or directory a path names, as a key for tables of what is open.

#ifndef SIBYL_BASE_FILE_IDENTITY_H_
#define SIBYL_BASE_FILE_IDENTITY_H_

#include <cstdint>
#include <filesystem>
#include <utility>

#include "sibyl/result.h"

namespace sibyl::base {

// Device and inode. File systems give the inode of a deleted file to the next one that is made: as
// long as this object lives it is held, and no other file can be taken for that one. Holding one
// opens nothing that could be read, and disturbs no lock.
class FileIdentity {
 public:
  using Id = std::pair<uint64_t, uint64_t>;

  // Of what is at `path` now. Errors: kIo.
  static Result<FileIdentity> Of(const std::filesystem::path& path);

  FileIdentity(FileIdentity&& other) noexcept
      : id_(other.id_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileIdentity& operator=(FileIdentity&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileIdentity();

  const Id& id() const { return id_; }

  // Whether `path` leads to it now.
  bool IsAt(const std::filesystem::path& path) const;

  // Whether it has no name any more.
  bool IsDeleted() const;

 private:
  FileIdentity(Id id, int descriptor) : id_(id), descriptor_(descriptor) {}

  Id id_;
  int descriptor_;
};

}  // namespace sibyl::base

#endif  // SIBYL_BASE_FILE_IDENTITY_H_
