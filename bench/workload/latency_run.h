// LatencyRun: how long single calls take, the slowest included, while an engine is busy.
//
// The tables of Comparison are averages of one thread. This is about the tails: random single Puts
// without pause, so that compaction never rests, alone and beside a reader; and reads idle, by two
// threads, and beside that writer.

#ifndef SIBYL_BENCH_WORKLOAD_LATENCY_RUN_H_
#define SIBYL_BENCH_WORKLOAD_LATENCY_RUN_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "bench/rivals/engine.h"
#include "bench/workload/comparison.h"
#include "bench/workload/key_set.h"
#include "bench/workload/value_coder.h"
#include "sibyl/result.h"

namespace sibyl::bench {

// Wall times of calls of one kind, all of them.
class Latencies {
 public:
  void Add(uint64_t ns) {
    ns_.push_back(static_cast<uint32_t>(std::min<uint64_t>(ns, UINT32_MAX)));
  }
  void Add(const Latencies& other) { ns_.insert(ns_.end(), other.ns_.begin(), other.ns_.end()); }
  size_t count() const { return ns_.size(); }

  // What `fraction` of the calls did not exceed; 0 without calls. Sorts.
  uint64_t QuantileNs(double fraction);
  double MeanNs() const;

 private:
  std::vector<uint32_t> ns_;  // a call of more than four seconds counts as four
};

struct LatencyOptions {
  std::filesystem::path directory;  // existing, empty
  size_t value_bytes = 100;
  uint64_t memory_bytes = 0;  // see EngineSettings
  double seconds = 10;        // of each measurement
};

class LatencyRun {
 public:
  // `keys` and `out` outlive it.
  LatencyRun(LatencyOptions options, const KeySet& keys, std::ostream& out);

  // Loads the engine, measures it and prints a table. Every value read is compared in full: it must
  // be one of those that its key had while it was read.
  // Errors: the engine's; kCorruption that begins "WRONG ANSWER".
  Status Run(const Contender& contender);

 private:
  struct Row {
    std::string name;
    Latencies latencies;
    double wall_seconds = 0;
    uint64_t cpu_ns = 0;  // of the threads that called, between the calls too
  };

  Status Load(Session& session);
  Status Read(Session& session, uint64_t seed, const std::atomic<bool>& stop, Latencies* latencies);
  Status Write(Session& session, uint64_t seed, const std::atomic<bool>& stop,
               Latencies* latencies);
  bool IsVersion(std::string_view value, uint32_t rank, uint32_t first, uint32_t last) const;

  // Runs readers and perhaps a writer for options_.seconds; one row of all readers, one of it.
  Status Measure(Engine& engine, const std::string& name, int readers, bool writer,
                 std::vector<Row>* rows);
  void Print(const std::string& engine, std::vector<Row>* rows);

  const LatencyOptions options_;
  const KeySet& keys_;
  std::ostream& out_;
  const ValueCoder values_;
  std::vector<std::atomic<uint32_t>> versions_;  // by rank; written before the Put begins
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_LATENCY_RUN_H_
