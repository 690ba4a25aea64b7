#include "index/range_measure.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "index/range_choice.h"

namespace sibyl::index {
namespace {

constexpr size_t kRounds = 11;
constexpr size_t kMostRounds = 3 * kRounds;   // where the first ones are not agreed on the choice
constexpr size_t kMaxPool = size_t{1} << 20;  // touches twice as many lines as caches hold
constexpr size_t kMinChunk = 256;             // queries per measurement
constexpr size_t kMaxChunk = 8192;
constexpr size_t kMaxWarmUp = size_t{1} << 18;  // lookups until the caches hold what they will
constexpr size_t kBatch = 64;
constexpr size_t kSerialStep = 16;  // each serial step picks one of so many queries

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

// Measures candidates in turns, round after round.
class Trial {
 public:
  Trial(std::span<const uint64_t> keys, std::span<const Measured> candidates)
      : chunk_(std::clamp(keys.size(), kMinChunk, kMaxChunk)),
        warm_up_(std::clamp(keys.size(), chunk_, kMaxWarmUp)),
        queries_(SampleQueries(keys, std::clamp(keys.size(), 4 * chunk_, kMaxPool))),
        dealer_(queries_),
        candidates_(candidates) {
    for (const Measured& candidate : candidates) {
      const bool is_tree = candidate.shape.kind == RangeIndexKind::kStaticBTree;
      measured_.push_back({is_tree, candidate.report.memory_bytes, {}});
    }
  }

  std::span<const MeasuredCandidate> measured() const { return measured_; }

  void RunRounds(size_t rounds) {
    for (size_t round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < candidates_.size(); ++i)
        MeasureOnce(candidates_[i], &measured_[i].times);
    }
    volatile uint64_t keep = sum_;
    (void)keep;
  }

 private:
  void MeasureOnce(const Measured& candidate, RoundTimes* times) {
    // Others have had their turns since: what the caches keep of the tables comes back untimed.
    // Reading the tables through would not do: a quarter of a million lookups later batches were
    // still getting faster.
    BatchNs(candidate, dealer_.Next(warm_up_), &sum_);
    times->single.push_back(SingleNs(candidate, dealer_.Next(chunk_), &sum_));
    times->batch.push_back(BatchNs(candidate, dealer_.Next(chunk_), &sum_));
    times->serial.push_back(SerialNs(candidate, dealer_.Next(2 * chunk_), &sum_));
  }

  const size_t chunk_;
  const size_t warm_up_;
  const std::vector<uint64_t> queries_;
  Dealer dealer_;
  const std::span<const Measured> candidates_;
  std::vector<MeasuredCandidate> measured_;
  uint64_t sum_ = 0;
};

void Report(std::span<const MeasuredCandidate> measured, std::vector<Measured>* candidates) {
  for (size_t i = 0; i < candidates->size(); ++i) {
    RangeIndexCandidate& report = (*candidates)[i].report;
    report.single_ns = TypicalNs(measured[i].times.single);
    report.batch_ns = TypicalNs(measured[i].times.batch);
    report.serial_ns = TypicalNs(measured[i].times.serial);
  }
}

}  // namespace

double ThreadNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates) {
  Trial trial(keys, *candidates);
  trial.RunRounds(kRounds);
  Report(trial.measured(), candidates);
}

size_t MeasureAndChoose(std::span<const uint64_t> keys, RangeIndexObjective objective,
                        std::vector<Measured>* candidates) {
  Trial trial(keys, *candidates);
  size_t rounds = 0;
  do {
    trial.RunRounds(kRounds);
    rounds += kRounds;
  } while (rounds < kMostRounds && !IsSettled(trial.measured(), objective));
  Report(trial.measured(), candidates);
  return ChooseCandidate(trial.measured(), objective, 0, rounds);
}

}  // namespace sibyl::index
