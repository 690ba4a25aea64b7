#include "sibyl/string_index.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "index/string_format.h"
#include "index/string_parts.h"

namespace sibyl::index {
namespace {

constexpr double kEpsilonBlocks = 0.5;

using Keys = std::span<const std::string_view>;
using Parts = std::unique_ptr<StringParts>;

Status CheckOptions(Keys keys, StringIndexOptions options) {
  if (options.kind != StringIndexKind::kAuto && !AreValid(options)) {
    return Error{ErrorCode::kInvalidArgument,
                 "string index: blocks of " + std::to_string(options.block_keys) +
                     " keys with landmarks every " + std::to_string(options.landmark_keys)};
  }
  if (keys.size() > StringIndex::kMaxKeys) {
    return Error{ErrorCode::kNotSupported, "string index: " + std::to_string(keys.size()) +
                                               " keys are more than " +
                                               std::to_string(StringIndex::kMaxKeys)};
  }
  return Ok();
}

// The keys without their repetitions; empty if there are none. Errors: unsorted keys.
Result<std::vector<std::string_view>> DistinctIfRepeated(Keys keys) {
  uint64_t repeated = 0;
  for (size_t i = 1; i < keys.size(); ++i) {
    const int order = keys[i - 1].compare(keys[i]);
    if (order > 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "string index: keys are not sorted: the key at rank " + std::to_string(i) +
                       ", " + base::Quoted(keys[i]) + ", is smaller than the one before"};
    }
    repeated += order == 0;
  }
  std::vector<std::string_view> distinct;
  if (repeated > 0) {
    distinct.reserve(keys.size() - repeated);
    std::unique_copy(keys.begin(), keys.end(), std::back_inserter(distinct));
  }
  return distinct;
}

Result<Parts> BuildOne(Keys keys, Keys distinct, const StringIndexOptions& options) {
  const uint64_t start_ns = base::NowNs();
  const std::vector<uint32_t> ones(distinct.size(), 1);
  auto model = BlockModel::Build(distinct, ones,
                                 {.block_bytes = options.block_keys,
                                  .epsilon_blocks = kEpsilonBlocks,
                                  .learn = options.kind != StringIndexKind::kBTree});
  // The keys are in order and the options in range: what is left is the model's own limit.
  if (!model) return Error{ErrorCode::kNotSupported, "string index: " + model.error().message};
  auto parts = std::make_unique<StringParts>(keys, options, std::move(*model));
  parts->has_duplicates = distinct.size() != keys.size();
  parts->Fill();
  parts->candidates.push_back({parts->Name(), parts->memory_bytes(),
                               static_cast<double>(base::NowNs() - start_ns) * 1e-9, 0, 0, true});
  return parts;
}

constexpr size_t kRounds = 7;
constexpr size_t kChunk = 4096;   // queries per measurement
constexpr size_t kPool = 131072;  // touches more lines than caches hold
constexpr double kGain = 0.97;    // leaving the B-tree must gain more than noise could
constexpr size_t kLeastKeysToMeasure = 1024;

// Keys all over the array, and of every tenth only a beginning.
std::vector<std::string_view> SampleQueries(Keys keys) {
  std::vector<std::string_view> queries(kPool);
  uint64_t state = 1;
  for (size_t i = 0; i < queries.size(); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    const auto rank = static_cast<size_t>((state >> 32) * keys.size() >> 32);
    queries[i] = i % 10 == 0 ? keys[rank].substr(0, keys[rank].size() * 3 / 4) : keys[rank];
  }
  return queries;
}

// Candidates take turns; the best of their rounds counts, since other programs only add time.
void Measure(Keys keys, std::span<const Parts> candidates) {
  const std::vector<std::string_view> pool = SampleQueries(keys);
  std::vector<uint64_t> ranks(kChunk);
  size_t chunk = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    for (const Parts& parts : candidates) {
      const auto queries = Keys(pool).subspan(chunk * kChunk, kChunk);
      chunk = (chunk + 1) % (kPool / kChunk);
      const uint64_t start = base::ThreadNs();
      for (size_t i = 0; i < kChunk / 2; ++i) ranks[i] = parts->LowerBound(queries[i]);
      const uint64_t middle = base::ThreadNs();
      parts->LowerBoundBatch(queries.subspan(kChunk / 2), ranks.data() + kChunk / 2);
      const uint64_t end = base::ThreadNs();
      StringIndexCandidate& report = parts->candidates[0];
      const double single_ns = static_cast<double>(middle - start) / (kChunk / 2);
      const double batch_ns = static_cast<double>(end - middle) / (kChunk / 2);
      report.single_ns = round == 0 ? single_ns : std::min(report.single_ns, single_ns);
      report.batch_ns = round == 0 ? batch_ns : std::min(report.batch_ns, batch_ns);
    }
  }
}

double Cost(const StringIndexCandidate& report) { return report.single_ns + report.batch_ns; }

