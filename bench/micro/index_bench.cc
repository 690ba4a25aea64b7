// sibyl_index_bench: lookups in a sorted array through learned indexes, against the static B-tree,
// absl::btree_map and std::lower_bound, on generated and real key sets.
//
// Structures take turns in random order, every answer is checked while it is timed, a wrong one
// fails the run, and medians count. Google Benchmark's own flags (--benchmark_filter=...) work too.

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "bench/data/generate.h"
#include "bench/data/key_files.h"
#include "bench/micro/comparison_table.h"
#include "bench/micro/query_set.h"
#include "bench/micro/structures.h"
#include "sibyl/range_index.h"

// jemalloc reads this at start: huge pages for every structure, where the system leaves a choice.
extern "C" const char* malloc_conf;
const char* malloc_conf = "thp:always";

namespace sibyl::bench {
namespace {

struct Dataset {
  std::string name;
  std::vector<uint64_t> keys;

  std::string FullName() const { return name + "/" + std::to_string(keys.size()); }
};

struct Flags {
  std::vector<std::string> sosd_files;
  std::vector<std::string> generated;
  std::string json_file;
};

constexpr size_t kBatch = 64;

void Finish(benchmark::State& state, bool right, double bytes_per_key, double build_seconds) {
  if (!right) state.SkipWithError("wrong answers");
  state.counters["bytes_per_key"] = bytes_per_key;
  state.counters["build_seconds"] = build_seconds;
}

// Independent lookups, one call each.
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

// Owns a structure for as long as its benchmarks are registered.
template <typename Structure>
struct Built {
  Structure structure;
  double bytes_per_key;
  double build_seconds;
};

template <typename Structure, typename Make>
std::shared_ptr<const Built<Structure>> Build(const Dataset& data, Make make) {
  const auto start = std::chrono::steady_clock::now();
  Structure structure = make();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const double bytes_per_key =
      static_cast<double>(structure.memory_bytes()) / static_cast<double>(data.keys.size());
  return std::make_shared<Built<Structure>>(
      Built<Structure>{std::move(structure), bytes_per_key, seconds.count()});
}

template <typename Structure>
void Register(const std::string& name, const Dataset& data, const QuerySet& queries,
              std::shared_ptr<const Built<Structure>> built) {
  const std::string full_name = "LowerBound/" + name + "/" + data.FullName();
  const auto add = [&](const std::string& variant, auto run) {
    benchmark::RegisterBenchmark((full_name + variant).c_str(),
                                 [=, &queries](benchmark::State& state) {
                                   const bool right = run(state, built->structure, queries);
                                   Finish(state, right, built->bytes_per_key, built->build_seconds);
                                 });
  };
  add("", RunSingle<Structure>);
  add("/batch", RunBatch<Structure>);
  add("/serial", RunSerial<Structure>);
}

// Registers every structure; the result explains what `auto` chose.
std::string RegisterAll(const Dataset& data, const QuerySet& queries) {
  using Kind = index::RangeIndexKind;
  std::string explanation;
  for (const auto& [name, kind] :
       {std::pair("recursive", Kind::kRecursive), std::pair("pieces", Kind::kPieces),
        std::pair("auto", Kind::kAuto), std::pair("splus", Kind::kStaticBTree)}) {
    const auto built = Build<SibylIndex>(data, [&] {
      // Keys are sorted and options valid: Build cannot fail.
      return SibylIndex(index::RangeIndex::Build(data.keys, {.kind = kind}).value());
    });
    if (kind == Kind::kAuto) explanation = built->structure.index().Explain();
    Register<SibylIndex>(name, data, queries, built);
  }
  Register<AbslBTree>("absl_btree", data, queries,
                      Build<AbslBTree>(data, [&] { return AbslBTree(data.keys); }));
  Register<StdLowerBound>("std_lower_bound", data, queries,
                          Build<StdLowerBound>(data, [&] { return StdLowerBound(data.keys); }));
  return "auto considered: " + explanation;
}

void RunDataset(const Dataset& data, TableReporter* reporter) {
  const QuerySet queries(data.keys);
  const std::string note = RegisterAll(data, queries);
  benchmark::RunSpecifiedBenchmarks(reporter);
  benchmark::ClearRegisteredBenchmarks();
  reporter->PrintTable(data.FullName(), note, &std::cout);
  std::cout << std::endl;
}

Result<Dataset> LoadSosd(const std::string& path) {
  Dataset data;
  data.name = std::filesystem::path(path).filename().replace_extension("").string();
  SIBYL_ASSIGN_OR_RETURN(data.keys, ReadSosd(path));
  if (data.keys.empty()) return Error{ErrorCode::kInvalidArgument, path + ": no keys"};
  return data;
}

Result<Dataset> Generate(const std::string& text) {
  SIBYL_ASSIGN_OR_RETURN(const GeneratedSet set, ParseGeneratedSet(text));
  Dataset data;
  data.name = set.kind;
  SIBYL_ASSIGN_OR_RETURN(data.keys, GenerateKeys(set.kind, set.count));
  return data;
}

// Our defaults come first, so that the user's flags override them.
void InitializeGoogleBenchmark(std::vector<char*>* arguments) {
  static std::array<char[48], 4> defaults = {
      "--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=15",
      "--benchmark_min_time=0.02", "--benchmark_counters_tabular=true"};
  for (size_t i = 0; i < defaults.size(); ++i) {
    arguments->insert(arguments->begin() + 1 + static_cast<ptrdiff_t>(i), defaults[i]);
  }
  int count = static_cast<int>(arguments->size());
  benchmark::Initialize(&count, arguments->data());
  arguments->resize(static_cast<size_t>(count));
}

int Run(const Flags& flags) {
  std::optional<std::ofstream> json;
  if (!flags.json_file.empty()) {
    json.emplace(flags.json_file);
    if (!*json) {
      std::cerr << "cannot write " << flags.json_file << "\n";
      return EXIT_FAILURE;
    }
  }
  TableReporter reporter(json ? &*json : nullptr);
  const auto run_all = [&](const std::vector<std::string>& sources, auto load) {
    for (const std::string& source : sources) {
      const Result<Dataset> data = load(source);
      if (!data) {
        std::cerr << data.error().ToString() << "\n";
        return false;
      }
      RunDataset(*data, &reporter);
    }
    return true;
  };
  const bool loaded = run_all(flags.sosd_files, LoadSosd) && run_all(flags.generated, Generate);
  reporter.FinishJson();
  if (reporter.failed()) std::cerr << "FAILED: a structure gave wrong answers\n";
  return loaded && !reporter.failed() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) {
  std::vector<char*> arguments(argv, argv + argc);
  sibyl::bench::InitializeGoogleBenchmark(&arguments);

  sibyl::bench::Flags flags;
  CLI::App app("Compares learned indexes over sorted arrays with static and classic ones.");
  app.add_option("--sosd", flags.sosd_files, "SOSD file of uint64 keys, plain or .zst; repeatable");
  app.add_option("--generate", flags.generated,
                 "uniform|dense|lognormal|osm|fb|weblog:COUNT; repeatable");
  app.add_option("--json", flags.json_file, "write all runs to this file");
  app.footer("Flags of Google Benchmark (--benchmark_filter=REGEX, ...) are accepted too.");
  CLI11_PARSE(app, static_cast<int>(arguments.size()), arguments.data());
  if (flags.sosd_files.empty() && flags.generated.empty()) {
    flags.generated = {"uniform:1000000", "osm:1000000"};
  }
  return sibyl::bench::Run(flags);
}
