#include "engine/sort_run.h"

#include <utility>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/status_macros.h"

namespace sibyl::engine {

namespace {

// A chunk ends at this size; a record larger than that has one of its own.
constexpr size_t kChunkBytes = 256 << 10;

// size u64 | checksum u64, before the bytes of each chunk.
constexpr size_t kChunkHeaderBytes = 16;

class SortRunCursor final : public ForwardCursor {
 public:
  SortRunCursor(std::unique_ptr<storage::ReadableFile> file, const storage::Path& path)
      : file_(std::move(file)), path_(path) {}

  bool Valid() const override { return valid_; }
  void SeekToFirst() override {
    offset_ = 0;
    chunk_.clear();
    left_ = {};
    status_ = Ok();
    Next();
  }
  void Next() override {
    valid_ = false;
    if (left_.empty() && !ReadChunk()) return;
    base::Decoder decoder(left_);
    key_ = decoder.GetString();
    value_ = decoder.GetString();
    if (!decoder.ok()) return Fail("malformed record");
    left_.remove_prefix(static_cast<size_t>(value_.data() + value_.size() - left_.data()));
    valid_ = true;
  }
  std::string_view key() const override { return key_; }
  RecordType type() const override { return RecordType::kValue; }
  std::string_view value() override { return value_; }
  Status status() const override { return status_; }

 private:
  // False at the end, and after an error.
  bool ReadChunk() {
    if (offset_ == file_->size_bytes()) return false;
    char header[kChunkHeaderBytes];
    if (!Read(sizeof(header), header)) return false;
    const uint64_t size_bytes = base::Load64(header);
    if (size_bytes > file_->size_bytes() - offset_) {
      Fail("a chunk beyond the end");
      return false;
    }
    chunk_.resize(size_bytes);
    if (!Read(size_bytes, chunk_.data())) return false;
    if (base::Checksum(chunk_) != base::Load64(header + sizeof(uint64_t))) {
      Fail("checksum mismatch");
      return false;
    }
    left_ = chunk_;
    return true;
  }

  bool Read(uint64_t size_bytes, char* to) {
    if (size_bytes > file_->size_bytes() - offset_) {
      Fail("cut short");
      return false;
    }
    status_ = file_->Read(offset_, size_bytes, to);
    offset_ += size_bytes;
    return status_.has_value();
  }

  void Fail(const char* what) {
    status_ = Error{ErrorCode::kCorruption,
                    path_.string() + ": offset " + std::to_string(offset_) + ": " + what};
  }

  const std::unique_ptr<storage::ReadableFile> file_;
  const storage::Path path_;
  uint64_t offset_ = 0;  // of what comes after chunk_
  std::string chunk_;
  std::string_view left_;  // of chunk_
  std::string_view key_;
  std::string_view value_;
  bool valid_ = false;
  Status status_ = Ok();
};

}  // namespace

SortRun::~SortRun() {
  // What cannot be removed now is found unnamed at the next opening.
  (void)files_->Remove(path_);
}

Result<std::unique_ptr<ForwardCursor>> SortRun::NewCursor() const {
  SIBYL_ASSIGN_OR_RETURN(auto file, files_->Open(path_));
  return std::unique_ptr<ForwardCursor>(std::make_unique<SortRunCursor>(std::move(file), path_));
}

Result<std::unique_ptr<SortRunWriter>> SortRunWriter::Create(storage::FileSystem& files,
                                                             const storage::Path& path) {
  SIBYL_ASSIGN_OR_RETURN(auto file, files.Create(path));
  return std::unique_ptr<SortRunWriter>(
      new SortRunWriter(std::make_unique<SortRun>(files, path), std::move(file)));
}

Status SortRunWriter::Add(std::string_view key, std::string_view value) {
  base::PutString(&chunk_, key);
  base::PutString(&chunk_, value);
  return chunk_.size() < kChunkBytes ? Ok() : WriteChunk();
}

Status SortRunWriter::WriteChunk() {
  if (chunk_.empty()) return Ok();
  std::string header;
  base::Put64(&header, chunk_.size());
  base::Put64(&header, base::Checksum(chunk_));
  SIBYL_RETURN_IF_ERROR(file_->Append(header));
  SIBYL_RETURN_IF_ERROR(file_->Append(chunk_));
  chunk_.clear();
  return Ok();
}

// Not synced: after a crash nobody wants it.
Result<std::unique_ptr<SortRun>> SortRunWriter::Finish() {
  SIBYL_RETURN_IF_ERROR(WriteChunk());
  file_.reset();
  return std::move(run_);
}

}  // namespace sibyl::engine
