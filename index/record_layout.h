// The records of a block model to be, laid end to end: what its lines and its B-trees are fitted
// to.
//
// Each record counts its bytes, but at most one block. Its place is where it begins: the sum of
// what comes before it.

#ifndef SIBYL_INDEX_RECORD_LAYOUT_H_
#define SIBYL_INDEX_RECORD_LAYOUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "index/window.h"

namespace sibyl::index {

// Ranks [begin, end), of which there is one at least, of keys that agree in their first `position`
// bytes.
struct RankRange {
  size_t begin;
  size_t end;
  size_t position;
};

// One thread at a time.
class RecordLayout {
 public:
  // What a record takes, beside the bytes of its key.
  static constexpr uint64_t kBytesPerRecord =
      sizeof(std::string_view) + sizeof(uint32_t) + sizeof(uint64_t);

  // Precondition: block_bytes is positive.
  explicit RecordLayout(uint32_t block_bytes) : block_bytes_(block_bytes) {}

  void Reserve(size_t records);

  // Adds a record of `record_bytes` after all others; its key is referred to. Returns false, and
  // adds nothing, if the key is not greater than the one before it.
  [[nodiscard]] bool Add(std::string_view key, uint32_t record_bytes) {
    size_t shared = 0;
    if (!keys_.empty()) {
      const std::string_view previous = keys_.back();
      shared = SharedBytes(previous, key);
      if (shared == key.size()) return false;
      const auto at = [shared](std::string_view bytes) {
        return static_cast<unsigned char>(bytes[shared]);
      };
      if (shared < previous.size() && at(previous) > at(key)) return false;
    }
    longest_key_bytes_ = std::max(longest_key_bytes_, key.size());
    keys_.push_back(key);
    shared_with_previous_.push_back(static_cast<uint32_t>(shared));
    places_.push_back(places_.back() + std::min<uint64_t>(record_bytes, block_bytes_));
    return true;
  }

  // Forgets the records, but keeps the memory.
  void Clear();

  const std::vector<std::string_view>& keys() const { return keys_; }
  size_t size() const { return keys_.size(); }
  size_t longest_key_bytes() const { return longest_key_bytes_; }
  uint64_t block_bytes() const { return block_bytes_; }

  // In bytes. That of rank size() is the end of all.
  uint64_t PlaceOf(size_t rank) const { return places_[rank]; }

  // How many bytes the key shares with the one before it. Of the first: 0.
  uint32_t SharedWithPrevious(size_t rank) const { return shared_with_previous_[rank]; }

  // The bytes that all keys of a range share from its position; of a single key: none.
  std::string_view SharedBy(const RankRange& range) const {
    if (range.end - range.begin == 1) return {};
    const std::string_view first = keys_[range.begin].substr(range.position);
    const std::string_view last = keys_[range.end - 1].substr(range.position);
    return first.substr(0, SharedBytes(first, last));
  }

  // Between the places of the first and the last record.
  double BlocksSpanned(const RankRange& range) const {
    return static_cast<double>(PlaceOf(range.end - 1) - PlaceOf(range.begin)) /
           static_cast<double>(block_bytes_);
  }

 private:
  uint64_t block_bytes_;
  size_t longest_key_bytes_ = 0;
  std::vector<std::string_view> keys_;
  std::vector<uint32_t> shared_with_previous_;
  std::vector<uint64_t> places_ = {0};  // one more than keys
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RECORD_LAYOUT_H_
