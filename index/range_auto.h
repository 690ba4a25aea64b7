// Builds what RangeIndexOptions ask for: one shape, the best of several, or what fits a budget.

#ifndef SIBYL_INDEX_RANGE_AUTO_H_
#define SIBYL_INDEX_RANGE_AUTO_H_

#include <cstdint>
#include <memory>
#include <span>

#include "index/range_parts.h"

namespace sibyl::index {

// Preconditions: `keys` are sorted and not too many, `options` are valid.
std::unique_ptr<RangeParts> BuildRangeParts(std::span<const uint64_t> keys,
                                            const RangeIndexOptions& options);

// The parts with the smallest window, of those that take at most `memory_bytes`.
std::unique_ptr<RangeParts> BuildWithinBudget(std::span<const uint64_t> keys, LastMile last_mile,
                                              uint64_t memory_bytes);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_AUTO_H_
