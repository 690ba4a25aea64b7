#include "sibyl/point_index.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "index/frame.h"
#include "index/record_table.h"
#include "index/slot_hash.h"

namespace sibyl::index {

struct PointParts {
  SlotHash hash;
  PointTable table_kind;
  uint64_t keys;
  RecordTable table;
  std::vector<PointIndexCandidate> candidates;

  std::optional<uint64_t> Find(uint64_t key) const { return table.FindFrom(hash.SlotOf(key), key); }

  void FindBatch(std::span<const uint64_t> queries, std::optional<uint64_t>* values) const {
    constexpr size_t kGroup = 32;  // lookups in flight
    std::array<uint64_t, kGroup> slots;
    for (size_t begin = 0; begin < queries.size(); begin += kGroup) {
      const size_t count = std::min(kGroup, queries.size() - begin);
      for (size_t i = 0; i < count; ++i) {
        slots[i] = hash.SlotOf(queries[begin + i]);
        table.Prefetch(slots[i]);
      }
      for (size_t i = 0; i < count; ++i) {
        values[begin + i] = table.FindFrom(slots[i], queries[begin + i]);
      }
    }
  }

  uint64_t memory_bytes() const { return hash.memory_bytes() + table.memory_bytes(); }

  std::string Name() const {
    const char* hash_name = hash.kind() == PointHash::kXxh3  ? "XXH3"
                            : hash.kind() == PointHash::kCdf ? "CDF"
                                                             : "learned";
    return std::string(hash_name) +
           (table_kind == PointTable::kInPlace ? ", in place" : ", chained");
  }

