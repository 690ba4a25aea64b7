// Draws what a run of sibyl_index_bench found: memory against time, one picture per dataset, as SVG
// by gnuplot.

#ifndef SIBYL_BENCH_MICRO_PARETO_PLOT_H_
#define SIBYL_BENCH_MICRO_PARETO_PLOT_H_

#include <string>

#include "bench/micro/comparison_table.h"
#include "sibyl/result.h"

namespace sibyl::bench {

// The rows that no other row beats in both memory and time, from the smallest to the fastest.
// `time_ns` is a member of Row; rows without a time do not count.
Rows ParetoFront(const Rows& rows, double Row::*time_ns);

// The gnuplot program that writes `svg_file`: three panels (single, batched, serial), one line of
// points per family, and the Pareto front. Structures without memory of their own are level lines.
std::string ParetoScript(const std::string& dataset, const Rows& rows, const std::string& svg_file);

// Writes `directory`/<dataset>.gnuplot and runs gnuplot on it, which leaves <dataset>.svg beside
// it. Errors: kIo, naming the file, if one of them cannot be written or gnuplot fails.
Status DrawPareto(const std::string& dataset, const Rows& rows, const std::string& directory);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_PARETO_PLOT_H_
