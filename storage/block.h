// A block: the unit of reading and of checksumming, some 4 KiB of records in columns.
//
// Columns: the 8-byte windows of the keys after the prefix that all keys of the block share, as
// native integers for SIMD comparison; tags; key remainders; values. Byte by byte in
// docs/file-format.md, "Block".

#ifndef SIBYL_STORAGE_BLOCK_H_
#define SIBYL_STORAGE_BLOCK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/result.h"
#include "storage/segment_writer.h"

namespace sibyl::storage {

// ---- The parts of the format that BlockBuilder and BlockView share ----

// checksum u64 | record count u32 | flags u8 | tag u8 | prefix bytes u16 |
// remainder size u32 | value size u32
inline constexpr size_t kBlockHeaderBytes = 24;
inline constexpr size_t kBlockAlignmentBytes = 8;
inline constexpr size_t kWindowBytes = 8;
inline constexpr size_t kMaxBlockPrefixBytes = 0xffff;
inline constexpr uint64_t kMaxBlockBytes = (uint64_t{1} << 31) - 8;

constexpr uint64_t RoundUpToAlignment(uint64_t bytes) {
  return (bytes + kBlockAlignmentBytes - 1) & ~uint64_t{kBlockAlignmentBytes - 1};
}

// How the places of a column of byte strings are stored.
enum class ColumnForm : uint8_t {
  kFixed = 0,      // all have the same size, which is in the header; no offsets
  kOffsets16 = 1,  // a u16 per record: where its bytes begin; the total is in the header
  kOffsets32 = 2,  // the same as u32
};
constexpr size_t OffsetBytes(ColumnForm form) { return size_t{2} * static_cast<size_t>(form); }

// The flags: bit 0, one tag (in the header) holds for all records; bits 1-2 and 3-4, the forms of
// remainders and values.
struct BlockFlags {
  bool uniform_tag = false;
  ColumnForm remainder_form = ColumnForm::kFixed;
  ColumnForm value_form = ColumnForm::kFixed;

  uint8_t Encode() const {
    return static_cast<uint8_t>((uniform_tag ? 1 : 0) | static_cast<int>(remainder_form) << 1 |
                                static_cast<int>(value_form) << 3);
  }
  static BlockFlags Decode(uint8_t flags) {
    return {(flags & 1) != 0, static_cast<ColumnForm>(flags >> 1 & 3),
            static_cast<ColumnForm>(flags >> 3 & 3)};
  }
};

// What is said of one record in one byte: bits 0-3, how many bytes of the window are key (0 to 8);
// bits 4-5, the type; bit 6, the value is out of line.
struct RecordTag {
  uint8_t window_bytes = 0;
  RecordType type = RecordType::kValue;
  bool out_of_line = false;

  uint8_t Encode() const {
    return static_cast<uint8_t>(window_bytes | static_cast<int>(type) << 4 |
                                (out_of_line ? 1 << 6 : 0));
  }
  static RecordTag Decode(uint8_t tag) {
    return {static_cast<uint8_t>(tag & 15), static_cast<RecordType>(tag >> 4 & 3),
            (tag & 1 << 6) != 0};
  }
};

// What a block holds in the place of an out-of-line value.
struct ValueReference {
  uint64_t offset = 0;  // from the start of the segment's value section
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  // of the value

  static constexpr size_t kEncodedBytes = 24;
  std::string Encode() const;
  // Precondition: bytes.size() == kEncodedBytes.
  static ValueReference Decode(std::string_view bytes);
};

// True if the checksum in `bytes`, a whole block, is right for the block numbered `block` of its
// segment: a block in another's place is damage too. Any size of `bytes` is allowed.
bool BlockChecksumMatches(std::string_view bytes, uint32_t block);

// ---- Reading ----

// The bytes of one verified block, not owned. A default-constructed view is an empty block.
// Trusts its bytes: Parse is the border where they are checked.
class BlockView {
 public:
  BlockView() = default;

  // Checks the structure of `bytes` (counts and offsets within bounds), not the checksum, nor the
  // order of the keys: searching disordered keys misses some but stays within the block.
  // Errors: kCorruption saying what is wrong; the caller adds file and block.
  static Result<BlockView> Parse(std::string_view bytes);

  // As Parse for bytes that Parse accepted before: no checks.
  static BlockView ParseTrusted(std::string_view bytes) { return BlockView(bytes.data()); }

  uint32_t record_count() const { return record_count_; }

