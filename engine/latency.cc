#include "engine/latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sibyl {

size_t LatencyHistogram::BucketOf(uint64_t ns) {
  if (ns < 4) return ns;
  const auto octave = static_cast<size_t>(std::bit_width(ns)) - 1;  // at least 2
  return (octave - 1) * 4 + (ns >> (octave - 2) & 3);
}

uint64_t LatencyHistogram::UpperBoundNs(size_t bucket) {
  if (bucket + 1 >= kBuckets) return UINT64_MAX;
  const size_t next = bucket + 1;
  if (next < 4) return next;
  const size_t octave = next / 4 + 1;
  return (uint64_t{4} + next % 4) << (octave - 2);
}

uint64_t LatencyHistogram::QuantileNs(double fraction) const {
  const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(recorded));
  double seen = 0;
  for (size_t bucket = 0; bucket < counts.size(); ++bucket) {
    seen += static_cast<double>(counts[bucket]);
    if (counts[bucket] > 0 && seen >= wanted) return std::min(UpperBoundNs(bucket), longest_ns);
  }
  return 0;
}

}  // namespace sibyl

namespace sibyl::engine {

void LatencyRecorder::Record(uint64_t ns) {
  counts_[LatencyHistogram::BucketOf(ns)].fetch_add(1, std::memory_order_relaxed);
  total_ns_.fetch_add(ns, std::memory_order_relaxed);
  uint64_t longest = longest_ns_.load(std::memory_order_relaxed);
  while (ns > longest &&
         !longest_ns_.compare_exchange_weak(longest, ns, std::memory_order_relaxed)) {
  }
}

LatencyHistogram LatencyRecorder::Read() const {
  LatencyHistogram histogram;
  histogram.sample_every = sample_every_;
  histogram.counts.resize(LatencyHistogram::kBuckets);
  for (size_t i = 0; i < counts_.size(); ++i) {
    histogram.counts[i] = counts_[i].load(std::memory_order_relaxed);
    histogram.recorded += histogram.counts[i];
  }
  histogram.total_ns = total_ns_.load(std::memory_order_relaxed);
  histogram.longest_ns = longest_ns_.load(std::memory_order_relaxed);
  return histogram;
}

}  // namespace sibyl::engine
