#include "storage/segment_parts.h"

#include <utility>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "storage/block.h"

namespace sibyl::storage {
namespace {

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

Result<std::string> ReadBytes(const ReadableFile& file, uint64_t offset, uint64_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  SIBYL_RETURN_IF_ERROR(file.Read(offset, bytes.size(), bytes.data()));
  return bytes;
}

}  // namespace

Result<std::vector<Section>> ReadSections(const ReadableFile& file) {
  const uint64_t file_bytes = file.size_bytes();
  if (file_bytes < kSegmentHeaderBytes) {
    return Damaged("not a segment file: only " + std::to_string(file_bytes) + " bytes long");
  }
  SIBYL_ASSIGN_OR_RETURN(const std::string header, ReadBytes(file, 0, kSegmentHeaderBytes));
  SIBYL_RETURN_IF_ERROR(CheckSegmentHeader(header));
  if (file_bytes < kSegmentHeaderBytes + kSegmentTailBytes) {
    return Damaged("the file ends at offset " + std::to_string(file_bytes) + ", before its footer");
  }
  SIBYL_ASSIGN_OR_RETURN(const std::string tail,
                         ReadBytes(file, file_bytes - kSegmentTailBytes, kSegmentTailBytes));
  SIBYL_ASSIGN_OR_RETURN(const uint64_t footer_bytes, SegmentFooterBytes(tail, file_bytes));
  SIBYL_ASSIGN_OR_RETURN(const std::string footer,
                         ReadBytes(file, file_bytes - footer_bytes, footer_bytes));
  return DecodeSegmentFooter(footer, file_bytes);
}

// The bytes of `section`, verified together with the zeros that pad it.
Result<std::string> ReadSection(const ReadableFile& file, const Section& section) {
  const uint64_t padded_bytes =
      RoundUpToAlignment(section.offset + section.size_bytes) - section.offset;
  SIBYL_ASSIGN_OR_RETURN(std::string bytes, ReadBytes(file, section.offset, padded_bytes));
  const bool zeros_follow = bytes.find_first_not_of('\0', section.size_bytes) == std::string::npos;
  bytes.resize(section.size_bytes);
  if (!zeros_follow || base::Checksum(bytes) != section.checksum) {
    return Damaged("checksum mismatch in section " +
                   std::to_string(static_cast<uint32_t>(section.kind)) + " at offset " +
                   std::to_string(section.offset));
  }
  return bytes;
}

namespace {

// What the sections must say of each other.
Status CheckProperties(const SegmentProperties& properties, const SegmentParts& parts) {
  if (properties.blocks != parts.directory->block_count() ||
      properties.tombstones > properties.records ||
      properties.smallest_key > properties.largest_key ||
      (properties.records == 0) != (parts.blocks.size_bytes == 0) ||
      parts.directory->RankOfGroup(parts.directory->block_count()) > properties.records) {
    return Damaged("its properties contradict its other sections");
  }
  return Ok();
}

Result<SegmentOutline> ReadOutline(const ReadableFile& file) {
  SegmentOutline outline;
  SIBYL_ASSIGN_OR_RETURN(outline.sections, ReadSections(file));
  std::string properties;
  for (const Section& section : outline.sections) {
    if (section.kind != SectionKind::kProperties) continue;
    SIBYL_ASSIGN_OR_RETURN(properties, ReadSection(file, section));
  }
  SIBYL_ASSIGN_OR_RETURN(outline.properties, DecodeSegmentProperties(properties));
  return outline;
}

Result<SegmentParts> ReadParts(const ReadableFile& file, const SegmentOutline& outline) {
  SegmentParts parts;
  std::string offsets, ranks, quartiles;
  for (const Section& section : outline.sections) {
    if (section.kind == SectionKind::kBlocks) {
      parts.blocks = section;
    } else if (section.kind == SectionKind::kValues) {
      parts.values = section;
    } else if (section.kind != SectionKind::kProperties) {
      SIBYL_ASSIGN_OR_RETURN(std::string bytes, ReadSection(file, section));
      if (section.kind == SectionKind::kBlockOffsets) offsets = std::move(bytes);
      if (section.kind == SectionKind::kRanks) ranks = std::move(bytes);
      if (section.kind == SectionKind::kQuartiles) quartiles = std::move(bytes);
      if (section.kind == SectionKind::kModel) parts.model = std::move(bytes);
      if (section.kind == SectionKind::kFilter) parts.filter = std::move(bytes);
    }
  }
  SIBYL_ASSIGN_OR_RETURN(parts.directory,
                         BlockDirectory::Decode(offsets, ranks, parts.blocks.offset,
                                                parts.blocks.offset + parts.blocks.size_bytes));
  SIBYL_ASSIGN_OR_RETURN(parts.quartiles,
                         BlockQuartiles::Decode(quartiles, parts.directory->block_count()));
  SIBYL_RETURN_IF_ERROR(CheckProperties(outline.properties, parts));
  return parts;
}

}  // namespace

Error InFile(const Path& path, Error error) {
  const std::string name = path.string();
  // The file system names the file itself.
  if (error.message.find(name) == std::string::npos) error.message = name + ": " + error.message;
  return error;
}

Result<SegmentOutline> ReadSegmentOutline(const ReadableFile& file, const Path& path) {
  auto outline = ReadOutline(file);
  if (!outline) return InFile(path, std::move(outline).error());
  return outline;
}

Result<SegmentParts> ReadSegmentParts(const ReadableFile& file, const Path& path,
                                      const SegmentOutline& outline) {
  auto parts = ReadParts(file, outline);
  if (!parts) return InFile(path, std::move(parts).error());
  return parts;
}

}  // namespace sibyl::storage
