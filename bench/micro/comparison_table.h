// Gathers what Google Benchmark reports and prints it once more as one table per dataset, with
// ratios and the winner.

#ifndef SIBYL_BENCH_MICRO_COMPARISON_TABLE_H_
#define SIBYL_BENCH_MICRO_COMPARISON_TABLE_H_

#include <benchmark/benchmark.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace sibyl::bench {

// What one structure took on one dataset; 0 where it was not measured.
struct Row {
  std::string structure = {};
  double single_ns = 0;
  double batch_ns = 0;
  double serial_ns = 0;
  double bytes_per_key = 0;
  double build_seconds = 0;

  // The part of the name before the dash that begins its shape: "pgm" of "pgm-64".
  std::string Family() const { return structure.substr(0, structure.find('-')); }
};

using Rows = std::vector<Row>;

// The fastest static B-tree ("splus...") in each mode: what learning has to beat. A row of zeros if
// there was none.
Row BestStaticBTree(const Rows& rows);

// Shows the medians as they come and keeps them. Writes all runs to a JSON file too, if asked.
class TableReporter : public benchmark::ConsoleReporter {
 public:
  // `json` may be null; it must outlive the reporter.
  explicit TableReporter(std::ostream* json);

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;

  // After the last dataset.
  void FinishJson();

  // Lines of the table, and `note` under it.
  void PrintTable(const std::string& dataset, const std::string& note, std::ostream* out) const;

  // The rows of that table, by name; empty if nothing ran.
  Rows RowsOf(const std::string& dataset) const;

  // Whether any run reported an error: a wrong answer.
  bool failed() const { return failed_; }

 private:
  Row* FindRow(const std::string& dataset, const std::string& structure);

  std::map<std::string, Rows> tables_;  // by dataset
  benchmark::JSONReporter json_reporter_;
  std::ostream* json_;
  bool context_shown_ = false;
  bool failed_ = false;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_COMPARISON_TABLE_H_
