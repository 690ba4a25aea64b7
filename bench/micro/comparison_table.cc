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

}  // namespace

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

TableReporter::Row* TableReporter::FindRow(const std::string& dataset,
                                           const std::string& structure) {
  Rows& rows = tables_[dataset];
  for (auto& [name, row] : rows) {
    if (name == structure) return &row;
  }
  rows.emplace_back(structure, Row{});
  return &rows.back().second;
}

void TableReporter::PrintTable(const std::string& dataset, const std::string& note,
                               std::ostream* out) const {
  const auto table = tables_.find(dataset);
  if (table == tables_.end()) return;
  const auto rival = [&](const std::string& name) {
    for (const auto& [structure, row] : table->second) {
      if (structure == name) return row;
    }
    return Row{};
  };
  const Row splus = rival("splus");
  const Row absl_btree = rival("absl_btree");
  const Row std_lower_bound = rival("std_lower_bound");

  char line[200];
  *out << "\n" << dataset << ": ns per LowerBound (median CPU time); how often faster\n";
  std::snprintf(line, sizeof line, "%-16s %8s %8s %8s %8s %8s | %8s %8s %8s %10s %10s\n",
                "structure", "single", "batch", "serial", "B/key", "build s", "splus", "(batch)",
                "(serial)", "absl_btree", "std_lower");
  *out << line;
  const std::pair<std::string, Row>* best = nullptr;
  for (const auto& entry : table->second) {
    const auto& [structure, row] = entry;
    std::snprintf(
        line, sizeof line, "%-16s %8.1f %8.1f %8.1f %8.3f %8.3f | %8s %8s %8s %10s %10s\n",
        structure.c_str(), row.single_ns, row.batch_ns, row.serial_ns, row.bytes_per_key,
        row.build_seconds, Ratio(splus.single_ns, row.single_ns).c_str(),
        Ratio(splus.batch_ns, row.batch_ns).c_str(), Ratio(splus.serial_ns, row.serial_ns).c_str(),
        Ratio(absl_btree.single_ns, row.single_ns).c_str(),
        Ratio(std_lower_bound.single_ns, row.single_ns).c_str());
    *out << line;
    if (row.single_ns > 0 && (best == nullptr || row.single_ns < best->second.single_ns)) {
      best = &entry;
    }
  }
  if (best != nullptr) *out << "fastest single lookups: " << best->first << "\n";
  *out << note;
}

}  // namespace sibyl::bench
