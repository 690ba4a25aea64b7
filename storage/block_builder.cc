#include "storage/block_builder.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/coding.h"

namespace sibyl::storage {
namespace {

template <typename T>
bool AllEqual(const std::vector<T>& items) {
  return std::adjacent_find(items.begin(), items.end(), std::not_equal_to<>()) == items.end();
}

ColumnForm FormOf(const std::vector<uint32_t>& sizes, uint64_t total) {
  if (AllEqual(sizes)) return ColumnForm::kFixed;
  return total <= 0xffff ? ColumnForm::kOffsets16 : ColumnForm::kOffsets32;
}

void AppendOffsets(ColumnForm form, const std::vector<uint32_t>& sizes, std::string* out) {
  if (form == ColumnForm::kFixed) return;
  uint32_t offset = 0;
  for (const uint32_t size : sizes) {
    if (form == ColumnForm::kOffsets16) {
      base::Put16(out, static_cast<uint16_t>(offset));
    } else {
      base::Put32(out, offset);
    }
    offset += size;
  }
}

size_t CommonPrefixBytes(std::string_view a, std::string_view b) {
  const auto [end, _] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(end - a.begin());
}

}  // namespace

void BlockBuilder::Add(std::string_view key, std::string_view value, RecordType type,
                       bool out_of_line) {
  assert(SizeLimitBytes() + key.size() + value.size() < kMaxBlockBytes);
  records_.push_back(
      {static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size()), type, out_of_line});
  keys_.append(key);
  values_.append(value);
}

uint64_t BlockBuilder::SizeLimitBytes() const {
  // The header and paddings; per record a window, a tag and two wide offsets, this and the next.
  return kBlockHeaderBytes + 16 + (records_.size() + 1) * (kWindowBytes + 1 + 4 + 4) +
         keys_.size() + values_.size();
}

void BlockBuilder::SplitKeys(size_t prefix_bytes) {
  const char* key = keys_.data();
  for (const Record& record : records_) {
    const std::string_view rest(key + prefix_bytes, record.key_bytes - prefix_bytes);
    const std::string_view in_window = rest.substr(0, kWindowBytes);
    const std::string_view remainder = rest.substr(in_window.size());
    uint64_t window = 0;
    std::memcpy(&window, in_window.data(), in_window.size());
    windows_.push_back(__builtin_bswap64(window));
    tags_.push_back(RecordTag(in_window.size(), record.type, record.out_of_line).byte());
    remainders_.append(remainder);
    remainder_bytes_.push_back(static_cast<uint32_t>(remainder.size()));
    value_bytes_.push_back(record.value_bytes);
    key += record.key_bytes;
  }
}

// All that comes before the remainders.
void BlockBuilder::AppendColumns(size_t prefix_bytes) {
  const BlockFlags flags(AllEqual(tags_), FormOf(remainder_bytes_, remainders_.size()),
                         FormOf(value_bytes_, values_.size()), !packed_windows_.empty());
  const auto size_field = [](ColumnForm form, const std::vector<uint32_t>& sizes, size_t total) {
    return form == ColumnForm::kFixed ? sizes.front() : static_cast<uint32_t>(total);
  };
  base::Put64(&block_, 0);  // the checksum comes last
  base::Put32(&block_, record_count());
  base::Put8(&block_, flags.byte());
  base::Put8(&block_, flags.uniform_tag() ? tags_.front() : 0);
  base::Put16(&block_, static_cast<uint16_t>(prefix_bytes));
  base::Put32(&block_, size_field(flags.remainder_form(), remainder_bytes_, remainders_.size()));
  base::Put32(&block_, size_field(flags.value_form(), value_bytes_, values_.size()));
  block_.append(keys_, 0, prefix_bytes);
  block_.resize(RoundUpToAlignment(block_.size()));
  if (flags.packed_windows()) {
    block_.append(packed_windows_);
  } else {
    block_.append(reinterpret_cast<const char*>(windows_.data()), windows_.size() * kWindowBytes);
  }
  if (!flags.uniform_tag()) block_.append(tags_.begin(), tags_.end());
  AppendOffsets(flags.remainder_form(), remainder_bytes_, &block_);
  AppendOffsets(flags.value_form(), value_bytes_, &block_);
}

std::string_view BlockBuilder::Finish(uint32_t block, bool pack_windows) {
  assert(!empty());
  // Keys are sorted: what the first and the last share, all share.
  const std::string_view first(keys_.data(), records_.front().key_bytes);
  const std::string_view last(keys_.data() + keys_.size() - records_.back().key_bytes,
                              records_.back().key_bytes);
  const size_t prefix_bytes = std::min(CommonPrefixBytes(first, last), kMaxBlockPrefixBytes);
  windows_.clear();
  tags_.clear();
  remainder_bytes_.clear();
  value_bytes_.clear();
  remainders_.clear();
  packed_windows_.clear();
  block_.clear();
  SplitKeys(prefix_bytes);
  if (pack_windows) PackedColumn::Append(windows_, &packed_windows_);
  AppendColumns(prefix_bytes);
  block_.append(remainders_);
  block_.append(values_);
  block_.resize(RoundUpToAlignment(block_.size()));
  SetBlockChecksum(block_.data(), block_.size(), block);
  return block_;
}

void BlockBuilder::Clear() {
  records_.clear();
  keys_.clear();
  values_.clear();
}

}  // namespace sibyl::storage
