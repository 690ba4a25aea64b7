#include "index/range_measure.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace sibyl::index {
namespace {

constexpr size_t kRounds = 11;
constexpr size_t kMaxPool = size_t{1} << 19;  // touches more lines than caches hold
constexpr size_t kMinChunk = 256;             // queries per measurement
constexpr size_t kMaxChunk = 16384;
constexpr size_t kWarmUpChunks = 4;
constexpr size_t kCacheLineBytes = 64;
constexpr size_t kBatch = 64;
constexpr size_t kSerialStep = 16;    // each serial step picks one of so many queries
constexpr double kGain = 0.97;        // a change of structure must gain more than noise could
constexpr double kSerialSlack = 1.1;  // serial times are the noisiest
constexpr double kBatchSlack = 1.02;  // batches of learned kinds vary most with what others do
constexpr double kSameSpeed = 1.01;   // as fast as, but for noise

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class Random {
 public:
  uint64_t operator()() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_ = 1;
};

// Nine stored keys in ten, and one from the space below a stored key.
std::vector<uint64_t> SampleQueries(std::span<const uint64_t> keys, size_t count) {
  std::vector<uint64_t> queries(count);
  Random random;
  for (uint64_t& query : queries) {
    const size_t rank = random() % keys.size();
    query = keys[rank];
    if (rank > 0 && random() % 10 == 0) {
      const uint64_t gap = keys[rank] - keys[rank - 1];
      if (gap > 0) query = keys[rank - 1] + 1 + random() % gap;
    }
  }
  return queries;
}

// Deals out queries, so that no measurement finds the lines of the last one in the cache.
class Dealer {
 public:
  explicit Dealer(std::span<const uint64_t> queries) : queries_(queries) {}

  std::span<const uint64_t> Next(size_t count) {
    if (next_ + count > queries_.size()) next_ = 0;
    next_ += count;
    return queries_.subspan(next_ - count, count);
  }

 private:
  std::span<const uint64_t> queries_;
  size_t next_ = 0;
};

// Each function returns nanoseconds per query, and adds to `sum` so that no work can be left out.

double SingleNs(const Measured& candidate, std::span<const uint64_t> queries, uint64_t* sum) {
  const Lookup& lookup = candidate.parts->lookup;
  const double start = ThreadNs();
  for (const uint64_t query : queries) *sum += candidate.functions.lower_bound(&lookup, query);
  return (ThreadNs() - start) / static_cast<double>(queries.size());
}

double BatchNs(const Measured& candidate, std::span<const uint64_t> queries, uint64_t* sum) {
  std::array<uint64_t, kBatch> ranks{};
  const double start = ThreadNs();
  for (size_t i = 0; i < queries.size(); i += kBatch) {
    const size_t count = std::min(kBatch, queries.size() - i);
    candidate.functions.batch(candidate.parts->lookup, queries.data() + i, count, ranks.data());
    *sum += ranks[0];
  }
  return (ThreadNs() - start) / static_cast<double>(queries.size());
}

// The next query is one of sixteen, chosen by the last result: the processor cannot run ahead on a
// guess of it and so hide the misses.
double SerialNs(const Measured& candidate, std::span<const uint64_t> queries, uint64_t* sum) {
  uint64_t rank = 0;
  const double start = ThreadNs();
  for (size_t i = 0; i + kSerialStep <= queries.size(); i += kSerialStep) {
    rank =
        candidate.functions.lower_bound(&candidate.parts->lookup, queries[i + rank % kSerialStep]);
    *sum += rank;
  }
  return (ThreadNs() - start) / static_cast<double>(queries.size() / kSerialStep);
}

// The lower quartile: other programs only ever add time.
double Typical(std::array<double, kRounds> times) {
  std::nth_element(times.begin(), times.begin() + kRounds / 4, times.end());
  return times[kRounds / 4];
}

bool IsTree(const Measured& candidate) {
  return candidate.shape.kind == RangeIndexKind::kStaticBTree;
}

// How long `c` takes where `objective` counts, against `bar`: 1 is as long.
double Cost(const RangeIndexCandidate& c, const RangeIndexCandidate& bar,
            RangeIndexObjective objective) {
  if (objective == RangeIndexObjective::kLatency) return c.serial_ns / bar.serial_ns;
  return (c.single_ns / bar.single_ns + c.batch_ns / bar.batch_ns) / 2;
}

// The first static B-tree, or a later one that is clearly better; without any, the first candidate.
size_t BarToBeat(const std::vector<Measured>& candidates, RangeIndexObjective objective) {
  std::optional<size_t> bar;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!IsTree(candidates[i])) continue;
    if (!bar || Cost(candidates[i].report, candidates[*bar].report, objective) < kGain) bar = i;
  }
  return bar.value_or(0);
}

