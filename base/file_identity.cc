#include "base/file_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sibyl::base {

Result<FileIdentity> FileIdentity::Of(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_PATH | O_CLOEXEC);
  FileIdentity identity({}, descriptor);
  struct stat status = {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    return Error{ErrorCode::kIo, path.string() + ": " + std::strerror(errno)};
  }
  identity.id_ = {status.st_dev, status.st_ino};
  return identity;
}

bool FileIdentity::IsAt(const std::filesystem::path& path) const {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 && id_ == Id(status.st_dev, status.st_ino);
}

bool FileIdentity::IsDeleted() const {
  struct stat status = {};
  return fstat(descriptor_, &status) == 0 && status.st_nlink == 0;
}

FileIdentity::~FileIdentity() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sibyl::base
