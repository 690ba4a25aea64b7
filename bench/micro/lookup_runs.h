// Times one structure: independent lookups, batches, a serial chain. Every answer is checked while
// it is timed, and 300,000 edge queries beforehand; a wrong one fails the run.

#ifndef SIBYL_BENCH_MICRO_LOOKUP_RUNS_H_
#define SIBYL_BENCH_MICRO_LOOKUP_RUNS_H_

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/micro/hardware_counters.h"
#include "bench/micro/query_set.h"
#include "bench/micro/structures.h"

namespace sibyl::bench {

struct Dataset {
  std::string name;
  std::vector<uint64_t> keys;

  std::string FullName() const { return name + "/" + std::to_string(keys.size()); }
};

inline constexpr size_t kBatch = 64;

// The first query that `structure` answers wrongly, alone or in a batch.
template <typename Structure>
std::optional<uint64_t> FirstWrongAnswer(const Structure& structure, const EdgeQueries& edges) {
  std::array<uint64_t, kBatch> ranks{};
  for (size_t i = 0; i < edges.queries.size(); i += kBatch) {
    const size_t count = std::min(kBatch, edges.queries.size() - i);
    structure.LowerBoundBatch(std::span(edges.queries).subspan(i, count), ranks);
    for (size_t k = 0; k < count; ++k) {
      const uint64_t query = edges.queries[i + k];
      const uint64_t answer = edges.answers[i + k];
      if (ranks[k] != answer || structure.LowerBound(query) != answer) return query;
    }
  }
  return std::nullopt;
}

// Independent lookups, one call each. The three runs return whether all answers were right.
template <typename Structure>
bool RunSingle(benchmark::State& state, const Structure& structure, const QuerySet& queries) {
  bool right = true;
  size_t chunk = 0;
  while (state.KeepRunningBatch(QuerySet::kChunkQueries)) {
    uint64_t sum = 0;
    for (const uint64_t query : queries.Chunk(chunk)) sum += structure.LowerBound(query);
    right = right && sum == queries.Sum(chunk);
    chunk = (chunk + 1) % queries.chunks();
  }
  return right;
}

template <typename Structure>
bool RunBatch(benchmark::State& state, const Structure& structure, const QuerySet& queries) {
  bool right = true;
  size_t chunk = 0;
  std::array<uint64_t, kBatch> ranks;
  while (state.KeepRunningBatch(QuerySet::kChunkQueries)) {
    uint64_t sum = 0;
    const auto all = queries.Chunk(chunk);
    for (size_t i = 0; i < all.size(); i += kBatch) {
      structure.LowerBoundBatch(all.subspan(i, kBatch), ranks);
      for (const uint64_t rank : ranks) sum += rank;
    }
    right = right && sum == queries.Sum(chunk);
    chunk = (chunk + 1) % queries.chunks();
  }
  return right;
}

// Each lookup waits for the one before.
template <typename Structure>
bool RunSerial(benchmark::State& state, const Structure& structure, const QuerySet& queries) {
  bool right = true;
  size_t chunk = 0;
  while (state.KeepRunningBatch(QuerySet::kSerialChunkSteps)) {
    uint64_t sum = 0;
    uint64_t rank = 0;
    const auto all = queries.SerialChunk(chunk);
    for (size_t i = 0; i < all.size(); i += kSerialChoices) {
      rank = structure.LowerBound(all[i + rank % kSerialChoices]);
      sum += rank;
    }
    right = right && sum == queries.SerialSum(chunk);
    chunk = (chunk + 1) % queries.serial_chunks();
  }
  return right;
}

// A structure over a dataset, for as long as its benchmarks are registered.
template <typename Structure>
struct Built {
  Structure structure;
  double bytes_per_key;
  double build_seconds;
  std::string error;  // what the edge queries found
};

template <typename Structure, typename Make>
std::shared_ptr<const Built<Structure>> BuildOver(const Dataset& data, const EdgeQueries& edges,
                                                  const Make& make) {
  const auto start = std::chrono::steady_clock::now();
  Structure structure = make(std::span<const uint64_t>(data.keys));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const double bytes_per_key =
      static_cast<double>(structure.memory_bytes()) / static_cast<double>(data.keys.size());
  const auto wrong = FirstWrongAnswer(structure, edges);
  return std::make_shared<Built<Structure>>(
      Built<Structure>{std::move(structure), bytes_per_key, seconds.count(),
                       wrong ? "wrong answer for key " + std::to_string(*wrong) : ""});
}

// What all contenders meet on. Outlives their runs.
struct Arena {
  const Dataset& data;
  const QuerySet queries;
  const EdgeQueries edges;
  const std::vector<std::string> hardware_counters;  // to report per lookup; may be none

  Arena(const Dataset& dataset, std::vector<std::string> counters)
      : data(dataset),
        queries(dataset.keys),
        edges(dataset.keys),
        hardware_counters(std::move(counters)) {}
};

// Calls run() and adds what the processor counted meanwhile to the benchmark's counters.
template <typename Run>
void CountEvents(const std::vector<std::string>& names, benchmark::State& state, const Run& run) {
  auto counters = HardwareCounters::Start(names);
  run();
  if (!counters) return state.SkipWithError(counters.error().ToString().c_str());
  for (const auto& [name, events] : counters->Stop()) {
    state.counters[name] = benchmark::Counter(events, benchmark::Counter::kAvgIterations);
  }
}

// Registers LowerBound/<name>/<dataset>/<keys> and its variants.
template <typename Structure>
void Register(const std::string& name, const Arena& arena,
              std::shared_ptr<const Built<Structure>> built) {
  const std::string full_name = "LowerBound/" + name + "/" + arena.data.FullName();
  const auto add = [&](const std::string& variant, auto run) {
    const auto measure = [=, &arena](benchmark::State& state) {
      bool right = false;
      CountEvents(arena.hardware_counters, state,
                  [&] { right = run(state, built->structure, arena.queries); });
      if (!right) state.SkipWithError("wrong answers");
      if (!built->error.empty()) state.SkipWithError(built->error.c_str());
      state.counters["bytes_per_key"] = built->bytes_per_key;
      state.counters["build_seconds"] = built->build_seconds;
    };
    benchmark::RegisterBenchmark((full_name + variant).c_str(), measure);
  };
  add("", RunSingle<Structure>);
  add("/batch", RunBatch<Structure>);
  add("/serial", RunSerial<Structure>);
}

// A structure that takes part, in one shape.
struct Contender {
  std::string name;  // its family, then its shape after a dash: "pgm-64"
  // Builds it over the arena's dataset and registers its benchmarks. Returns what it says about
  // itself.
  std::function<std::string(const Arena&)> enter;
};

// `make(keys)` builds the Structure.
template <typename Structure, typename Make>
Contender MakeContender(std::string name, Make make) {
  return {name, [=](const Arena& arena) {
            const auto built = BuildOver<Structure>(arena.data, arena.edges, make);
            Register<Structure>(name, arena, built);
            return ExplanationOf(built->structure);
          }};
}

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_LOOKUP_RUNS_H_
