// Measures candidate indexes on this machine and picks one: learning is kept only where it pays.

#ifndef SIBYL_INDEX_RANGE_MEASURE_H_
#define SIBYL_INDEX_RANGE_MEASURE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/range_parts.h"

namespace sibyl::index {

struct Measured {
  std::unique_ptr<RangeParts> parts;
  RangeIndexCandidate report;
};

// Fills in the reports' times: candidates take turns, over rounds of queries that come again only
// after the caches have forgotten them, and the lower quartiles count. Takes about 0.3 s
// for large arrays.
void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates);

// The candidate with the best mean of single and batched times. If a static B-tree is among them,
// only those that are nowhere slower than it compete with it. Precondition: measured; not empty.
size_t PickFastest(const std::vector<Measured>& candidates);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_MEASURE_H_
