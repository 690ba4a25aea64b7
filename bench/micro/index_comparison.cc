#include "bench/micro/index_comparison.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "base/status_macros.h"
#include "bench/data/generate.h"
#include "bench/data/key_files.h"
#include "bench/micro/comparison_table.h"
#include "bench/micro/pareto_plot.h"
#include "bench/micro/published_indexes.h"
#include "sibyl/range_index.h"
#include "sibyl/two_stage_index.h"

namespace sibyl::bench {
namespace {

using index::LastMile;
using index::RangeIndexKind;
using index::RangeIndexOptions;

Contender Sibyl(const std::string& name, const RangeIndexOptions& options) {
  return MakeContender<SibylIndex>(name, [=](std::span<const uint64_t> keys) {
    // Keys are sorted and options valid: Build cannot fail.
    return SibylIndex(index::RangeIndex::Build(keys, options).value());
  });
}

void AddSibyl(bool sweep, std::vector<Contender>* all) {
  all->push_back(Sibyl("auto", {.kind = RangeIndexKind::kAuto}));
  all->push_back(Sibyl("auto_latency", {.objective = index::RangeIndexObjective::kLatency}));
  all->push_back(Sibyl("auto_smallest", {.objective = index::RangeIndexObjective::kSmallest}));
  const auto add = [&](const std::string& family, RangeIndexKind kind, uint32_t window) {
    const std::string shape = std::to_string(window);
    all->push_back(Sibyl(family + "-" + shape, {.kind = kind, .window_keys = window}));
    if (!sweep && kind != RangeIndexKind::kStaticBTree) return;
    all->push_back(Sibyl(family + "_branchy-" + shape,
                         {.kind = kind, .window_keys = window, .last_mile = LastMile::kBranchy}));
  };
  for (const uint32_t window : {16u, 32u, 64u}) {
    if (sweep || window == 16) add("recursive", RangeIndexKind::kRecursive, window);
    if (sweep || window == 32) add("pieces", RangeIndexKind::kPieces, window);
    add("splus", RangeIndexKind::kStaticBTree, window);
  }
}

// One index, rebuilt with less and less memory: "budget-0.01" has a hundredth of a byte per key.
void AddBudgets(std::vector<Contender>* all) {
  for (const char* bytes_per_key :
       {"0.25", "0.125", "0.0625", "0.03", "0.015", "0.008", "0.004", "0.002", "0.001", "0.0005"}) {
    all->push_back(MakeContender<SibylIndex>(
        std::string("budget-") + bytes_per_key, [=](std::span<const uint64_t> keys) {
          const double bytes = std::stod(bytes_per_key) * static_cast<double>(keys.size());
          const auto index = index::RangeIndex::Build(keys, {.kind = RangeIndexKind::kStaticBTree});
          return SibylIndex(index.value().RebuildWithBudget(static_cast<uint64_t>(bytes)));
        }));
  }
}

void AddPublished(bool sweep, std::vector<Contender>* all) {
  for (const uint32_t epsilon : {16u, 32u, 64u, 128u, 256u}) {
    if (!sweep && epsilon != 64) continue;
    all->push_back(MakeContender<OneByOne<PgmLike>>(
        "pgm-" + std::to_string(epsilon),
        [=](std::span<const uint64_t> keys) { return OneByOne<PgmLike>(keys, epsilon); }));
  }
  constexpr uint32_t kRadixBits = 18;
  for (const uint32_t epsilon : {8u, 32u, 128u}) {
    if (!sweep && epsilon != 32) continue;
    all->push_back(MakeContender<OneByOne<RadixSplineLike>>(
        "radix_spline-" + std::to_string(epsilon), [=](std::span<const uint64_t> keys) {
          return OneByOne<RadixSplineLike>(keys, kRadixBits, epsilon);
        }));
  }
}

// The paper's own shapes: two stages.
void AddTwoStage(bool sweep, std::vector<Contender>* all) {
  using index::RootKind;
  const auto add = [&](const std::string& name, const index::RootOptions& root, uint32_t leaves) {
    all->push_back(MakeContender<OneByOne<index::TwoStageIndex>>(
        "rmi_" + name + "-" + std::to_string(leaves / 1000) + "k",
        [=](std::span<const uint64_t> keys) {
          // Keys are sorted and options valid: Build cannot fail.
          return OneByOne<index::TwoStageIndex>(
              index::TwoStageIndex::Build(keys, {root, leaves}).value());
        }));
  };
  add("linear", {.kind = RootKind::kLinear}, 100'000);
  if (!sweep) return;
  for (const uint32_t leaves : {10'000u, 50'000u, 200'000u}) {
    add("linear", {.kind = RootKind::kLinear}, leaves);
    add("log_linear", {.kind = RootKind::kLogLinear}, leaves);
    add("cubic", {.kind = RootKind::kCubic}, leaves);
    add("spline", {.kind = RootKind::kSpline}, leaves);
    add("radix", {.kind = RootKind::kRadix}, leaves);
    add("net0", {.kind = RootKind::kNet0}, leaves);
    add("net1x16", {.kind = RootKind::kNet1, .hidden_units = 16}, leaves);
    add("net2x32", {.kind = RootKind::kNet2, .hidden_units = 32}, leaves);
  }
}

void AddClassic(std::vector<Contender>* all) {
  all->push_back(MakeContender<OneByOne<AbslBTree>>(
      "absl_btree", [](std::span<const uint64_t> keys) { return OneByOne<AbslBTree>(keys); }));
  all->push_back(MakeContender<OneByOne<StdLowerBound>>(
      "std_lower_bound",
      [](std::span<const uint64_t> keys) { return OneByOne<StdLowerBound>(keys); }));
}

Status RunDataset(const Dataset& data, const std::vector<Contender>& contenders,
                  const ComparisonOptions& options, TableReporter* reporter) {
  const Arena arena(data, options.hardware_counters);
  std::string notes;
  for (const Contender& contender : contenders) {
    const std::string note = contender.enter(arena);
    if (!note.empty()) notes += contender.name + " considered: " + note;
  }
  benchmark::RunSpecifiedBenchmarks(reporter);
  benchmark::ClearRegisteredBenchmarks();
  reporter->PrintTable(data.FullName(), notes, &std::cout);
  std::cout << std::endl;
  if (options.plot_directory.empty()) return Ok();
  return DrawPareto(data.FullName(), reporter->RowsOf(data.FullName()), options.plot_directory);
}

Status RunAll(const ComparisonOptions& options, const std::vector<Contender>& contenders,
              TableReporter* reporter) {
  for (const std::string& file : options.sosd_files) {
    SIBYL_ASSIGN_OR_RETURN(const Dataset data, LoadSosd(file));
    SIBYL_RETURN_IF_ERROR(RunDataset(data, contenders, options, reporter));
  }
  for (const std::string& text : options.generated) {
    SIBYL_ASSIGN_OR_RETURN(const Dataset data, Generate(text));
    SIBYL_RETURN_IF_ERROR(RunDataset(data, contenders, options, reporter));
  }
  return Ok();
}

}  // namespace

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

std::vector<Contender> Contenders(bool sweep, const std::vector<std::string>& only) {
  std::vector<Contender> all;
  AddSibyl(sweep, &all);
  if (sweep) AddBudgets(&all);
  AddPublished(sweep, &all);
  AddTwoStage(sweep, &all);
  AddClassic(&all);
  if (only.empty()) return all;
  std::erase_if(all, [&](const Contender& contender) {
    const std::string family = contender.name.substr(0, contender.name.find('-'));
    return std::find(only.begin(), only.end(), contender.name) == only.end() &&
           std::find(only.begin(), only.end(), family) == only.end();
  });
  return all;
}

bool Compare(const ComparisonOptions& options, const std::vector<Contender>& contenders) {
  std::unique_ptr<std::ofstream> json;
  if (!options.json_file.empty()) {
    json = std::make_unique<std::ofstream>(options.json_file);
    if (!*json) {
      std::cerr << "cannot write " << options.json_file << "\n";
      return false;
    }
  }
  TableReporter reporter(json.get());
  const Status ran = RunAll(options, contenders, &reporter);
  if (!ran) std::cerr << ran.error().ToString() << "\n";
  reporter.FinishJson();
  if (reporter.failed()) std::cerr << "FAILED: a structure gave wrong answers\n";
  return ran.has_value() && !reporter.failed();
}

}  // namespace sibyl::bench
