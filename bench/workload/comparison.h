// Comparison: loads every engine with the same records, then measures them in turn.
//
// Phases: load, each engine brought to its compacted state; reads there; workloads that write,
// which leave each engine in its own natural disorder; and, if asked for, reads of a database that
// was made of many levels and not compacted. Within a phase the engines take turns, workload by
// workload and round by round, so that noise of the machine meets all of them alike.

#ifndef SIBYL_BENCH_WORKLOAD_COMPARISON_H_
#define SIBYL_BENCH_WORKLOAD_COMPARISON_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/rivals/engine.h"
#include "bench/workload/key_set.h"
#include "bench/workload/operations.h"
#include "bench/workload/runner.h"
#include "bench/workload/stopwatch.h"
#include "bench/workload/value_coder.h"
#include "bench/workload/zipf.h"
#include "sibyl/result.h"

namespace sibyl::bench {

struct Contender {
  std::string name;
  std::function<Result<std::unique_ptr<Engine>>(const EngineSettings&)> open;
};

struct ComparisonOptions {
  std::filesystem::path directory;  // existing, empty; one folder per engine is made in it
  size_t value_bytes = 100;
  std::vector<Workload> workloads;
  uint32_t rounds = 3;

  // Per round. A workload that scans does a fifth of it, a scan being tens of reads.
  uint64_t operations = 1'000'000;

  bool measure_compacted = true;
  bool measure_delta = false;
  uint64_t memory_bytes = 0;  // see EngineSettings
  StorageSettings storage;    // likewise; with a compression, values are compressible
  uint32_t threads = 1;       // for workloads that only read
  std::optional<uint32_t> last_level_filter_bits;  // see EngineSettings
  std::optional<uint64_t> segment_bytes;           // likewise
};

enum class State : uint8_t { kCompacted, kDelta };
const char* StateName(State state);

// One column of the tables: an engine, read in one of its ways.
struct Column {
  size_t engine = 0;
  bool long_reads = false;
  std::string name;
};

struct LoadResult {
  Timing load;     // process_cpu_ns includes the background work until all is quiet
  Elapsed settle;  // to the compacted state
  Footprint after;
};

// Hears of results as they come.
class ComparisonListener {
 public:
  virtual ~ComparisonListener() = default;
  virtual void Opened(const std::vector<std::string>& descriptions,
                      const std::vector<Column>& columns) = 0;
  virtual void Loaded(size_t engine, const LoadResult& result) = 0;
  virtual void PhaseBegins(const std::string& title) = 0;
  virtual void Note(const std::string& text) = 0;
  virtual void Measured(State state, Workload workload, uint32_t round, size_t column,
                        const Timing& timing) = 0;
  virtual void RoundEnds(State state, Workload workload, uint32_t round) = 0;
};

class Comparison {
 public:
  // `keys` and `listener` outlive it.
  Comparison(ComparisonOptions options, std::vector<Contender> contenders, const KeySet& keys,
             ComparisonListener& listener);

  // Errors: those of the engines, and of Runner for a wrong answer, beginning with the name of the
  // engine; the comparison is then over.
  Status Run();

 private:
  struct Entrant {
    Contender contender;
    EngineSettings settings;
    std::unique_ptr<Engine> engine;
    std::vector<std::unique_ptr<Session>> sessions;  // after engine: they end before it
  };

  Status OpenAll();
  Status LoadAll();
  Status IngestAll();
  Status ReadAll(State state);
  Status WriteAll();
  Status MakeDeltaAll();
  Status UpdateAll(uint64_t count);

  Status Reopen(Entrant* entrant);
  Status NewSessions(Entrant* entrant);
  Result<LoadResult> LoadOne(const Operations& operations, Entrant* entrant);
  Result<Timing> IngestOne(const Entrant& entrant, std::string* shape);
  Result<Elapsed> Settle(Entrant* entrant);
  Status MeasureRound(State state, Workload workload, uint32_t round);
  Result<Timing> MeasureOne(Workload workload, const Operations& operations, const Column& column);
  Result<Timing> RunThreads(Workload workload, const Operations& operations, Entrant* entrant,
                            bool long_reads);
  Result<Operations> Generate(Workload workload);
  uint64_t InsertsNeeded() const;
  bool Wants(Workload workload) const;
  bool MeasuresLoaded() const;

  ComparisonOptions options_;
  const KeySet& keys_;
  ComparisonListener& listener_;
  ValueCoder values_;
  DatabaseState state_;
  Runner runner_;
  Zipf zipf_;
  Random random_;
  std::vector<Entrant> entrants_;
  std::vector<Column> columns_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_COMPARISON_H_
