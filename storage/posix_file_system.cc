#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <thread>
#include <utility>

#include "base/status_macros.h"
#include "storage/file_system.h"

namespace sibyl::storage {
namespace {

Error IoError(const char* action, const Path& path, int error_number) {
  return Error{ErrorCode::kIo, std::string("cannot ") + action + " " + path.string() + ": " +
                                   std::generic_category().message(error_number)};
}

// Calls `call` until no signal interrupts it.
template <typename Call>
auto Retrying(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_ = -1;
};

Result<Descriptor> OpenDescriptor(const char* action, const Path& path, int flags) {
  const int number = Retrying([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); });
  if (number < 0) return IoError(action, path, errno);
  return Descriptor(number);
}

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(Path path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  Status Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written =
          Retrying([&] { return ::write(descriptor_.number(), bytes.data(), bytes.size()); });
      if (written < 0) return IoError("write", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return Ok();
  }

  Status Sync() override {
    // fdatasync also writes the metadata that reading the data back needs: the file's size.
    if (Retrying([&] { return ::fdatasync(descriptor_.number()); }) < 0) {
      return IoError("sync", path_, errno);
    }
    return Ok();
  }

 private:
  const Path path_;
  const Descriptor descriptor_;
};

class PosixMapping final : public Mapping {
 public:
  PosixMapping(void* start, size_t size_bytes) : start_(start), size_bytes_(size_bytes) {}
  ~PosixMapping() override {
    if (start_ != nullptr) ::munmap(start_, size_bytes_);
  }
  std::string_view bytes() const override {
    return {static_cast<const char*>(start_), size_bytes_};
  }

 private:
  void* const start_;  // null for an empty file, which cannot be mapped
  const size_t size_bytes_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(Path path, Descriptor descriptor, uint64_t size_bytes)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), size_bytes_(size_bytes) {}

  uint64_t size_bytes() const override { return size_bytes_; }

  Status Read(uint64_t offset, size_t size, char* out) const override {
    size_t done = 0;
    while (done < size) {
      const ssize_t got = Retrying([&] {
        return ::pread(descriptor_.number(), out + done, size - done,
                       static_cast<off_t>(offset + done));
      });
      if (got < 0) return IoError("read", path_, errno);
      if (got == 0) {
        return Error{ErrorCode::kCorruption,
                     path_.string() + ": the file ends at or before offset " +
                         std::to_string(offset + done) + ", inside a read of " +
                         std::to_string(size) + " bytes at offset " + std::to_string(offset)};
      }
      done += static_cast<size_t>(got);
    }
    return Ok();
  }

  Result<std::unique_ptr<Mapping>> Map() const override {
    if (size_bytes_ == 0) return std::unique_ptr<Mapping>(new PosixMapping(nullptr, 0));
    void* start = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_SHARED, descriptor_.number(), 0);
    if (start == MAP_FAILED) return IoError("map", path_, errno);
    return std::unique_ptr<Mapping>(new PosixMapping(start, size_bytes_));
  }

 private:
  const Path path_;
  const Descriptor descriptor_;
  const uint64_t size_bytes_;
};

// Closing the descriptor gives the lock back. LOCK_UN would be wrong: in a forked child, which
// inherits the lock, it would unlock the parent's file as well.
class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;
};

// The process that says it holds the lock; 0: none does.
long HolderOf(int descriptor) {
  char text[32] = {};
  long holder = 0;
  const ssize_t size = ::pread(descriptor, text, sizeof(text) - 1, 0);
  if (size > 0) std::from_chars(text, text + size, holder);
  return holder;
}

