// sibyl_index_bench: lookups in a sorted array through learned indexes, against the static B-tree,
// published learned indexes, absl::btree_map and std::lower_bound, on generated and real key sets.
//
// With --strings, --points or --filters, the other kinds of index beside their classical twins.
//
// Structures take turns in random order, every answer is checked while it is timed, a wrong one
// fails the run, and medians count. Google Benchmark's own flags (--benchmark_filter=...) work too.

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "bench/micro/index_comparison.h"
#include "bench/micro/index_reports.h"
#include "bench/micro/kind_comparison.h"

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

struct KindFlags {
  std::vector<std::string> string_files;
  size_t string_copies = 1;
  bool points = false;
  bool filters = false;
  bool sweep = false;
};

Result<std::vector<StringSet>> LoadStringSets(const KindFlags& flags) {
  std::vector<StringSet> sets;
  sets.reserve(flags.string_files.size());  // keys point into a set's bytes: it must not move
  for (const std::string& file : flags.string_files) {
    SIBYL_ASSIGN_OR_RETURN(StringSet set, LoadStrings(file, flags.string_copies));
    sets.push_back(std::move(set));
  }
  return sets;
}

Result<std::vector<Dataset>> LoadDatasets(const ComparisonOptions& options) {
  std::vector<Dataset> all;
  for (const std::string& file : options.sosd_files) {
    SIBYL_ASSIGN_OR_RETURN(Dataset data, LoadSosd(file));
    all.push_back(std::move(data));
  }
  for (const std::string& text : options.generated) {
    SIBYL_ASSIGN_OR_RETURN(Dataset data, Generate(text));
    all.push_back(std::move(data));
  }
  return all;
}

// Each set's report, and its drift from the one before.
Status PrintReports(const ComparisonOptions& options, const KindFlags& flags) {
  SIBYL_ASSIGN_OR_RETURN(const std::vector<StringSet> strings, LoadStringSets(flags));
  for (size_t i = 0; i < strings.size(); ++i) {
    PrintReport(strings[i], i > 0 ? &strings[i - 1] : nullptr, &std::cout);
  }
  SIBYL_ASSIGN_OR_RETURN(const std::vector<Dataset> integers, LoadDatasets(options));
  for (size_t i = 0; i < integers.size(); ++i) {
    PrintReport(integers[i], i > 0 ? &integers[i - 1] : nullptr, &std::cout);
  }
  return Ok();
}

Result<bool> CompareStrings(const KindFlags& flags, KindReport* report) {
  SIBYL_ASSIGN_OR_RETURN(const std::vector<StringSet> sets, LoadStringSets(flags));
  bool right = true;
  for (size_t i = 0; i < sets.size(); ++i) {
    if (!flags.filters) {
      right &= CompareStringIndexes(sets[i], flags.sweep, report);
      continue;
    }
    right &= CompareFilters(sets[i], nullptr, report);
    if (sets.size() > 1) right &= CompareFilters(sets[i], &sets[(i + 1) % sets.size()], report);
  }
  return right;
}

Result<bool> CompareIntegers(const ComparisonOptions& options, const KindFlags& flags,
                             KindReport* report) {
  bool right = true;
  SIBYL_ASSIGN_OR_RETURN(const std::vector<Dataset> sets, LoadDatasets(options));
  for (const Dataset& data : sets) {
    if (flags.points) right &= ComparePointIndexes(data.name, data.keys, report);
    if (flags.filters) right &= CompareFilters(data.name, data.keys, report);
  }
  return right;
}

Status Keep(const KindReport& report, const ComparisonOptions& options) {
  if (!options.json_file.empty()) {
    std::ofstream json(options.json_file);
    json << report.ToJson();
    json.close();
    if (!json) return Error{ErrorCode::kIo, "cannot write " + options.json_file};
  }
  return options.plot_directory.empty() ? Ok() : report.Draw(options.plot_directory);
}

bool CompareKinds(const ComparisonOptions& options, const KindFlags& flags) {
  KindReport report;
  bool right = true;
  for (const Result<bool>& result :
       {CompareStrings(flags, &report), CompareIntegers(options, flags, &report)}) {
    if (!result) std::cerr << result.error().ToString() << "\n";
    right = right && result && *result;
  }
  const Status kept = Keep(report, options);
  if (!kept) std::cerr << kept.error().ToString() << "\n";
  return right && kept;
}

int Run(std::vector<char*> arguments) {
  InitializeGoogleBenchmark(&arguments);
  ComparisonOptions options;
  std::vector<std::string> structures;
  bool report = false;
  KindFlags kinds;
  CLI::App app("Compares learned indexes over sorted arrays with static and classic ones.");
  app.add_option("--sosd", options.sosd_files,
                 "SOSD file of uint64 keys, plain or .zst; repeatable");
  app.add_option(
      "--generate", options.generated,
      "uniform|dense|lognormal|osm|fb|weblog|poisoned|clustered|doubling|runs|denormal:COUNT; "
      "repeatable");
  app.add_option("--structures", structures,
                 "only these, by name or family: auto,splus,pgm-64; all others are not even built")
      ->delimiter(',');
  app.add_flag("--sweep", kinds.sweep, "every structure in several sizes");
  app.add_option("--json", options.json_file, "write all runs to this file");
  app.add_option("--plots", options.plot_directory,
                 "draw memory against time into this directory, an SVG per data set (gnuplot)");
  app.add_option("--counters", options.hardware_counters,
                 "hardware events to count per lookup: cycles,instructions,branch-misses,"
                 "cache-misses,dTLB-load-misses,rXXXX")
      ->delimiter(',');
  app.add_option("--strings", kinds.string_files,
                 "text file of one key a line, plain or .zst, for StringIndex; repeatable");
  app.add_option("--string-copies", kinds.string_copies,
                 "take the lines so many times, each time under another first directory")
      ->check(CLI::Range(1, 999999));
  app.add_flag("--points", kinds.points, "PointIndex over the integers, in place of RangeIndex");
  app.add_flag("--filters", kinds.filters,
               "ExistenceIndex over integers and strings, in place of the others");
  app.add_flag("--report", report,
               "what the indexes say about themselves and their keys, in place of times: losses, "
               "worst keys, outliers, shared prefixes, drift from set to set, suggestions");
  app.footer("Flags of Google Benchmark (--benchmark_filter=REGEX, ...) are accepted too.");
  CLI11_PARSE(app, static_cast<int>(arguments.size()), arguments.data());
  if (report) {
    const Status printed = PrintReports(options, kinds);
    if (!printed) std::cerr << printed.error().ToString() << "\n";
    return printed ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (!kinds.string_files.empty() || kinds.points || kinds.filters) {
    return CompareKinds(options, kinds) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (options.sosd_files.empty() && options.generated.empty()) {
    options.generated = {"uniform:1000000", "osm:1000000"};
  }
  return Compare(options, Contenders(kinds.sweep, structures)) ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) { return sibyl::bench::Run(std::vector<char*>(argv, argv + argc)); }
