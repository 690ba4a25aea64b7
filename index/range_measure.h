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

// Fills in the reports' times: candidates take turns, over five rounds of queries that no other
// round repeats, and the medians count. Takes 0.1 s or less.
void MeasureCandidates(std::span<const uint64_t> keys, std::vector<Measured>* candidates);

// The candidate with the best mean of single and batched times among those that are nowhere slower
// than the best static B-tree, or that tree. Precondition: measured, and a static B-tree is among
// them.
size_t PickFastest(const std::vector<Measured>& candidates);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_MEASURE_H_
