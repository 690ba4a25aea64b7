// sibyl_engine_bench: SibylDB beside RocksDB, LMDB and SQLite, on the same keys, in one process.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>

#include "base/status_macros.h"
#include "bench/workload/comparison.h"
#include "bench/workload/environment.h"
#include "bench/workload/key_source.h"
#include "bench/workload/latency_run.h"
#include "bench/workload/memory_baseline.h"
#include "bench/workload/report.h"

namespace sibyl::bench {
namespace {

constexpr size_t kLmdbMaxKeyBytes = 511;  // its compiled-in limit
constexpr size_t kQuickMaxKeys = 500'000;
constexpr uint64_t kQuickOperations = 100'000;

struct Arguments {
  std::vector<std::string> engines = {"sibyl", "rocksdb", "lmdb", "sqlite"};
  std::string keys;
  size_t value_bytes = 100;
  std::vector<std::string> workloads;
  uint32_t rounds = 3;
  uint64_t operations = 0;
  std::string state = "compacted";
  uint64_t memory_bytes = 0;
  StorageSettings storage;
  uint32_t threads = 1;
  std::optional<uint32_t> last_level_filter_bits;
  std::optional<uint64_t> segment_bytes;
  std::string directory;
  std::string huge_pages = "off";
  std::string json;
  bool quick = false;
  double latency_seconds = 0;
};

// What the memory gives without an engine (memory_baseline.h).
constexpr double kMostBaselineSeconds = 2;
constexpr uint64_t kLeastBaselineBytes = 1 << 20;

// A directory of our own below `parent`, gone with this object.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> Make(const std::filesystem::path& parent) {
    std::string path = (parent / "sibyl_engine_bench.XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
      return Error{ErrorCode::kIo,
                   "cannot make a directory in " + parent.string() + ": " + std::strerror(errno)};
    }
    return ScratchDirectory(std::move(path));
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;  // nothing can be done about it here
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

const std::vector<Contender>& AllContenders() {
  static const std::vector<Contender> contenders = {
      {"sibyl", OpenSibyl},
      {"rocksdb", OpenRocksDb},
      {"lmdb", OpenLmdb},
      {"sqlite", OpenSqlite},
  };
  return contenders;
}

Result<std::vector<Contender>> ChooseContenders(const std::vector<std::string>& names) {
  std::vector<Contender> chosen;
  for (const std::string& name : names) {
    const auto& all = AllContenders();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&name](const Contender& c) { return c.name == name; });
    if (found == all.end()) {
      return Error{ErrorCode::kInvalidArgument, "unknown engine " + name};
    }
    chosen.push_back(*found);
  }
  return chosen;
}

Result<std::vector<Workload>> ChooseWorkloads(const std::vector<std::string>& names) {
  std::vector<Workload> chosen;
  for (const std::string& name : names) {
    const auto workload = FindWorkload(name);
    if (!workload) return Error{ErrorCode::kInvalidArgument, "unknown workload " + name};
    chosen.push_back(*workload);
  }
  return chosen;
}

