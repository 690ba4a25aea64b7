// The marker file: see the header for its format.

#include "sql/marker_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/status_macros.h"

namespace sibyl::sql {
namespace {

constexpr std::string_view kMagic = "SibylDB marker ";  // then the version, one digit
constexpr std::string_view kVersion1 = "SibylDB marker 1\n";
constexpr size_t kUuidBytes = 36;
constexpr size_t kMaxMarkerBytes = 4096;

Error IoError(const std::string& what, const std::filesystem::path& path) {
  return Error{ErrorCode::kIo, what + " " + path.string() + ": " + std::strerror(errno)};
}

// Closes a file descriptor when it goes out of scope.
class ScopedFd {
 public:
  explicit ScopedFd(int fd) : fd_(fd) {}
  ~ScopedFd() {
    if (fd_ >= 0) close(fd_);
  }
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status SyncDirectoryOf(const std::filesystem::path& path) {
  const ScopedFd directory(open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || fsync(directory.get()) != 0) {
    return IoError("cannot sync the folder of", path);
  }
  return Ok();
}

bool IsUuid(std::string_view text) {
  if (text.size() != kUuidBytes) return false;
  return text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

}  // namespace

bool IsMarker(std::string_view first_bytes) { return first_bytes.starts_with(kMagic); }

Result<std::string> NewUuid() {
  std::array<unsigned char, 16> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return Error{ErrorCode::kIo, std::string("cannot get random bytes: ") + std::strerror(errno)};
  }
  random[6] = static_cast<unsigned char>((random[6] & 0x0f) | 0x40);  // version 4
  random[8] = static_cast<unsigned char>((random[8] & 0x3f) | 0x80);  // RFC 4122 variant
  static constexpr char kHex[] = "0123456789abcdef";
  std::string uuid;
  for (size_t i = 0; i < random.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += kHex[random[i] >> 4];
    uuid += kHex[random[i] & 15];
  }
  return uuid;
}

Result<std::optional<std::string>> ReadMarker(const std::filesystem::path& path) {
  const ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return IoError("cannot open", path);
  std::string text(kMaxMarkerBytes, '\0');
  const ssize_t size = read(file.get(), text.data(), text.size());
  if (size < 0) return IoError("cannot read", path);
  text.resize(static_cast<size_t>(size));
  return ParseMarker(path, text);
}

Result<std::optional<std::string>> ParseMarker(const std::filesystem::path& path,
                                               std::string_view text) {
  if (text.empty()) return std::optional<std::string>();
  if (text.starts_with(kVersion1)) {
    const std::string uuid(text.substr(kVersion1.size(), kUuidBytes));
    if (IsUuid(uuid)) return std::optional<std::string>(uuid);
  } else if (IsMarker(text)) {
    return Error{ErrorCode::kNotSupported,
                 path.string() + ": a database of a newer version of SibylDB than this one"};
  }
  return Error{ErrorCode::kCorruption, path.string() + ": damaged database marker"};
}

Status WriteMarker(const std::filesystem::path& path, std::string_view uuid) {
  std::string text(kVersion1);
  text += uuid;
  text += "\nA SibylDB database. Its data is in the folder " + path.filename().string() +
          "-sibyl beside this file: keep the two together.\n";
  const ScopedFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return IoError("cannot open", path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      fsync(file.get()) != 0) {
    const Error error = IoError("cannot write", path);
    // Best effort: half a marker would be taken for a damaged database, an empty file is a new one.
    if (ftruncate(file.get(), 0) != 0) return error;
    return error;
  }
  return SyncDirectoryOf(path);
}

}  // namespace sibyl::sql
