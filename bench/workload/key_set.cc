#include "bench/workload/key_set.h"

#include <algorithm>
#include <limits>

#include "base/coding.h"

namespace sibyl::bench {
namespace {

constexpr uint64_t kMaxKeys = std::numeric_limits<uint32_t>::max() - 1;

template <typename T>
void SortUnique(std::vector<T>* keys) {
  if (!std::is_sorted(keys->begin(), keys->end())) std::sort(keys->begin(), keys->end());
  keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
}

Status CheckLimits(uint64_t keys, uint64_t bytes) {
  if (keys > kMaxKeys || bytes > std::numeric_limits<uint32_t>::max()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the key set is too large for this benchmark: " + std::to_string(keys) +
                     " keys of " + std::to_string(bytes) + " bytes together; 4 GiB is the limit"};
  }
  if (keys < 2) return Error{ErrorCode::kInvalidArgument, "the key set has fewer than two keys"};
  return Ok();
}

std::string BigEndian(uint64_t key) {
  std::string bytes;
  base::PutBig64(&bytes, key);
  return bytes;
}

// One small change to `key`: a byte replaced, appended or cut off.
std::string Mutated(std::string key, Random& random) {
  const char byte = static_cast<char>(random.Below(256));
  switch (random.Below(3)) {
    case 0:
      key[random.Below(key.size())] = byte;
      break;
    case 1:
      key += byte;
      break;
    default:
      key.resize(1 + random.Below(key.size()));
      break;
  }
  return key;
}

}  // namespace

void KeySet::Append(std::string_view key) {
  bytes_ += key;
  longest_key_bytes_ = std::max(longest_key_bytes_, key.size());
  offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
}

Result<KeySet> KeySet::FromIntegers(std::vector<uint64_t> keys) {
  SortUnique(&keys);
  if (auto limits = CheckLimits(keys.size(), keys.size() * sizeof(uint64_t)); !limits) {
    return std::move(limits).error();
  }
  KeySet set;
  set.is_integers_ = true;
  set.bytes_.reserve(keys.size() * sizeof(uint64_t));
  set.offsets_.reserve(keys.size() + 1);
  for (const uint64_t key : keys) set.Append(BigEndian(key));
  return set;
}

Result<KeySet> KeySet::FromLines(std::vector<std::string> lines, size_t max_key_bytes) {
  SortUnique(&lines);
  const size_t all = lines.size();
  std::erase_if(lines, [max_key_bytes](const std::string& line) {
    return line.empty() || line.size() > max_key_bytes;
  });
  uint64_t bytes = 0;
  for (const std::string& line : lines) bytes += line.size();
  if (auto limits = CheckLimits(lines.size(), bytes); !limits) return std::move(limits).error();
  KeySet set;
  set.skipped_ = all - lines.size();
  set.bytes_.reserve(bytes);
  set.offsets_.reserve(lines.size() + 1);
  for (const std::string& line : lines) set.Append(line);
  return set;
}

bool KeySet::Contains(std::string_view key) const {
  uint32_t low = 0;
  uint32_t high = size();
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (Key(middle) < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < size() && Key(low) == key;
}

std::optional<std::string> KeySet::AbsentKey(Random& random) const {
  constexpr int kTries = 256;
  for (int i = 0; i < kTries; ++i) {
    const auto rank = static_cast<uint32_t>(random.Below(size() - 1));
    if (!is_integers_) {
      std::string key = Mutated(std::string(Key(rank)), random);
      if (key.size() <= longest_key_bytes_ && !Contains(key)) return key;
      continue;
    }
    const uint64_t low = base::LoadBig64(Key(rank).data());
    const uint64_t high = base::LoadBig64(Key(rank + 1).data());
    if (high - low >= 2) return BigEndian(low + 1 + random.Below(high - low - 1));
  }
  return std::nullopt;
}

}  // namespace sibyl::bench