  // The first slot whose key is >= `key`, record_count() if none; `fraction` (in 1/65536 of the
  // block) is where the search starts, a hint that affects speed only.
  uint32_t LowerBound(std::string_view key, uint16_t fraction) const;

  // The slot that holds exactly `key`.
  std::optional<uint32_t> Find(std::string_view key, uint16_t fraction) const;

  RecordType TypeAt(uint32_t slot) const { return TagAt(slot).type; }

  // Writes the whole key at `slot` to `key`, replacing its content.
  void KeyAt(uint32_t slot, std::string* key) const;

  // The value of `slot`, or, if the value is out of line, the reference to it.
  bool ValueIsOutOfLine(uint32_t slot) const { return TagAt(slot).out_of_line; }
  std::string_view RawValueAt(uint32_t slot) const {
    return StringAt(slot, flags_.value_form, value_offsets_, values_, value_size_);
  }

 private:
  // Reads the header, which must be there; everything else is arithmetic.
  explicit BlockView(const char* start);

  RecordTag TagAt(uint32_t slot) const {
    return RecordTag::Decode(flags_.uniform_tag ? uniform_tag_ : static_cast<uint8_t>(tags_[slot]));
  }
  uint64_t WindowAt(uint32_t slot) const { return base::Load64(windows_ + kWindowBytes * slot); }
  std::string_view RemainderAt(uint32_t slot) const {
    return StringAt(slot, flags_.remainder_form, remainder_offsets_, remainders_, remainder_size_);
  }
  std::string_view prefix() const { return {prefix_, prefix_bytes_}; }

  static uint32_t OffsetAt(uint32_t slot, ColumnForm form, const char* offsets) {
    return form == ColumnForm::kOffsets16 ? base::Load16(offsets + size_t{2} * slot)
                                          : base::Load32(offsets + size_t{4} * slot);
  }
  std::string_view StringAt(uint32_t slot, ColumnForm form, const char* offsets, const char* column,
                            uint32_t size) const {
    if (form == ColumnForm::kFixed) return {column + size_t{size} * slot, size};
    const uint32_t begin = OffsetAt(slot, form, offsets);
    const uint32_t end = slot + 1 < record_count_ ? OffsetAt(slot + 1, form, offsets) : size;
    return {column + begin, size_t{end} - begin};
  }

  // Bytes of a column: `size` is of one record if the form is fixed, else of all.
  uint64_t ColumnBytes(ColumnForm form, uint32_t size) const {
    return form == ColumnForm::kFixed ? uint64_t{size} * record_count_ : size;
  }
  Status CheckOffsets(ColumnForm form, const char* offsets, uint32_t size) const;
  Status CheckRecord(uint32_t slot) const;

  // < 0, 0, > 0 as the key at `slot` sorts before, at, after a key with an equal window whose bytes
  // after the prefix are `rest`.
  int CompareBeyondWindow(uint32_t slot, std::string_view rest) const;
  // LowerBound among the slots from `first` on whose windows equal that of `first`.
  uint32_t LowerBoundOfEqualWindows(uint32_t first, std::string_view rest) const;

  uint32_t record_count_ = 0;
  BlockFlags flags_;
  uint8_t uniform_tag_ = 0;
  uint16_t prefix_bytes_ = 0;
  uint32_t remainder_size_ = 0;
  uint32_t value_size_ = 0;
  const char* prefix_ = nullptr;
  const char* windows_ = nullptr;
  const char* tags_ = nullptr;
  const char* remainder_offsets_ = nullptr;
  const char* value_offsets_ = nullptr;
  const char* remainders_ = nullptr;
  const char* values_ = nullptr;
};

inline BlockView::BlockView(const char* start)
    : record_count_(base::Load32(start + 8)),
      flags_(BlockFlags::Decode(static_cast<uint8_t>(start[12]))),
      uniform_tag_(static_cast<uint8_t>(start[13])),
      prefix_bytes_(base::Load16(start + 14)),
      remainder_size_(base::Load32(start + 16)),
      value_size_(base::Load32(start + 20)),
      prefix_(start + kBlockHeaderBytes),
      windows_(prefix_ + RoundUpToAlignment(prefix_bytes_)),
      tags_(windows_ + kWindowBytes * record_count_),
      remainder_offsets_(tags_ + (flags_.uniform_tag ? 0 : record_count_)),
      value_offsets_(remainder_offsets_ + OffsetBytes(flags_.remainder_form) * record_count_),
      remainders_(value_offsets_ + OffsetBytes(flags_.value_form) * record_count_),
      values_(remainders_ + ColumnBytes(flags_.remainder_form, remainder_size_)) {}

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_H_