// candidates[0] is the classical B-tree: only one that is nowhere slower takes its place.
size_t PickFastest(std::span<const Parts> candidates) {
  const StringIndexCandidate classical = candidates[0]->candidates[0];
  size_t best = 0;
  for (size_t i = 1; i < candidates.size(); ++i) {
    const StringIndexCandidate& report = candidates[i]->candidates[0];
    if (report.single_ns <= classical.single_ns && report.batch_ns <= classical.batch_ns &&
        Cost(report) < kGain * Cost(classical) &&
        Cost(report) < Cost(candidates[best]->candidates[0])) {
      best = i;
    }
  }
  return best;
}

Result<Parts> BuildFastest(Keys keys, Keys distinct) {
  constexpr std::array<StringIndexOptions, 6> kTried = {{
      {StringIndexKind::kBTree, 16, 0},
      {StringIndexKind::kRecursive, 16, 2},
      {StringIndexKind::kRecursive, 32, 1},
      {StringIndexKind::kRecursive, 64, 4},
      {StringIndexKind::kRecursive, 64, 8},
      {StringIndexKind::kBTree, 32, 1},
  }};
  std::vector<Parts> candidates;
  const size_t tried = keys.size() < kLeastKeysToMeasure ? 1 : kTried.size();
  for (size_t i = 0; i < tried; ++i) {
    SIBYL_ASSIGN_OR_RETURN(Parts parts, BuildOne(keys, distinct, kTried[i]));
    candidates.push_back(std::move(parts));
  }
  if (tried == 1) return std::move(candidates[0]);
  Measure(keys, candidates);
  const size_t chosen = PickFastest(candidates);
  std::vector<StringIndexCandidate> reports;
  for (const Parts& parts : candidates) {
    reports.push_back(parts->candidates[0]);
    reports.back().chosen = parts == candidates[chosen];
  }
  candidates[chosen]->candidates = std::move(reports);
  return std::move(candidates[chosen]);
}

}  // namespace

StringIndex::StringIndex(std::unique_ptr<const StringParts> parts) : parts_(std::move(parts)) {}
StringIndex::StringIndex(StringIndex&&) noexcept = default;
StringIndex& StringIndex::operator=(StringIndex&&) noexcept = default;
StringIndex::~StringIndex() = default;

Result<StringIndex> StringIndex::Build(Keys keys, const StringIndexOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(keys, options));
  SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string_view> copied, DistinctIfRepeated(keys));
  const Keys distinct = copied.empty() ? keys : Keys(copied);
  SIBYL_ASSIGN_OR_RETURN(Parts parts, options.kind == StringIndexKind::kAuto
                                          ? BuildFastest(keys, distinct)
                                          : BuildOne(keys, distinct, options));
  return StringIndex(std::move(parts));
}

uint64_t StringIndex::LowerBound(std::string_view key) const { return parts_->LowerBound(key); }

// Runs of equal keys are mostly short: steps that double, then halves.
std::pair<uint64_t, uint64_t> StringIndex::EqualRange(std::string_view key) const {
  const Keys keys = parts_->keys;
  const uint64_t begin = LowerBound(key);
  uint64_t low = begin;  // every key before it is not greater
  uint64_t step = 1;
  while (low + step <= keys.size() && keys[low + step - 1] == key) {
    low += step;
    step *= 2;
  }
  const auto last = std::min<uint64_t>(low + step, keys.size());
  const auto end = std::partition_point(keys.begin() + static_cast<ptrdiff_t>(low),
                                        keys.begin() + static_cast<ptrdiff_t>(last),
                                        [&](std::string_view other) { return other == key; });
  return {begin, static_cast<uint64_t>(end - keys.begin())};
}

void StringIndex::LowerBoundBatch(Keys keys, std::span<uint64_t> ranks) const {
  assert(ranks.size() >= keys.size());
  parts_->LowerBoundBatch(keys, ranks.data());
}

uint64_t StringIndex::size() const { return parts_->keys.size(); }
StringIndexKind StringIndex::kind() const { return parts_->options.kind; }
uint64_t StringIndex::memory_bytes() const { return parts_->memory_bytes(); }
std::span<const StringIndexCandidate> StringIndex::candidates() const { return parts_->candidates; }

std::string StringIndex::Explain() const {
  std::string text = std::to_string(size()) + " keys\n";
  char line[160];
  std::snprintf(line, sizeof line, "  %-42s %9s %8s %9s %9s\n", "candidate", "B/key", "build s",
                "single ns", "batch ns");
  text += line;
  const double keys = static_cast<double>(std::max<uint64_t>(size(), 1));
  for (const StringIndexCandidate& c : candidates()) {
    std::snprintf(line, sizeof line, "%c %-42s %9.3f %8.3f %9.1f %9.1f\n", c.chosen ? '*' : ' ',
                  c.name.c_str(), static_cast<double>(c.memory_bytes) / keys, c.build_seconds,
                  c.single_ns, c.batch_ns);
    text += line;
  }
  return text;
}

void StringIndex::Serialize(std::string* out) const { EncodeStringParts(*parts_, out); }

Result<StringIndex> StringIndex::Deserialize(std::string_view bytes, Keys keys) {
  SIBYL_ASSIGN_OR_RETURN(Parts parts, DecodeStringParts(bytes, keys));
  parts->candidates.push_back({parts->Name(), parts->memory_bytes(), 0, 0, 0, true});
  return StringIndex(std::move(parts));
}

}  // namespace sibyl::index
