// Measures candidate indexes on this machine: learning is kept only where it pays.

#ifndef SIBYL_INDEX_RANGE_MEASURE_H_
#define SIBYL_INDEX_RANGE_MEASURE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/range_parts.h"

namespace sibyl::index {

// Processor time of this thread alone: other programs on the machine count less.
double ThreadNs();

// A candidate that is built. Candidates that differ in their last mile only share their tables.
struct Measured {
  std::shared_ptr<RangeParts> parts;
  LookupShape shape;
  LookupFunctions functions;
  RangeIndexCandidate report;
};

// Fills in the reports' times: candidates take turns, each warmed up first, over rounds of queries
// that come again only after the caches have forgotten them, and the lower quartiles count. Takes
// about 0.1 s per candidate for large arrays.
void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates);

// The same, and the number of the candidate that serves `objective` best (range_choice.h). While
// the rounds do not agree on it there are more of them, up to three times as many.
// Precondition: not empty.
size_t MeasureAndChoose(std::span<const uint64_t> keys, RangeIndexObjective objective,
                        std::vector<Measured>* candidates);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_MEASURE_H_
