// KeySet: the sorted keys of a run, numbered by rank, as every engine gets them: byte strings.

#ifndef SIBYL_BENCH_WORKLOAD_KEY_SET_H_
#define SIBYL_BENCH_WORKLOAD_KEY_SET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/data/random.h"
#include "sibyl/result.h"

namespace sibyl::bench {

// Immutable. Integers become 8 big-endian bytes, so that byte order is their order; text stays.
class KeySet {
 public:
  // Both sort and drop duplicates. Errors: kInvalidArgument past 2^32 - 1 keys or 4 GiB of text.
  static Result<KeySet> FromIntegers(std::vector<uint64_t> keys);

  // Leaves out keys that are empty or longer than `max_key_bytes`, which not every engine can
  // store: skipped() says how many.
  static Result<KeySet> FromLines(std::vector<std::string> lines, size_t max_key_bytes);

  uint32_t size() const { return static_cast<uint32_t>(offsets_.size() - 1); }
  bool is_integers() const { return is_integers_; }
  uint64_t key_bytes() const { return bytes_.size(); }  // of all keys
  uint64_t skipped() const { return skipped_; }

  std::string_view Key(uint32_t rank) const {
    return std::string_view(bytes_).substr(offsets_[rank], offsets_[rank + 1] - offsets_[rank]);
  }

  bool Contains(std::string_view key) const;

  // A key that is not in the set but lies between two that are: for integers between neighbours,
  // for text a mutated key, no longer than the longest. nullopt if many tries found none (a dense
  // set has no room).
  std::optional<std::string> AbsentKey(Random& random) const;

 private:
  KeySet() = default;
  void Append(std::string_view key);

  bool is_integers_ = false;
  uint64_t skipped_ = 0;
  size_t longest_key_bytes_ = 0;
  std::string bytes_;
  std::vector<uint32_t> offsets_ = {0};  // size() + 1 of them
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_KEY_SET_H_
