// A block: the unit of reading and of checksumming, some 4 KiB of records in columns.
//
// Columns: the 8-byte windows of the keys after the prefix that all keys of the block share, as
// native integers for SIMD comparison or packed (storage/packed_column.h); tags; key remainders;
// values. Byte by byte in docs/file-format.md, "Block".

#ifndef SIBYL_STORAGE_BLOCK_H_
#define SIBYL_STORAGE_BLOCK_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "storage/packed_column.h"
#include "storage/segment_writer.h"
#include "storage/window_search.h"

namespace sibyl::storage {

// ---- The parts of the format that BlockBuilder and BlockView share ----

// checksum u64 | record count u32 | flags u8 | tag u8 | prefix bytes u16 |
// remainder size u32 | value size u32
inline constexpr size_t kBlockHeaderBytes = 24;
inline constexpr size_t kBlockAlignmentBytes = 8;
inline constexpr size_t kWindowBytes = 8;
inline constexpr size_t kMaxBlockPrefixBytes = 0xffff;
inline constexpr uint64_t kMaxBlockBytes = (uint64_t{1} << 31) - 8;
inline constexpr uint64_t kMaxBlockRecords = kMaxBlockBytes / kWindowBytes;  // before packing

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
// remainders and values; bit 5, the windows are a packed column. (Bits 6-7: the block is
// compressed, see CompressedBlockHeader.)
class BlockFlags {
 public:
  explicit BlockFlags(uint8_t byte) : byte_(byte) {}
  BlockFlags(bool uniform_tag, ColumnForm remainder_form, ColumnForm value_form,
             bool packed_windows)
      : byte_(static_cast<uint8_t>((uniform_tag ? 1 : 0) | static_cast<int>(remainder_form) << 1 |
                                   static_cast<int>(value_form) << 3 | (packed_windows ? 32 : 0))) {
  }
  uint8_t byte() const { return byte_; }
  bool valid() const {
    return byte_ >> 6 == 0 && remainder_form() <= ColumnForm::kOffsets32 &&
           value_form() <= ColumnForm::kOffsets32;
  }
  bool packed_windows() const { return (byte_ & 32) != 0; }
  bool uniform_tag() const { return (byte_ & 1) != 0; }
  ColumnForm remainder_form() const { return static_cast<ColumnForm>(byte_ >> 1 & 3); }
  ColumnForm value_form() const { return static_cast<ColumnForm>(byte_ >> 3 & 3); }

 private:
  uint8_t byte_;
};

// What is said of one record in one byte: bits 0-3, how many bytes of the window are key (0 to 8);
// bits 4-5, the type; bit 6, the value is out of line.
class RecordTag {
 public:
  explicit RecordTag(uint8_t byte) : byte_(byte) {}
  RecordTag(size_t window_bytes, RecordType type, bool out_of_line)
      : byte_(static_cast<uint8_t>(window_bytes | static_cast<size_t>(type) << 4 |
                                   (out_of_line ? 1 << 6 : 0))) {}
  uint8_t byte() const { return byte_; }
  bool valid() const {
    return byte_ >> 7 == 0 && type() <= RecordType::kTombstone && window_bytes() <= kWindowBytes;
  }
  uint32_t window_bytes() const { return byte_ & 15; }
  RecordType type() const { return static_cast<RecordType>(byte_ >> 4 & 3); }
  bool out_of_line() const { return (byte_ & 1 << 6) != 0; }

 private:
  uint8_t byte_;
};

// The header of a compressed block, as long as that of a plain one: checksum u64 | records u32 |
// flags u8 (the method in bits 6-7) | 0 u8 | 0 u16 | bytes of the plain block u32 | payload bytes
// u32. The payload follows: what comes after the checksum of the plain block, compressed.
struct CompressedBlockHeader {
  uint32_t records = 0;
  Compression method = Compression::kNone;
  uint32_t plain_bytes = 0;
  uint32_t payload_bytes = 0;

  CompressedBlockHeader() = default;
  // Precondition: kBlockHeaderBytes at least. Of a plain block only is_compressed() has a meaning.
  explicit CompressedBlockHeader(std::string_view bytes)
      : records(base::Load32(bytes.data() + 8)),
        method(static_cast<Compression>(static_cast<uint8_t>(bytes[12]) >> 6)),
        plain_bytes(base::Load32(bytes.data() + 16)),
        payload_bytes(base::Load32(bytes.data() + 20)) {}
  void AppendTo(std::string* out) const;
  bool is_compressed() const { return method != Compression::kNone; }
};

// What a block holds in the place of an out-of-line value.
struct ValueReference {
  uint64_t offset = 0;  // from the start of the segment's value section
  uint64_t stored_bytes = 0;
  uint64_t checksum = 0;  // of the bytes stored
  // Of a compressed value only, and 0 for others:
  Compression method = Compression::kNone;
  uint64_t plain_bytes = 0;

