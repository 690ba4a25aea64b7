// Generated key sets, the same on every run: the classic synthetic sets of the learned-index
// papers.

#ifndef SIBYL_BENCH_DATA_GENERATE_H_
#define SIBYL_BENCH_DATA_GENERATE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::bench {

// `count` strictly increasing keys of one of these kinds:
//   uniform    uniform over 64 bits
//   dense      gaps of 1 to 19
//   lognormal  exp(2 x normal) x 10^9
//   osm        cells of places on a map: points in clusters of very different size and spread,
//              along a Hilbert curve
//   fb         user ids: heavy-tailed gaps, and 21 keys far above all others
//   weblog     request times in microseconds over a year: days, weeks and bursts
// or, no longer strictly increasing and only about as many, of a kind of adversaries.h.
// Errors: kInvalidArgument for another kind, or a count below 100.
Result<std::vector<uint64_t>> GenerateKeys(std::string_view kind, size_t count);

struct GeneratedSet {
  std::string kind;
  size_t count = 0;
};

// Reads "KIND:COUNT". Errors: kInvalidArgument, quoting the text.
Result<GeneratedSet> ParseGeneratedSet(std::string_view text);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_DATA_GENERATE_H_
