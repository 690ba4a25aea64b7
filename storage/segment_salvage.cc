#include "storage/segment_salvage.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "storage/block.h"
#include "storage/block_compression.h"
#include "storage/segment_parts.h"

namespace sibyl::storage {
namespace {

// When looking for blocks without their offsets: how many empty ones there may be before the next.
constexpr uint32_t kMostEmptyBlocks = 256;

class Salvager {
 public:
  Salvager(const Path& path, const ReadableFile& file, const RecordVisitor& visit)
      : path_(path), file_(file), visit_(visit) {}

  Result<SalvagedSegment> Run() {
    FindSections();
    SIBYL_RETURN_IF_ERROR(directory_ != nullptr ? ReadListedBlocks() : SearchBlocks());
    EndLoss("the end");
    return std::move(result_);
  }

 private:
  void Problem(const std::string& what) { result_.problems.push_back(path_.string() + ": " + what); }

  void FindSections() {
    const auto sections = ReadSections(file_);
    if (!sections) return Problem(sections.error().message);
    std::string offsets;
    for (const Section& section : *sections) {
      if (section.kind == SectionKind::kBlocks) blocks_ = section;
      if (section.kind == SectionKind::kValues) values_ = section;
      if (section.kind == SectionKind::kBlocks || section.kind == SectionKind::kValues) continue;
      auto bytes = ReadSection(file_, section);
      if (!bytes) {
        Problem(bytes.error().message);
      } else if (section.kind == SectionKind::kBlockOffsets) {
        offsets = std::move(*bytes);
      }
    }
    if (!offsets.empty() && blocks_) ReadOffsets(offsets);
  }

  // The ranks are not needed: zeros stand for them.
  void ReadOffsets(const std::string& offsets) {
    const uint32_t block_count = base::Load32(offsets.data());
    const std::vector<uint64_t> ranks(block_count / BlockDirectory::kGroupBlocks + 1);
    auto directory = BlockDirectory::Decode(offsets, EncodeRanks(ranks), blocks_->offset,
                                            blocks_->offset + blocks_->size_bytes);
    if (!directory) return Problem(directory.error().message);
    directory_ = std::move(*directory);
  }

  Status ReadListedBlocks() {
    for (uint32_t block = 0; block < directory_->block_count(); ++block) {
      const uint64_t offset = directory_->Offset(block);
      const uint64_t size_bytes = directory_->Offset(block + 1) - offset;
      if (size_bytes == 0) continue;
      SIBYL_ASSIGN_OR_RETURN(const bool whole, ReadBlock(block, offset, size_bytes));
      if (!whole) BeginLoss(block, offset);
    }
    return Ok();
  }

  // Blocks follow each other, each begins at a multiple of 8 and says how long it is.
  Status SearchBlocks() {
    const uint64_t end =
        blocks_ ? blocks_->offset + blocks_->size_bytes : file_.size_bytes();
    uint32_t next_block = 0;
    uint64_t offset = kSegmentHeaderBytes;
    while (offset + kBlockHeaderBytes <= end) {
      SIBYL_ASSIGN_OR_RETURN(const uint64_t size_bytes, TryBlockAt(offset, end, &next_block));
      if (size_bytes == 0) BeginLoss(next_block, offset);
      offset += size_bytes == 0 ? kBlockAlignmentBytes : size_bytes;
    }
    return Ok();
  }

  // The size of the block that begins at `offset`, 0 if none does.
  Result<uint64_t> TryBlockAt(uint64_t offset, uint64_t end, uint32_t* next_block) {
    const uint64_t size_bytes = BlockBytesAt(offset, std::min(end - offset, kMaxBlockBytes));
    if (size_bytes == 0) return uint64_t{0};
    for (uint32_t block = *next_block; block <= *next_block + kMostEmptyBlocks; ++block) {
      SIBYL_ASSIGN_OR_RETURN(const bool whole, ReadBlock(block, offset, size_bytes));
      if (!whole) continue;
      *next_block = block + 1;
      return size_bytes;
    }
    return uint64_t{0};
  }

