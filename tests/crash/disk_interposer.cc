#include "tests/crash/disk_interposer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace sibyl::testing {
namespace {

// The C library's function of that name.
template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

constexpr uint64_t kPageBytes = 4096;

// A change of a directory that is not durable yet.
struct PendingChange {
  enum class Kind { kCreate, kRename, kRemove } kind;
  std::string path;    // created, removed, or renamed to
  std::string from;    // kRename
  std::string shadow;  // where the file that was replaced or removed is kept; empty: there was none
};

class Interposer {
 public:
  void Arm(const std::string& directory, uint64_t crash_at_call, CrashKind kind) {
    if (crash_at_call == 0) return;
    const std::lock_guard lock(mutex_);
    root_ = directory;
    shadow_ = directory + ".shadow";
    std::filesystem::remove_all(shadow_);
    std::filesystem::create_directories(shadow_);
    crash_at_call_ = crash_at_call;
    kind_ = kind;
  }

  int Open(const char* path, int flags, mode_t mode) {
    const std::lock_guard lock(mutex_);
    static auto* const real = Real<int(const char*, int, ...)>("open");
    if (!Concerns(path)) return real(path, flags, mode);
    const bool changes = (flags & O_CREAT) != 0;
    const bool exists = access(path, F_OK) == 0;
    if (changes && !exists) Step();
    const int descriptor = real(path, flags, mode);
    if (descriptor < 0) return descriptor;
    open_[descriptor] = path;
    if (changes && !exists) {
      pending_.push_back({PendingChange::Kind::kCreate, path, "", ""});
      synced_bytes_[path] = 0;
    } else if ((flags & O_ACCMODE) != O_RDONLY && !synced_bytes_.contains(path)) {
      synced_bytes_[path] = (flags & O_TRUNC) != 0 ? 0 : SizeOf(path);
    }
    return descriptor;
  }

  int Close(int descriptor) {
    const std::lock_guard lock(mutex_);
    static auto* const real = Real<int(int)>("close");
    open_.erase(descriptor);
    return real(descriptor);
  }

  ssize_t Write(int descriptor, const void* bytes, size_t size, std::optional<off_t> offset) {
    const std::lock_guard lock(mutex_);
    static auto* const real_write = Real<ssize_t(int, const void*, size_t)>("write");
    static auto* const real_pwrite = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
    const auto run = [&](size_t part) {
      return offset ? real_pwrite(descriptor, bytes, part, *offset)
                    : real_write(descriptor, bytes, part);
    };
    if (open_.contains(descriptor)) {
      Step([&] { static_cast<void>(run(size / 2)); });
    }
    return run(size);
  }

  int Sync(int descriptor, const char* name) {
    const std::lock_guard lock(mutex_);
    const auto file = open_.find(descriptor);
    if (file != open_.end()) Step();
    const int result = Real<int(int)>(name)(descriptor);
    if (file == open_.end() || result != 0) return result;
    if (std::filesystem::is_directory(file->second)) {
      ForgetPending();
    } else if (synced_bytes_.contains(file->second)) {
      synced_bytes_[file->second] = SizeOf(file->second);
    }
    return result;
  }

  int Truncate(int descriptor, off_t size) {
    const std::lock_guard lock(mutex_);
    static auto* const real = Real<int(int, off_t)>("ftruncate");
    if (open_.contains(descriptor)) Step();
    return real(descriptor, size);
  }

  int Rename(const char* from, const char* to) {
    const std::lock_guard lock(mutex_);
    static auto* const real = Real<int(const char*, const char*)>("rename");
    if (!Concerns(to)) return real(from, to);
    Step();
    std::string shadow;
    if (access(to, F_OK) == 0) {
      shadow = NewShadow();
      std::filesystem::copy_file(to, shadow);
    }
    const int result = real(from, to);
    if (result != 0) return result;
    pending_.push_back({PendingChange::Kind::kRename, to, from, shadow});
    synced_bytes_[to] = synced_bytes_.contains(from) ? synced_bytes_[from] : SizeOf(to);
    synced_bytes_.erase(from);
    return result;
  }

  int Unlink(const char* path) {
    const std::lock_guard lock(mutex_);
    static auto* const real = Real<int(const char*)>("unlink");
    if (!Concerns(path) || access(path, F_OK) != 0) return real(path);
    Step();
    const std::string shadow = NewShadow();
    std::filesystem::copy_file(path, shadow);
    const int result = real(path);
    pending_.push_back({PendingChange::Kind::kRemove, path, "", shadow});
    return result;
  }

 private:
  bool Concerns(std::string_view path) const {
    return !root_.empty() && path.starts_with(root_) && !path.starts_with(shadow_);
  }

