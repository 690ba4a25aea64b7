// What the comparisons of strings, points and filters measured: kept for JSON and pictures.

#ifndef SIBYL_BENCH_MICRO_KIND_REPORT_H_
#define SIBYL_BENCH_MICRO_KIND_REPORT_H_

#include <string>
#include <vector>

#include "bench/micro/comparison_table.h"
#include "sibyl/result.h"

namespace sibyl::bench {

// One table. Structures are named family first, then what distinguishes them, after a dash.
struct KindTable {
  std::string kind;     // "strings", "points" or "filters"
  std::string dataset;  // with its number of keys, as in the tables of RangeIndex
  Rows rows;
};

class KindReport {
 public:
  void Add(KindTable table) { tables_.push_back(std::move(table)); }

  std::string ToJson() const;

  // One picture per table, memory against time (pareto_plot.h). Errors: kIo.
  Status Draw(const std::string& directory) const;

 private:
  std::vector<KindTable> tables_;
};

// "B-tree, blocks of 16, halves" as the name of a structure: "B_tree-blocks_of_16-halves".
std::string StructureName(const std::string& words);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_KIND_REPORT_H_
