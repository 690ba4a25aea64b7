#include "storage/segment_writer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/checksum.h"
#include "base/key_order.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "sibyl/write_batch.h"
#include "storage/block_builder.h"
#include "storage/block_compression.h"
#include "storage/block_directory.h"
#include "storage/block_quartiles.h"
#include "storage/segment_format.h"

namespace sibyl::storage {
namespace {

constexpr size_t kTreePrefixBytes = 4;
constexpr size_t kMaxStoredKeyBytes = kTreePrefixBytes + kMaxKeyBytes;

// Every write but the last has this size and begins at a multiple of it: the page cache of newer
// kernels then keeps the file in huge pages, which spare reads some misses of translation.
constexpr size_t kWriteBufferBytes = 2 << 20;

Error Invalid(const Path& path, std::string what) {
  return Error{ErrorCode::kInvalidArgument, path.string() + ": " + std::move(what)};
}

// The reach of a block offset: 64 blocks times 4-byte residuals in units of 8 bytes.
constexpr uint64_t kMaxBlocksBytes = (uint64_t{1} << 35) - kMaxBlockBytes;

// Appends to a file and knows how far it has come. After an error it only repeats the error: what
// is in the file is then unknown.
class SectionFile {
 public:
  SectionFile(std::unique_ptr<WritableFile> file, SegmentWriter::BeforeWrite before_write)
      : file_(std::move(file)), before_write_(std::move(before_write)) {}

  uint64_t offset() const { return offset_; }

  Status Append(std::string_view bytes) {
    offset_ += bytes.size();
    while (!bytes.empty()) {
      const size_t taken = std::min(bytes.size(), kWriteBufferBytes - buffer_.size());
      buffer_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (buffer_.size() == kWriteBufferBytes) SIBYL_RETURN_IF_ERROR(Flush());
    }
    return status_;
  }

  Status PadToAlignment() {
    return Append(std::string(RoundUpToAlignment(offset_) - offset_, '\0'));
  }

  Status Sync() {
    SIBYL_RETURN_IF_ERROR(Flush());
    return status_ = file_->Sync();
  }

 private:
  Status Flush() {
    SIBYL_RETURN_IF_ERROR(Write(buffer_));
    buffer_.clear();
    return Ok();
  }

  Status Write(std::string_view bytes) {
    if (status_ && before_write_) status_ = before_write_(bytes.size());
    if (status_) status_ = file_->Append(bytes);
    return status_;
  }

  const std::unique_ptr<WritableFile> file_;
  const SegmentWriter::BeforeWrite before_write_;
  std::string buffer_;
  uint64_t offset_ = 0;
  Status status_ = Ok();
};

class SegmentWriterImpl final : public SegmentWriter {
 public:
  SegmentWriterImpl(FileSystem& files, Path path, std::unique_ptr<WritableFile> file,
                    BeforeWrite before_write, SegmentFormat format)
      : files_(files),
        path_(std::move(path)),
        format_(format),
        file_(std::in_place, std::move(file), std::move(before_write)) {}

  ~SegmentWriterImpl() override {
    file_.reset();
    // Nobody is left to hear of a failure; recovery clears away what stays.
    if (!finished_) (void)files_.Remove(path_);
  }

  Status Start() { return file_->Append(EncodeSegmentHeader(static_cast<uint32_t>(format_))); }

  void UseOptions(const TreeOptions& options) override {
    SIBYL_CHECK(format_ == SegmentFormat::kEncoded || options == TreeOptions());
    options_ = options;
  }

  using SegmentWriter::Add;
  Status Add(std::string_view key, std::string_view value, RecordType type, uint32_t block,
             uint16_t line_fraction) override {
    SIBYL_RETURN_IF_ERROR(CheckRecord(key, value, type, block));
    if (block != block_) {
      SIBYL_RETURN_IF_ERROR(FinishBlock());
      StartBlocksUntil(block);
    }
    if (builder_.empty()) block_options_ = options_;
    if (builder_.SizeLimitBytes() + key.size() + kMaxInlineValueBytes >= kMaxBlockBytes ||
        file_->offset() >= kMaxBlocksBytes) {
      return Invalid(path_, "block " + std::to_string(block) + " or the segment grows too large " +
                                "at key " + base::Quoted(key));
    }
    if (value.size() > kMaxInlineValueBytes) {
      builder_.Add(key, KeepOutOfLine(value), type, true);
    } else {
      builder_.Add(key, value, type, false);
    }
    quartiles_.Add(line_fraction);
    Count(key, type);
    return Ok();
  }