  static constexpr size_t kPlainBytes = 24;       // encoded, of a value stored as it is
  static constexpr size_t kCompressedBytes = 32;  // encoded, of a compressed one
  static bool IsPossibleSize(size_t bytes) {
    return bytes == kPlainBytes || bytes == kCompressedBytes;
  }
  std::string Encode() const;
  // Precondition: IsPossibleSize(bytes.size()).
  static ValueReference Decode(std::string_view bytes);
};

// True if the checksum in `bytes`, a whole block, is right for the block numbered `block` of its
// segment: a block in another's place is damage too. Any size of `bytes` is allowed.
bool BlockChecksumMatches(std::string_view bytes, uint32_t block);

// Makes it right for the block of `size_bytes` at `block_bytes`.
void SetBlockChecksum(char* block_bytes, size_t size_bytes, uint32_t block);

// Whether the windows of a plain block, of which the header is enough, are packed.
inline bool HasPackedWindows(std::string_view block) {
  return BlockFlags(static_cast<uint8_t>(block[12])).packed_windows();
}

// The size of the block that begins with `beginning`, as its sizes say; 0 if they are impossible,
// or it would be larger than `limit_bytes`. Verifies nothing else. Precondition: `beginning` has
// kBlockHeaderBytes, and BlockBeginningBytes of them, or all there is.
uint64_t BlockBytes(std::string_view beginning, uint64_t limit_bytes);

// How many bytes of a block with this header (kBlockHeaderBytes or more) say how long it is.
size_t BlockBeginningBytes(std::string_view header);

// ---- Reading ----

// The strings of one column of a block: who reads many of them has it worked out once where they
// are.
class StringColumn {
 public:
  StringColumn() = default;
  // `size`: of each string, if all have one, or else of all.
  StringColumn(ColumnForm form, uint32_t size, uint32_t records, const char* offsets,
               const char* bytes)
      : form_(form), size_(size), records_(records), offsets_(offsets), bytes_(bytes) {}

  std::string_view At(uint32_t slot) const {
    if (form_ == ColumnForm::kFixed) return {bytes_ + size_t{size_} * slot, size_};
    const uint32_t begin = OffsetAt(slot);
    const uint32_t end = slot + 1 < records_ ? OffsetAt(slot + 1) : size_;
    return {bytes_ + begin, size_t{end} - begin};
  }

  // Errors: kCorruption where At() would leave the column.
  Status Check() const;

 private:
  uint32_t OffsetAt(uint32_t slot) const {
    return form_ == ColumnForm::kOffsets16 ? base::Load16(offsets_ + size_t{2} * slot)
                                           : base::Load32(offsets_ + size_t{4} * slot);
  }

  ColumnForm form_ = ColumnForm::kFixed;
  uint32_t size_ = 0;
  uint32_t records_ = 0;
  const char* offsets_ = nullptr;
  const char* bytes_ = nullptr;
};

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
  bool packed_windows() const { return flags_.packed_windows(); }

  // As they are in memory; 0 of an empty view.
  uint64_t size_bytes() const;

  // The first slot whose key is >= `key`, record_count() if none; `fraction` (in 1/65536 of the
  // block) is where the search starts, a hint that affects speed only.
  uint32_t LowerBound(std::string_view key, uint16_t fraction) const;

  // The slot that holds exactly `key`, record_count() if none. In the header, so that a lookup
  // keeps the view in registers. (It does not return an optional: that comes back through memory,
  // written in two parts and read as one, which stalls the processor on every lookup.)
  [[gnu::always_inline]] uint32_t Find(std::string_view key, uint16_t fraction) const;

  RecordTag TagAt(uint32_t slot) const {
    return flags_.uniform_tag() ? uniform_tag_ : RecordTag(static_cast<uint8_t>(tags()[slot]));
  }
  RecordType TypeAt(uint32_t slot) const { return TagAt(slot).type(); }

  // How many records from `slot` on are values in line, one after the other; counts no further than
  // `most`, unless it costs nothing.
  uint32_t PlainRecordsFrom(uint32_t slot, uint32_t most) const;

  // True if every key is certainly < `key`, found out by looking at the last one only.
  bool EndsBefore(std::string_view key) const;

  // Whether `slot` has exactly `key`.
  bool HasKeyAt(uint32_t slot, std::string_view key) const;

  // Writes the whole key at `slot` to `key`, replacing its content.
  void KeyAt(uint32_t slot, std::string* key) const;

  // The first slot from `slot` on whose key is >= `key`, and whether it has that key. For walks:
  // the slot is near, mostly. Precondition: the keys before `slot` are < `key`.
  struct Place {
    uint32_t slot;
    bool found;
  };
  Place FindFrom(uint32_t slot, std::string_view key) const;

