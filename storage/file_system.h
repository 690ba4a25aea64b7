// The file system as SibylDB uses it: the one door to files (RocksDB's log has its own).
//
// An interface, so that tests can drop unsynced bytes, fail the n-th call and fill the disk.

#ifndef SIBYL_STORAGE_FILE_SYSTEM_H_
#define SIBYL_STORAGE_FILE_SYSTEM_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::storage {

using Path = std::filesystem::path;

// Bytes appended to a new file. One thread at a time.
class WritableFile {
 public:
  virtual ~WritableFile() = default;  // closes; unsynced bytes may be lost in a power cut
  virtual Status Append(std::string_view bytes) = 0;
  virtual Status Sync() = 0;  // data and size survive a power cut once the directory is synced too
};

// A file's bytes in memory, for reading. The mapping ends with the object.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual std::string_view bytes() const = 0;
};

// Thread-safe.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual uint64_t size_bytes() const = 0;

  // Fills `out` with exactly `size` bytes from `offset`: one contiguous read.
  // Errors: kCorruption if the file ends before; kIo.
  virtual Status Read(uint64_t offset, size_t size, char* out) const = 0;

  virtual Result<std::unique_ptr<Mapping>> Map() const = 0;
};

// Held until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Every error names the path and says what the operating system said. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Errors: kIo; if the file exists, it is emptied first.
  virtual Result<std::unique_ptr<WritableFile>> Create(const Path& path) = 0;
  // Goes on behind what the file has; creates it if it is missing.
  virtual Result<std::unique_ptr<WritableFile>> OpenToAppend(const Path& path) = 0;
  virtual Result<std::unique_ptr<ReadableFile>> Open(const Path& path) = 0;
  virtual Result<std::string> ReadAll(const Path& path) = 0;  // for small files

  virtual Result<bool> Exists(const Path& path) = 0;
  virtual Result<std::vector<std::string>> List(const Path& directory) = 0;  // names, sorted
  virtual Status CreateDirectory(const Path& path) = 0;  // parents too; fine if it exists
  virtual Status SyncDirectory(const Path& path) = 0;
  virtual Status Rename(const Path& from, const Path& to) = 0;  // replaces `to`
  virtual Status Remove(const Path& path) = 0;                  // fine if it is not there

  // Removes `path` and, if it is a directory, everything in it; fine if it is not there.
  virtual Status RemoveAll(const Path& path) = 0;

  // Gives the file `from` a second name `to`, which must be free: a hard link. Errors: kNotSupported
  // where the two cannot share a file (another file system, or one without links); kIo.
  virtual Status Link(const Path& from, const Path& to) = 0;

  // Takes an exclusive lock on `path`, creating it. Errors: kBusy if any process, this one
  // included, holds it; the message names the holder's process id where known.
  virtual Result<std::unique_ptr<FileLock>> Lock(const Path& path) = 0;
};

// The operating system's files. A single stateless object.
FileSystem& PosixFileSystem();

// Writes `bytes` to `path` so that after a crash the file has either its old or its new content:
// temporary file, sync, rename, sync of the directory.
Status WriteFileAtomically(FileSystem& files, const Path& path, std::string_view bytes);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_FILE_SYSTEM_H_
