// How long calls take: histograms that any thread adds to, cheaply.
//
// A bucket is a quarter of a power of two wide, so a quantile is right within a fifth. Frequent calls
// are sampled: one in N of each thread reads the clock, the others cost one count in a thread's own
// memory.

#ifndef SIBYL_ENGINE_LATENCY_H_
#define SIBYL_ENGINE_LATENCY_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "sibyl/stats.h"

namespace sibyl::engine {

// Thread-safe, relaxed.
class LatencyRecorder {
 public:
  // `sample_every` is how many calls stand behind one that is recorded.
  explicit LatencyRecorder(uint32_t sample_every)
      : sample_every_(sample_every), sampled_up_to_(UINT32_MAX / sample_every) {}

  void Record(uint64_t ns);
  LatencyHistogram Read() const;

 private:
  friend class LatencySample;

  const uint32_t sample_every_;
  const uint32_t sampled_up_to_;
  std::array<std::atomic<uint64_t>, LatencyHistogram::kBuckets> counts_{};
  std::atomic<uint64_t> total_ns_{0};
  std::atomic<uint64_t> longest_ns_{0};
};

// Measures one call, from here to the end of the scope, if it is one of the sample.
class LatencySample {
 public:
  explicit LatencySample(LatencyRecorder& recorder) : recorder_(recorder) {
    // Steps round the circle of 32-bit numbers by the golden ratio: spread evenly over it whatever
    // pattern the calls of one kind have among those of others, which share the position.
    static thread_local uint32_t position = 0;
    position += 0x9e3779b9u;
    if (position <= recorder.sampled_up_to_) [[unlikely]]
      began_ns_ = base::NowNs();
  }
  ~LatencySample() {
    if (began_ns_ != 0) [[unlikely]]
      recorder_.Record(base::NowNs() - began_ns_);
  }
  LatencySample(const LatencySample&) = delete;
  LatencySample& operator=(const LatencySample&) = delete;

 private:
  LatencyRecorder& recorder_;
  uint64_t began_ns_ = 0;  // 0: not one of the sample
};

// What is measured. The sample of writes is denser: they take longer, and their tail matters.
struct LatencyRecorders {
  LatencyRecorder get{1024};
  LatencyRecorder multi_get{64};
  LatencyRecorder write{16};        // of Write without sync
  LatencyRecorder synced_write{1};  // of Write with sync
  LatencyRecorder sync{1};
  LatencyRecorder commit{1};        // of transactions that write
  LatencyRecorder flush{1};
  LatencyRecorder compact{1};
  LatencyRecorder checkpoint{1};
  LatencyRecorder backup{1};
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LATENCY_H_
