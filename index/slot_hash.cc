#include "index/slot_hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "index/recursive_array.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kGroupRanks = 8;

// The model alone should be as exact as two bytes per key allow; under groups it need only divide
// the keys evenly. Wider windows make smaller models.
constexpr std::array<uint32_t, 3> kCdfWindows = {16, 64, 512};
constexpr std::array<uint32_t, 2> kGroupedWindows = {64, 512};
constexpr size_t kMinKeys = 256;

// A group of this many keys or fewer tries all seeds; a larger one, where the model found no
// structure, a few: the best of them is never far from the mean.
constexpr size_t kSmallGroup = 64;
constexpr unsigned kSeeds = 256;
constexpr unsigned kSeedsOfLargeGroups = 8;

// Every bit of a key reaches every bit of the result (the finalizer of SplitMix64).
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t Seeded(uint64_t mixed, uint8_t seed) {
  return (mixed ^ seed * 0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93;
}

// `hash` as a number below `limit`, in proportion.
uint64_t Below(uint64_t limit, uint64_t hash) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(hash) * limit >> 64);
}

uint64_t ScaledRank(uint64_t rank, uint64_t slots, uint64_t keys) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(rank) * slots / keys);
}

uint64_t GroupsOf(uint64_t keys) { return (keys - 1) / kGroupRanks + 1; }

}  // namespace

std::optional<SlotHash> SlotHash::Learn(std::span<const uint64_t> keys, PointHash kind,
                                        uint64_t slots) {
  if (keys.size() < kMinKeys) return std::nullopt;
  const std::span<const uint32_t> windows =
      kind == PointHash::kCdf ? std::span<const uint32_t>(kCdfWindows) : kGroupedWindows;
  const size_t most_lines = keys.size() * 2 / sizeof(RankLine);
  const RootChoice root = PickRoot(keys);
  std::optional<RecursiveArray> array;
  for (size_t i = 0; i < windows.size() && !array; ++i) {
    array = BuildRecursiveArray(keys, windows[i], root, most_lines, kUnevenDepth);
  }
  if (!array) return std::nullopt;
  SlotHash hash(slots);
  hash.kind_ = kind;
  hash.keys_ = keys.size();
  hash.queries_ = QueriesOf(keys);
  hash.root_ = array->root;
  hash.lines_ = Table<RankLine>(array->lines);
  if (kind == PointHash::kLearned) hash.ChooseGroups(keys);
  return hash;
}

uint64_t SlotHash::RankOf(uint64_t key) const {
  const uint64_t x = std::min(std::max(key, queries_.first), queries_.last);
  const RankLine* line = lines_.data();
  if (root_) {
    const uint64_t distance = root_->DistanceOf(x);
    line += root_->ChildOf(distance, std::countl_zero(distance));
  }
  while (!IsLeaf(*line)) line = lines_.data() + Evaluate(*line, x);
  return std::min(Evaluate(*line, x), keys_ - 1);
}

uint64_t SlotHash::SlotInGroup(uint64_t key, uint64_t rank, uint64_t group, uint8_t seed) const {
  const uint64_t first = group_slots_[group];
  const uint64_t count = group_slots_[group + 1] - first;
  if (count == 0) return std::min(first, slots_ - 1);
  if (seed == 0) return first + rank % kGroupRanks * count / kGroupRanks;
  return first + Below(count, Seeded(Mix(key), seed));
}

uint64_t SlotHash::SlotOf(uint64_t key) const {
  if (kind_ == PointHash::kXxh3) {
    char bytes[sizeof key];
    std::memcpy(bytes, &key, sizeof key);
    return Below(slots_, base::Checksum({bytes, sizeof bytes}));
  }
  const uint64_t rank = RankOf(key);
  if (kind_ == PointHash::kCdf) {
    return slots_ == keys_ ? rank : ScaledRank(rank, slots_, keys_);
  }
  const uint64_t group = rank / kGroupRanks;
  return SlotInGroup(key, rank, group, seeds_[group]);
}

// The model is monotone: the keys of a group are neighbours.
void SlotHash::ChooseGroups(std::span<const uint64_t> keys) {
  const uint64_t groups = GroupsOf(keys.size());
  group_slots_ = Table<uint32_t>(groups + 1);
  seeds_ = Table<uint8_t>(groups);
  std::vector<size_t> begins(groups + 1, keys.size());
  uint64_t next = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    for (const uint64_t group = RankOf(keys[i]) / kGroupRanks; next <= group; ++next) {
      begins[next] = i;
    }
  }
  for (uint64_t group = 0; group <= groups; ++group) {
    group_slots_[group] = static_cast<uint32_t>(ScaledRank(begins[group], slots_, keys.size()));
  }
  for (uint64_t group = 0; group < groups; ++group) {
    const size_t begin = begins[group];
    seeds_[group] = ChooseSeed(keys.subspan(begin, begins[group + 1] - begin), group);
  }
}

