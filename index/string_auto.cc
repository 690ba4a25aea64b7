#include "index/string_auto.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/text.h"

namespace sibyl::index {
namespace {

using Keys = StringBuilder::Keys;
using Parts = StringBuilder::Parts;

constexpr double kEpsilonBlocks = 0.5;

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

double Cost(const StringIndexCandidate& report) { return report.single_ns + report.batch_ns; }

// candidates[0] is the classical B-tree: only one that is nowhere slower takes its place.
size_t PickFastest(std::span<const Parts> candidates) {
  const StringIndexCandidate& classical = candidates[0]->candidates[0];
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

// Shapes from fine to coarse, each about half of the one before, as far as one block for all keys.
StringIndexOptions BudgetShape(StringIndexKind kind, uint32_t step) {
  if (step == 0) return {kind, 32, 1};
  if (step == 1) return {kind, 64, 4};
  const uint32_t block_keys = std::min(uint32_t{64} << std::min(step - 2, 25u), kMostBlockKeys);
  return {kind, block_keys, block_keys / 8};
}

}  // namespace

Result<StringBuilder> StringBuilder::Over(Keys keys) {
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
  return StringBuilder(keys, std::move(distinct));
}

Result<Parts> StringBuilder::Build(const StringIndexOptions& options) const {
  const uint64_t start_ns = base::NowNs();
  const std::vector<uint32_t> ones(distinct().size(), 1);
  auto model = BlockModel::Build(distinct(), ones,
                                 {.block_bytes = options.block_keys,
                                  .epsilon_blocks = kEpsilonBlocks,
                                  .learn = options.kind != StringIndexKind::kBTree});
  // The keys are in order and the options in range: what is left is the model's own limit.
  if (!model) return Error{ErrorCode::kNotSupported, "string index: " + model.error().message};
  auto parts = std::make_unique<StringParts>(keys_, options, std::move(*model));
  parts->has_duplicates = distinct().size() != keys_.size();
  parts->Fill();
  parts->candidates.push_back({parts->Name(), parts->memory_bytes(),
                               static_cast<double>(base::NowNs() - start_ns) * 1e-9, 0, 0, true});
  return parts;
}

Result<Parts> StringBuilder::BuildFastest() const {
  std::vector<Parts> candidates;
  const size_t tried = keys_.size() < kLeastKeysToMeasure ? 1 : kStringShapes.size();
  for (size_t i = 0; i < tried; ++i) {
    SIBYL_ASSIGN_OR_RETURN(Parts parts, Build(kStringShapes[i]));
    candidates.push_back(std::move(parts));
  }
  if (tried == 1) return std::move(candidates[0]);
  Measure(candidates);
  const size_t chosen = PickFastest(candidates);
  std::vector<StringIndexCandidate> reports;
  for (const Parts& parts : candidates) {
    reports.push_back(parts->candidates[0]);
    reports.back().chosen = parts == candidates[chosen];
  }
  candidates[chosen]->candidates = std::move(reports);
  return std::move(candidates[chosen]);
}

Parts StringBuilder::BuildWithinBudget(StringIndexKind kind, uint64_t memory_bytes) const {
  for (uint32_t step = 0;;) {
    const StringIndexOptions options = BudgetShape(kind, step);
    auto parts = Build(options);
    // One block has no separators: its model is as small as models get, and within all limits.
    const bool coarsest =
        options.block_keys >= keys_.size() || options.block_keys == kMostBlockKeys;
    if (parts && ((*parts)->memory_bytes() <= memory_bytes || coarsest)) return std::move(*parts);
    // Each step takes half: as many are skipped as cannot do.
    const uint64_t excess =
        parts ? (*parts)->memory_bytes() / std::max<uint64_t>(memory_bytes, 1) : 1;
    step += std::clamp<uint32_t>(static_cast<uint32_t>(std::bit_width(excess)) - 1, 1, 27);
  }
}

// The best of each candidate's rounds counts, since other programs only add time.
void StringBuilder::Measure(std::span<const Parts> candidates) const {
  const std::vector<std::string_view> pool = SampleQueries(keys_);
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

}  // namespace sibyl::index
