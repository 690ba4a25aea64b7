#include "storage/block.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/status_macros.h"

namespace sibyl::storage {
namespace {

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

}  // namespace

std::string ValueReference::Encode() const {
  std::string bytes;
  base::Put64(&bytes, offset);
  base::Put64(&bytes, size_bytes);
  base::Put64(&bytes, checksum);
  return bytes;
}

ValueReference ValueReference::Decode(std::string_view bytes) {
  return {base::Load64(bytes.data()), base::Load64(bytes.data() + 8),
          base::Load64(bytes.data() + 16)};
}

bool BlockChecksumMatches(std::string_view bytes, uint32_t block) {
  return bytes.size() >= kBlockHeaderBytes &&
         base::Load64(bytes.data()) == base::Checksum(bytes.substr(8), block);
}

uint64_t BlockBytesOfHeader(std::string_view header, uint64_t limit_bytes) {
  const uint64_t count = base::Load32(header.data() + 8);
  const BlockFlags flags(static_cast<uint8_t>(header[12]));
  const uint64_t remainder_size = base::Load32(header.data() + 16);
  const uint64_t value_size = base::Load32(header.data() + 20);
  const auto column_bytes = [&](ColumnForm form, uint64_t size) {
    return OffsetBytes(form) * count + (form == ColumnForm::kFixed ? count * size : size);
  };
  // Bounds on the factors first: then no product or sum below can overflow.
  if (!flags.valid() || count == 0 ||
      std::max({count, remainder_size, value_size}) > std::min(limit_bytes, kMaxBlockBytes)) {
    return 0;
  }
  const uint64_t size_bytes = RoundUpToAlignment(
      kBlockHeaderBytes + RoundUpToAlignment(base::Load16(header.data() + 14)) +
      kWindowBytes * count + (flags.uniform_tag() ? 0 : count) +
      column_bytes(flags.remainder_form(), remainder_size) +
      column_bytes(flags.value_form(), value_size));
  return size_bytes <= limit_bytes ? size_bytes : 0;
}

uint64_t BlockView::size_bytes() const {
  if (record_count_ == 0) return 0;
  return BlockBytesOfHeader({prefix_ - kBlockHeaderBytes, kBlockHeaderBytes}, kMaxBlockBytes);
}

Result<BlockView> BlockView::Parse(std::string_view bytes) {
  if (bytes.size() < kBlockHeaderBytes) return Damaged("shorter than its header");
  if (bytes.size() > kMaxBlockBytes) return Damaged("longer than any block");
  const uint64_t count = base::Load32(bytes.data() + 8);
  const BlockFlags flags(static_cast<uint8_t>(bytes[12]));
  if (!flags.valid()) return Damaged("unknown flags");
  // What is wrong with the sizes must be known before any pointer is made from them.
  if (BlockBytesOfHeader(bytes, bytes.size()) != bytes.size()) {
    return Damaged("the sizes in its header do not add up to its size");
  }
  const BlockView view(bytes.data());
  SIBYL_RETURN_IF_ERROR(
      view.CheckOffsets(flags.remainder_form(), view.remainder_offsets(), view.remainder_size_));
  SIBYL_RETURN_IF_ERROR(
      view.CheckOffsets(flags.value_form(), view.value_offsets(), view.value_size_));
  if (!flags.uniform_tag() && view.uniform_tag_.byte() != 0)
    return Damaged("it has two kinds of tags");
  for (uint32_t slot = 0; slot < count; ++slot) SIBYL_RETURN_IF_ERROR(view.CheckRecord(slot));
  return view;
}

Status BlockView::CheckOffsets(ColumnForm form, const char* offsets, uint32_t size) const {
  if (form == ColumnForm::kFixed) return Ok();
  if (OffsetAt(0, form, offsets) != 0) return Damaged("its first offset is not 0");
  uint32_t previous = 0;
  for (uint32_t slot = 1; slot < record_count_; ++slot) {
    const uint32_t offset = OffsetAt(slot, form, offsets);
    if (offset < previous) return Damaged("its offsets decrease");
    previous = offset;
  }
  if (previous > size) return Damaged("its offsets leave the block");
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
  if (tag.out_of_line() && value_bytes != ValueReference::kEncodedBytes) {
    return Damaged("a value reference has a wrong size at slot " + std::to_string(slot));
  }
  return Ok();
}

uint32_t BlockView::LowerBoundOfEqualWindows(uint32_t first, std::string_view rest) const {
  const uint64_t window = WindowAt(first);
  uint32_t last = record_count_;
  if (window != ~uint64_t{0}) last = WindowLowerBound(windows_, last, window + 1, first + 1);
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
  const uint32_t slot = WindowLowerBound(windows_, record_count_, window, GuessSlot(fraction));
  if (slot == record_count_ || WindowAt(slot) != window) return slot;
  return CompareBeyondWindow(slot, rest) >= 0 ? slot : LowerBoundOfEqualWindows(slot, rest);
}

uint32_t BlockView::FindAmongEqualWindows(uint32_t first, std::string_view rest) const {
  const uint32_t slot = LowerBoundOfEqualWindows(first, rest);
  const bool found = slot < record_count_ && WindowAt(slot) == WindowAt(first) &&
                     CompareBeyondWindow(slot, rest) == 0;
  return found ? slot : record_count_;
}

void BlockView::KeyAt(uint32_t slot, std::string* key) const {
  const size_t window_bytes = TagAt(slot).window_bytes();
  const std::string_view remainder = RemainderAt(slot);
  key->resize(prefix_bytes_ + window_bytes + remainder.size());
  char* out = key->data();
  std::memcpy(out, prefix_, prefix_bytes_);
  const uint64_t window = __builtin_bswap64(WindowAt(slot));
  std::memcpy(out + prefix_bytes_, &window, window_bytes);
  std::memcpy(out + prefix_bytes_ + window_bytes, remainder.data(), remainder.size());
}

}  // namespace sibyl::storage
