// The other kinds of index in sibyl_index_bench: strings, points and existence, each beside its
// classical twins. Each prints a table to standard output, adds it to the report, and returns
// false, having said why on standard error, if any answer was wrong: while it was timed, or to one
// of 300,000 edge queries before (query_set.h).

#ifndef SIBYL_BENCH_MICRO_KIND_COMPARISON_H_
#define SIBYL_BENCH_MICRO_KIND_COMPARISON_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/micro/kind_report.h"
#include "sibyl/result.h"

namespace sibyl::bench {

struct StringSet {
  std::string name;
  std::string bytes;                   // all keys, one behind the other
  std::vector<std::string_view> keys;  // sorted
};

// The lines of a text file, sorted, `copies` times, each time under a first directory of its own.
Result<StringSet> LoadStrings(const std::string& path, size_t copies);

// StringIndex of every kind against absl::btree_map and std::lower_bound: single lookups, batches
// and serial chains, nine stored keys in ten and one that is changed. `sweep` adds indexes rebuilt
// with less and less memory.
bool CompareStringIndexes(const StringSet& set, bool sweep, KindReport* report);

// PointIndex under every hash and table against absl::flat_hash_map.
bool ComparePointIndexes(const std::string& name, std::span<const uint64_t> keys,
                         KindReport* report);

// ExistenceIndex of every kind at three rates. Integers: the absent ones are uniform between the
// smallest and the largest key. Strings: half of the keys, drawn at random, are stored and the
// others are absent; or all are stored and the absent ones are those of `others`, if that is not
// null.
bool CompareFilters(const std::string& name, std::span<const uint64_t> keys, KindReport* report);
bool CompareFilters(const StringSet& set, const StringSet* others, KindReport* report);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_KIND_COMPARISON_H_