  // The value of `slot`, or, if the value is out of line, the reference to it.
  bool ValueIsOutOfLine(uint32_t slot) const { return TagAt(slot).out_of_line(); }
  std::string_view RawValueAt(uint32_t slot) const { return ValueColumn().At(slot); }
  // All of them, for who reads many. Of an empty block: no column.
  StringColumn Values() const { return record_count_ == 0 ? StringColumn() : ValueColumn(); }

 private:
  // Reads the header, which must be there. Everything else is arithmetic, done when it is needed: a
  // lookup needs little of it.
  explicit BlockView(const char* start)
      : record_count_(base::Load32(start + 8)),
        flags_(static_cast<uint8_t>(start[12])),
        uniform_tag_(static_cast<uint8_t>(start[13])),
        prefix_bytes_(base::Load16(start + 14)),
        remainder_size_(base::Load32(start + 16)),
        value_size_(base::Load32(start + 20)),
        prefix_(start + kBlockHeaderBytes),
        windows_(prefix_ + RoundUpToAlignment(prefix_bytes_)) {}

  uint64_t WindowColumnBytes() const {
    if (packed_windows()) [[unlikely]]
      return PackedColumn::Bytes(record_count_, static_cast<uint8_t>(*windows_));
    return kWindowBytes * record_count_;
  }

  // Where the columns after the windows start, in this order.
  const char* tags() const { return windows_ + WindowColumnBytes(); }
  const char* remainder_offsets() const {
    return tags() + (flags_.uniform_tag() ? 0 : uint64_t{record_count_});
  }
  const char* value_offsets() const {
    return remainder_offsets() + OffsetBytes(flags_.remainder_form()) * record_count_;
  }
  const char* remainders() const {
    return value_offsets() + OffsetBytes(flags_.value_form()) * record_count_;
  }
  const char* values() const {
    const bool fixed = flags_.remainder_form() == ColumnForm::kFixed;
    return remainders() + uint64_t{remainder_size_} * (fixed ? record_count_ : 1);
  }

  uint64_t WindowAt(uint32_t slot) const {
    if (packed_windows()) [[unlikely]]
      return PackedColumn(windows_).At(slot);
    return base::Load64(windows_ + kWindowBytes * slot);
  }
  // The first slot with a window >= `window`; `guess` is where to look first.
  uint32_t SlotOfWindow(uint64_t window, uint32_t guess) const {
    if (packed_windows()) [[unlikely]]
      return PackedColumn(windows_).LowerBound(record_count_, window);
    return WindowLowerBound(windows_, record_count_, window, guess);
  }
  std::string_view RemainderAt(uint32_t slot) const { return RemainderColumn().At(slot); }

  // Precondition: the block has records.
  StringColumn ValueColumn() const {
    return {flags_.value_form(), value_size_, record_count_, value_offsets(), values()};
  }
  StringColumn RemainderColumn() const {
    return {flags_.remainder_form(), remainder_size_, record_count_, remainder_offsets(),
            remainders()};
  }

  Status CheckRecord(uint32_t slot) const;

  // The key at `slot` of 8 to 16 bytes, all of them prefix or window.
  void WriteShortKey(uint32_t slot, size_t window_bytes, char* out) const;

  uint32_t GuessSlot(uint16_t fraction) const {
    return static_cast<uint32_t>(uint64_t{record_count_} * fraction >> 16);
  }

  // The first 8 bytes of `rest`, zeros after its end, such that integer order is byte order.
  // `before` says how many readable bytes precede `rest`.
  static uint64_t WindowOf(std::string_view rest, size_t before);

  // < 0, 0, > 0 as `key` sorts before all keys with the prefix, has the prefix, sorts after them.
  int ComparePrefix(std::string_view key) const;

  // < 0, 0, > 0 as the key at `slot` sorts before, at, after a key with an equal window whose bytes
  // after the prefix are `rest`.
  int CompareBeyondWindow(uint32_t slot, std::string_view rest) const;
  // LowerBound among the slots from `first` on whose windows equal that of `first`.
  uint32_t LowerBoundOfEqualWindows(uint32_t first, std::string_view rest) const;
  // Find among them.
  uint32_t FindAmongEqualWindows(uint32_t first, std::string_view rest) const;

  uint32_t record_count_ = 0;
  BlockFlags flags_{0};
  RecordTag uniform_tag_{0};
  uint16_t prefix_bytes_ = 0;
  uint32_t remainder_size_ = 0;
  uint32_t value_size_ = 0;
  const char* prefix_ = nullptr;
  const char* windows_ = nullptr;
};

