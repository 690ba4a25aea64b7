// Structures that take turns on the same chunks of queries, their answers checked by sums.

#ifndef SIBYL_BENCH_MICRO_TURNS_H_
#define SIBYL_BENCH_MICRO_TURNS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"

namespace sibyl::bench {

// A chain of lookups, each of which chooses among the next so many queries by its answer: the next
// one cannot begin before, and neither caches nor a processor that guesses the branches of a search
// can run ahead.
inline constexpr size_t kSerialChoices = 16;

// The sum of the answers of a chain through queries [first, first + count), a multiple of
// kSerialChoices; `answer` takes the number of a query.
template <typename Answer>
uint64_t SerialSum(size_t first, size_t count, const Answer& answer) {
  uint64_t sum = 0;
  uint64_t last = 0;
  for (size_t i = first; i < first + count; i += kSerialChoices) {
    last = answer(i + last % kSerialChoices);
    sum += last;
  }
  return sum;
}

// One way to answer a chunk of queries.
struct Turn {
  std::string name;
  std::function<uint64_t(size_t chunk)> run;  // the sum of its answers
  double median_ns = 0;                       // per query, in thread CPU time
  bool right = true;
};

// Lets them take turns: in every round each of them answers all chunks. `expected[chunk]` is the
// right sum; `chunk_queries` is how many queries a chunk has.
inline void TakeTurns(std::span<Turn> turns, std::span<const uint64_t> expected,
                      size_t chunk_queries, size_t rounds) {
  std::vector<std::vector<double>> times(turns.size());
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t t = 0; t < turns.size(); ++t) {
      const uint64_t start = base::ThreadNs();
      for (size_t chunk = 0; chunk < expected.size(); ++chunk) {
        turns[t].right &= turns[t].run(chunk) == expected[chunk];
      }
      times[t].push_back(static_cast<double>(base::ThreadNs() - start) /
                         static_cast<double>(expected.size() * chunk_queries));
    }
  }
  for (size_t t = 0; t < turns.size(); ++t) {
    std::nth_element(times[t].begin(), times[t].begin() + static_cast<ptrdiff_t>(rounds / 2),
                     times[t].end());
    turns[t].median_ns = times[t][rounds / 2];
  }
}

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_TURNS_H_
