// sibyl_index_bench --report: what the indexes say about themselves and about their keys, instead
// of how fast they are.

#ifndef SIBYL_BENCH_MICRO_INDEX_REPORTS_H_
#define SIBYL_BENCH_MICRO_INDEX_REPORTS_H_

#include <ostream>
#include <string>

#include "bench/micro/kind_comparison.h"
#include "bench/micro/lookup_runs.h"

namespace sibyl::bench {

// An index by kAuto over the keys, and its report (sibyl/range_report.h, sibyl/string_report.h).
// With `before`, which may be null, also how far the keys have drifted from that one's.
void PrintReport(const Dataset& data, const Dataset* before, std::ostream* out);
void PrintReport(const StringSet& set, const StringSet* before, std::ostream* out);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_INDEX_REPORTS_H_