  PointIndexCandidate Report(bool chosen) const {
    return {Name(), table.conflicts(), memory_bytes(), 0, 0, 0, chosen};
  }
};

namespace {

constexpr FrameKind kFrame = {std::string_view("sibylPIX", 8), 1, "point index"};
constexpr double kFewestSlotsPerKey = 0.25;
constexpr double kMostSlotsPerKey = 4;

using Parts = std::unique_ptr<PointParts>;

Status CheckOptions(std::span<const uint64_t> keys, std::span<const uint64_t> values,
                    const PointIndexOptions& options) {
  if (keys.size() != values.size()) {
    return Error{ErrorCode::kInvalidArgument, "point index: " + std::to_string(keys.size()) +
                                                  " keys but " + std::to_string(values.size()) +
                                                  " values"};
  }
  const bool in_place = options.table == PointTable::kInPlace;
  if (!(options.slots_per_key >= (in_place ? 1 : kFewestSlotsPerKey) &&
        options.slots_per_key <= kMostSlotsPerKey)) {
    return Error{ErrorCode::kInvalidArgument,
                 "point index: slots_per_key is " + std::to_string(options.slots_per_key)};
  }
  if (keys.size() > PointIndex::kMaxKeys) {
    return Error{ErrorCode::kNotSupported, "point index: " + std::to_string(keys.size()) +
                                               " keys are more than " +
                                               std::to_string(PointIndex::kMaxKeys)};
  }
  return Ok();
}

Result<std::vector<uint64_t>> SortDistinct(std::span<const uint64_t> keys) {
  std::vector<uint64_t> sorted(keys.begin(), keys.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    return Error{ErrorCode::kInvalidArgument,
                 "point index: key " + std::to_string(*twice) + " is given twice"};
  }
  return sorted;
}

uint64_t SlotsFor(uint64_t keys, const PointIndexOptions& options) {
  const auto slots =
      static_cast<uint64_t>(std::ceil(static_cast<double>(keys) * options.slots_per_key));
  return std::clamp<uint64_t>(slots, 1, RecordTable::kEmpty - 1);
}

struct Input {
  std::span<const uint64_t> keys;
  std::span<const uint64_t> values;
  std::vector<uint64_t> sorted_keys;
  PointTable table;
  uint64_t slots;
};

// By `kind`, or XXH3 where that cannot be had.
Parts BuildOne(const Input& input, PointHash kind) {
  const uint64_t start_ns = base::NowNs();
  std::optional<SlotHash> hash;
  if (kind != PointHash::kXxh3) hash = SlotHash::Learn(input.sorted_keys, kind, input.slots);
  if (!hash) hash.emplace(input.slots);
  RecordTable table(input.keys, input.values, input.table, input.slots,
                    [&](uint64_t key) { return hash->SlotOf(key); });
  auto parts = std::make_unique<PointParts>(
      PointParts{std::move(*hash), input.table, input.keys.size(), std::move(table), {}});
  parts->candidates.push_back(parts->Report(true));
  parts->candidates[0].build_seconds = static_cast<double>(base::NowNs() - start_ns) * 1e-9;
  return parts;
}

// Candidates take turns; the best of their rounds counts, since other programs only add time.
void Measure(std::span<const uint64_t> keys, std::span<const Parts> candidates) {
  constexpr size_t kRounds = 7;
  constexpr size_t kQueries = 16384;
  std::vector<uint64_t> queries(kQueries);
  std::vector<std::optional<uint64_t>> values(kQueries);
  uint64_t state = 1;
  for (size_t round = 0; round < kRounds; ++round) {
    for (const Parts& parts : candidates) {
      for (size_t i = 0; i < kQueries; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
        const uint64_t key = keys[static_cast<size_t>((state >> 32) * keys.size() >> 32)];
        queries[i] = i % 10 == 0 ? key + 1 : key;
      }
      const uint64_t start = base::ThreadNs();
      for (size_t i = 0; i < kQueries / 2; ++i) values[i] = parts->Find(queries[i]);
      const uint64_t middle = base::ThreadNs();
      parts->FindBatch(std::span(queries).subspan(kQueries / 2), values.data());
      const uint64_t end = base::ThreadNs();
      PointIndexCandidate& report = parts->candidates[0];
      const double find_ns = static_cast<double>(middle - start) / (kQueries / 2);
      const double batch_ns = static_cast<double>(end - middle) / (kQueries / 2);
      report.find_ns = round == 0 ? find_ns : std::min(report.find_ns, find_ns);
      report.batch_ns = round == 0 ? batch_ns : std::min(report.batch_ns, batch_ns);
    }
  }
}

// The learned hash, if it has fewer conflicts than XXH3 and gains more than noise could.
Parts BuildFastest(const Input& input) {
  constexpr double kGain = 0.97;
  Parts learned = BuildOne(input, PointHash::kLearned);
  if (learned->hash.kind() == PointHash::kXxh3) return learned;
  std::array<Parts, 2> candidates = {BuildOne(input, PointHash::kXxh3), std::move(learned)};
  Measure(input.keys, candidates);
  const PointIndexCandidate& plain = candidates[0]->candidates[0];
  const PointIndexCandidate& smart = candidates[1]->candidates[0];
  const bool wins = smart.conflicts < plain.conflicts && smart.find_ns <= plain.find_ns &&
                    smart.find_ns + smart.batch_ns < kGain * (plain.find_ns + plain.batch_ns);
  std::vector<PointIndexCandidate> reports = {plain, smart};
  reports[0].chosen = !wins;
  reports[1].chosen = wins;
  Parts chosen = std::move(candidates[wins ? 1 : 0]);
  chosen->candidates = std::move(reports);
  return chosen;
}

Result<Parts> DecodeBody(base::Decoder* decoder) {
  const auto table_kind = static_cast<PointTable>(decoder->Get8());
  const uint64_t keys = decoder->Get64();
  const uint64_t slots = decoder->Get64();
  if (!decoder->ok() ||
      (table_kind != PointTable::kInPlace && table_kind != PointTable::kChained) ||
      keys > PointIndex::kMaxKeys || slots == 0 || slots >= RecordTable::kEmpty) {
    return kFrame.Corrupt("malformed header");
  }
  auto hash = SlotHash::Decode(decoder, slots);
  if (!hash) return kFrame.Corrupt("its hash function is malformed");
  constexpr size_t kRecordBytes = sizeof(RecordTable::Record);
  const uint64_t places = decoder->remaining_bytes() / kRecordBytes;
  if (decoder->remaining_bytes() % kRecordBytes != 0 || places < slots ||
      places >= RecordTable::kEmpty || (table_kind == PointTable::kInPlace && places != slots)) {
    return kFrame.Corrupt("its length does not match its header");
  }
  Table<RecordTable::Record> records(places);
  uint64_t filled = 0;
  for (size_t i = 0; i < places; ++i) {
    const uint64_t key = decoder->Get64();
    const uint64_t value = decoder->Get64();
    const uint32_t next = decoder->Get32();
    new (&records[i]) RecordTable::Record(key, value, next);
    filled += next != RecordTable::kEmpty;
  }
  auto table = RecordTable::FromRecords(std::move(records), slots);
  if (!table || filled != keys) return kFrame.Corrupt("its chains are malformed");
  return std::make_unique<PointParts>(
      PointParts{std::move(*hash), table_kind, keys, std::move(*table), {}});
}

}  // namespace

PointIndex::PointIndex(std::unique_ptr<const PointParts> parts) : parts_(std::move(parts)) {}
PointIndex::PointIndex(PointIndex&&) noexcept = default;
PointIndex& PointIndex::operator=(PointIndex&&) noexcept = default;
PointIndex::~PointIndex() = default;

Result<PointIndex> PointIndex::Build(std::span<const uint64_t> keys,
                                     std::span<const uint64_t> values,
                                     const PointIndexOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(keys, values, options));
  SIBYL_ASSIGN_OR_RETURN(std::vector<uint64_t> sorted, SortDistinct(keys));
  const Input input{keys, values, std::move(sorted), options.table, SlotsFor(keys.size(), options)};
  return PointIndex(options.hash == PointHash::kAuto ? BuildFastest(input)
                                                     : BuildOne(input, options.hash));
}

