#include "sibyl/existence_index.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "index/blocked_bloom.h"
#include "index/frame.h"
#include "index/key_classifier.h"
#include "index/score_regions.h"

namespace sibyl::index {

namespace {

enum class KeyType : uint8_t { kStrings = 1, kIntegers = 2 };

uint64_t HashOf(std::string_view key) { return base::Checksum(key); }
uint64_t HashOf(uint64_t key) {
  char bytes[sizeof key];
  std::memcpy(bytes, &key, sizeof key);
  return base::Checksum({bytes, sizeof bytes});
}

// Scores from `from` on: believed, or left to the filter.
struct Region {
  int32_t from;
  bool believed;
  BlockedBloom filter;
};

}  // namespace

// All kinds are one: regions of scores, of which a Bloom filter has a single one and no classifier.
struct ExistenceParts {
  ExistenceKind kind;
  KeyType key_type;
  uint64_t keys;
  std::optional<KeyClassifier> classifier;
  std::vector<Region> regions;  // the first from kLowestScore, ascending
  std::vector<ExistenceCandidate> candidates;

  // The number of the region that a score lies in.
  size_t RegionOf(int32_t score) const {
    size_t region = 0;
    for (size_t i = 1; i < regions.size(); ++i) region += score >= regions[i].from;
    return region;
  }

  template <typename Key>
  bool MayContain(Key key) const {
    const Region& region = regions[classifier ? RegionOf(classifier->Score(key)) : 0];
    return region.believed || region.filter.MayContain(HashOf(key));
  }

  uint64_t memory_bytes() const {
    uint64_t bytes = classifier ? classifier->memory_bytes() : 0;
    for (const Region& region : regions) bytes += sizeof(Region) + region.filter.memory_bytes();
    return bytes;
  }
};

namespace {

constexpr FrameKind kFrame = {std::string_view("sibylEIX", 8), 1, "existence index"};
constexpr double kLowestRate = 1e-4;
constexpr double kHighestRate = 0.5;
constexpr uint8_t kMostRegions = 64;

// A learned filter is slower: for less than this share of the Bloom filter's memory only.
constexpr double kWorthLearning = 0.9;
// And it must keep its rate on keys that nothing was chosen by, but for chance.
constexpr double kRateSlack = 1.25;

using Parts = std::unique_ptr<ExistenceParts>;

const char* NameOf(ExistenceKind kind) {
  switch (kind) {
    case ExistenceKind::kLearnedBloom:
      return "learned Bloom filter";
    case ExistenceKind::kPartitioned:
      return "partitioned learned Bloom filter";
    default:
      return "blocked Bloom filter";
  }
}

// Absent keys, by what they are used for: dealt out at random, since samples have patterns.
template <typename Key>
struct AbsentKeys {
  std::vector<Key> training;
  std::vector<Key> thresholds;
  std::vector<Key> measuring;

