#include "index/range_measure.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace sibyl::index {
namespace {

constexpr size_t kRounds = 5;
constexpr size_t kMaxPool = size_t{1} << 18;  // touches more lines than caches hold
constexpr size_t kChunk = 8192;               // queries per measurement
constexpr size_t kWarmUp = 1024;
constexpr size_t kSerialStep = 16;     // each serial step picks one of so many queries
constexpr double kSerialSlack = 1.05;  // serial times are the noisiest

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
std::vector<uint64_t> SampleQueries(std::span<const uint64_t> keys) {
  std::vector<uint64_t> queries(std::clamp(keys.size(), 2 * kChunk, kMaxPool));
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

// Deals out chunks of queries, so that no measurement finds the lines of the last one in the cache.
class Dealer {
 public:
  explicit Dealer(std::span<const uint64_t> queries) : queries_(queries) {}

  std::span<const uint64_t> Next() {
    if (next_ + kChunk > queries_.size()) next_ = 0;
    next_ += kChunk;
    return queries_.subspan(next_ - kChunk, kChunk);
  }

 private:
  std::span<const uint64_t> queries_;
  size_t next_ = 0;
};

// Each returns nanoseconds per query, and adds to `sum` so that no work can be left out.

double SingleNs(const RangeParts& parts, std::span<const uint64_t> queries, uint64_t* sum) {
  for (size_t i = 0; i < kWarmUp; ++i)
    *sum += parts.functions.lower_bound(&parts.lookup, queries[i]);
  const double start = ThreadNs();
  for (const uint64_t query : queries.subspan(kWarmUp)) {
    *sum += parts.functions.lower_bound(&parts.lookup, query);
  }
  return (ThreadNs() - start) / static_cast<double>(queries.size() - kWarmUp);
}

double BatchNs(const RangeParts& parts, std::span<const uint64_t> queries, uint64_t* sum) {
  std::array<uint64_t, kWarmUp> ranks;
  double start = 0;
  for (size_t i = 0; i + kWarmUp <= queries.size(); i += kWarmUp) {
    if (i == kWarmUp) start = ThreadNs();
    parts.functions.batch(parts.lookup, queries.data() + i, kWarmUp, ranks.data());
    *sum += ranks[i % kWarmUp];
  }
  return (ThreadNs() - start) / static_cast<double>(queries.size() - kWarmUp);
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

double Median(std::array<double, kRounds> times) {
  std::sort(times.begin(), times.end());
  return times[kRounds / 2];
}

}  // namespace

void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates) {
  struct Times {
    std::array<double, kRounds> single, batch, serial;
  };
  const std::vector<uint64_t> queries = SampleQueries(keys);
  Dealer dealer(queries);
  std::vector<Times> times(candidates->size());
  uint64_t sum = 0;
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < candidates->size(); ++i) {
      const RangeParts& parts = *(*candidates)[i].parts;
      times[i].single[round] = SingleNs(parts, dealer.Next(), &sum);
      times[i].batch[round] = BatchNs(parts, dealer.Next(), &sum);
      times[i].serial[round] = SerialNs(parts, dealer.Next(), &sum);
    }
  }
  volatile uint64_t keep = sum;
  (void)keep;
  for (size_t i = 0; i < candidates->size(); ++i) {
    RangeIndexCandidate& report = (*candidates)[i].report;
    report.single_ns = Median(times[i].single);
    report.batch_ns = Median(times[i].batch);
    report.serial_ns = Median(times[i].serial);
  }
}

size_t PickFastest(const std::vector<Measured>& candidates) {
  // The best static B-tree by single time is what every other candidate has to beat.
  size_t tree = candidates.size();
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].parts->shape.kind != RangeIndexKind::kStaticBTree) continue;
    if (tree == candidates.size() ||
        candidates[i].report.single_ns < candidates[tree].report.single_ns) {
      tree = i;
    }
  }
  const RangeIndexCandidate& bar = candidates[tree].report;
  const auto score = [&](const RangeIndexCandidate& c) {
    return c.single_ns / bar.single_ns + c.batch_ns / bar.batch_ns;
  };
  size_t best = tree;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const RangeIndexCandidate& c = candidates[i].report;
    const bool nowhere_slower = c.single_ns <= bar.single_ns && c.batch_ns <= bar.batch_ns &&
                                c.serial_ns <= bar.serial_ns * kSerialSlack;
    if (nowhere_slower && score(c) < score(candidates[best].report)) best = i;
  }
  return best;
}

}  // namespace sibyl::index
