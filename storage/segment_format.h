// The parts of a segment file around its blocks: header, footer with section table, properties.
//
// Grammar and example: docs/file-format.md, "Segment file".

#ifndef SIBYL_STORAGE_SEGMENT_FORMAT_H_
#define SIBYL_STORAGE_SEGMENT_FORMAT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"
#include "storage/segment_writer.h"

namespace sibyl::storage {

// The newest version that this program reads. Files without a trace of what is new in it keep the
// version before: see SegmentFormat.
inline constexpr uint32_t kSegmentFormatVersion = 2;

// Reaches the disk: never renumber. A reader skips kinds that it does not know.
enum class SectionKind : uint32_t {
  kBlocks = 1,
  kValues = 2,
  kBlockOffsets = 3,
  kRanks = 4,
  kModel = 5,
  kFilter = 6,  // optional
  kProperties = 7,
  kQuartiles = 8,  // optional
};

// One entry of the section table.
struct Section {
  SectionKind kind = SectionKind::kBlocks;
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
  // Of the section's bytes; 0 for blocks and values, each of which has its own.
  uint64_t checksum = 0;

  static constexpr size_t kEncodedBytes = 32;
};

// magic u64 | version u32 | zero u32 | checksum u64 | zero u64
inline constexpr size_t kSegmentHeaderBytes = 32;
std::string EncodeSegmentHeader(uint32_t version);

// Errors: kCorruption ("not a segment file", or damaged); kNotSupported for a newer version.
Status CheckSegmentHeader(std::string_view bytes);

// The footer is the section table, then the tail: section count u32 | zero u32 | file size u64 |
// checksum u64 of table and tail so far | magic u64.
inline constexpr size_t kSegmentTailBytes = 32;
std::string EncodeSegmentFooter(const std::vector<Section>& sections, uint64_t footer_offset);

// The footer's size as its tail says. Errors: kCorruption.
Result<uint64_t> SegmentFooterBytes(std::string_view tail, uint64_t file_bytes);

// The sections, in file order: they tile the file from header to footer, each starting at the next
// multiple of 8. Precondition: `footer` has the size that SegmentFooterBytes returned.
// Errors: kCorruption.
Result<std::vector<Section>> DecodeSegmentFooter(std::string_view footer, uint64_t file_bytes);

std::string EncodeSegmentProperties(const SegmentProperties& properties);

// Unknown tags are skipped. Errors: kCorruption.
Result<SegmentProperties> DecodeSegmentProperties(std::string_view bytes);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_FORMAT_H_
