#include "tools/input/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/status_macros.h"

namespace sibyl::tools {
namespace {

// RFC 8878, section 3.1.1.
constexpr char kZstdMagic[4] = {'\x28', '\xb5', '\x2f', '\xfd'};

Error IoError(const std::string& name, const char* verb) {
  return {ErrorCode::kIo, "cannot " + std::string(verb) + " " + name + ": " + strerror(errno)};
}

class FileSource : public ByteSource {
 public:
  // Takes over `descriptor`, and closes it unless it is standard input.
  FileSource(std::string name, int descriptor, std::optional<uint64_t> size_bytes)
      : name_(std::move(name)), descriptor_(descriptor), size_bytes_(size_bytes) {}
  ~FileSource() override {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  Result<size_t> Read(std::span<char> buffer) override {
    ssize_t count = 0;
    do {
      count = ::read(descriptor_, buffer.data(), buffer.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) return IoError(name_, "read");
    consumed_bytes_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }

  uint64_t consumed_bytes() const override { return consumed_bytes_; }
  std::optional<uint64_t> size_bytes() const override { return size_bytes_; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_;
  int descriptor_;
  std::optional<uint64_t> size_bytes_;
  uint64_t consumed_bytes_ = 0;
};

// Gives back the bytes that were read ahead to recognize the format, then the rest.
class PeekedSource : public ByteSource {
 public:
  explicit PeekedSource(std::unique_ptr<ByteSource> rest) : rest_(std::move(rest)) {}

  // Up to `count` first bytes of the input, fewer only if it is shorter. Before any Read.
  Result<std::string_view> Peek(size_t count) {
    while (peeked_.size() < count) {
      std::vector<char> buffer(count - peeked_.size());
      SIBYL_ASSIGN_OR_RETURN(const size_t read, rest_->Read(buffer));
      if (read == 0) break;
      peeked_.append(buffer.data(), read);
    }
    return std::string_view(peeked_);
  }

  Result<size_t> Read(std::span<char> buffer) override {
    if (given_ == peeked_.size()) return rest_->Read(buffer);
    const size_t count = std::min(buffer.size(), peeked_.size() - given_);
    std::memcpy(buffer.data(), peeked_.data() + given_, count);
    given_ += count;
    return count;
  }

  uint64_t consumed_bytes() const override { return rest_->consumed_bytes(); }
  std::optional<uint64_t> size_bytes() const override { return rest_->size_bytes(); }
  const std::string& name() const override { return rest_->name(); }

 private:
  std::unique_ptr<ByteSource> rest_;
  std::string peeked_;
  size_t given_ = 0;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<ByteSource> compressed)
      : compressed_(std::move(compressed)), stream_(ZSTD_createDStream(), ZSTD_freeDStream) {}

  Result<size_t> Read(std::span<char> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size) {
        SIBYL_ASSIGN_OR_RETURN(const bool more, Refill());
        if (!more) return size_t{0};
      }
      const size_t rest = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(rest)) return Broken(ZSTD_getErrorName(rest));
      frame_open_ = rest != 0;
    }
    return out.pos;
  }

  uint64_t consumed_bytes() const override { return compressed_->consumed_bytes(); }
  std::optional<uint64_t> size_bytes() const override { return compressed_->size_bytes(); }
  const std::string& name() const override { return compressed_->name(); }

 private:
  // Reads more compressed bytes; false at a clean end.
  Result<bool> Refill() {
    SIBYL_ASSIGN_OR_RETURN(const size_t count, compressed_->Read(chunk_));
    if (count == 0 && frame_open_) return Broken("it ends in the middle");
    in_ = {chunk_.data(), count, 0};
    return count > 0;
  }

  Error Broken(const char* why) const {
    return {ErrorCode::kCorruption, name() + " is broken Zstandard data before byte " +
                                        std::to_string(consumed_bytes()) + ": " + why};
  }

  std::unique_ptr<ByteSource> compressed_;
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  std::vector<char> chunk_ = std::vector<char>(ZSTD_DStreamInSize());
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool frame_open_ = false;
};

Result<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  const bool is_stdin = path == "-";
  const std::string name = is_stdin ? "standard input" : path;
  const int descriptor = is_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return IoError(name, "open");
  struct stat info {};
  std::optional<uint64_t> size_bytes;
  if (::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) {
    size_bytes = static_cast<uint64_t>(info.st_size);
  }
  return std::unique_ptr<ByteSource>(new FileSource(name, descriptor, size_bytes));
}

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenInput(const std::string& path) {
  SIBYL_ASSIGN_OR_RETURN(auto file, OpenFile(path));
  auto peeked = std::make_unique<PeekedSource>(std::move(file));
  SIBYL_ASSIGN_OR_RETURN(const std::string_view magic, peeked->Peek(sizeof(kZstdMagic)));
  if (magic != std::string_view(kZstdMagic, sizeof(kZstdMagic))) {
    return std::unique_ptr<ByteSource>(std::move(peeked));
  }
  return std::unique_ptr<ByteSource>(std::make_unique<ZstdSource>(std::move(peeked)));
}

}  // namespace sibyl::tools