  static uint64_t SizeOf(const std::string& path) {
    struct stat status;
    return stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
  }

  std::string NewShadow() { return shadow_ + "/" + std::to_string(++shadows_); }

  void Step() {
    Step([] {});
  }

  // Counts a call; ends the process if it is the one. `half` does half of the call.
  template <typename Half>
  void Step(Half half) {
    if (++calls_ != crash_at_call_) return;
    if (kind_ == CrashKind::kTornWrite) half();
    if (kind_ >= CrashKind::kPowerCut) CutPower();
    raise(SIGKILL);
  }

  // Everything pending is durable now. (There is only one directory below the root, itself.)
  void ForgetPending() {
    for (const PendingChange& change : pending_) {
      if (!change.shadow.empty()) Real<int(const char*)>("unlink")(change.shadow.c_str());
    }
    pending_.clear();
  }

  void CutPower() {
    for (const auto& [path, bytes] : synced_bytes_) LoseTail(path, bytes);
    static auto* const real_rename = Real<int(const char*, const char*)>("rename");
    for (auto change = pending_.rbegin(); change != pending_.rend(); ++change) {
      if (change->kind == PendingChange::Kind::kCreate) {
        Real<int(const char*)>("unlink")(change->path.c_str());
      }
      if (change->kind == PendingChange::Kind::kRename) {
        real_rename(change->path.c_str(), change->from.c_str());
      }
      if (!change->shadow.empty()) real_rename(change->shadow.c_str(), change->path.c_str());
    }
  }

  void LoseTail(const std::string& path, uint64_t synced_bytes) {
    const uint64_t size_bytes = SizeOf(path);
    if (size_bytes <= synced_bytes) return;
    std::mt19937_64 random(crash_at_call_);
    uint64_t kept_bytes = synced_bytes;
    if (kind_ != CrashKind::kPowerCut) kept_bytes += random() % (size_bytes - synced_bytes + 1);
    if (kind_ == CrashKind::kPowerCutGarbage) LosePages(path, synced_bytes, kept_bytes);
    std::filesystem::resize_file(path, kept_bytes);
  }

  // Some pages of the tail never reached the disk: noise or zeros are in their place. A page is
  // written whole or not at all, so that those with synced bytes keep their content.
  void LosePages(const std::string& path, uint64_t synced_bytes, uint64_t kept_bytes) {
    std::mt19937_64 random(crash_at_call_);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const uint64_t first_page = (synced_bytes + kPageBytes - 1) / kPageBytes;
    for (uint64_t offset = first_page * kPageBytes; offset < kept_bytes; offset += kPageBytes) {
      if (random() % 3 != 0) continue;
      const bool zeros = random() % 2 == 0;
      file.seekp(static_cast<std::streamoff>(offset));
      for (uint64_t i = offset; i < std::min(offset + kPageBytes, kept_bytes); ++i) {
        file.put(zeros ? '\0' : static_cast<char>(random()));
      }
    }
  }

  // Recursive: what a crash does passes through here once more.
  std::recursive_mutex mutex_;
  std::string root_;
  std::string shadow_;
  uint64_t crash_at_call_ = 0;
  CrashKind kind_ = CrashKind::kKill;
  uint64_t calls_ = 0;
  uint64_t shadows_ = 0;
  std::map<int, std::string> open_;               // descriptors of files below the root
  std::map<std::string, uint64_t> synced_bytes_;  // of each file opened for writing
  std::vector<PendingChange> pending_;
};

// Never destroyed: files are still closed while the process ends.
Interposer& TheInterposer() {
  static auto* const interposer = new Interposer;
  return *interposer;
}

}  // namespace

void ArmDiskInterposer(const std::string& directory, uint64_t crash_at_call, CrashKind kind) {
  TheInterposer().Arm(directory, crash_at_call, kind);
}

}  // namespace sibyl::testing

using sibyl::testing::TheInterposer;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return TheInterposer().Open(path, flags, mode);
}
int close(int descriptor) { return TheInterposer().Close(descriptor); }
ssize_t write(int descriptor, const void* bytes, size_t size) {
  return TheInterposer().Write(descriptor, bytes, size, std::nullopt);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return TheInterposer().Write(descriptor, bytes, size, offset);
}
int fsync(int descriptor) { return TheInterposer().Sync(descriptor, "fsync"); }
int fdatasync(int descriptor) { return TheInterposer().Sync(descriptor, "fdatasync"); }
int ftruncate(int descriptor, off_t size) noexcept {
  return TheInterposer().Truncate(descriptor, size);
}
int rename(const char* from, const char* to) noexcept { return TheInterposer().Rename(from, to); }
int unlink(const char* path) noexcept { return TheInterposer().Unlink(path); }

}  // extern "C"