  Result<SegmentFileInfo> Finish(uint32_t block_count, std::string_view model,
                                 std::string_view filter,
                                 const SegmentProperties& properties) override {
    if (properties_.records > 0 && block_count <= block_) {
      return Invalid(path_, "block count " + std::to_string(block_count) +
                                " with a record in block " + std::to_string(block_));
    }
    SIBYL_RETURN_IF_ERROR(FinishBlock());
    StartBlocksUntil(block_count);
    properties_.blocks = block_count;
    properties_.training_ns = properties.training_ns;
    properties_.build_ns = properties.build_ns;
    properties_.model_note = properties.model_note;
    SIBYL_RETURN_IF_ERROR(WriteSections(model, filter));
    SIBYL_RETURN_IF_ERROR(file_->Sync());
    finished_ = true;
    return SegmentFileInfo{file_->offset(), properties_};
  }

 private:
  Status CheckRecord(std::string_view key, std::string_view value, RecordType type,
                     uint32_t block) const {
    if (key.size() > kMaxStoredKeyBytes || value.size() > kMaxValueBytes) {
      return Invalid(path_, "key " + base::Quoted(key) + " of " + std::to_string(key.size()) +
                                " bytes with a value of " + std::to_string(value.size()) +
                                " bytes is over the limit");
    }
    if (type == RecordType::kTombstone && !value.empty()) {
      return Invalid(path_, "tombstone with a value at key " + base::Quoted(key));
    }
    if (properties_.records == 0) return Ok();
    if (!base::Precedes(LastKey(), key)) {
      return Invalid(path_, "key " + base::Quoted(key) + " after key " + base::Quoted(LastKey()));
    }
    if (block < block_) {
      return Invalid(path_, "key " + base::Quoted(key) + " in block " + std::to_string(block) +
                                " after block " + std::to_string(block_));
    }
    return Ok();
  }

  std::string_view LastKey() const {
    return builder_.empty() ? std::string_view(properties_.largest_key) : builder_.last_key();
  }

  // Values come after all blocks, so they wait here until Finish.
  std::string KeepOutOfLine(std::string_view value) {
    ValueReference reference;
    const std::string_view compressed = compressor_.Compress(block_options_.compression, value);
    if (!compressed.empty()) {
      reference.method = block_options_.compression;
      reference.plain_bytes = value.size();
      value = compressed;
    }
    reference.offset = values_bytes_;
    reference.stored_bytes = value.size();
    reference.checksum = base::Checksum(value);
    values_.emplace_back(value);
    values_bytes_ += value.size();
    return reference.Encode();
  }

  void Count(std::string_view key, RecordType type) {
    if (properties_.records == 0) properties_.smallest_key = key;
    ++properties_.records;
    if (type == RecordType::kTombstone) ++properties_.tombstones;
    properties_.fingerprint = base::Checksum(key, properties_.fingerprint);
  }

  // Writes the block being built, if it has records.
  Status FinishBlock() {
    if (builder_.empty()) return Ok();
    const std::string_view bytes =
        MaybeCompressed(builder_.Finish(block_, block_options_.packed_keys));
    properties_.largest_block_records =
        std::max<uint64_t>(properties_.largest_block_records, builder_.record_count());
    properties_.largest_block_bytes =
        std::max<uint64_t>(properties_.largest_block_bytes, bytes.size());
    properties_.largest_key = builder_.last_key();
    builder_.Clear();
    quartiles_.FinishBlock(block_);
    return file_->Append(bytes);
  }

  // The block as it goes to the file.
  std::string_view MaybeCompressed(std::string_view plain) {
    if (format_ == SegmentFormat::kPlain) return plain;
    properties_.plain_blocks_bytes += plain.size();
    if (HasPackedWindows(plain)) ++properties_.packed_blocks;
    if (block_options_.compression == Compression::kNone) return plain;
    const std::string_view compressed = CompressBlock(&compressor_, block_options_.compression,
                                                      plain, block_, &compressed_block_);
    if (compressed.empty()) return plain;
    ++properties_.compressed_blocks;
    return compressed;
  }

