#include "index/range_measure.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace sibyl::index {
namespace {

constexpr size_t kRounds = 9;
constexpr size_t kMaxPool = size_t{1} << 18;  // touches more lines than caches hold
constexpr size_t kMinChunk = 256;             // queries per measurement
constexpr size_t kMaxChunk = 16384;
constexpr size_t kBatch = 64;
constexpr size_t kSerialStep = 16;    // each serial step picks one of so many queries
constexpr double kGain = 0.97;        // a change of structure must gain more than noise could
constexpr double kSerialSlack = 1.1;  // serial times are the noisiest

// Time of this thread alone: other programs on the machine count less.
double ThreadNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

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

// The first half of every measurement brings the index back into the caches, untimed: other
// candidates have had their turns since. Each function returns nanoseconds per query, and adds to
// `sum` so that no work can be left out.

double SingleNs(const RangeParts& parts, std::span<const uint64_t> queries, uint64_t* sum) {
  const size_t warm_up = queries.size() / 2;
  const auto run = [&](std::span<const uint64_t> part) {
    for (const uint64_t query : part) *sum += parts.functions.lower_bound(&parts.lookup, query);
  };
  run(queries.first(warm_up));
  const double start = ThreadNs();
  run(queries.subspan(warm_up));
  return (ThreadNs() - start) / static_cast<double>(queries.size() - warm_up);
}

double BatchNs(const RangeParts& parts, std::span<const uint64_t> queries, uint64_t* sum) {
  const size_t warm_up = queries.size() / 2;
  std::array<uint64_t, kBatch> ranks{};
  const auto run = [&](std::span<const uint64_t> part) {
    for (size_t i = 0; i < part.size(); i += kBatch) {
      const size_t count = std::min(kBatch, part.size() - i);
      parts.functions.batch(parts.lookup, part.data() + i, count, ranks.data());
      *sum += ranks[0];
    }
  };
  run(queries.first(warm_up));
  const double start = ThreadNs();
  run(queries.subspan(warm_up));
  return (ThreadNs() - start) / static_cast<double>(queries.size() - warm_up);
}

// The next query is one of sixteen, chosen by the last result: the processor cannot run ahead on a
// guess of it and so hide the misses.
double SerialNs(const RangeParts& parts, std::span<const uint64_t> queries, uint64_t* sum) {
  uint64_t rank = 0;
  const double start = ThreadNs();
  for (size_t i = 0; i + kSerialStep <= queries.size(); i += kSerialStep) {
    rank = parts.functions.lower_bound(&parts.lookup, queries[i + rank % kSerialStep]);
    *sum += rank;
  }
  return (ThreadNs() - start) / static_cast<double>(queries.size() / kSerialStep);
}

// The lower quartile: other programs only ever add time.
double Typical(std::array<double, kRounds> times) {
  std::nth_element(times.begin(), times.begin() + kRounds / 4, times.end());
  return times[kRounds / 4];
}

// Against the times of `bar`: 2 is as fast.
double Score(const RangeIndexCandidate& c, const RangeIndexCandidate& bar) {
  return c.single_ns / bar.single_ns + c.batch_ns / bar.batch_ns;
}

// The first static B-tree, or a later one that is clearly better; without any, the first candidate.
size_t BarToBeat(const std::vector<Measured>& candidates) {
  std::optional<size_t> bar;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].parts->shape.kind != RangeIndexKind::kStaticBTree) continue;
    if (!bar || Score(candidates[i].report, candidates[*bar].report) < 2 * kGain) bar = i;
  }
  return bar.value_or(0);
}

}  // namespace

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
      const RangeParts& parts = *(*candidates)[i].parts;
      times[i].single[round] = SingleNs(parts, dealer.Next(chunk), &sum);
      times[i].batch[round] = BatchNs(parts, dealer.Next(chunk), &sum);
      times[i].serial[round] = SerialNs(parts, dealer.Next(2 * chunk), &sum);
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

size_t PickFastest(const std::vector<Measured>& candidates) {
  const size_t bar_at = BarToBeat(candidates);
  const RangeIndexCandidate& bar = candidates[bar_at].report;
  size_t best = bar_at;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const RangeIndexCandidate& c = candidates[i].report;
    const bool nowhere_slower = c.single_ns <= bar.single_ns * kGain &&
                                c.batch_ns <= bar.batch_ns &&
                                c.serial_ns <= bar.serial_ns * kSerialSlack;
    const bool rival_of_bar =
        candidates[i].parts->shape.kind != candidates[bar_at].parts->shape.kind;
    const bool allowed = candidates[bar_at].parts->shape.kind != RangeIndexKind::kStaticBTree ||
                         (rival_of_bar && nowhere_slower);
    if (allowed && Score(c, bar) < Score(candidates[best].report, bar)) best = i;
  }
  return best;
}

}  // namespace sibyl::index
