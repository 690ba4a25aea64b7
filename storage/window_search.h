// Finds a place in a column of sorted 64-bit integers, near a guess: the inner loop of every
// lookup.

#ifndef SIBYL_STORAGE_WINDOW_SEARCH_H_
#define SIBYL_STORAGE_WINDOW_SEARCH_H_

#include <cstdint>

namespace sibyl::storage {

// The first of `count` (less than 2^31) ascending integers at `column` that is >= `target`; `count`
// if none. `guess` (at most `count`) is where to look first: within 8 slots of the answer the
// search is a few vector compares without an unpredictable branch, else a binary search follows.
// Whatever the bytes, only the column is read. Runs the best code for the machine's vector unit.
uint32_t WindowLowerBound(const char* column, uint32_t count, uint64_t target, uint32_t guess);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_WINDOW_SEARCH_H_
