#include "storage/segment.h"

#include <cassert>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "storage/segment_base.h"

namespace sibyl::storage {

Result<std::unique_ptr<Segment>> Segment::Open(FileSystem& files, const Path& path,
                                               const SegmentReadOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(SegmentFilePtr file, SegmentFile::Open(files, path));
  return Open(std::move(file), options);
}

Result<std::unique_ptr<Segment>> Segment::Open(SegmentFilePtr file,
                                               const SegmentReadOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(SegmentParts parts,
                         ReadSegmentParts(file->bytes(), file->path(), file->outline()));
  if (options.pread) return OpenPreadSegment(std::move(file), std::move(parts), options);
  return OpenMappedSegment(std::move(file), std::move(parts), options);
}

SegmentBase::SegmentBase(SegmentFilePtr file, SegmentParts parts)
    : Segment(std::move(file)), directory_(std::move(parts.directory)), values_(parts.values) {
  model_ = std::move(parts.model);
  filter_ = std::move(parts.filter);
  block_count_ = directory_->block_count();
  quartiles_ = std::move(parts.quartiles);
  resident_bytes_ = directory_->memory_bytes() + quartiles_.memory_bytes();
}

Error SegmentBase::DamagedBlock(uint32_t block, const std::string& what) const {
  return Error{ErrorCode::kCorruption,
               path().string() + ": block " + std::to_string(block) + " at offset " +
                   std::to_string(directory_->Offset(block)) + ": " + what};
}

Status SegmentBase::CheckBlock(std::string_view bytes, uint32_t block) const {
  if (!BlockChecksumMatches(bytes, block)) return DamagedBlock(block, "checksum mismatch");
  if (const auto view = BlockView::Parse(bytes); !view) {
    return DamagedBlock(block, view.error().message);
  }
  return Ok();
}

Result<OwnedBytes> SegmentBase::Decompress(std::string_view stored, uint32_t block,
                                           bool with_checksum) const {
  if (!BlockChecksumMatches(stored, block)) return DamagedBlock(block, "checksum mismatch");
  auto plain = DecompressBlock(stored);
  if (!plain) return DamagedBlock(block, plain.error().message);
  if (const auto view = BlockView::Parse(plain->view()); !view) {
    return DamagedBlock(block, view.error().message);
  }
  if (with_checksum) SetBlockChecksum(plain->bytes.get(), plain->size_bytes, block);
  return plain;
}

Result<std::string_view> SegmentBase::ValueAt(const BlockView& block, uint32_t slot,
                                              std::string* scratch) const {
  const std::string_view stored = block.RawValueAt(slot);
  return block.ValueIsOutOfLine(slot) ? OutOfLineValue(stored, scratch) : stored;
}

Result<std::string_view> SegmentBase::OutOfLineValue(std::string_view encoded_reference,
                                                     std::string* scratch) const {
  const auto reference = ValueReference::Decode(encoded_reference);
  const uint64_t offset = values_.offset + reference.offset;
  const auto damaged = [&](const char* what) {
    return Error{ErrorCode::kCorruption,
                 path().string() + ": value of " + std::to_string(reference.stored_bytes) +
                     " bytes at offset " + std::to_string(offset) + ": " + what};
  };
  if (reference.offset > values_.size_bytes ||
      reference.stored_bytes > values_.size_bytes - reference.offset) {
    return damaged("outside the value section");
  }
  SIBYL_ASSIGN_OR_RETURN(const std::string_view bytes,
                         ValueBytes(offset, reference.stored_bytes, scratch));
  if (base::Checksum(bytes) != reference.checksum) return damaged("checksum mismatch");
  if (reference.method == Compression::kNone) return bytes;
  std::string plain;
  if (!DecompressValue(reference, bytes, &plain)) return damaged("it does not decompress");
  *scratch = std::move(plain);
  return std::string_view(*scratch);
}

Segment::InPlace SegmentBase::FindInPacked(BlockView view, std::string_view key,
                                           uint16_t fraction) {
  return FindInAny(view, key, fraction);
}

Result<LookupOutcome> SegmentBase::Find(const BlockView& view, std::string_view key,
                                        uint16_t fraction, Value* value) const {
  const InPlace found = FindInPlace(view, key, fraction);
  if (found.outcome == LookupOutcome::kValue) value->Assign(found.value_view());
  if (found.outcome != LookupOutcome::kUnknown) return found.outcome;
  std::string scratch;
  SIBYL_ASSIGN_OR_RETURN(const std::string_view bytes,
                         ValueAt(view, view.Find(key, fraction), &scratch));
  value->Assign(bytes);
  return LookupOutcome::kValue;
}

Result<uint64_t> SegmentBase::RankOfBlock(uint32_t block) const {
  assert(block <= block_count_);
  uint64_t rank = directory_->RankOfGroup(block);
  for (uint32_t before = block - block % BlockDirectory::kGroupBlocks; before < block; ++before) {
    if (directory_->Offset(before) == directory_->Offset(before + 1)) continue;
    SIBYL_ASSIGN_OR_RETURN(const uint32_t records, RecordsIn(before));
    rank += records;
  }
  return rank;
}

Status SegmentBase::Verify() const { return VerifySegment(bytes(), path()); }

}  // namespace sibyl::storage