inline uint64_t BlockView::WindowOf(std::string_view rest, size_t before) {
  if (rest.size() >= kWindowBytes) return base::LoadBig64(rest.data());
  if (rest.empty()) return 0;
  if (before + rest.size() >= kWindowBytes) {  // load what ends with it, and shift the rest out
    const uint64_t tail = base::LoadBig64(rest.data() + rest.size() - kWindowBytes);
    return tail << 8 * (kWindowBytes - rest.size());
  }
  uint64_t window = 0;
  std::memcpy(&window, rest.data(), rest.size());
  return __builtin_bswap64(window);
}

inline int BlockView::ComparePrefix(std::string_view key) const {
  if (prefix_bytes_ == 0) return 0;
  if (prefix_bytes_ <= 8 && key.size() >= 8) {  // most blocks: no call. The prefix is padded to 8.
    const int shift = 8 * (8 - prefix_bytes_);
    const uint64_t ours = base::LoadBig64(key.data()) >> shift;
    const uint64_t shared = base::LoadBig64(prefix_) >> shift;
    return ours < shared ? -1 : ours > shared ? 1 : 0;
  }
  if (key.size() >= prefix_bytes_) {
    if (prefix_bytes_ < 8 || prefix_bytes_ > 16) {
      return std::memcmp(key.data(), prefix_, prefix_bytes_);
    }
    const size_t last = prefix_bytes_ - size_t{8};  // two words, which may overlap
    const bool first_differs = base::Load64(key.data()) != base::Load64(prefix_);
    const size_t at = first_differs ? 0 : last;
    const uint64_t ours = base::LoadBig64(key.data() + at);
    const uint64_t shared = base::LoadBig64(prefix_ + at);
    return ours < shared ? -1 : ours > shared ? 1 : 0;
  }
  return std::memcmp(key.data(), prefix_, key.size()) > 0 ? 1 : -1;
}

inline int BlockView::CompareBeyondWindow(uint32_t slot, std::string_view rest) const {
  // Equal windows: the key that ends earlier inside the window is the smaller one.
  const int window_bytes = static_cast<int>(TagAt(slot).window_bytes());
  const int rest_window_bytes = static_cast<int>(std::min(rest.size(), kWindowBytes));
  if (window_bytes != rest_window_bytes || rest.size() < kWindowBytes) {
    return window_bytes - rest_window_bytes;
  }
  return RemainderAt(slot).compare(rest.substr(kWindowBytes));
}

inline uint32_t BlockView::Find(std::string_view key, uint16_t fraction) const {
  if (record_count_ == 0 || ComparePrefix(key) != 0) return record_count_;
  const std::string_view rest(key.data() + prefix_bytes_, key.size() - prefix_bytes_);
  const uint64_t window = WindowOf(rest, prefix_bytes_);
  const uint32_t slot = SlotOfWindow(window, GuessSlot(fraction));
  if (slot == record_count_ || WindowAt(slot) != window) return record_count_;
  const int order = CompareBeyondWindow(slot, rest);
  if (order == 0) return slot;
  // The copy: as long as this object's address does not leave the function, it needs no memory.
  return order > 0 ? record_count_ : BlockView(*this).FindAmongEqualWindows(slot, rest);
}

// Looks at the next few windows without branches, which would be mispredicted.
inline BlockView::Place BlockView::FindFrom(uint32_t slot, std::string_view key) const {
  constexpr uint32_t kNear = 8;
  const int order = ComparePrefix(key);
  if (order != 0) return {order < 0 ? slot : record_count_, false};
  const std::string_view rest(key.data() + prefix_bytes_, key.size() - prefix_bytes_);
  const uint64_t window = WindowOf(rest, prefix_bytes_);
  uint32_t below = kNear;
  if (slot + kNear <= record_count_ && !packed_windows()) {
    const char* const near = windows_ + kWindowBytes * slot;
    below = 0;
    for (uint32_t i = 0; i < kNear; ++i) below += base::Load64(near + kWindowBytes * i) < window;
  }
  slot = below < kNear ? slot + below : std::max(slot, SlotOfWindow(window, slot));
  if (slot == record_count_ || WindowAt(slot) != window) return {slot, false};
  const int beyond = CompareBeyondWindow(slot, rest);
  if (beyond >= 0) return {slot, beyond == 0};
  slot = LowerBoundOfEqualWindows(slot, rest);
  return {slot, slot < record_count_ && HasKeyAt(slot, key)};
}

inline bool BlockView::HasKeyAt(uint32_t slot, std::string_view key) const {
  if (ComparePrefix(key) != 0) return false;
  const std::string_view rest(key.data() + prefix_bytes_, key.size() - prefix_bytes_);
  return WindowAt(slot) == WindowOf(rest, prefix_bytes_) && CompareBeyondWindow(slot, rest) == 0;
}

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_H_
