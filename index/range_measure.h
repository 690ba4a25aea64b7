// Measures candidate indexes on this machine and picks one: learning is kept only where it pays.

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

// Fills in the reports' times: candidates take turns, each with its tables brought back into the
// caches first, over rounds of queries that come again only after the caches have forgotten them,
// and the lower quartiles count. Takes about 0.3 s for large arrays.
void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates);

// The candidate that serves `objective` best. If a static B-tree is among them, learned ones that
// are slower than it where the objective counts do not compete. Precondition: measured; not empty.
size_t PickBest(const std::vector<Measured>& candidates, RangeIndexObjective objective);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_MEASURE_H_
