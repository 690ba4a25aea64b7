// Sorting entries by windows of their keys: see the header.

#include "sql/sorted_batch.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/coding.h"

namespace sibyl::sql {
namespace {

constexpr size_t kSizesBytes = 8;

size_t SharedBytes(std::string_view a, std::string_view b, size_t most) {
  const size_t size = std::min({a.size(), b.size(), most});
  size_t shared = 0;
  while (shared < size && a[shared] == b[shared]) ++shared;
  return shared;
}

// Up to 8 bytes as a big-endian number, zeros after the end.
uint64_t WindowOf(std::string_view bytes) {
  if (bytes.size() >= 8) return base::LoadBig64(bytes.data());
  char padded[8] = {};
  std::copy(bytes.begin(), bytes.end(), padded);
  return base::LoadBig64(padded);
}

}  // namespace

void SortedBatch::Add(std::string_view key, std::string_view value) {
  shared_bytes_ = places_.empty() ? key.size() : SharedBytes(KeyAt(0), key, shared_bytes_);
  places_.push_back({0, bytes_.size()});
  base::Put32(&bytes_, static_cast<uint32_t>(key.size()));
  base::Put32(&bytes_, static_cast<uint32_t>(value.size()));
  bytes_.append(key);
  bytes_.append(value);
}

std::string_view SortedBatch::KeyAt(size_t offset) const {
  const char* const at = bytes_.data() + offset;
  return {at + kSizesBytes, base::Load32(at)};
}

std::string_view SortedBatch::ValueAt(size_t offset) const {
  const char* const at = bytes_.data() + offset;
  return {at + kSizesBytes + base::Load32(at), base::Load32(at + 4)};
}

void SortedBatch::Sort() {
  for (Place& place : places_) place.window = WindowOf(KeyAt(place.offset).substr(shared_bytes_));
  SortByWindow();
  SortEqualWindows();
}

// A radix sort, byte by byte from the last: its passes read and write in order, where a sort by
// comparisons guesses each of them wrongly every other time. Bytes that are the same everywhere
// need no pass.
void SortedBatch::SortByWindow() {
  constexpr size_t kDigits = 8;
  std::array<std::array<size_t, 256>, kDigits> counts{};
  for (const Place& place : places_) {
    for (size_t digit = 0; digit < kDigits; ++digit) {
      ++counts[digit][place.window >> (8 * digit) & 0xff];
    }
  }
  other_.resize(places_.size());
  for (size_t digit = 0; digit < kDigits; ++digit) {
    std::array<size_t, 256>& begins = counts[digit];
    if (std::find(begins.begin(), begins.end(), places_.size()) != begins.end()) continue;
    size_t begin = 0;
    for (size_t& count : begins) begin += std::exchange(count, begin);
    for (const Place& place : places_) {
      other_[begins[place.window >> (8 * digit) & 0xff]++] = place;
    }
    places_.swap(other_);
  }
}

// Whatever differs beyond the window, or is a prefix of another key.
void SortedBatch::SortEqualWindows() {
  for (auto begin = places_.begin(); begin != places_.end();) {
    auto end = begin + 1;
    while (end != places_.end() && end->window == begin->window) ++end;
    if (end - begin > 1) {
      std::sort(begin, end, [this](const Place& a, const Place& b) {
        return KeyAt(a.offset) < KeyAt(b.offset);
      });
    }
    begin = end;
  }
}

}  // namespace sibyl::sql
