// The queries of an index benchmark and their right answers, summed per chunk, so that every answer
// is checked while it is timed for the price of one addition.

#ifndef SIBYL_BENCH_MICRO_QUERY_SET_H_
#define SIBYL_BENCH_MICRO_QUERY_SET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/micro/turns.h"

namespace sibyl::bench {

class QuerySet {
 public:
  static constexpr size_t kChunkQueries = 4096;
  static constexpr size_t kSerialChunkSteps = 1024;

  // Nine queries in ten are keys, the tenth lies in the space below one. Enough of them that
  // caches forget a query's lines before its turn comes again.
  explicit QuerySet(std::span<const uint64_t> keys);

  size_t chunks() const { return sums_.size(); }
  std::span<const uint64_t> Chunk(size_t i) const {
    return std::span(queries_).subspan(i * kChunkQueries, kChunkQueries);
  }
  uint64_t Sum(size_t i) const { return sums_[i]; }  // of the answers of chunk i

  // A serial chunk holds kSerialChoices queries per step and starts from answer 0.
  size_t serial_chunks() const { return serial_sums_.size(); }
  std::span<const uint64_t> SerialChunk(size_t i) const {
    constexpr size_t kQueries = kSerialChunkSteps * kSerialChoices;
    return std::span(queries_).subspan(i * kQueries, kQueries);
  }
  uint64_t SerialSum(size_t i) const { return serial_sums_[i]; }

 private:
  std::vector<uint64_t> queries_;
  std::vector<uint64_t> sums_;
  std::vector<uint64_t> serial_sums_;
};

// 300,000 queries at the edges, and their answers: keys and their neighbours, 0, 2^64-1, beyond
// both ends, between keys, anywhere.
struct EdgeQueries {
  explicit EdgeQueries(std::span<const uint64_t> keys);

  std::vector<uint64_t> queries;
  std::vector<uint64_t> answers;
};

// The same of strings: keys, these extended, cut short and changed, the empty string, strings
// beyond both ends, strings of any bytes.
struct StringEdgeQueries {
  explicit StringEdgeQueries(std::span<const std::string_view> keys);
  StringEdgeQueries(const StringEdgeQueries&) = delete;  // the queries refer to the bytes
  StringEdgeQueries& operator=(const StringEdgeQueries&) = delete;

  std::string bytes;
  std::vector<std::string_view> queries;
  std::vector<uint64_t> answers;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_QUERY_SET_H_
