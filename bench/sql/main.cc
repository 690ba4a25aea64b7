// sibyl_sql_bench: SQLite on our engine beside SQLite on its own B-tree, the same source and
// options, the same statements in turn, every answer compared. docs/benchmarks.md has what it
// found.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "base/status_macros.h"
#include "bench/sql/comparison.h"
#include "bench/sql/openings.h"
#include "bench/sql/speedtest.h"
#include "bench/workload/environment.h"

namespace sibyl::bench {
namespace {

struct Arguments {
  SqlComparisonOptions comparison;
  std::string directory;
  std::string kept;  // a folder for the databases that is not removed; empty: none
  bool load_only = false;
  std::string json;
  std::string native_library = SIBYL_BENCH_NATIVE_SQLITE;
  uint32_t speedtest_size = 25;  // 0: not run
  bool speedtest_only = false;
  bool quick = false;
  std::vector<std::string> opening;
};

void AddOptions(CLI::App* app, Arguments* arguments) {
  SqlComparisonOptions& comparison = arguments->comparison;
  app->add_option("--rows", comparison.rows, "Rows of each of the three tables")
      ->check(CLI::Range(uint64_t{1000}, uint64_t{1} << 40))
      ->capture_default_str();
  app->add_option("--ops", comparison.operations,
                  "Point reads per round; the other rows of the table do a part of that")
      ->capture_default_str();
  app->add_option("--rounds", comparison.rounds, "Measurements of each; the median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app->add_option("--load-rounds", comparison.load_rounds, "The same for loading")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app->add_option("--changed-rows", comparison.changed_rows,
                  "Rows changed before the reads are measured again, and before the crash")
      ->capture_default_str();
  app->add_option("--native", arguments->native_library,
                  "The library with SQLite's own B-tree to compare with")
      ->capture_default_str();
  app->add_option("--speedtest", arguments->speedtest_size,
                  "Size of SQLite's speedtest1; 0: leave it out")
      ->capture_default_str();
  app->add_flag("--speedtest-only", arguments->speedtest_only, "Run nothing but speedtest1");
  app->add_option(
      "--dir", arguments->directory,
      "Where the databases are made, and removed at the end (default: $TMPDIR or /tmp)");
  app->add_option("--keep", arguments->kept,
                  "Make the databases in this folder and leave them there; if they are there "
                  "already, measure them without loading");
  app->add_flag("--load-only", arguments->load_only, "Load, compact, and nothing else");
  app->add_option("--json", arguments->json, "Write every median to this file");
  app->add_flag("--quick", arguments->quick, "A short run on 20000 rows: does everything work?");
  app->add_option(kOpeningOption, arguments->opening)->expected(5)->group("");
}

void BeQuick(Arguments* arguments) {
  arguments->comparison.rows = 20'000;
  arguments->comparison.operations = 2'000;
  arguments->comparison.rounds = 1;
  arguments->comparison.changed_rows = 2'000;
  arguments->speedtest_size = 1;
}

void PrintSpeedtest(const std::vector<SpeedtestLine>& lines, std::ostream& out) {
  out << "\n| speedtest1 | native s | sibyl s | sibyl / native |\n|---|---|---|---|\n";
  for (const SpeedtestLine& line : lines) {
    char text[256];
    std::snprintf(text, sizeof text, "| %s | %.3f | %.3f | %.2f |\n", line.name.c_str(),
                  line.seconds[0], line.seconds[1],
                  line.seconds[1] / std::max(line.seconds[0], 0.0005));
    out << text;
  }
}

void PrintOpening(const std::string& engine, const OpeningTimes& times, std::ostream& out) {
  const auto ms = [](uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  char text[256];
  std::snprintf(text, sizeof text, "| %s | %.2f | %.3f | %.3f | %.1f |\n", engine.c_str(),
                ms(times.clean_ns), ms(times.warm_ns), ms(times.warm_close_ns),
                ms(times.crashed_ns));
  out << text;
}

Status WriteJson(const SqlComparison& comparison, const std::string& path) {
  std::ofstream file(path);
  file << "{\"environment\": {";
  const char* separator = "";
  for (const auto& [name, value] : DescribeEnvironment()) {
    file << separator << "\"" << name << "\": \"" << value << "\"";
    separator = ", ";
  }
  file << "},\n\"results\": [";
  separator = "\n";
  for (const SqlResult& result : comparison.results()) {
    for (size_t i = 0; i < result.medians.size(); ++i) {
      const Elapsed& time = result.medians[i];
      file << separator << R"({"phase": ")" << result.phase << R"(", "name": ")" << result.name
           << R"(", "engine": ")" << (i == 0 ? "native" : "sibyl") << R"(", "wall_ns": )"
           << time.wall_ns << R"(, "thread_cpu_ns": )" << time.thread_cpu_ns
           << R"(, "process_cpu_ns": )" << time.process_cpu_ns << "}";
      separator = ",\n";
    }
  }
  file << "]}\n";
  file.close();
  return file ? Ok() : Status(Error{ErrorCode::kIo, "cannot write " + path});
}

Status Compare(const Arguments& arguments, const std::filesystem::path& directory) {
  const SqliteApi ours = OurSqlite();
  SIBYL_ASSIGN_OR_RETURN(const SqliteApi native, LoadSqlite("native", arguments.native_library));
  SqlComparisonOptions options = arguments.comparison;
  options.directory = directory;
  options.kept = std::filesystem::exists(directory / ours.name);
  SqlComparison comparison(options, {&native, &ours}, std::cout);
  SIBYL_RETURN_IF_ERROR(arguments.load_only ? comparison.Prepare() : comparison.Run());
  PrintTable(comparison.results(), std::cout);
  if (arguments.load_only) return Ok();
  std::cout
      << "\ndatabase, compacted: native " << comparison.disk_bytes()[0] << " bytes, sibyl "
      << comparison.disk_bytes()[1] << " bytes\n\n"
      << "| opening, ms | clean | warm | warm close | after a crash |\n|---|---|---|---|---|\n";
  for (size_t i = 0; i < 2; ++i) {
    const std::string engine = i == 0 ? native.name : ours.name;
    SIBYL_ASSIGN_OR_RETURN(const OpeningTimes times,
                           MeasureOpenings({OpeningCase::kConnections, engine, comparison.PathOf(i),
                                            options.rows, options.changed_rows}));
    PrintOpening(engine, times, std::cout);
  }
  return arguments.json.empty() ? Ok() : WriteJson(comparison, arguments.json);
}

Status RunAll(const Arguments& arguments, const std::filesystem::path& directory) {
  for (const auto& [name, value] : DescribeEnvironment()) {
    std::cout << name << ": " << value << "\n";
  }
  if (!arguments.speedtest_only) SIBYL_RETURN_IF_ERROR(Compare(arguments, directory));
  if (arguments.speedtest_size == 0) return Ok();
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  SIBYL_ASSIGN_OR_RETURN(
      const auto lines,
      RunSpeedtest(
          {(here / "sibyl_speedtest1_native").string(), (here / "sibyl_speedtest1").string()},
          directory / "speedtest", arguments.speedtest_size, arguments.comparison.rounds));
  PrintSpeedtest(lines, std::cout);
  return Ok();
}

Status RunInKept(const Arguments& arguments) {
  std::error_code error;
  std::filesystem::create_directories(arguments.kept, error);
  if (error) {
    return Error{ErrorCode::kIo, "cannot make " + arguments.kept + ": " + error.message()};
  }
  return RunAll(arguments, arguments.kept);
}

Status RunInScratch(const Arguments& arguments) {
  const std::filesystem::path parent = arguments.directory.empty()
                                           ? std::filesystem::temp_directory_path()
                                           : std::filesystem::path(arguments.directory);
  std::string path = (parent / "sibyl_sql_bench.XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) {
    return Error{ErrorCode::kIo, "cannot make a directory in " + parent.string()};
  }
  Status status = RunAll(arguments, path);
  std::error_code ignored;  // nothing can be done about it here
  std::filesystem::remove_all(path, ignored);
  return status;
}

Status RunOpeningOf(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.opening;
  const OpeningTask task{static_cast<OpeningCase>(std::stoi(words[0])), words[1], words[2],
                         std::stoull(words[3]), std::stoull(words[4])};
  SqliteApi api = OurSqlite();
  if (task.engine != api.name) {
    SIBYL_ASSIGN_OR_RETURN(api, LoadSqlite(task.engine, arguments.native_library));
  }
  return RunOpening(api, task);
}

int Main(int argc, char** argv) {
  CLI::App app(
      "SQLite on SibylDB beside SQLite on its own B-tree: the same source, options and statements, "
      "every answer compared. See docs/benchmarks.md.");
  Arguments arguments;
  AddOptions(&app, &arguments);
  CLI11_PARSE(app, argc, argv);
  if (arguments.quick) BeQuick(&arguments);
  const Status status = !arguments.opening.empty() ? RunOpeningOf(arguments)
                        : arguments.kept.empty()   ? RunInScratch(arguments)
                                                   : RunInKept(arguments);
  if (status) return 0;
  std::cerr << "sibyl_sql_bench: " << status.error().ToString() << "\n";
  return 1;
}

}  // namespace
}  // namespace sibyl::bench

int main(int argc, char** argv) { return sibyl::bench::Main(argc, argv); }
