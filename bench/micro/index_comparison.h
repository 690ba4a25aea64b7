// What sibyl_index_bench does, apart from its command line: which structures meet, on which keys,
// and whether the run passes.

#ifndef SIBYL_BENCH_MICRO_INDEX_COMPARISON_H_
#define SIBYL_BENCH_MICRO_INDEX_COMPARISON_H_

#include <string>
#include <vector>

#include "bench/micro/lookup_runs.h"
#include "sibyl/result.h"

namespace sibyl::bench {

struct ComparisonOptions {
  std::vector<std::string> sosd_files = {};
  std::vector<std::string> generated = {};  // KIND:COUNT
  std::string json_file = {};               // every run, as Google Benchmark writes it; empty: none
  std::string plot_directory = {};          // one SVG per dataset; empty: none
  std::vector<std::string> hardware_counters = {};  // per lookup, as HardwareCounters names them
};

// A SOSD file under its name without endings. Errors: those of ReadSosd; kInvalidArgument without
// keys.
Result<Dataset> LoadSosd(const std::string& path);

// A generated set, from "KIND:COUNT". Errors: as of ParseGeneratedSet and GenerateKeys.
Result<Dataset> Generate(const std::string& text);

// The structures by name. `sweep` adds the shapes that trade memory for time; `only` keeps the
// names and families it lists, unless it is empty.
std::vector<Contender> Contenders(bool sweep, const std::vector<std::string>& only);

// Lets the contenders meet on each dataset and prints a table for each. False if a dataset could
// not be loaded, an output could not be written, or any structure gave one wrong answer, all of
// which are reported on standard error. Google Benchmark must be initialized.
bool Compare(const ComparisonOptions& options, const std::vector<Contender>& contenders);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_INDEX_COMPARISON_H_
