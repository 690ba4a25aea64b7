// Report: results on the screen as they come, the tables at the end, and everything as JSON.

#ifndef SIBYL_BENCH_WORKLOAD_REPORT_H_
#define SIBYL_BENCH_WORKLOAD_REPORT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "bench/workload/comparison.h"

namespace sibyl::bench {

using Facts = std::vector<std::pair<std::string, std::string>>;

class Report : public ComparisonListener {
 public:
  // Prints to `out`, which outlives it.
  explicit Report(std::ostream& out) : out_(out) {}

  // Printed at once, and kept for the JSON.
  void Head(const std::string& title, const Facts& facts);

  void Opened(const std::vector<std::string>& descriptions,
              const std::vector<Column>& columns) override;
  void Loaded(size_t engine, const LoadResult& result) override;
  void PhaseBegins(const std::string& title) override;
  void Note(const std::string& text) override;
  void Measured(State state, Workload workload, uint32_t round, size_t column,
                const Timing& timing) override;
  void RoundEnds(State state, Workload workload, uint32_t round) override;

  // Tables of medians with ratios, and what they amount to.
  void Summary();

  std::string Json() const;

 private:
  struct Measurement {
    State state;
    Workload workload;
    uint32_t round;
    size_t column;
    Timing timing;
  };
  struct Load {
    size_t column;
    LoadResult result;
  };
  struct Row {
    State state;
    Workload workload;
  };
  using Clock = uint64_t Elapsed::*;

  const std::string& Baseline() const { return columns_.front().name; }
  std::vector<Row> Rows(State state) const;
  std::optional<double> MedianNs(Row row, size_t column, Clock clock) const;
  void PrintColumnNames(const std::string& first);
  void PrintTable(const std::string& title, const std::vector<Row>& rows, Clock clock);
  void PrintLoadTable();
  void PrintReadCalls(State state);
  void PrintVerdict(State state);

  std::ostream& out_;
  Facts facts_;
  std::vector<std::string> descriptions_;
  std::vector<Column> columns_;
  std::vector<Load> loads_;
  std::vector<std::string> notes_;
  std::vector<Measurement> measurements_;
  bool new_phase_ = false;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_REPORT_H_