  // Records where the blocks after the last one, up to and including `block`, start: here.
  void StartBlocksUntil(uint32_t block) {
    while (offsets_.size() <= block) {
      if (offsets_.size() % BlockDirectory::kGroupBlocks == 0)
        ranks_.push_back(properties_.records);
      offsets_.push_back(file_->offset());
    }
    block_ = block;
  }

  Status WriteSections(std::string_view model, std::string_view filter) {
    sections_.push_back(
        {SectionKind::kBlocks, kSegmentHeaderBytes, file_->offset() - kSegmentHeaderBytes, 0});
    SIBYL_RETURN_IF_ERROR(WriteValues());
    SIBYL_RETURN_IF_ERROR(WriteSection(SectionKind::kBlockOffsets, EncodeBlockOffsets(offsets_)));
    SIBYL_RETURN_IF_ERROR(WriteSection(SectionKind::kRanks, EncodeRanks(ranks_)));
    SIBYL_RETURN_IF_ERROR(WriteSection(SectionKind::kModel, model));
    if (!filter.empty()) SIBYL_RETURN_IF_ERROR(WriteSection(SectionKind::kFilter, filter));
    const std::string quartiles = quartiles_.Finish(static_cast<uint32_t>(properties_.blocks));
    if (!quartiles.empty()) {
      SIBYL_RETURN_IF_ERROR(WriteSection(SectionKind::kQuartiles, quartiles));
    }
    SIBYL_RETURN_IF_ERROR(
        WriteSection(SectionKind::kProperties, EncodeSegmentProperties(properties_)));
    return file_->Append(EncodeSegmentFooter(sections_, file_->offset()));
  }

  Status WriteValues() {
    sections_.push_back({SectionKind::kValues, file_->offset(), values_bytes_, 0});
    for (std::string& value : values_) {
      SIBYL_RETURN_IF_ERROR(file_->Append(value));
      value = std::string();
    }
    return file_->PadToAlignment();
  }

  Status WriteSection(SectionKind kind, std::string_view bytes) {
    sections_.push_back({kind, file_->offset(), bytes.size(), base::Checksum(bytes)});
    SIBYL_RETURN_IF_ERROR(file_->Append(bytes));
    return file_->PadToAlignment();
  }

  FileSystem& files_;
  const Path path_;
  const SegmentFormat format_;
  std::optional<SectionFile> file_;
  bool finished_ = false;

  TreeOptions options_;        // of the blocks to come
  TreeOptions block_options_;  // of the one being built
  Compressor compressor_;
  std::string compressed_block_;
  BlockBuilder builder_;
  uint32_t block_ = 0;                                     // the one being built
  std::vector<uint64_t> offsets_ = {kSegmentHeaderBytes};  // of each block begun
  std::vector<uint64_t> ranks_ = {0};
  BlockQuartilesBuilder quartiles_;
  std::vector<std::string> values_;
  uint64_t values_bytes_ = 0;
  std::vector<Section> sections_;
  SegmentProperties properties_;  // as far as they are known
};

}  // namespace

uint32_t BlockBytesOfRecord(std::string_view key, std::string_view value) {
  constexpr size_t kSharedBytes = kTreePrefixBytes;  // at least the tree id is shared
  const size_t own_key_bytes = key.size() - std::min(key.size(), kSharedBytes);
  const size_t remainder_bytes = own_key_bytes - std::min(own_key_bytes, kWindowBytes);
  const size_t value_bytes =
      value.size() > kMaxInlineValueBytes ? ValueReference::kPlainBytes : value.size();
  return static_cast<uint32_t>(kWindowBytes + remainder_bytes + value_bytes);
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(FileSystem& files, const Path& path,
                                                             BeforeWrite before_write,
                                                             SegmentFormat format) {
  SIBYL_ASSIGN_OR_RETURN(auto file, files.Create(path));
  auto writer = std::make_unique<SegmentWriterImpl>(files, path, std::move(file),
                                                    std::move(before_write), format);
  SIBYL_RETURN_IF_ERROR(writer->Start());
  return std::unique_ptr<SegmentWriter>(std::move(writer));
}

}  // namespace sibyl::storage
