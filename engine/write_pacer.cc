#include "engine/write_pacer.h"

#include <algorithm>

namespace sibyl::engine {

namespace {

// Sleeps are not shorter than this: the system's clock would make them longer.
constexpr uint64_t kShortestDelayNs = 200'000;

// What a byte written costs the delta's memory beyond itself; for short records it is more.
constexpr double kMemoryPerByte = 2;

// Before the first drain is measured.
constexpr double kAssumedDrainNsPerByte = 5;

// Runs slow writers down from this many times max_runs on, and from the second they crawl.
constexpr double kSlowRuns = 2;
constexpr double kCrawlRuns = 4;
constexpr double kCrawl = 64;  // times slower than the drain

}  // namespace

void WritePacer::NoteDrained(uint64_t bytes, uint64_t elapsed_ns) {
  if (bytes == 0) return;
  const double measured = static_cast<double>(elapsed_ns) / static_cast<double>(bytes);
  const double before = drain_ns_per_byte_.load(std::memory_order_relaxed);
  drain_ns_per_byte_.store(before == 0 ? measured : (before + measured) / 2,
                           std::memory_order_relaxed);
}

// The time per byte of the delta that keeps the backlog from growing; 0: there is no hurry.
double WritePacer::NsPerByte(const Backlog& backlog) const {
  const double measured = drain_ns_per_byte_.load(std::memory_order_relaxed);
  const double drain = measured == 0 ? kAssumedDrainNsPerByte : measured;
  const double generations = static_cast<double>(backlog.frozen_generations) +
                             std::min(1.0, static_cast<double>(backlog.active_bytes) /
                                               static_cast<double>(options_.generation_bytes));
  const double room = static_cast<double>(options_.max_frozen_generations);
  // From half of the room on: as fast as the drain, at its end twice as slow.
  const double filled = generations / room;
  double slowest = filled > 0.5 ? drain * 2 * filled : 0;
  const double runs = static_cast<double>(backlog.runs) / static_cast<double>(options_.max_runs);
  if (runs > kSlowRuns) {
    const double share = std::min(1.0, (runs - kSlowRuns) / (kCrawlRuns - kSlowRuns));
    slowest = std::max(slowest, drain * (1 + kCrawl * share * share));
  }
  return slowest;
}

uint64_t WritePacer::DelayNs(const Backlog& backlog, uint64_t bytes, uint64_t now_ns) {
  const uint64_t passed_ns = now_ns - last_ns_;
  last_ns_ = now_ns;
  owed_ns_ -= std::min(owed_ns_, passed_ns);
  const double owed = NsPerByte(backlog) * kMemoryPerByte * static_cast<double>(bytes);
  owed_ns_ += static_cast<uint64_t>(owed);
  if (owed_ns_ < kShortestDelayNs) return 0;
  return std::min(owed_ns_, kLongestDelayNs);
}

}  // namespace sibyl::engine