void AddOptions(CLI::App* app, Arguments* arguments) {
  app->add_option("--engines", arguments->engines,
                  "Engines to compare; the first is what the others are divided by")
      ->delimiter(',')
      ->capture_default_str();
  app->add_option("--keys", arguments->keys,
                  "A file (SOSD uint64 or newline text, .zst of either), or a generated set: "
                  "uniform:N, dense:N, lognormal:N, osm:N, fb:N, weblog:N");
  app->add_option("--value-bytes", arguments->value_bytes, "Length of every value")
      ->check(CLI::Range(size_t{8}, size_t{1} << 20))
      ->capture_default_str();
  app->add_option(
         "--workloads", arguments->workloads,
         "Of load, ingest, uniform, serial, zipf, absent, multiget32, scan50, A, B, C, E, F, "
         "update; default all")
      ->delimiter(',');
  app->add_option("--rounds", arguments->rounds, "Measurements of each; the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app->add_option(
      "--ops", arguments->operations,
      "Operations per workload and round; those that scan do a fifth (default 1000000)");
  app->add_option("--state", arguments->state,
                  "Read when compacted, from many levels that are not (delta), or both")
      ->check(CLI::IsMember({"compacted", "delta", "both"}))
      ->capture_default_str();
  app->add_option("--memory-bytes", arguments->memory_bytes,
                  "Cache of engines that do not map their files (default: holds all the data)");
  app->add_option("--compression", arguments->storage.compression,
                  "Of Sibyl's and RocksDB's blocks; the values are then half compressible")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Compression>{{"none", Compression::kNone},
                                             {"lz4", Compression::kLz4},
                                             {"zstd", Compression::kZstd}}));
  app->add_flag("--packed-keys", arguments->storage.packed_keys, "Sibyl packs the windows of keys");
  app->add_flag("--pread", arguments->storage.pread,
                "Sibyl reads with pread through a cache of --memory-bytes, without a mapping");
  app->add_option("--threads", arguments->threads, "Threads of the workloads that only read")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app->add_option("--last-level-filter", arguments->last_level_filter_bits,
                  "SibylDB with so many bits per key in the filters of the last level (default: its "
                  "own); 0: none");
  app->add_option("--segment-bytes", arguments->segment_bytes,
                  "Size of SibylDB's segments (default: its own)");
  app->add_option(
      "--dir", arguments->directory,
      "Where the databases are made, and removed at the end (default: $TMPDIR or /tmp)");
  app->add_option(
         "--huge-pages", arguments->huge_pages,
         "off: none for any engine; kernel: as the page cache gives them, which depends on "
         "how a file was written")
      ->check(CLI::IsMember({"off", "kernel"}))
      ->capture_default_str();
  app->add_option("--json", arguments->json, "Write every number to this file");
  app->add_option("--latency", arguments->latency_seconds,
                  "Instead of workloads: so many seconds each of reads, of Puts without pause, and "
                  "of both, with the percentiles of single calls")
      ->check(CLI::Range(0.1, 3600.0));
  app->add_flag("--quick", arguments->quick,
                "A short run: reads only, at most 500000 of the keys, 100000 operations, 2 rounds");
}

// What was not said on the command line.
void FillDefaults(const CLI::App& app, Arguments* arguments) {
  if (arguments->keys.empty())
    arguments->keys = arguments->quick ? "uniform:200000" : "uniform:10000000";
  if (arguments->operations == 0) {
    arguments->operations = arguments->quick ? kQuickOperations : 1'000'000;
  }
  if (arguments->quick && app.count("--rounds") == 0) arguments->rounds = 2;
  if (arguments->workloads.empty()) {
    arguments->workloads = {"load", "uniform", "serial", "zipf", "absent", "multiget32", "scan50"};
    if (!arguments->quick) {
      for (const char* name : {"ingest", "C", "A", "B", "E", "F", "update"}) {
        arguments->workloads.emplace_back(name);
      }
    }
  }
}

Facts DescribeRun(const Arguments& arguments, const KeySet& keys, uint64_t memory_bytes) {
  Facts facts = {
      {"keys", arguments.keys + ": " + std::to_string(keys.size()) + " distinct, " +
                   (keys.is_integers() ? "8-byte big-endian integers" : "text") + ", mean " +
                   std::to_string(keys.key_bytes() / keys.size()) + " bytes"},
      {"values", std::to_string(arguments.value_bytes) + " bytes" +
                     (arguments.storage.compression == Compression::kNone
                          ? ""
                          : ", the second half a copy of the first")},
      {"operations", std::to_string(arguments.operations) +
                         " per workload and round (scans: a "
                         "fifth), " +
                         std::to_string(arguments.rounds) + " rounds, " +
                         std::to_string(arguments.threads) + " thread(s)"},
      {"durability", "all engines: a write survives the crash of the process, not of the machine"},
      {"memory", std::to_string(memory_bytes >> 20) +
                     " MiB of cache where an engine has its own; page cache for mapped files"},
  };
  if (keys.skipped() > 0) {
    facts.emplace_back("left out", std::to_string(keys.skipped()) +
                                       " keys, empty or too long for LMDB (511 bytes), for all");
  }
  return facts;
}

