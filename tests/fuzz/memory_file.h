// A file system with one file, whose bytes are in memory: for decoders that read files.

#ifndef SIBYL_TESTS_FUZZ_MEMORY_FILE_H_
#define SIBYL_TESTS_FUZZ_MEMORY_FILE_H_

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "storage/file_system.h"

namespace sibyl::testing {

// The file is there under any name and can be created anew. One thread at a time.
class MemoryFile final : public storage::FileSystem {
 public:
  explicit MemoryFile(std::string bytes = {})
      : bytes_(std::make_shared<std::string>(std::move(bytes))) {}
  const std::string& bytes() const { return *bytes_; }

  Result<std::unique_ptr<storage::WritableFile>> Create(const storage::Path&) override {
    bytes_ = std::make_shared<std::string>();
    return std::unique_ptr<storage::WritableFile>(std::make_unique<Writer>(bytes_));
  }
  Result<std::unique_ptr<storage::WritableFile>> OpenToAppend(const storage::Path&) override {
    return None();
  }
  Result<std::unique_ptr<storage::ReadableFile>> Open(const storage::Path&) override {
    return std::unique_ptr<storage::ReadableFile>(std::make_unique<Reader>(bytes_));
  }
  Result<std::string> ReadAll(const storage::Path&) override { return *bytes_; }
  Result<bool> Exists(const storage::Path&) override { return true; }
  Result<std::vector<std::string>> List(const storage::Path&) override { return None(); }
  Status CreateDirectory(const storage::Path&) override { return None(); }
  Status SyncDirectory(const storage::Path&) override { return None(); }
  Status Rename(const storage::Path&, const storage::Path&) override { return None(); }
  Status Remove(const storage::Path&) override { return Ok(); }
  Status RemoveAll(const storage::Path&) override { return None(); }
  Status Link(const storage::Path&, const storage::Path&) override { return None(); }
  Result<std::unique_ptr<storage::FileLock>> Lock(const storage::Path&) override { return None(); }

 private:
  using Bytes = std::shared_ptr<std::string>;

  static Error None() { return {ErrorCode::kNotSupported, "there is one file only"}; }

  struct Writer final : storage::WritableFile {
    explicit Writer(Bytes file_bytes) : bytes(std::move(file_bytes)) {}
    Status Append(std::string_view more) override {
      bytes->append(more);
      return Ok();
    }
    Status Sync() override { return Ok(); }
    const Bytes bytes;
  };

  // The bytes end where they end, for the sanitizer to see.
  struct View final : storage::Mapping {
    explicit View(Bytes file_bytes) : bytes_of_file(std::move(file_bytes)) {}
    std::string_view bytes() const override { return *bytes_of_file; }
    const Bytes bytes_of_file;
  };

  struct Reader final : storage::ReadableFile {
    explicit Reader(Bytes file_bytes) : bytes(std::move(file_bytes)) {}
    uint64_t size_bytes() const override { return bytes->size(); }
    Status Read(uint64_t offset, size_t size, char* out) const override {
      if (offset > bytes->size() || size > bytes->size() - offset) {
        return Error{ErrorCode::kCorruption, "the file ends before"};
      }
      std::memcpy(out, bytes->data() + offset, size);
      return Ok();
    }
    Result<std::unique_ptr<storage::Mapping>> Map() const override {
      return std::unique_ptr<storage::Mapping>(std::make_unique<View>(bytes));
    }
    const Bytes bytes;
  };

  Bytes bytes_;
};

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_FUZZ_MEMORY_FILE_H_
