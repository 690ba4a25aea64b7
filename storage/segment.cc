#include "storage/segment.h"

#include <cassert>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "storage/segment_base.h"

namespace sibyl::storage {

Result<std::unique_ptr<Segment>> Segment::Open(FileSystem& files, const Path& path,
                                               const SegmentReadOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(auto file, files.Open(path));
  SIBYL_ASSIGN_OR_RETURN(SegmentParts parts, ReadSegmentParts(*file, path));
  if (options.cache != nullptr) {
    return OpenPreadSegment(path, std::move(file), std::move(parts), options.verify_every_read,
                            options.cache);
  }
  return OpenMappedSegment(path, std::move(file), std::move(parts), options.verify_every_read);
}

SegmentBase::SegmentBase(Path path, std::unique_ptr<ReadableFile> file, SegmentParts parts)
    : file_(std::move(file)), directory_(std::move(parts.directory)), values_(parts.values) {
  path_ = std::move(path);
  file_bytes_ = file_->size_bytes();
  properties_ = std::move(parts.properties);
  model_ = std::move(parts.model);
  filter_ = std::move(parts.filter);
  block_count_ = directory_->block_count();
  quartiles_ = std::move(parts.quartiles);
  resident_bytes_ = directory_->memory_bytes() + quartiles_.memory_bytes();
}

Status SegmentBase::CheckBlock(std::string_view bytes, uint32_t block) const {
  const auto damaged = [&](const std::string& what) {
    return Error{ErrorCode::kCorruption,
                 path_.string() + ": block " + std::to_string(block) + " at offset " +
                     std::to_string(directory_->Offset(block)) + ": " + what};
  };
  if (!BlockChecksumMatches(bytes, block)) return damaged("checksum mismatch");
  if (const auto view = BlockView::Parse(bytes); !view) return damaged(view.error().message);
  return Ok();
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
                 path_.string() + ": value of " + std::to_string(reference.size_bytes) +
                     " bytes at offset " + std::to_string(offset) + ": " + what};
  };
  if (reference.offset > values_.size_bytes ||
      reference.size_bytes > values_.size_bytes - reference.offset) {
    return damaged("outside the value section");
  }
  SIBYL_ASSIGN_OR_RETURN(const std::string_view bytes,
                         ValueBytes(offset, reference.size_bytes, scratch));
  if (base::Checksum(bytes) != reference.checksum) return damaged("checksum mismatch");
  return bytes;
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
    SIBYL_ASSIGN_OR_RETURN(const BlockHandle handle, ReadBlock(before));
    rank += handle.view().record_count();
  }
  return rank;
}

Status SegmentBase::Verify() const { return VerifySegment(*file_, path_); }

}  // namespace sibyl::storage