// Whether a learned candidate is worth having instead of the static B-tree `bar`.
bool Beats(const RangeIndexCandidate& c, const RangeIndexCandidate& bar,
           RangeIndexObjective objective) {
  switch (objective) {
    case RangeIndexObjective::kLatency:
      return c.serial_ns <= bar.serial_ns * kGain;
    case RangeIndexObjective::kSmallest:
      return c.single_ns <= bar.single_ns * kSameSpeed && c.batch_ns <= bar.batch_ns * kSameSpeed &&
             c.memory_bytes < bar.memory_bytes;
    default:
      return c.single_ns <= bar.single_ns * kGain && c.batch_ns <= bar.batch_ns * kBatchSlack &&
             c.serial_ns <= bar.serial_ns * kSerialSlack;
  }
}

// Reads the tables through: where an index is used much, they are what the caches keep.
void Touch(const RangeParts& parts, uint64_t* sum) {
  const auto touch = [&](const auto& table) {
    const auto* bytes = reinterpret_cast<const volatile unsigned char*>(table.data());
    for (size_t i = 0; i < table.size_bytes(); i += kCacheLineBytes) *sum += bytes[i];
  };
  touch(parts.tree.nodes());
  touch(parts.lines);
  touch(parts.blocks);
}

}  // namespace

double ThreadNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates) {
  struct Times {
    std::array<double, kRounds> single, batch, serial;
  };
  const size_t chunk = std::clamp(keys.size(), kMinChunk, kMaxChunk);
  const std::vector<uint64_t> queries =
      SampleQueries(keys, std::clamp(keys.size(), 4 * chunk, kMaxPool));
  Dealer dealer(queries);
  std::vector<Times> times(candidates->size());
  uint64_t sum = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < candidates->size(); ++i) {
      const Measured& candidate = (*candidates)[i];
      // Others have had their turns since: the tables come back into the caches untimed.
      Touch(*candidate.parts, &sum);
      for (size_t k = 0; k < kWarmUpChunks; ++k) BatchNs(candidate, dealer.Next(chunk), &sum);
      times[i].single[round] = SingleNs(candidate, dealer.Next(chunk), &sum);
      times[i].batch[round] = BatchNs(candidate, dealer.Next(chunk), &sum);
      times[i].serial[round] = SerialNs(candidate, dealer.Next(2 * chunk), &sum);
    }
  }
  volatile uint64_t keep = sum;
  (void)keep;
  for (size_t i = 0; i < candidates->size(); ++i) {
    RangeIndexCandidate& report = (*candidates)[i].report;
    report.single_ns = Typical(times[i].single);
    report.batch_ns = Typical(times[i].batch);
    report.serial_ns = Typical(times[i].serial);
  }
}

size_t PickBest(const std::vector<Measured>& candidates, RangeIndexObjective objective) {
  const size_t bar_at = BarToBeat(candidates, objective);
  const RangeIndexCandidate& bar = candidates[bar_at].report;
  const bool smallest = objective == RangeIndexObjective::kSmallest;
  const auto better = [&](const RangeIndexCandidate& a, const RangeIndexCandidate& b) {
    return smallest ? a.memory_bytes < b.memory_bytes
                    : Cost(a, bar, objective) < Cost(b, bar, objective);
  };
  size_t best = bar_at;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const bool allowed =
        !IsTree(candidates[bar_at]) ||
        ((smallest || !IsTree(candidates[i])) && Beats(candidates[i].report, bar, objective));
    if (allowed && better(candidates[i].report, candidates[best].report)) best = i;
  }
  return best;
}

}  // namespace sibyl::index
