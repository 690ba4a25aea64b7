// Decides which of several measured candidates an index is to be: pure computation over
// measurements, so that tests can inject noise.
//
// Other programs disturb measurements in bursts, and only ever add time. So candidates are measured
// in rounds, each of them once per round, and a learned one must beat the static B-trees twice: in
// the median of the ratios within rounds (a burst slows neighbours in time alike) and in the ratio
// of the lower quartiles (the calm rounds). Where the two disagree, it is the B-tree.

#ifndef SIBYL_INDEX_RANGE_CHOICE_H_
#define SIBYL_INDEX_RANGE_CHOICE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sibyl/range_index.h"

namespace sibyl::index {

// Nanoseconds per lookup, round by round.
struct RoundTimes {
  std::vector<double> single;
  std::vector<double> batch;
  std::vector<double> serial;
};

struct MeasuredCandidate {
  bool is_tree = false;
  uint64_t memory_bytes = 0;
  RoundTimes times;  // as many rounds for every candidate and mode
};

// What a candidate takes when it is left in peace: the lower quartile. Precondition: not empty.
double TypicalNs(std::span<const double> times);

// The candidate that serves `objective` best, by the rounds in [first, end). If a static B-tree is
// among them, a learned one is chosen only if it clearly beats, where the objective counts, the
// static B-tree that is best there. Preconditions: candidates is not empty, first < end.
size_t ChooseCandidate(std::span<const MeasuredCandidate> candidates, RangeIndexObjective objective,
                       size_t first, size_t end);

// Whether the choice by the earlier half of the rounds is that by the later half: if not, more
// rounds are worth their time. Precondition: at least two rounds.
bool IsSettled(std::span<const MeasuredCandidate> candidates, RangeIndexObjective objective);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_CHOICE_H_
