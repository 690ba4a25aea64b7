#include "storage/block.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/status_macros.h"

namespace sibyl::storage {
namespace {

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

}  // namespace

// The method stands in the highest byte of what has the plain size in the others.
constexpr int kMethodShift = 56;

std::string ValueReference::Encode() const {
  std::string bytes;
  base::Put64(&bytes, offset);
  base::Put64(&bytes, stored_bytes);
  base::Put64(&bytes, checksum);
  if (method != Compression::kNone) {
    base::Put64(&bytes, plain_bytes | static_cast<uint64_t>(method) << kMethodShift);
  }
  return bytes;
}

ValueReference ValueReference::Decode(std::string_view bytes) {
  ValueReference reference{base::Load64(bytes.data()), base::Load64(bytes.data() + 8),
                           base::Load64(bytes.data() + 16), Compression::kNone, 0};
  if (bytes.size() == kCompressedBytes) {
    const uint64_t plain = base::Load64(bytes.data() + kPlainBytes);
    reference.method = static_cast<Compression>(plain >> kMethodShift);
    reference.plain_bytes = plain & ((uint64_t{1} << kMethodShift) - 1);
  }
  return reference;
}

void CompressedBlockHeader::AppendTo(std::string* out) const {
  base::Put64(out, 0);  // the checksum comes last
  base::Put32(out, records);
  base::Put8(out, static_cast<uint8_t>(static_cast<uint8_t>(method) << 6));
  base::Put8(out, 0);
  base::Put16(out, 0);
  base::Put32(out, plain_bytes);
  base::Put32(out, payload_bytes);
}

bool BlockChecksumMatches(std::string_view bytes, uint32_t block) {
  return bytes.size() >= kBlockHeaderBytes &&
         base::Load64(bytes.data()) == base::Checksum(bytes.substr(8), block);
}

void SetBlockChecksum(char* block_bytes, size_t size_bytes, uint32_t block) {
  const uint64_t checksum = base::Checksum({block_bytes + 8, size_bytes - 8}, block);
  std::memcpy(block_bytes, &checksum, sizeof(checksum));
}

namespace {

uint64_t CompressedBlockBytes(std::string_view header) {
  const CompressedBlockHeader said(header);
  const bool possible = said.method <= Compression::kZstd && said.records > 0 &&
                        said.plain_bytes >= kBlockHeaderBytes &&
                        said.plain_bytes <= kMaxBlockBytes &&
                        (static_cast<uint8_t>(header[12]) & 63) == 0 &&
                        base::Load16(header.data() + 14) == 0 && header[13] == 0;
  return possible ? RoundUpToAlignment(uint64_t{kBlockHeaderBytes} + said.payload_bytes) : 0;
}

// Of the windows of a plain block; 0 if that cannot be.
uint64_t WindowColumnBytes(std::string_view beginning, uint64_t count) {
  if (!BlockFlags(static_cast<uint8_t>(beginning[12])).packed_windows()) {
    return kWindowBytes * count;
  }
  const size_t begin = BlockBeginningBytes(beginning) - 1;
  if (begin >= beginning.size()) return 0;
  const uint64_t bits = static_cast<uint8_t>(beginning[begin]);
  return bits <= PackedColumn::kMostBits ? PackedColumn::Bytes(count, bits) : 0;
}

}  // namespace

size_t BlockBeginningBytes(std::string_view header) {
  const bool packed = BlockFlags(static_cast<uint8_t>(header[12])).packed_windows();
  if (!packed || CompressedBlockHeader(header).is_compressed()) return kBlockHeaderBytes;
  // The packed column begins with its bits.
  return kBlockHeaderBytes + RoundUpToAlignment(base::Load16(header.data() + 14)) + 1;
}

uint64_t BlockBytes(std::string_view beginning, uint64_t limit_bytes) {
  if (CompressedBlockHeader(beginning).is_compressed()) {
    const uint64_t size_bytes = CompressedBlockBytes(beginning);
    return size_bytes <= limit_bytes ? size_bytes : 0;
  }
  const uint64_t count = base::Load32(beginning.data() + 8);
  const BlockFlags flags(static_cast<uint8_t>(beginning[12]));
  const uint64_t remainder_size = base::Load32(beginning.data() + 16);
  const uint64_t value_size = base::Load32(beginning.data() + 20);
  const auto column_bytes = [&](ColumnForm form, uint64_t size) {
    return OffsetBytes(form) * count + (form == ColumnForm::kFixed ? count * size : size);
  };
  // Bounds on the factors first: then no product or sum below can overflow. The size is no bound on
  // the count: packed windows may take no bits, and tombstones and empty values take none.
  if (!flags.valid() || count == 0 || count > kMaxBlockRecords ||
      std::max(remainder_size, value_size) > std::min(limit_bytes, kMaxBlockBytes)) {
    return 0;
  }
  const uint64_t windows_bytes = WindowColumnBytes(beginning, count);
  if (windows_bytes == 0) return 0;
  const uint64_t size_bytes = RoundUpToAlignment(
      kBlockHeaderBytes + RoundUpToAlignment(base::Load16(beginning.data() + 14)) + windows_bytes +
      (flags.uniform_tag() ? 0 : count) + column_bytes(flags.remainder_form(), remainder_size) +
      column_bytes(flags.value_form(), value_size));
  return size_bytes <= limit_bytes ? size_bytes : 0;
}

uint64_t BlockView::size_bytes() const {
  if (record_count_ == 0) return 0;
  const char* const start = prefix_ - kBlockHeaderBytes;
  const size_t beginning_bytes = BlockBeginningBytes({start, kBlockHeaderBytes});
  return BlockBytes({start, beginning_bytes}, kMaxBlockBytes);
}

Result<BlockView> BlockView::Parse(std::string_view bytes) {
  if (bytes.size() < kBlockHeaderBytes) return Damaged("shorter than its header");
  if (bytes.size() > kMaxBlockBytes) return Damaged("longer than any block");
  const uint64_t count = base::Load32(bytes.data() + 8);
  const BlockFlags flags(static_cast<uint8_t>(bytes[12]));
  if (!flags.valid()) return Damaged("unknown flags");
  // What is wrong with the sizes must be known before any pointer is made from them.
  if (BlockBytes(bytes, bytes.size()) != bytes.size()) {
    return Damaged("the sizes in its header do not add up to its size");
  }
  const BlockView view(bytes.data());
  SIBYL_RETURN_IF_ERROR(view.RemainderColumn().Check());
  SIBYL_RETURN_IF_ERROR(view.ValueColumn().Check());
  if (!flags.uniform_tag() && view.uniform_tag_.byte() != 0)
    return Damaged("it has two kinds of tags");
  for (uint32_t slot = 0; slot < count; ++slot) SIBYL_RETURN_IF_ERROR(view.CheckRecord(slot));
  return view;
}

Status StringColumn::Check() const {
  if (form_ == ColumnForm::kFixed) return Ok();
  if (OffsetAt(0) != 0) return Damaged("its first offset is not 0");
  uint32_t previous = 0;
  for (uint32_t slot = 1; slot < records_; ++slot) {
    const uint32_t offset = OffsetAt(slot);
    if (offset < previous) return Damaged("its offsets decrease");
    previous = offset;
  }
  if (previous > size_) return Damaged("its offsets leave the block");
  return Ok();
}

Status BlockView::CheckRecord(uint32_t slot) const {
  const RecordTag tag = TagAt(slot);
  if (!tag.valid()) {
    return Damaged("unknown tag at slot " + std::to_string(slot));
  }
  if (tag.window_bytes() < kWindowBytes) {
    const bool has_bytes_after_key = WindowAt(slot) << 8 * tag.window_bytes() != 0;
    if (has_bytes_after_key || !RemainderAt(slot).empty()) {
      return Damaged("a key continues after its end at slot " + std::to_string(slot));
    }
  }
  const size_t value_bytes = RawValueAt(slot).size();
  if (tag.type() == RecordType::kTombstone && (value_bytes != 0 || tag.out_of_line())) {
    return Damaged("a tombstone has a value at slot " + std::to_string(slot));
  }
  if (!tag.out_of_line()) return Ok();
  if (!ValueReference::IsPossibleSize(value_bytes)) {
    return Damaged("a value reference has a wrong size at slot " + std::to_string(slot));
  }
  const auto reference = ValueReference::Decode(RawValueAt(slot));
  if ((reference.method != Compression::kNone) !=
          (value_bytes == ValueReference::kCompressedBytes) ||
      reference.method > Compression::kZstd) {
    return Damaged("a value reference has an unknown method at slot " + std::to_string(slot));
  }
  return Ok();
}

uint32_t BlockView::LowerBoundOfEqualWindows(uint32_t first, std::string_view rest) const {
  const uint64_t window = WindowAt(first);
  uint32_t last = record_count_;
  if (window != ~uint64_t{0}) last = SlotOfWindow(window + 1, first + 1);
  while (first < last) {
    const uint32_t middle = first + (last - first) / 2;
    if (CompareBeyondWindow(middle, rest) < 0) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

uint32_t BlockView::LowerBound(std::string_view key, uint16_t fraction) const {
  if (record_count_ == 0) return 0;
  const int order = ComparePrefix(key);
  if (order != 0) return order < 0 ? 0 : record_count_;
  const std::string_view rest = key.substr(prefix_bytes_);
  const uint64_t window = WindowOf(rest, prefix_bytes_);
  const uint32_t slot = SlotOfWindow(window, GuessSlot(fraction));
  if (slot == record_count_ || WindowAt(slot) != window) return slot;
  return CompareBeyondWindow(slot, rest) >= 0 ? slot : LowerBoundOfEqualWindows(slot, rest);
}

uint32_t BlockView::FindAmongEqualWindows(uint32_t first, std::string_view rest) const {
  const uint32_t slot = LowerBoundOfEqualWindows(first, rest);
  const bool found = slot < record_count_ && WindowAt(slot) == WindowAt(first) &&
                     CompareBeyondWindow(slot, rest) == 0;
  return found ? slot : record_count_;
}

namespace {

// memcpy for parts of keys: mostly a few bytes, for which a call costs more than the copying.
inline void CopyShort(char* to, const char* from, size_t size) {
  if (size == 8) {
    std::memcpy(to, from, 8);
  } else if (size == 4) {
    std::memcpy(to, from, 4);
  } else if (size > 0) {
    std::memcpy(to, from, size);
  }
}

}  // namespace

uint32_t BlockView::PlainRecordsFrom(uint32_t slot, uint32_t most) const {
  const auto is_plain = [](RecordTag tag) {
    return tag.type() == RecordType::kValue && !tag.out_of_line();
  };
  if (flags_.uniform_tag()) return is_plain(uniform_tag_) ? record_count_ - slot : 0;
  const uint32_t end = slot + std::min(most, record_count_ - slot);
  uint32_t at = slot;
  while (at < end && is_plain(TagAt(at))) ++at;
  return at - slot;
}

bool BlockView::EndsBefore(std::string_view key) const {
  if (record_count_ == 0) return true;
  const int order = ComparePrefix(key);
  if (order != 0) return order > 0;
  const std::string_view rest = key.substr(prefix_bytes_);
  return WindowAt(record_count_ - 1) < WindowOf(rest, prefix_bytes_);
}

// The last 8 bytes of the key are put together in a register and stored at once: who compares the
// key next loads them at once, and would wait for smaller stores to reach the cache.
void BlockView::WriteShortKey(uint32_t slot, size_t window_bytes, char* out) const {
  const auto window_bits = static_cast<int>(8 * window_bytes);
  const int other_bits = 64 - window_bits;
  // In two steps each: a shift by all 64 bits is none. Before the prefix there is the header.
  const uint64_t before = base::LoadBig64(prefix_ + prefix_bytes_ - kWindowBytes);
  const uint64_t behind = WindowAt(slot) >> other_bits / 2 >> other_bits / 2;
  const uint64_t end = __builtin_bswap64(before << window_bits / 2 << window_bits / 2 | behind);
  std::memcpy(out, prefix_, kWindowBytes);  // padded; without a prefix overwritten below
  std::memcpy(out + prefix_bytes_ + window_bytes - kWindowBytes, &end, kWindowBytes);
}

void BlockView::KeyAt(uint32_t slot, std::string* key) const {
  const size_t window_bytes = TagAt(slot).window_bytes();
  const std::string_view remainder = RemainderAt(slot);
  const size_t size = prefix_bytes_ + window_bytes + remainder.size();
  if (key->size() != size) key->resize(size);
  char* out = key->data();
  if (size >= kWindowBytes && size <= 2 * kWindowBytes && remainder.empty()) {
    return WriteShortKey(slot, window_bytes, out);
  }
  CopyShort(out, prefix_, prefix_bytes_);
  const uint64_t window = __builtin_bswap64(WindowAt(slot));
  CopyShort(out + prefix_bytes_, reinterpret_cast<const char*>(&window), window_bytes);
  CopyShort(out + prefix_bytes_ + window_bytes, remainder.data(), remainder.size());
}

}  // namespace sibyl::storage