std::optional<uint64_t> PointIndex::Find(uint64_t key) const { return parts_->Find(key); }

void PointIndex::FindBatch(std::span<const uint64_t> keys,
                           std::span<std::optional<uint64_t>> values) const {
  assert(values.size() >= keys.size());
  parts_->FindBatch(keys, values.data());
}

uint64_t PointIndex::size() const { return parts_->keys; }
PointHash PointIndex::hash() const { return parts_->hash.kind(); }
PointTable PointIndex::table() const { return parts_->table_kind; }
uint64_t PointIndex::slots() const { return parts_->hash.slots(); }
uint64_t PointIndex::conflicts() const { return parts_->table.conflicts(); }
uint64_t PointIndex::memory_bytes() const { return parts_->memory_bytes(); }
std::span<const PointIndexCandidate> PointIndex::candidates() const { return parts_->candidates; }

std::string PointIndex::Explain() const {
  std::string text = std::to_string(size()) + " keys, " + std::to_string(slots()) + " slots\n";
  char line[160];
  std::snprintf(line, sizeof line, "  %-20s %10s %9s %8s %8s %9s\n", "candidate", "conflicts",
                "B/key", "build s", "find ns", "batch ns");
  text += line;
  const double keys = static_cast<double>(std::max<uint64_t>(size(), 1));
  for (const PointIndexCandidate& c : candidates()) {
    std::snprintf(
        line, sizeof line, "%c %-20s %9.2f%% %9.2f %8.3f %8.1f %9.1f\n", c.chosen ? '*' : ' ',
        c.name.c_str(), 100 * static_cast<double>(c.conflicts) / keys,
        static_cast<double>(c.memory_bytes) / keys, c.build_seconds, c.find_ns, c.batch_ns);
    text += line;
  }
  return text;
}

void PointIndex::Serialize(std::string* out) const {
  const size_t begin = BeginFrame(kFrame, out);
  base::Put8(out, static_cast<uint8_t>(parts_->table_kind));
  base::Put64(out, parts_->keys);
  base::Put64(out, parts_->hash.slots());
  parts_->hash.Encode(out);
  for (const RecordTable::Record& record : parts_->table.records()) {
    base::Put64(out, record.key());
    base::Put64(out, record.value());
    base::Put32(out, record.next());
  }
  FinishFrame(begin, out);
}

Result<PointIndex> PointIndex::Deserialize(std::string_view bytes) {
  SIBYL_ASSIGN_OR_RETURN(base::Decoder decoder, OpenFrame(kFrame, bytes));
  SIBYL_ASSIGN_OR_RETURN(Parts parts, DecodeBody(&decoder));
  parts->candidates.push_back(parts->Report(true));
  return PointIndex(std::move(parts));
}

}  // namespace sibyl::index
