#include "bench/workload/comparison.h"

#include <algorithm>
#include <thread>

#include "base/status_macros.h"

namespace sibyl::bench {
namespace {

constexpr uint64_t kSeed = 20260101;
constexpr uint64_t kScansShare = 5;  // a workload that scans does a fifth of the operations

// Updates that make the "delta" state, as a share of the records, and the capacities that let them
// fill two levels above the last whatever the size of the data.
constexpr uint64_t kDeltaUpdatePercent = 12;
constexpr uint64_t kDeltaFirstLevelShare = 100;
constexpr uint64_t kDeltaGenerationShare = 200;

// Then more updates, that stay in memory: as many as nearly fill a write buffer of its usual size,
// if a record takes so much more than its bytes, but no larger a share of the records than before.
constexpr uint64_t kRecordOverheadBytes = 192;
constexpr uint64_t kFullPercent = 85;

Error WithName(const std::string& engine, const Error& error) {
  return {error.code, engine + ": " + error.message};
}

template <typename T>
Result<T> Named(const std::string& engine, Result<T> result) {
  if (result) return result;
  return WithName(engine, result.error());
}

// Waits until the engine has no background work left: it says so itself, and the process uses no
// processor for a while. Gives up waiting, not the run, after two minutes.
Status WaitUntilQuiet(Engine& engine) {
  constexpr auto kWindow = std::chrono::milliseconds(20);
  constexpr uint64_t kIdleNs = 1'000'000;
  constexpr int kQuietWindows = 5;
  constexpr int kMaxWindows = 6000;
  int quiet_windows = 0;
  for (int i = 0; i < kMaxWindows && quiet_windows < kQuietWindows; ++i) {
    const Stopwatch stopwatch;
    std::this_thread::sleep_for(kWindow);
    SIBYL_ASSIGN_OR_RETURN(const bool busy, engine.Busy());
    const bool quiet = !busy && stopwatch.Read().process_cpu_ns < kIdleNs;
    quiet_windows = quiet ? quiet_windows + 1 : 0;
  }
  return Ok();
}

// The part of `operations` for one of `threads`, in whole groups of serial and batched reads.
size_t SliceBegin(const Operations& operations, uint32_t thread, uint32_t threads) {
  static_assert(kMultiGetKeys % kSerialChoices == 0);
  const size_t groups = operations.list.size() / kMultiGetKeys;
  if (thread == threads) return operations.list.size();
  return groups * thread / threads * kMultiGetKeys;
}

}  // namespace

const char* StateName(State state) { return state == State::kCompacted ? "compacted" : "delta"; }

Comparison::Comparison(ComparisonOptions options, std::vector<Contender> contenders,
                       const KeySet& keys, ComparisonListener& listener)
    : options_(std::move(options)),
      keys_(keys),
      listener_(listener),
      values_(options_.value_bytes, options_.storage.compression != Compression::kNone),
      state_(keys, static_cast<uint32_t>(InsertsNeeded()), kSeed),
      runner_(state_, values_),
      zipf_(state_.present_count(), Zipf::kYcsbTheta),
      random_(kSeed + 1) {
  for (Contender& contender : contenders) {
    Entrant entrant;
    entrant.settings.directory = options_.directory / contender.name;
    entrant.contender = std::move(contender);
    entrants_.push_back(std::move(entrant));
  }
}

// Keys that YCSB E will insert are held out of the load, so that they come from where the others
// do. A fifth of the keys at most.
uint64_t Comparison::InsertsNeeded() const {
  if (!Wants(Workload::kYcsbE) || !options_.measure_compacted) return 0;
  // One in twenty is an insert; a tenth more for chance.
  const uint64_t needed = options_.operations / kScansShare * options_.rounds * 11 / 200 + 100;
  return std::min<uint64_t>(needed, keys_.size() / 5);
}

bool Comparison::Wants(Workload workload) const {
  return std::find(options_.workloads.begin(), options_.workloads.end(), workload) !=
         options_.workloads.end();
}

// Whether anything is asked for that needs the loaded databases.
bool Comparison::MeasuresLoaded() const {
  return std::any_of(options_.workloads.begin(), options_.workloads.end(),
                     [](Workload workload) { return workload != Workload::kIngest; });
}

Status Comparison::Run() {
  SIBYL_RETURN_IF_ERROR(OpenAll());
  if (Wants(Workload::kIngest)) SIBYL_RETURN_IF_ERROR(IngestAll());
  if (!MeasuresLoaded()) return Ok();
  SIBYL_RETURN_IF_ERROR(LoadAll());
  if (options_.measure_compacted) {
    SIBYL_RETURN_IF_ERROR(ReadAll(State::kCompacted));
    SIBYL_RETURN_IF_ERROR(WriteAll());
  }
  if (options_.measure_delta) {
    SIBYL_RETURN_IF_ERROR(MakeDeltaAll());
    SIBYL_RETURN_IF_ERROR(ReadAll(State::kDelta));
  }
  return Ok();
}

Status Comparison::OpenAll() {
  const uint64_t raw_bytes = keys_.key_bytes() + uint64_t{keys_.size()} * options_.value_bytes;
  std::vector<std::string> descriptions;
  for (Entrant& entrant : entrants_) {
    std::filesystem::create_directory(entrant.settings.directory);
    entrant.settings.memory_bytes = options_.memory_bytes;
    entrant.settings.storage = options_.storage;
    entrant.settings.last_level_filter_bits = options_.last_level_filter_bits;
    entrant.settings.segment_bytes = options_.segment_bytes;
    // B-trees filled in random order are two thirds full; short records have overhead.
    entrant.settings.map_bytes = 4 * raw_bytes + 100 * uint64_t{keys_.size()} + (1ull << 30);
    SIBYL_RETURN_IF_ERROR(Reopen(&entrant));
    descriptions.push_back(entrant.engine->description());
    const size_t index = descriptions.size() - 1;
    columns_.push_back({index, false, entrant.contender.name});
    if (entrant.engine->has_long_reads()) {
      columns_.push_back({index, true, entrant.contender.name + "-long"});
    }
  }
  listener_.Opened(descriptions, columns_);
  return Ok();
}

Status Comparison::Reopen(Entrant* entrant) {
  entrant->sessions.clear();
  entrant->engine.reset();
  auto engine = entrant->contender.open(entrant->settings);
  if (!engine) return WithName(entrant->contender.name, std::move(engine).error());
  entrant->engine = std::move(engine).value();
  return NewSessions(entrant);
}

Status Comparison::NewSessions(Entrant* entrant) {
  entrant->sessions.clear();
  for (uint32_t i = 0; i < options_.threads; ++i) {
    auto session = entrant->engine->NewSession();
    if (!session) return WithName(entrant->contender.name, std::move(session).error());
    entrant->sessions.push_back(std::move(session).value());
  }
  return Ok();
}

// Each round into empty databases of their own, which are compared in full and removed.
Status Comparison::IngestAll() {
  listener_.PhaseBegins("ingest: " + std::to_string(state_.present_count()) +
                        " records in key order, each time into an empty database");
  for (uint32_t round = 0; round < options_.rounds; ++round) {
    for (size_t i = 0; i < entrants_.size(); ++i) {
      const size_t index = (i + round) % entrants_.size();  // nobody is always first
      const std::string& name = entrants_[index].contender.name;
      std::string shape;
      auto timing = Named(name + ", ingest", IngestOne(entrants_[index], &shape));
      if (!timing) return std::move(timing).error();
      if (round == 0) listener_.Note(name + ": " + shape);
      const auto column = std::find_if(columns_.begin(), columns_.end(),
                                       [index](const Column& c) { return c.engine == index; });
      listener_.Measured(State::kCompacted, Workload::kIngest, round,
                         static_cast<size_t>(column - columns_.begin()), *timing);
    }
    listener_.RoundEnds(State::kCompacted, Workload::kIngest, round);
  }
  return Ok();
}

Result<Timing> Comparison::IngestOne(const Entrant& entrant, std::string* shape) {
  Entrant fresh{entrant.contender, entrant.settings, nullptr, {}};
  fresh.settings.directory += "-ingest";
  std::filesystem::create_directory(fresh.settings.directory);
  SIBYL_RETURN_IF_ERROR(Reopen(&fresh));
  const Stopwatch stopwatch;
  SIBYL_ASSIGN_OR_RETURN(Timing timing, runner_.Ingest(*fresh.sessions[0]));
  SIBYL_RETURN_IF_ERROR(WaitUntilQuiet(*fresh.engine));
  timing.elapsed.process_cpu_ns = stopwatch.Read().process_cpu_ns;
  SIBYL_RETURN_IF_ERROR(runner_.CheckAll(*fresh.sessions[0]));
  SIBYL_ASSIGN_OR_RETURN(const Footprint after, fresh.engine->Measure());
  *shape = std::to_string(after.disk_bytes / 1'000'000) + " MB; " + after.shape;
  fresh.sessions.clear();
  fresh.engine.reset();
  std::filesystem::remove_all(fresh.settings.directory);
  return timing;
}

Status Comparison::LoadAll() {
  listener_.PhaseBegins("load: " + std::to_string(state_.present_count()) +
                        " records in random order, batches of " +
                        std::to_string(Runner::kBatchRecords));
  const Operations operations = LoadOperations(state_);
  for (size_t i = 0; i < entrants_.size(); ++i) {
    auto result = Named(entrants_[i].contender.name, LoadOne(operations, &entrants_[i]));
    if (!result) return std::move(result).error();
    listener_.Loaded(i, *result);
  }
  return Ok();
}

Result<LoadResult> Comparison::LoadOne(const Operations& operations, Entrant* entrant) {
  LoadResult result;
  const Stopwatch stopwatch;
  SIBYL_ASSIGN_OR_RETURN(result.load, runner_.PutInBatches(operations, *entrant->sessions[0]));
  SIBYL_RETURN_IF_ERROR(WaitUntilQuiet(*entrant->engine));
  result.load.elapsed.process_cpu_ns = stopwatch.Read().process_cpu_ns;
  SIBYL_ASSIGN_OR_RETURN(result.settle, Settle(entrant));
  SIBYL_ASSIGN_OR_RETURN(result.after, entrant->engine->Measure());
  return result;
}

// Settles, and reads everything once: the check of the load, and warm caches.
Result<Elapsed> Comparison::Settle(Entrant* entrant) {
  entrant->sessions.clear();  // an open statement would keep SQLite's checkpoint waiting
  const Stopwatch stopwatch;
  SIBYL_RETURN_IF_ERROR(entrant->engine->Settle());
  SIBYL_RETURN_IF_ERROR(WaitUntilQuiet(*entrant->engine));
  const Elapsed elapsed = stopwatch.Read();
  SIBYL_RETURN_IF_ERROR(NewSessions(entrant));
  SIBYL_RETURN_IF_ERROR(runner_.CheckAll(*entrant->sessions[0]));
  return elapsed;
}

Status Comparison::ReadAll(State state) {
  listener_.PhaseBegins(std::string("reads, ") + StateName(state));
  for (uint32_t round = 0; round < options_.rounds; ++round) {
    for (const Workload workload : options_.workloads) {
      if (workload == Workload::kLoad || Writes(workload)) continue;
      SIBYL_RETURN_IF_ERROR(MeasureRound(state, workload, round));
    }
  }
  return Ok();
}

// Round by round within one workload, in the order asked for: what one workload leaves behind is
// where the next begins, for every engine alike. At the end of each, every record is compared.
Status Comparison::WriteAll() {
  bool begun = false;
  for (const Workload workload : options_.workloads) {
    if (!Writes(workload) || workload == Workload::kIngest) continue;
    if (!begun) listener_.PhaseBegins("workloads that write, beginning compacted");
    begun = true;
    for (uint32_t round = 0; round < options_.rounds; ++round) {
      SIBYL_RETURN_IF_ERROR(MeasureRound(State::kCompacted, workload, round));
    }
    for (Entrant& entrant : entrants_) {
      SIBYL_RETURN_IF_ERROR(Named(entrant.contender.name + ", after " + WorkloadName(workload),
                                  runner_.CheckAll(*entrant.sessions[0])));
    }
  }
  return Ok();
}

Status Comparison::MakeDeltaAll() {
  const uint64_t raw_bytes = keys_.key_bytes() + uint64_t{keys_.size()} * options_.value_bytes;
  const uint64_t updates = state_.present_count() * kDeltaUpdatePercent / 100;
  const uint64_t buffer_bytes = EngineSettings().write_buffer_bytes;
  const uint64_t last_updates =
      std::min(updates, buffer_bytes * kFullPercent / 100 /
                            (raw_bytes / keys_.size() + kRecordOverheadBytes));
  listener_.PhaseBegins("making the delta: compacted again, then " + std::to_string(updates) +
                        " records updated in levels that are small, and " +
                        std::to_string(last_updates) + " that stay in memory; not compacted");
  for (Entrant& entrant : entrants_) {
    entrant.settings.first_level_bytes =
        std::max<uint64_t>(raw_bytes / kDeltaFirstLevelShare, 1u << 20);
    entrant.settings.write_buffer_bytes =
        std::max<uint64_t>(raw_bytes / kDeltaGenerationShare, 1u << 18);
    SIBYL_RETURN_IF_ERROR(Reopen(&entrant));
    auto settled = Named(entrant.contender.name, Settle(&entrant));
    if (!settled) return std::move(settled).error();
  }
  SIBYL_RETURN_IF_ERROR(UpdateAll(updates));
  for (Entrant& entrant : entrants_) {
    entrant.settings.write_buffer_bytes = buffer_bytes;
    SIBYL_RETURN_IF_ERROR(Reopen(&entrant));
  }
  SIBYL_RETURN_IF_ERROR(UpdateAll(last_updates));
  for (Entrant& entrant : entrants_) {
    const std::string& name = entrant.contender.name;
    SIBYL_RETURN_IF_ERROR(Named(name, runner_.CheckAll(*entrant.sessions[0])));
    auto footprint = Named(name, entrant.engine->Measure());
    if (!footprint) return std::move(footprint).error();
    listener_.Note(name + ": " + footprint->shape);
  }
  return Ok();
}

// The same random updates for all, in batches; waits until they are quiet.
Status Comparison::UpdateAll(uint64_t count) {
  SIBYL_ASSIGN_OR_RETURN(const Operations operations,
                         GenerateOperations(Workload::kUpdate, count, &state_, zipf_, &random_));
  for (Entrant& entrant : entrants_) {
    const std::string& name = entrant.contender.name;
    auto put = Named(name, runner_.PutInBatches(operations, *entrant.sessions[0]));
    if (!put) return std::move(put).error();
    SIBYL_RETURN_IF_ERROR(Named(name, WaitUntilQuiet(*entrant.engine)));
  }
  return Ok();
}

Result<Operations> Comparison::Generate(Workload workload) {
  uint64_t count = Scans(workload) ? options_.operations / kScansShare : options_.operations;
  if (workload == Workload::kYcsbE) {
    // As many as the held-out keys last for, one in twenty being an insert.
    count = std::min<uint64_t>(count, InsertsNeeded() * 18 / options_.rounds);
  }
  return GenerateOperations(workload, count, &state_, zipf_, &random_);
}

Status Comparison::MeasureRound(State state, Workload workload, uint32_t round) {
  auto operations = Generate(workload);
  if (!operations) {
    listener_.Note(std::string(WorkloadName(workload)) +
                   " left out: " + operations.error().message);
    return Ok();
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    const size_t index = (i + round) % columns_.size();  // nobody is always first
    const Column& column = columns_[index];
    if (column.long_reads && Writes(workload)) continue;
    auto timing = Named(column.name + ", " + WorkloadName(workload),
                        MeasureOne(workload, *operations, column));
    if (!timing) return std::move(timing).error();
    listener_.Measured(state, workload, round, index, *timing);
  }
  listener_.RoundEnds(state, workload, round);
  return Ok();
}

Result<Timing> Comparison::MeasureOne(Workload workload, const Operations& operations,
                                      const Column& column) {
  Entrant& entrant = entrants_[column.engine];
  if (!Writes(workload)) return RunThreads(workload, operations, &entrant, column.long_reads);
  const Stopwatch stopwatch;
  SIBYL_ASSIGN_OR_RETURN(Timing timing, runner_.Run(workload, operations, 0, operations.list.size(),
                                                    *entrant.sessions[0]));
  SIBYL_RETURN_IF_ERROR(WaitUntilQuiet(*entrant.engine));
  timing.elapsed.process_cpu_ns = stopwatch.Read().process_cpu_ns;
  return timing;
}

Result<Timing> Comparison::RunThreads(Workload workload, const Operations& operations,
                                      Entrant* entrant, bool long_reads) {
  const auto run_slice = [&](uint32_t thread) -> Result<Timing> {
    Session& session = *entrant->sessions[thread];
    if (long_reads) SIBYL_RETURN_IF_ERROR(session.BeginLongRead());
    auto timing =
        runner_.Run(workload, operations, SliceBegin(operations, thread, options_.threads),
                    SliceBegin(operations, thread + 1, options_.threads), session);
    if (long_reads) session.EndLongRead();
    return timing;
  };
  if (options_.threads == 1) return run_slice(0);

  std::vector<Result<Timing>> results(options_.threads, Timing{});
  const Stopwatch stopwatch;
  std::vector<std::jthread> threads;
  for (uint32_t i = 0; i < options_.threads; ++i) {
    threads.emplace_back([&results, &run_slice, i] { results[i] = run_slice(i); });
  }
  threads.clear();  // joins
  Timing sum;
  for (auto& result : results) {
    if (!result) return std::move(result).error();
    sum.operations += result->operations;
    sum.elapsed.thread_cpu_ns += result->elapsed.thread_cpu_ns;
  }
  sum.elapsed.wall_ns = stopwatch.Read().wall_ns;
  sum.elapsed.process_cpu_ns = stopwatch.Read().process_cpu_ns;
  return sum;
}

}  // namespace sibyl::bench
