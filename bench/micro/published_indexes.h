// Two published learned indexes, implemented here from their papers' descriptions, as classical
// opponents of RangeIndex. No code of their authors is used, so "-like": what is measured is the
// method, not the authors' program.

#ifndef SIBYL_BENCH_MICRO_PUBLISHED_INDEXES_H_
#define SIBYL_BENCH_MICRO_PUBLISHED_INDEXES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "index/rank_line.h"

namespace sibyl::bench {

// Ferragina and Vinciguerra: "The PGM-index: a fully-dynamic compressed learned index with provable
// worst-case bounds", PVLDB 13(8), 2020, section 2. Lines of maximal length with an error of at
// most epsilon; above them levels of such lines over the first keys of those below, with an error
// of kUpperEpsilon, up to a single one; a bounded binary search after each. One difference: the
// error bound holds for every query, not for stored keys only, so that runs of duplicates need no
// care.
class PgmLike {
 public:
  PgmLike(std::span<const uint64_t> keys, uint32_t epsilon);

  uint64_t LowerBound(uint64_t key) const;
  uint64_t memory_bytes() const;

 private:
  using Level = std::vector<index::RankLine>;
  static constexpr uint32_t kUpperEpsilon = 4;

  static Level BuildLevel(std::span<const uint64_t> keys, uint32_t epsilon);

  std::span<const uint64_t> keys_;
  uint32_t epsilon_;
  std::vector<Level> levels_;  // from the keys upwards; the last one is a single line
};

// Kipf, Marcus, van Renen, Stoian, Kemper, Kraska, Neumann: "RadixSpline: a single-pass learned
// index", aiDM 2020. A linear spline through some of the keys, chosen in one pass by a greedy
// corridor (Neumann and Michel, "Smooth interpolating histograms with error guarantees", BNCOD
// 2008) of at most epsilon ranks; a radix table over the keys' leading bits narrows the binary
// search for the spline's knot; a bounded binary search follows.
class RadixSplineLike {
 public:
  RadixSplineLike(std::span<const uint64_t> keys, uint32_t radix_bits, uint32_t epsilon);

  uint64_t LowerBound(uint64_t key) const;
  uint64_t memory_bytes() const;

 private:
  struct Knot {
    uint64_t key;
    double rank;
  };

  void BuildSpline();
  void AddPoint(uint64_t key, uint64_t rank);
  void BuildTable(uint32_t radix_bits);
  double Estimate(uint64_t key) const;  // for a key within the first and the last knot

  // Of the corridor, while building: the last point, and the limits of the slope from the last
  // knot.
  Knot last_{};
  Knot lower_{};
  Knot upper_{};
  bool open_ = false;

  std::span<const uint64_t> keys_;
  uint32_t epsilon_;
  uint32_t shift_ = 0;
  std::vector<Knot> knots_;
  std::vector<uint32_t> table_;  // prefix -> the first knot with that prefix or a larger one
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_MICRO_PUBLISHED_INDEXES_H_
