// Runs the SQL workloads on both SQLites in turn and reports what each needed.

#ifndef SIBYL_BENCH_SQL_COMPARISON_H_
#define SIBYL_BENCH_SQL_COMPARISON_H_

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "bench/sql/sqlite_api.h"
#include "bench/sql/workload.h"
#include "bench/workload/stopwatch.h"

namespace sibyl::bench {

struct SqlComparisonOptions {
  std::filesystem::path directory;  // where the databases are made
  bool kept = false;                // use those that are there already: loading is left out
  uint64_t rows = 1'000'000;        // of each of the three tables
  uint64_t operations = 100'000;    // point reads per round; other rows do a part of that
  uint32_t rounds = 3;              // of each row; the median counts
  uint32_t load_rounds = 1;         // of the whole loading
  uint64_t changed_rows = 200'000;  // before the reads are measured again, with a full delta
};

// One line of the report: per operation, the median over the rounds, in the order of the engines.
struct SqlResult {
  std::string phase;
  std::string name;
  std::vector<Elapsed> medians;
};

class SqlComparison {
 public:
  // The first of `apis` is the baseline, the second what is compared with it. Both outlive this.
  SqlComparison(SqlComparisonOptions options, std::vector<const SqliteApi*> apis,
                std::ostream& progress);

  // Loads what Run would, and compacts it.
  Status Prepare();

  // Loads unless that is done, reads compacted, reads with a delta, writes. Errors: kIo from SQLite
  // or the file system; kCorruption if the answers of the two differ, naming the workload.
  Status Run();

  std::string PathOf(size_t engine) const;
  const std::vector<SqlResult>& results() const { return results_; }
  const std::vector<uint64_t>& disk_bytes() const { return disk_bytes_; }  // compacted, per engine

 private:
  Status LoadOnce();
  Status Load();
  Status Compact();
  Status MeasureAll(const std::string& phase, const std::vector<SqlWorkload>& workloads);
  Status MeasureRound(const SqlWorkload& workload, uint64_t seed,
                      std::vector<std::vector<Elapsed>>* times);
  Status OpenAll();
  Status OpenKept();
  Status CompareTables();
  void Report(const std::string& phase, const std::string& name,
              const std::vector<std::vector<Elapsed>>& times);
  uint64_t OperationsOf(const SqlWorkload& workload) const;

  const SqlComparisonOptions options_;
  const std::vector<const SqliteApi*> apis_;
  std::ostream& progress_;
  std::vector<std::unique_ptr<SqlConnection>> connections_;
  std::vector<std::vector<std::vector<Elapsed>>> load_times_;  // by step, engine, round
  std::vector<SqlResult> results_;
  std::vector<uint64_t> disk_bytes_;
};

// The results as a table in Markdown: nanoseconds per operation and the ratio native / ours.
void PrintTable(const std::vector<SqlResult>& results, std::ostream& out);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_SQL_COMPARISON_H_
