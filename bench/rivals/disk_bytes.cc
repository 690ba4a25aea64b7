#include <sys/stat.h>

#include <algorithm>

#include "bench/rivals/engine.h"

namespace sibyl::bench {
namespace {

// LMDB's file is sparse, RocksDB reserves space past the end of its log: the smaller of the length
// and the allocation is what holds data.
uint64_t FileBytes(const struct stat& file) {
  constexpr uint64_t kStatBlockBytes = 512;  // of st_blocks, whatever the file system's block is
  return std::min<uint64_t>(file.st_size, file.st_blocks * kStatBlockBytes);
}

}  // namespace

Result<uint64_t> DiskBytes(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(directory, error);
  uint64_t bytes = 0;
  for (; !error && entries != std::filesystem::end(entries); entries.increment(error)) {
    struct stat file;
    // A file may vanish between listing and stat: background work unlinks old ones.
    if (lstat(entries->path().c_str(), &file) != 0) continue;
    if (S_ISREG(file.st_mode)) bytes += FileBytes(file);
  }
  if (error) {
    return Error{ErrorCode::kIo, "cannot list " + directory.string() + ": " + error.message()};
  }
  return bytes;
}

}  // namespace sibyl::bench