  explicit AbsentKeys(std::span<const Key> absent) {
    uint64_t state = 1;
    for (const Key key : absent) {
      state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
      const uint64_t use = (state >> 32) % 3;
      (use == 0 ? training : use == 1 ? thresholds : measuring).push_back(key);
    }
  }
};

// `key_scores` are what lookups will compute of each key; empty without a classifier.
template <typename Key>
void FillFilters(std::span<const Key> keys, std::span<const int32_t> key_scores,
                 const std::vector<ScoreRegion>& regions, ExistenceParts* parts) {
  for (const ScoreRegion& region : regions) {
    parts->regions.push_back({region.from, region.rate >= 1, BlockedBloom()});
  }
  const auto region_of = [&](size_t i) {
    return key_scores.empty() ? 0 : parts->RegionOf(key_scores[i]);
  };
  std::vector<uint64_t> counts(regions.size());
  for (size_t i = 0; i < keys.size(); ++i) ++counts[region_of(i)];
  for (size_t i = 0; i < regions.size(); ++i) {
    if (!parts->regions[i].believed) {
      parts->regions[i].filter = BlockedBloom(counts[i], regions[i].rate);
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    Region& region = parts->regions[region_of(i)];
    if (!region.believed) region.filter.Add(HashOf(keys[i]));
  }
}

template <typename Key>
double MeasuredRate(const ExistenceParts& parts, const std::vector<Key>& absent) {
  if (absent.empty()) return 0;
  const auto yes = std::count_if(absent.begin(), absent.end(),
                                 [&](const Key& key) { return parts.MayContain(key); });
  return static_cast<double>(yes) / static_cast<double>(absent.size());
}

template <typename Key>
std::vector<int32_t> ScoresOf(const KeyClassifier& classifier, std::span<const Key> keys) {
  std::vector<int32_t> scores;
  scores.reserve(keys.size());
  for (const Key key : keys) scores.push_back(classifier.Score(key));
  return scores;
}

template <typename Key>
Parts BuildOne(std::span<const Key> keys, const AbsentKeys<Key>& absent, KeyType type,
               const ExistenceOptions& options) {
  const uint64_t start_ns = base::NowNs();
  auto parts = std::make_unique<ExistenceParts>();
  parts->kind = options.kind;
  parts->key_type = type;
  parts->keys = keys.size();
  std::vector<ScoreRegion> regions = {{kLowestScore, options.false_positive_rate}};
  std::vector<int32_t> key_scores;
  if (options.kind != ExistenceKind::kBlockedBloom) {
    parts->classifier = KeyClassifier::Train(keys, absent.training);
    key_scores = ScoresOf(*parts->classifier, keys);
    const auto absent_scores = ScoresOf<Key>(*parts->classifier, absent.thresholds);
    regions = options.kind == ExistenceKind::kLearnedBloom
                  ? ChooseThreshold(key_scores, absent_scores, options.false_positive_rate)
                  : ChoosePartition(key_scores, absent_scores, options.false_positive_rate);
  }
  FillFilters<Key>(keys, key_scores, regions, parts.get());
  const double seconds = static_cast<double>(base::NowNs() - start_ns) * 1e-9;
  parts->candidates.push_back({NameOf(parts->kind), parts->memory_bytes(),
                               MeasuredRate(*parts, absent.measuring), seconds, true});
  return parts;
}

template <typename Key>
Parts BuildSmallest(std::span<const Key> keys, const AbsentKeys<Key>& absent, KeyType type,
                    ExistenceOptions options, bool can_learn) {
  std::vector<Parts> all;
  for (const auto kind :
       {ExistenceKind::kBlockedBloom, ExistenceKind::kLearnedBloom, ExistenceKind::kPartitioned}) {
    if (kind != ExistenceKind::kBlockedBloom && !can_learn) break;
    options.kind = kind;
    all.push_back(BuildOne(keys, absent, type, options));
  }
  size_t best = 0;
  auto least = kWorthLearning * static_cast<double>(all[0]->memory_bytes());
  std::vector<ExistenceCandidate> reports;
  for (size_t i = 0; i < all.size(); ++i) {
    reports.push_back(all[i]->candidates[0]);
    const auto bytes = static_cast<double>(reports[i].memory_bytes);
    const double most = kRateSlack * options.false_positive_rate;
    if (i == 0 || bytes >= least || reports[i].false_positive_rate > most) continue;
    best = i;
    least = bytes;
  }
  for (size_t i = 0; i < all.size(); ++i) reports[i].chosen = i == best;
  all[best]->candidates = std::move(reports);
  return std::move(all[best]);
}

template <typename Key>
Result<Parts> BuildParts(std::span<const Key> keys, std::span<const Key> absent, KeyType type,
                         const ExistenceOptions& options) {
  if (!(options.false_positive_rate >= kLowestRate &&
        options.false_positive_rate <= kHighestRate)) {
    return Error{ErrorCode::kInvalidArgument, "existence index: a false positive rate of " +
                                                  std::to_string(options.false_positive_rate) +
                                                  " is not in [0.0001, 0.5]"};
  }
  const bool can_learn = absent.size() >= ExistenceIndex::kMinAbsentKeys && !keys.empty();
  const bool must_learn =
      options.kind == ExistenceKind::kLearnedBloom || options.kind == ExistenceKind::kPartitioned;
  if (must_learn && !can_learn) {
    return Error{ErrorCode::kInvalidArgument,
                 "existence index: cannot learn from " + std::to_string(keys.size()) +
                     " keys and " + std::to_string(absent.size()) + " absent ones; " +
                     std::to_string(ExistenceIndex::kMinAbsentKeys) + " of these are needed"};
  }
  const AbsentKeys<Key> divided(absent);
  if (options.kind != ExistenceKind::kAuto) return BuildOne(keys, divided, type, options);
  return BuildSmallest(keys, divided, type, options, can_learn);
}

Result<Parts> DecodeBody(base::Decoder* decoder) {
  auto parts = std::make_unique<ExistenceParts>();
  parts->kind = static_cast<ExistenceKind>(decoder->Get8());
  parts->key_type = static_cast<KeyType>(decoder->Get8());
  parts->keys = decoder->Get64();
  const bool learned =
      parts->kind == ExistenceKind::kLearnedBloom || parts->kind == ExistenceKind::kPartitioned;
  const bool type_known =
      parts->key_type == KeyType::kStrings || parts->key_type == KeyType::kIntegers;
  if ((!learned && parts->kind != ExistenceKind::kBlockedBloom) || !type_known) {
    return kFrame.Corrupt("malformed header");
  }
  if (learned) {
    parts->classifier = KeyClassifier::Decode(decoder);
    if (!parts->classifier) return kFrame.Corrupt("its classifier is malformed");
  }
  const uint8_t regions = decoder->Get8();
  if (regions == 0 || regions > kMostRegions || (!learned && regions != 1)) {
    return kFrame.Corrupt("its number of regions is out of range");
  }
  for (uint8_t i = 0; i < regions; ++i) {
    const auto from = static_cast<int32_t>(decoder->Get32());
    const uint8_t believed = decoder->Get8();
    auto filter = BlockedBloom::Decode(decoder);
    const bool in_order = i == 0 ? from == kLowestScore : from > parts->regions.back().from;
    if (!filter || believed > 1 || !in_order) return kFrame.Corrupt("a region is malformed");
    parts->regions.push_back({from, believed == 1, std::move(*filter)});
  }
  if (!decoder->ok() || !decoder->done()) return kFrame.Corrupt("truncated or with more behind");
  return parts;
}

}  // namespace

ExistenceIndex::ExistenceIndex(std::unique_ptr<const ExistenceParts> parts)
    : parts_(std::move(parts)) {}
ExistenceIndex::ExistenceIndex(ExistenceIndex&&) noexcept = default;
ExistenceIndex& ExistenceIndex::operator=(ExistenceIndex&&) noexcept = default;
ExistenceIndex::~ExistenceIndex() = default;

Result<ExistenceIndex> ExistenceIndex::Build(std::span<const std::string_view> keys,
                                             std::span<const std::string_view> absent,
                                             const ExistenceOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(Parts parts, BuildParts(keys, absent, KeyType::kStrings, options));
  return ExistenceIndex(std::move(parts));
}

Result<ExistenceIndex> ExistenceIndex::Build(std::span<const uint64_t> keys,
                                             std::span<const uint64_t> absent,
                                             const ExistenceOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(Parts parts, BuildParts(keys, absent, KeyType::kIntegers, options));
  return ExistenceIndex(std::move(parts));
}

bool ExistenceIndex::MayContain(std::string_view key) const {
  return parts_->key_type != KeyType::kStrings || parts_->MayContain(key);
}

bool ExistenceIndex::MayContain(uint64_t key) const {
  return parts_->key_type != KeyType::kIntegers || parts_->MayContain(key);
}

ExistenceKind ExistenceIndex::kind() const { return parts_->kind; }
uint64_t ExistenceIndex::memory_bytes() const { return parts_->memory_bytes(); }
uint64_t ExistenceIndex::size() const { return parts_->keys; }
std::span<const ExistenceCandidate> ExistenceIndex::candidates() const {
  return parts_->candidates;
}

std::string ExistenceIndex::Explain() const {
  std::string text = std::to_string(size()) + " keys\n";
  char line[160];
  std::snprintf(line, sizeof line, "  %-34s %9s %10s %8s\n", "candidate", "bits/key", "rate",
                "build s");
  text += line;
  const double keys = static_cast<double>(std::max<uint64_t>(size(), 1));
  for (const ExistenceCandidate& c : candidates()) {
    std::snprintf(line, sizeof line, "%c %-34s %9.2f %9.4f%% %8.3f\n", c.chosen ? '*' : ' ',
                  c.name.c_str(), 8 * static_cast<double>(c.memory_bytes) / keys,
                  100 * c.false_positive_rate, c.build_seconds);
    text += line;
  }
  return text;
}

void ExistenceIndex::Serialize(std::string* out) const {
  const size_t begin = BeginFrame(kFrame, out);
  base::Put8(out, static_cast<uint8_t>(parts_->kind));
  base::Put8(out, static_cast<uint8_t>(parts_->key_type));
  base::Put64(out, parts_->keys);
  if (parts_->classifier) parts_->classifier->Encode(out);
  base::Put8(out, static_cast<uint8_t>(parts_->regions.size()));
  for (const Region& region : parts_->regions) {
    base::Put32(out, static_cast<uint32_t>(region.from));
    base::Put8(out, region.believed ? 1 : 0);
    region.filter.Encode(out);
  }
  FinishFrame(begin, out);
}

Result<ExistenceIndex> ExistenceIndex::Deserialize(std::string_view bytes) {
  SIBYL_ASSIGN_OR_RETURN(base::Decoder decoder, OpenFrame(kFrame, bytes));
  SIBYL_ASSIGN_OR_RETURN(Parts parts, DecodeBody(&decoder));
  parts->candidates.push_back({NameOf(parts->kind), parts->memory_bytes(), 0, 0, true});
  return ExistenceIndex(std::move(parts));
}

}  // namespace sibyl::index
