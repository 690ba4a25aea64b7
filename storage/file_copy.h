// Copies of files that prove themselves: for checkpoints and backups.

#ifndef SIBYL_STORAGE_FILE_COPY_H_
#define SIBYL_STORAGE_FILE_COPY_H_

#include <cstdint>

#include "sibyl/result.h"
#include "storage/file_system.h"

namespace sibyl::storage {

// What a file is, as far as its bytes go.
struct FileContent {
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // XXH3 of each MiB, seeded with that of those before it
  friend bool operator==(const FileContent&, const FileContent&) = default;
};

// Reads the whole file. Errors: kIo.
Result<FileContent> ReadContent(FileSystem& files, const Path& path);

// Copies `from` to `to`, which is replaced, and syncs the copy (not its directory). After an error
// nothing is left at `to`. Errors: kIo.
Result<FileContent> CopyFile(FileSystem& files, const Path& from, const Path& to);

// Makes `to`, which must not exist, the same file as `from` where the file system can, else a copy
// of it. Returns the bytes copied, 0 for a link. For files that never change. Errors: kIo.
Result<uint64_t> LinkOrCopyFile(FileSystem& files, const Path& from, const Path& to);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_FILE_COPY_H_