  // What the beginning of a block says; 0 if it is none.
  uint64_t BlockBytesAt(uint64_t offset, uint64_t limit_bytes) {
    std::string beginning(kBlockHeaderBytes, '\0');
    if (!file_.Read(offset, beginning.size(), beginning.data())) return 0;
    const size_t needed_bytes = BlockBeginningBytes(beginning);
    if (needed_bytes > beginning.size()) {
      if (needed_bytes > limit_bytes) return 0;
      beginning.resize(needed_bytes);
      if (!file_.Read(offset, beginning.size(), beginning.data())) return 0;
    }
    return BlockBytes(beginning, limit_bytes);
  }

  // Visits the records of the block, if it verifies; false if it does not.
  Result<bool> ReadBlock(uint32_t block, uint64_t offset, uint64_t size_bytes) {
    if (loaded_offset_ != offset || bytes_.size() != size_bytes) {
      bytes_.resize(size_bytes);
      loaded_offset_ = offset;
      if (!file_.Read(offset, size_bytes, bytes_.data())) return false;
    }
    if (!BlockChecksumMatches(bytes_, block)) return false;
    std::string_view plain = bytes_;
    OwnedBytes decompressed;
    if (IsCompressedBlock(bytes_)) {
      auto result = DecompressBlock(bytes_);
      if (!result) return false;
      decompressed = std::move(*result);
      plain = decompressed.view();
    }
    const auto view = BlockView::Parse(plain);
    if (!view) return false;
    for (uint32_t slot = 0; slot < view->record_count(); ++slot) {
      view->KeyAt(slot, &key_);
      if (slot == 0) EndLoss("key " + base::Quoted(key_));
      SIBYL_RETURN_IF_ERROR(VisitRecord(*view, slot));
    }
    return true;
  }

  Status VisitRecord(const BlockView& view, uint32_t slot) {
    if (result_.records > 0 && key_ <= last_key_) {
      Problem("key " + base::Quoted(key_) + " is out of order, and left out");
      return Ok();
    }
    std::string_view value = view.RawValueAt(slot);
    if (view.ValueIsOutOfLine(slot)) {
      if (!ReadValue(ValueReference::Decode(value))) {
        Problem("the value of key " + base::Quoted(key_) + " is damaged; the key is left out");
        return Ok();
      }
      value = value_;
    }
    last_key_ = key_;
    ++result_.records;
    return visit_(key_, view.TypeAt(slot), value);
  }

  bool ReadValue(const ValueReference& reference) {
    if (!values_ || reference.offset > values_->size_bytes ||
        reference.stored_bytes > values_->size_bytes - reference.offset) {
      return false;
    }
    value_.resize(reference.stored_bytes);
    if (!file_.Read(values_->offset + reference.offset, value_.size(), value_.data()) ||
        base::Checksum(value_) != reference.checksum) {
      return false;
    }
    if (reference.method == Compression::kNone) return true;
    std::string plain;
    if (!DecompressValue(reference, value_, &plain)) return false;
    value_ = std::move(plain);
    return true;
  }

  // Neighbouring damage is told in one line, with the keys on both sides.
  void BeginLoss(uint32_t block, uint64_t offset) {
    if (!loss_) loss_ = "block " + std::to_string(block) + " at offset " + std::to_string(offset);
  }
  void EndLoss(const std::string& next) {
    if (!loss_) return;
    const std::string last =
        result_.records == 0 ? std::string("the beginning") : "key " + base::Quoted(last_key_);
    Problem("damaged from " + *loss_ + " on: records are lost between " + last + " and " + next);
    loss_.reset();
  }

  const Path& path_;
  const ReadableFile& file_;
  const RecordVisitor& visit_;
  SalvagedSegment result_;
  std::optional<Section> blocks_;
  std::optional<Section> values_;
  std::unique_ptr<const BlockDirectory> directory_;
  std::optional<std::string> loss_;  // where damage that is not told yet began
  std::optional<uint64_t> loaded_offset_;  // of what is in bytes_
  std::string bytes_;
  std::string key_;
  std::string last_key_;
  std::string value_;
};

}  // namespace

Result<SalvagedSegment> SalvageSegment(FileSystem& files, const Path& path,
                                       const RecordVisitor& visit) {
  const auto file = files.Open(path);
  if (file) return Salvager(path, **file, visit).Run();
  return SalvagedSegment{0, {file.error().message}};
}

}  // namespace sibyl::storage