// Takes the lock. False, with errno set: it cannot be had. A child that this process forked a
// moment ago has a copy of the descriptor until it runs for the first time, and lets go of it then
// (engine/registry.h): so for a lock that was our own we wait a little.
bool TryLock(int descriptor) {
  constexpr auto kPatience = std::chrono::milliseconds(500);
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    if (Retrying([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0) return true;
    const int code = errno;
    const bool was_ours = code == EWOULDBLOCK && HolderOf(descriptor) == ::getpid();
    if (!was_ours || std::chrono::steady_clock::now() > give_up) {
      errno = code;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Error LockIsHeld(const Path& path, int descriptor) {
  const long holder = HolderOf(descriptor);
  std::string message = path.string() + " is locked by ";
  message += holder > 0 ? "process " + std::to_string(holder) : std::string("another process");
  return Error{ErrorCode::kBusy, std::move(message)};
}

// As long as any number would be: truncating what is there takes a file system a millisecond.
Status WriteHolder(const Path& path, int descriptor) {
  constexpr size_t kWidth = 20;
  std::string text = std::to_string(::getpid());
  text.resize(kWidth, ' ');
  text += '\n';
  if (::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return IoError("write", path, errno);
  }
  return Ok();
}

class PosixFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> Create(const Path& path) override {
    SIBYL_ASSIGN_OR_RETURN(Descriptor descriptor,
                           OpenDescriptor("create", path, O_WRONLY | O_CREAT | O_TRUNC));
    return std::unique_ptr<WritableFile>(new PosixWritableFile(path, std::move(descriptor)));
  }

  Result<std::unique_ptr<WritableFile>> OpenToAppend(const Path& path) override {
    SIBYL_ASSIGN_OR_RETURN(Descriptor descriptor,
                           OpenDescriptor("append to", path, O_WRONLY | O_CREAT | O_APPEND));
    return std::unique_ptr<WritableFile>(new PosixWritableFile(path, std::move(descriptor)));
  }

  Result<std::unique_ptr<ReadableFile>> Open(const Path& path) override {
    SIBYL_ASSIGN_OR_RETURN(Descriptor descriptor, OpenDescriptor("open", path, O_RDONLY));
    struct stat status;
    if (::fstat(descriptor.number(), &status) < 0) return IoError("inspect", path, errno);
    if (!S_ISREG(status.st_mode)) {
      return Error{ErrorCode::kIo, path.string() + " is not a regular file"};
    }
    return std::unique_ptr<ReadableFile>(
        new PosixReadableFile(path, std::move(descriptor), static_cast<uint64_t>(status.st_size)));
  }

  Result<std::string> ReadAll(const Path& path) override {
    SIBYL_ASSIGN_OR_RETURN(const auto file, Open(path));
    std::string bytes(file->size_bytes(), '\0');
    SIBYL_RETURN_IF_ERROR(file->Read(0, bytes.size(), bytes.data()));
    return bytes;
  }

  Result<bool> Exists(const Path& path) override {
    std::error_code error;
    const bool exists = std::filesystem::exists(path, error);
    if (error) return IoError("inspect", path, error.value());
    return exists;
  }

  Result<std::vector<std::string>> List(const Path& directory) override {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return IoError("list", directory, error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  Status CreateDirectory(const Path& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return IoError("create directory", path, error.value());
    return Ok();
  }

  Status SyncDirectory(const Path& path) override {
    SIBYL_ASSIGN_OR_RETURN(const Descriptor descriptor,
                           OpenDescriptor("open directory", path, O_RDONLY | O_DIRECTORY));
    if (Retrying([&] { return ::fsync(descriptor.number()); }) < 0) {
      return IoError("sync directory", path, errno);
    }
    return Ok();
  }

  Status Rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) < 0) {
      return Error{ErrorCode::kIo, "cannot rename " + from.string() + " to " + to.string() + ": " +
                                       std::generic_category().message(errno)};
    }
    return Ok();
  }

  Status Remove(const Path& path) override {
    if (::remove(path.c_str()) < 0 && errno != ENOENT) return IoError("remove", path, errno);
    return Ok();
  }

  Status RemoveAll(const Path& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return IoError("remove", path, error.value());
    return Ok();
  }

  Status Link(const Path& from, const Path& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return Ok();
    const int code = errno;
    const bool impossible = code == EXDEV || code == EPERM || code == EMLINK || code == EOPNOTSUPP;
    return Error{impossible ? ErrorCode::kNotSupported : ErrorCode::kIo,
                 "cannot link " + from.string() + " to " + to.string() + ": " +
                     std::generic_category().message(code)};
  }

  Result<std::unique_ptr<FileLock>> Lock(const Path& path) override {
    SIBYL_ASSIGN_OR_RETURN(Descriptor descriptor,
                           OpenDescriptor("open lock file", path, O_RDWR | O_CREAT));
    // flock, not fcntl: its lock belongs to this opening of the file, so that a second attempt
    // within the process is refused too, and closing another descriptor does not drop it.
    if (!TryLock(descriptor.number())) {
      if (errno == EWOULDBLOCK) return LockIsHeld(path, descriptor.number());
      return IoError("lock", path, errno);
    }
    SIBYL_RETURN_IF_ERROR(WriteHolder(path, descriptor.number()));
    return std::unique_ptr<FileLock>(new PosixFileLock(std::move(descriptor)));
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static PosixFiles files;
  return files;
}

Status WriteFileAtomically(FileSystem& files, const Path& path, std::string_view bytes) {
  Path temporary = path;
  temporary += ".tmp";
  const auto write = [&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto file, files.Create(temporary));
    SIBYL_RETURN_IF_ERROR(file->Append(bytes));
    return file->Sync();
  };
  Status written = write();
  if (written) written = files.Rename(temporary, path);
  if (!written) {
    (void)files.Remove(temporary);  // the first error is the one to report
    return written;
  }
  return files.SyncDirectory(path.has_parent_path() ? path.parent_path() : Path("."));
}

}  // namespace sibyl::storage
