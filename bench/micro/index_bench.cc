// sibyl_index_bench: lookups in a sorted array through learned indexes, against the static B-tree,
// published learned indexes, absl::btree_map and std::lower_bound, on generated and real key sets.
//
// Structures take turns in random order, every answer is checked while it is timed, a wrong one
// fails the run, and medians count. Google Benchmark's own flags (--benchmark_filter=...) work too.

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/micro/index_comparison.h"

// jemalloc reads this at start: huge pages for every structure, where the system leaves a choice.
extern "C" const char* malloc_conf;
const char* malloc_conf = "thp:always";

namespace sibyl::bench {
namespace {

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

int Run(std::vector<char*> arguments) {
  InitializeGoogleBenchmark(&arguments);
  ComparisonOptions options;
  std::vector<std::string> structures;
  bool sweep = false;
  CLI::App app("Compares learned indexes over sorted arrays with static and classic ones.");
  app.add_option("--sosd", options.sosd_files,
                 "SOSD file of uint64 keys, plain or .zst; repeatable");
  app.add_option("--generate", options.generated,
                 "uniform|dense|lognormal|osm|fb|weblog:COUNT; repeatable");
  app.add_option("--structures", structures,
                 "only these, by name or family: auto,splus,pgm-64; all others are not even built")
      ->delimiter(',');
  app.add_flag("--sweep", sweep, "every structure in several sizes");
  app.add_option("--json", options.json_file, "write all runs to this file");
  app.add_option("--plots", options.plot_directory,
                 "draw memory against time into this directory, an SVG per data set (gnuplot)");
  app.footer("Flags of Google Benchmark (--benchmark_filter=REGEX, ...) are accepted too.");
  CLI11_PARSE(app, static_cast<int>(arguments.size()), arguments.data());
  if (options.sosd_files.empty() && options.generated.empty()) {
    options.generated = {"uniform:1000000", "osm:1000000"};
  }
  return Compare(options, Contenders(sweep, structures)) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) { return sibyl::bench::Run(std::vector<char*>(argv, argv + argc)); }
