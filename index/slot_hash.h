// Which slot of a table a key belongs to: by XXH3, or by a model of the keys' distribution.

#ifndef SIBYL_INDEX_SLOT_HASH_H_
#define SIBYL_INDEX_SLOT_HASH_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/coding.h"
#include "index/range_lookup.h"
#include "index/rank_line.h"
#include "index/table_memory.h"
#include "sibyl/point_index.h"
#include "sibyl/result.h"

namespace sibyl::index {

class SlotHash {
 public:
  // XXH3. `slots` > 0.
  explicit SlotHash(uint64_t slots) : slots_(slots) {}

  // A model of `keys`, which are sorted and distinct; `kind` is kCdf or kLearned. None if there are
  // too few keys, or if it would take more than two bytes for each.
  static std::optional<SlotHash> Learn(std::span<const uint64_t> keys, PointHash kind,
                                       uint64_t slots);

  // Below slots(), for every key.
  uint64_t SlotOf(uint64_t key) const;

  PointHash kind() const { return kind_; }
  uint64_t slots() const { return slots_; }
  uint64_t memory_bytes() const {
    return lines_.size_bytes() + group_slots_.size_bytes() + seeds_.size_bytes();
  }

  void Encode(std::string* out) const;

  // Reads that back; what it returns keeps the promises above, whatever the bytes were. Nothing if
  // they are malformed. `slots` > 0.
  static std::optional<SlotHash> Decode(base::Decoder* decoder, uint64_t slots);

 private:
  uint64_t RankOf(uint64_t key) const;
  void ChooseGroups(std::span<const uint64_t> keys);
  uint8_t ChooseSeed(std::span<const uint64_t> keys, uint64_t group) const;
  uint64_t ConflictsWith(std::span<const uint64_t> keys, uint64_t group, uint8_t seed) const;
  uint64_t SlotInGroup(uint64_t key, uint64_t rank, uint64_t group, uint8_t seed) const;
  bool DecodeModel(base::Decoder* decoder);

  PointHash kind_ = PointHash::kXxh3;
  uint64_t slots_;
  // kCdf, kLearned: the model, from keys to ranks.
  uint64_t keys_ = 0;
  KeyRange queries_ = {0, 0};
  std::optional<LogRoot> root_;
  Table<RankLine> lines_;
  // kLearned: group g is the keys of ranks (as the model has them) from kGroupRanks x g on; its
  // slots go from group_slots_[g] to group_slots_[g + 1].
  Table<uint32_t> group_slots_;
  Table<uint8_t> seeds_;  // 0: in the model's order
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_SLOT_HASH_H_