uint8_t SlotHash::ChooseSeed(std::span<const uint64_t> keys, uint64_t group) const {
  const unsigned seeds = keys.size() <= kSmallGroup ? kSeeds : kSeedsOfLargeGroups;
  uint8_t best = 0;
  uint64_t fewest = UINT64_MAX;
  for (unsigned seed = 0; seed < seeds && fewest > 0; ++seed) {
    const uint64_t conflicts = ConflictsWith(keys, group, static_cast<uint8_t>(seed));
    if (conflicts >= fewest) continue;
    fewest = conflicts;
    best = static_cast<uint8_t>(seed);
  }
  return best;
}

uint64_t SlotHash::ConflictsWith(std::span<const uint64_t> keys, uint64_t group,
                                 uint8_t seed) const {
  const uint64_t first = group_slots_[group];
  std::vector<bool> many(group_slots_[group + 1] - first > 64 ? group_slots_[group + 1] - first
                                                              : 0);
  uint64_t few = 0;
  uint64_t conflicts = 0;
  for (const uint64_t key : keys) {
    const uint64_t rank = seed == 0 ? RankOf(key) : 0;
    const uint64_t slot = SlotInGroup(key, rank, group, seed) - first;
    if (many.empty()) {
      const uint64_t bit = uint64_t{1} << (slot & 63);
      conflicts += (few & bit) != 0;
      few |= bit;
    } else {
      conflicts += many[slot];
      many[slot] = true;
    }
  }
  return conflicts;
}

void SlotHash::Encode(std::string* out) const {
  base::Put8(out, static_cast<uint8_t>(kind_));
  if (kind_ == PointHash::kXxh3) return;
  base::Put64(out, keys_);
  base::Put64(out, queries_.first);
  base::Put64(out, queries_.last);
  base::Put8(out, root_ ? 1 : 0);
  const LogRoot root = root_.value_or(LogRoot{});
  base::Put32(out, root.leading_bits);
  base::Put32(out, root.first);
  base::Put32(out, root.count);
  base::Put64(out, lines_.size());
  for (const RankLine& line : lines_.span()) {
    base::Put64(out, line.x0);
    base::Put32(out, line.base);
    base::Put32(out, PortableSlope(line));
  }
  for (const uint32_t slot : group_slots_.span()) base::Put32(out, slot);
  for (const uint8_t seed : seeds_.span()) base::Put8(out, seed);
}

bool SlotHash::DecodeModel(base::Decoder* decoder) {
  keys_ = decoder->Get64();
  queries_.first = decoder->Get64();
  queries_.last = decoder->Get64();
  const uint8_t has_root = decoder->Get8();
  LogRoot root;
  root.smallest_key = queries_.first;
  root.leading_bits = decoder->Get32();
  root.first = decoder->Get32();
  root.count = decoder->Get32();
  const uint64_t line_count = decoder->Get64();
  if (!decoder->ok() || has_root > 1 || keys_ == 0 || keys_ > PointIndex::kMaxKeys ||
      queries_.first > queries_.last || line_count == 0 ||
      line_count > decoder->remaining_bytes() / sizeof(RankLine)) {
    return false;
  }
  if (has_root == 1) {
    if (root.leading_bits < 1 || root.leading_bits > 16 || root.count < 1 ||
        uint64_t{root.first} + root.count > uint64_t{64} << root.leading_bits) {
      return false;
    }
    root_ = root;
  } else if ((root.leading_bits | root.first | root.count) != 0) {
    return false;
  }
  lines_ = Table<RankLine>(line_count);
  for (size_t i = 0; i < line_count; ++i) {
    lines_[i] = {decoder->Get64(), decoder->Get32(), SlopeFromPortable(decoder->Get32())};
  }
  return VisitLeaves(lines_.span(), root_, queries_, [](KeyRange) {});
}

std::optional<SlotHash> SlotHash::Decode(base::Decoder* decoder, uint64_t slots) {
  SlotHash hash(slots);
  hash.kind_ = static_cast<PointHash>(decoder->Get8());
  if (hash.kind_ == PointHash::kXxh3) return hash;
  if (hash.kind_ != PointHash::kCdf && hash.kind_ != PointHash::kLearned) return std::nullopt;
  if (!hash.DecodeModel(decoder)) return std::nullopt;
  if (hash.kind_ == PointHash::kCdf) return hash;
  const uint64_t groups = GroupsOf(hash.keys_);
  if (decoder->remaining_bytes() / 5 < groups) return std::nullopt;
  hash.group_slots_ = Table<uint32_t>(groups + 1);
  hash.seeds_ = Table<uint8_t>(groups);
  for (size_t i = 0; i <= groups; ++i) hash.group_slots_[i] = decoder->Get32();
  for (size_t i = 0; i < groups; ++i) hash.seeds_[i] = decoder->Get8();
  const std::span<const uint32_t> starts = hash.group_slots_.span();
  if (!decoder->ok() || starts.back() > slots || !std::is_sorted(starts.begin(), starts.end())) {
    return std::nullopt;
  }
  return hash;
}

}  // namespace sibyl::index
