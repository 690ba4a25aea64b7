#include "bench/micro/comparison_table.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace sibyl::bench {
namespace {

// The parts of LowerBound/<structure>/<dataset>/<keys>[/<variant>].
struct Name {
  std::string structure;
  std::string dataset;  // with its number of keys
  std::string variant;
};

Name ParseName(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('/', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  Name name;
  if (parts.size() < 4) return name;
  name.structure = parts[1];
  name.dataset = parts[2] + "/" + parts[3];
  if (parts.size() > 4) name.variant = parts[4];
  return name;
}

// "2.31x", or "-" if one of the two was not measured.
std::string Ratio(double rival_ns, double ns) {
  if (rival_ns == 0 || ns == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2fx", rival_ns / ns);
  return text;
}

double SingleNsOf(const Rows& rows, const std::string& structure) {
  for (const Row& row : rows) {
    if (row.structure == structure) return row.single_ns;
  }
  return 0;
}

// The smaller of two times, of which 0 is none.
double Faster(double a_ns, double b_ns) {
  return a_ns == 0 || (b_ns > 0 && b_ns < a_ns) ? b_ns : a_ns;
}

}  // namespace

Row BestStaticBTree(const Rows& rows) {
  Row best;
  for (const Row& row : rows) {
    if (!row.structure.starts_with("splus")) continue;
    best.single_ns = Faster(best.single_ns, row.single_ns);
    best.batch_ns = Faster(best.batch_ns, row.batch_ns);
    best.serial_ns = Faster(best.serial_ns, row.serial_ns);
  }
  return best;
}

TableReporter::TableReporter(std::ostream* json) : ConsoleReporter(OO_Tabular), json_(json) {
  if (json_ != nullptr) {
    json_reporter_.SetOutputStream(json_);
    json_reporter_.SetErrorStream(&std::cerr);
  }
}

bool TableReporter::ReportContext(const Context& context) {
  // Each dataset is a run of its own; the machine need be shown once.
  if (context_shown_) return true;
  context_shown_ = true;
  if (json_ != nullptr) json_reporter_.ReportContext(context);
  return ConsoleReporter::ReportContext(context);
}

void TableReporter::ReportRuns(const std::vector<Run>& runs) {
  if (json_ != nullptr) json_reporter_.ReportRuns(runs);
  std::vector<Run> shown;
  for (const Run& run : runs) {
    failed_ = failed_ || run.error_occurred;
    const bool single_repetition = run.run_type == Run::RT_Iteration && run.repetitions <= 1;
    if (!run.error_occurred && run.aggregate_name != "median" && !single_repetition) continue;
    shown.push_back(run);
    const Name name = ParseName(run.run_name.function_name);
    if (run.error_occurred || name.structure.empty()) continue;
    Row* row = FindRow(name.dataset, name.structure);
    const double ns = run.GetAdjustedCPUTime();
    (name.variant == "batch"    ? row->batch_ns
     : name.variant == "serial" ? row->serial_ns
                                : row->single_ns) = ns;
    row->bytes_per_key = run.counters.at("bytes_per_key");
    row->build_seconds = run.counters.at("build_seconds");
  }
  ConsoleReporter::ReportRuns(shown);
}

void TableReporter::FinishJson() {
  if (json_ != nullptr) json_reporter_.Finalize();
}

Row* TableReporter::FindRow(const std::string& dataset, const std::string& structure) {
  Rows& rows = tables_[dataset];
  for (Row& row : rows) {
    if (row.structure == structure) return &row;
  }
  rows.push_back({.structure = structure});
  return &rows.back();
}

Rows TableReporter::RowsOf(const std::string& dataset) const {
  const auto table = tables_.find(dataset);
  if (table == tables_.end()) return {};
  Rows rows = table->second;  // in the random order in which their runs came
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.structure < b.structure; });
  return rows;
}

void TableReporter::PrintTable(const std::string& dataset, const std::string& note,
                               std::ostream* out) const {
  const Rows rows = RowsOf(dataset);
  if (rows.empty()) return;
  const Row splus = BestStaticBTree(rows);
  const double absl_ns = SingleNsOf(rows, "absl_btree");
  const double std_ns = SingleNsOf(rows, "std_lower_bound");

  char line[200];
  *out << "\n" << dataset << ": ns per LowerBound (median CPU time); how often faster than\n";
  std::snprintf(line, sizeof line, "%-20s %8s %8s %8s %8s %8s | %8s %8s %8s %10s %10s\n",
                "structure", "single", "batch", "serial", "B/key", "build s", "splus*", "(batch)",
                "(serial)", "absl_btree", "std_lower");
  *out << line;
  for (const Row& row : rows) {
    std::snprintf(
        line, sizeof line, "%-20s %8.1f %8.1f %8.1f %8.3f %8.3f | %8s %8s %8s %10s %10s\n",
        row.structure.c_str(), row.single_ns, row.batch_ns, row.serial_ns, row.bytes_per_key,
        row.build_seconds, Ratio(splus.single_ns, row.single_ns).c_str(),
        Ratio(splus.batch_ns, row.batch_ns).c_str(), Ratio(splus.serial_ns, row.serial_ns).c_str(),
        Ratio(absl_ns, row.single_ns).c_str(), Ratio(std_ns, row.single_ns).c_str());
    *out << line;
  }
  const Row* best = nullptr;
  for (const Row& row : rows) {
    if (row.single_ns > 0 && (best == nullptr || row.single_ns < best->single_ns)) best = &row;
  }
  if (best != nullptr) *out << "fastest single lookups: " << best->structure << "\n";
  *out << "splus*: the best shape of the static B-tree in each mode\n" << note;
}

}  // namespace sibyl::bench
