#include "storage/block.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "storage/window_search.h"

namespace sibyl::storage {
namespace {

Error Damaged(std::string what) { return Error{ErrorCode::kCorruption, std::move(what)}; }

// The first 8 bytes of `bytes`, zeros after its end, such that integer order is byte order.
// `before` says how many readable bytes precede `bytes`.
uint64_t WindowOf(std::string_view bytes, size_t before) {
  if (bytes.size() >= kWindowBytes) return base::LoadBig64(bytes.data());
  if (bytes.empty()) return 0;
  if (before + bytes.size() >= kWindowBytes) {  // load what ends with it, and shift the rest out
    const uint64_t tail = base::LoadBig64(bytes.data() + bytes.size() - kWindowBytes);
    return tail << 8 * (kWindowBytes - bytes.size());
  }
  uint64_t window = 0;
  std::memcpy(&window, bytes.data(), bytes.size());
  return __builtin_bswap64(window);
}

// As memcmp of the prefix with as much of the key. Precondition: the prefix lies in a block, where
// it is padded to a multiple of 8 bytes.
int ComparePrefix(std::string_view key, std::string_view prefix) {
  if (prefix.size() <= 8 && key.size() >= 8) {  // most blocks: no call
    if (prefix.empty()) return 0;
    const int shift = static_cast<int>(8 * (8 - prefix.size()));
    const uint64_t a = base::LoadBig64(key.data()) >> shift;
    const uint64_t b = base::LoadBig64(prefix.data()) >> shift;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return std::memcmp(key.data(), prefix.data(), std::min(key.size(), prefix.size()));
}

uint32_t GuessSlot(uint32_t record_count, uint16_t fraction) {
  return static_cast<uint32_t>(uint64_t{record_count} * fraction >> 16);
}

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

Result<BlockView> BlockView::Parse(std::string_view bytes) {
  if (bytes.size() < kBlockHeaderBytes) return Damaged("shorter than its header");
  if (bytes.size() > kMaxBlockBytes) return Damaged("longer than any block");
  // What is wrong with the sizes must be known before any pointer is made from them.
  const uint64_t count = base::Load32(bytes.data() + 8);
  const auto flags_byte = static_cast<uint8_t>(bytes[12]);
  const BlockFlags flags = BlockFlags::Decode(flags_byte);
  if (flags.Encode() != flags_byte || flags.remainder_form > ColumnForm::kOffsets32 ||
      flags.value_form > ColumnForm::kOffsets32) {
    return Damaged("unknown flags");
  }
  const uint64_t remainder_size = base::Load32(bytes.data() + 16);
  const uint64_t value_size = base::Load32(bytes.data() + 20);
  const auto column_bytes = [&](ColumnForm form, uint64_t size) {
    return OffsetBytes(form) * count + (form == ColumnForm::kFixed ? count * size : size);
  };
  const Error wrong_sizes = Damaged("the sizes in its header do not add up to its size");
  // Bounds on the factors first: then no product or sum below can overflow.
  if (count == 0 || std::max({count, remainder_size, value_size}) > bytes.size()) {
    return wrong_sizes;
  }
  const uint64_t size_bytes = kBlockHeaderBytes +
                              RoundUpToAlignment(base::Load16(bytes.data() + 14)) +
                              kWindowBytes * count + (flags.uniform_tag ? 0 : count) +
                              column_bytes(flags.remainder_form, remainder_size) +
                              column_bytes(flags.value_form, value_size);
  if (RoundUpToAlignment(size_bytes) != bytes.size()) return wrong_sizes;
  const BlockView view(bytes.data());
  SIBYL_RETURN_IF_ERROR(
      view.CheckOffsets(flags.remainder_form, view.remainder_offsets_, view.remainder_size_));
  SIBYL_RETURN_IF_ERROR(view.CheckOffsets(flags.value_form, view.value_offsets_, view.value_size_));
  if (!flags.uniform_tag && view.uniform_tag_ != 0) return Damaged("it has two kinds of tags");
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
  const uint8_t byte = flags_.uniform_tag ? uniform_tag_ : static_cast<uint8_t>(tags_[slot]);
  if (tag.Encode() != byte || tag.type > RecordType::kTombstone || tag.window_bytes > kWindowBytes) {
    return Damaged("unknown tag at slot " + std::to_string(slot));
  }
  if (tag.window_bytes < kWindowBytes) {
    const bool has_bytes_after_key = WindowAt(slot) << 8 * tag.window_bytes != 0;
    if (has_bytes_after_key || !RemainderAt(slot).empty()) {
      return Damaged("a key continues after its end at slot " + std::to_string(slot));
    }
  }
  const size_t value_bytes = RawValueAt(slot).size();
  if (tag.type == RecordType::kTombstone && (value_bytes != 0 || tag.out_of_line)) {
    return Damaged("a tombstone has a value at slot " + std::to_string(slot));
  }
  if (tag.out_of_line && value_bytes != ValueReference::kEncodedBytes) {
    return Damaged("a value reference has a wrong size at slot " + std::to_string(slot));
  }
  return Ok();
}

int BlockView::CompareBeyondWindow(uint32_t slot, std::string_view rest) const {
  // Equal windows: the key that ends earlier inside the window is the smaller one.
  const int window_bytes = TagAt(slot).window_bytes;
  const int rest_window_bytes = static_cast<int>(std::min(rest.size(), kWindowBytes));
  if (window_bytes != rest_window_bytes || rest.size() < kWindowBytes) {
    return window_bytes - rest_window_bytes;
  }
  return RemainderAt(slot).compare(rest.substr(kWindowBytes));
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
  const int order = ComparePrefix(key, prefix());
  if (order != 0) return order < 0 ? 0 : record_count_;
  if (key.size() < prefix_bytes_) return 0;
  const std::string_view rest = key.substr(prefix_bytes_);
  const uint64_t window = WindowOf(rest, prefix_bytes_);
  const uint32_t slot =
      WindowLowerBound(windows_, record_count_, window, GuessSlot(record_count_, fraction));
  if (slot == record_count_ || WindowAt(slot) != window) return slot;
  return CompareBeyondWindow(slot, rest) >= 0 ? slot : LowerBoundOfEqualWindows(slot, rest);
}

std::optional<uint32_t> BlockView::Find(std::string_view key, uint16_t fraction) const {
  if (record_count_ == 0 || key.size() < prefix_bytes_ || ComparePrefix(key, prefix()) != 0) {
    return std::nullopt;
  }
  const std::string_view rest = key.substr(prefix_bytes_);
  const uint64_t window = WindowOf(rest, prefix_bytes_);
  uint32_t slot =
      WindowLowerBound(windows_, record_count_, window, GuessSlot(record_count_, fraction));
  if (slot == record_count_ || WindowAt(slot) != window) return std::nullopt;
  const int order = CompareBeyondWindow(slot, rest);
  if (order == 0) return slot;
  if (order > 0) return std::nullopt;
  slot = LowerBoundOfEqualWindows(slot, rest);
  if (slot == record_count_ || WindowAt(slot) != window || CompareBeyondWindow(slot, rest) != 0) {
    return std::nullopt;
  }
  return slot;
}

void BlockView::KeyAt(uint32_t slot, std::string* key) const {
  const size_t window_bytes = TagAt(slot).window_bytes;
  const std::string_view remainder = RemainderAt(slot);
  key->resize(prefix_bytes_ + window_bytes + remainder.size());
  char* out = key->data();
  std::memcpy(out, prefix_, prefix_bytes_);
  const uint64_t window = __builtin_bswap64(WindowAt(slot));
  std::memcpy(out + prefix_bytes_, &window, window_bytes);
  std::memcpy(out + prefix_bytes_ + window_bytes, remainder.data(), remainder.size());
}

}  // namespace sibyl::storage