Status CheckSpace(const std::filesystem::path& directory, uint64_t raw_bytes, size_t engines) {
  const uint64_t needed = raw_bytes * 4 * engines + (256ull << 20);
  std::error_code error;
  const auto space = std::filesystem::space(directory, error);
  if (error || space.available >= needed) return Ok();
  return Error{ErrorCode::kIo, "about " + std::to_string(needed >> 20) + " MiB are needed in " +
                                   directory.string() + ", " +
                                   std::to_string(space.available >> 20) +
                                   " MiB are free: use --dir or fewer keys"};
}

Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) return Error{ErrorCode::kIo, "cannot write " + path};
  return Ok();
}

Status Run(const Arguments& arguments) {
  if (arguments.huge_pages == "off") SIBYL_RETURN_IF_ERROR(ForbidHugePages());
  SIBYL_ASSIGN_OR_RETURN(auto contenders, ChooseContenders(arguments.engines));
  ComparisonOptions options;
  SIBYL_ASSIGN_OR_RETURN(options.workloads, ChooseWorkloads(arguments.workloads));
  SIBYL_ASSIGN_OR_RETURN(const KeySet keys, LoadKeySet(arguments.keys, kLmdbMaxKeyBytes,
                                                       arguments.quick ? kQuickMaxKeys : 0));
  const uint64_t raw_bytes = keys.key_bytes() + keys.size() * arguments.value_bytes;
  // Twice the data: blocks have overhead, and a sharded cache is not filled evenly.
  options.memory_bytes =
      arguments.memory_bytes != 0 ? arguments.memory_bytes : 2 * raw_bytes + (64ull << 20);
  options.value_bytes = arguments.value_bytes;
  options.storage = arguments.storage;
  options.rounds = arguments.rounds;
  options.operations = arguments.operations;
  options.measure_compacted = arguments.state != "delta";
  options.measure_delta = arguments.state != "compacted";
  options.threads = arguments.threads;
  options.last_level_filter_bits = arguments.last_level_filter_bits;
  options.segment_bytes = arguments.segment_bytes;

  const std::filesystem::path parent = arguments.directory.empty()
                                           ? std::filesystem::temp_directory_path()
                                           : std::filesystem::path(arguments.directory);
  SIBYL_RETURN_IF_ERROR(CheckSpace(parent, raw_bytes, contenders.size()));
  SIBYL_ASSIGN_OR_RETURN(const ScratchDirectory scratch, ScratchDirectory::Make(parent));
  options.directory = scratch.path();

  Report report(std::cout);
  report.Head("environment", DescribeEnvironment());
  report.Head("run", DescribeRun(arguments, keys, options.memory_bytes));
  if (arguments.latency_seconds > 0) {
    const double seconds = std::min(arguments.latency_seconds, kMostBaselineSeconds);
    const double one = MemoryReadsPerSecond(1, raw_bytes + kLeastBaselineBytes, seconds);
    const double two = MemoryReadsPerSecond(2, raw_bytes + kLeastBaselineBytes, seconds);
    std::printf("memory alone: %.0f random reads/s by one thread, %.0f by two (%.2f times)\n", one,
                two, two / one);
    LatencyRun run({options.directory, options.value_bytes, options.memory_bytes,
                    arguments.latency_seconds},
                   keys, std::cout);
    for (const Contender& contender : contenders) SIBYL_RETURN_IF_ERROR(run.Run(contender));
    return Ok();
  }
  SIBYL_RETURN_IF_ERROR(Comparison(options, std::move(contenders), keys, report).Run());
  report.Summary();
  if (!arguments.json.empty()) SIBYL_RETURN_IF_ERROR(WriteFile(arguments.json, report.Json()));
  return Ok();
}

int Main(int argc, char** argv) {
  CLI::App app(
      "SibylDB beside other storage engines: same keys, same operations, every answer "
      "compared while it is timed. See docs/benchmarks-engine.md.");
  Arguments arguments;
  AddOptions(&app, &arguments);
  CLI11_PARSE(app, argc, argv);
  FillDefaults(app, &arguments);
  const Status status = Run(arguments);
  if (status) return 0;
  std::cerr << "sibyl_engine_bench: " << status.error().ToString() << "\n";
  return 1;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) { return sibyl::bench::Main(argc, argv); }
