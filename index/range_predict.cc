#include "index/range_predict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/piece_tree.h"
#include "index/range_measure.h"
#include "index/recursive_array.h"

namespace sibyl::index {
namespace {

constexpr uint64_t kLargestCacheBytes = uint64_t{64} << 20;
constexpr uint64_t kStretches = 64;
constexpr uint64_t kStretchKeys = 8192;
// What the arithmetic of a stage and of a last mile takes, and how many lookups overlap: the
// processor's window of some 450 instructions over the instructions of a lookup.
constexpr double kStageNs = 4;
constexpr double kTreeLevelNs = 12;  // two compares that wait for the level above
constexpr double kLastMileNs = 8;
constexpr double kLineNs = 5;  // of the array: independent lookups are limited by its bandwidth
constexpr uint32_t kKeysPerLine = 8;
constexpr double kRecursiveOverlap = 5;
constexpr double kTreeOverlap = 3.6;

// A chain of reads within the first `bytes` of the array, each of which decides the next. The
// median of a few tries.
double ChainNs(std::span<const uint64_t> keys, uint64_t bytes) {
  constexpr uint64_t kSteps = 2048;
  constexpr size_t kTries = 5;
  const uint64_t places = std::max<uint64_t>(1, std::min(bytes / sizeof(uint64_t), keys.size()));
  uint64_t state = bytes;  // no two sizes visit the same places: the second would find them cached
  const auto run = [&](uint64_t steps) {
    for (uint64_t i = 0; i < steps; ++i) {
      const auto place =
          static_cast<uint64_t>((static_cast<unsigned __int128>(state) * places) >> 64);
      state = (state + (keys[place] & 1)) * 0x9e3779b97f4a7c15 + 0x7f4a7c15;
      state ^= state >> 29;
    }
  };
  // Into the caches, as far as it fits.
  const uint64_t warm = std::min(places, kLargestCacheBytes / sizeof(uint64_t));
  for (uint64_t i = 0; i < warm; i += kKeysPerLine) state += keys[i] & 1;
  std::array<double, kTries> tries{};
  for (double& ns : tries) {
    const double start_ns = ThreadNs();
    run(kSteps);
    ns = (ThreadNs() - start_ns) / kSteps;
  }
  std::nth_element(tries.begin(), tries.begin() + kTries / 2, tries.end());
  volatile uint64_t keep = state;
  (void)keep;
  return tries[kTries / 2];
}

struct LearnedSize {
  double lines;
  double stages;  // records read per lookup; 1 for pieces
};

// The lines a learned kind needs over one stretch, as if it were an array.
LearnedSize SizeOver(std::span<const uint64_t> stretch, const LookupShape& shape) {
  const auto limit = stretch.size() + 256;
  if (shape.kind == RangeIndexKind::kPieces) {
    const auto lines = BuildPieces(stretch, shape.window_keys, limit);
    // The last piece ends where the stretch does, on average half way through.
    return {lines ? std::max(0.5, static_cast<double>(lines->size()) - 0.5) : 1e9, 1};
  }
  const auto array =
      BuildRecursiveArray(stretch, shape.window_keys, RootChoice::kLinear, limit, kUnevenDepth);
  if (!array) return {static_cast<double>(limit), 64};
  return {static_cast<double>(array->lines.size()), MeanStages(*array, stretch)};
}

// Over all stretches, scaled up to the array.
LearnedSize SizeOfLearned(std::span<const uint64_t> keys, const LookupShape& shape) {
  const bool whole = keys.size() <= kStretches * kStretchKeys;
  const uint64_t length = whole ? keys.size() : kStretchKeys;
  const uint64_t stretches = whole ? 1 : kStretches;
  LearnedSize sum{0, 0};
  for (uint64_t i = 0; i < stretches; ++i) {
    const uint64_t begin = stretches == 1 ? 0 : (keys.size() - length) / (stretches - 1) * i;
    const LearnedSize size = SizeOver(keys.subspan(begin, length), shape);
    sum.lines += size.lines;
    sum.stages += size.stages;
  }
  const auto tried = static_cast<double>(stretches * length);
  // Below one root all stretches' own roots are a stage further down, but for one.
  const double root_stage = whole || shape.kind == RangeIndexKind::kPieces ? 0 : 1;
  return {sum.lines * static_cast<double>(keys.size()) / tried,
          sum.stages / static_cast<double>(stretches) + root_stage};
}

// The bytes of a static B-tree over so many children, and the wait for its levels.
struct TreeCost {
  double bytes = 0;
  double ns = 0;
};

TreeCost CostOfTree(double children, const MemoryProfile& memory) {
  TreeCost cost;
  for (double below = children; below > 1;) {
    below = std::ceil(below / (kSeparatorsPerNode + 1));
    const double level_bytes = below * kSeparatorsPerNode * sizeof(uint64_t);
    cost.bytes += level_bytes;
    cost.ns += kTreeLevelNs + memory.ReadNs(level_bytes);
  }
  return cost;
}

}  // namespace

MemoryProfile::MemoryProfile(std::span<const uint64_t> keys) {
  uint64_t bytes = kSmallestBytes;
  for (size_t i = 0; i < kSizes; ++i) {
    // Beyond the array there is nothing to read.
    const bool beyond = i > 0 && bytes / kStep >= keys.size_bytes();
    read_ns_[i] = beyond ? read_ns_[i - 1] : ChainNs(keys, bytes);
    bytes *= kStep;
  }
  // The chain's own arithmetic is in every number: what the first cache takes counts as nothing.
  // And more memory is never faster.
  const double least = *std::min_element(read_ns_.begin(), read_ns_.end());
  for (double& ns : read_ns_) ns -= least;
  for (size_t i = kSizes - 1; i > 0; --i) read_ns_[i - 1] = std::min(read_ns_[i - 1], read_ns_[i]);
}

double MemoryProfile::ReadNs(double bytes) const {
  const double place = std::log2(std::max(bytes / kSmallestBytes, 1.0)) / std::log2(kStep);
  const auto low = std::min(static_cast<size_t>(place), kSizes - 2);
  const double part = std::min(place - static_cast<double>(low), 1.0);
  return read_ns_[low] + (read_ns_[low + 1] - read_ns_[low]) * part;
}

Prediction Predict(std::span<const uint64_t> keys, const LookupShape& shape,
                   const MemoryProfile& memory) {
  const auto count = static_cast<double>(keys.size());
  const double array_ns = kLastMileNs + memory.ReadNs(count * sizeof(uint64_t));
  // A window that starts anywhere touches a line more than one that starts with a line.
  const auto lines =
      static_cast<double>(std::min(shape.window_keys, kMaxSimdWindow) / kKeysPerLine);
  const double tree_lines_ns = kLineNs * lines;
  const double lines_ns = kLineNs * (lines + 1);
  if (shape.kind == RangeIndexKind::kStaticBTree) {
    const TreeCost tree = CostOfTree(std::ceil(count / shape.window_keys), memory);
    const double serial_ns = tree.ns + array_ns;
    return {tree.bytes, serial_ns, serial_ns / kTreeOverlap + tree_lines_ns};
  }
  const LearnedSize size = SizeOfLearned(keys, shape);
  const double line_bytes = size.lines * sizeof(RankLine);
  if (shape.kind == RangeIndexKind::kPieces) {
    const TreeCost tree = CostOfTree(std::ceil(size.lines / kPiecesPerBlock), memory);
    const double serial_ns = tree.ns + kStageNs + memory.ReadNs(line_bytes) + array_ns;
    return {tree.bytes + line_bytes, serial_ns, serial_ns / kTreeOverlap + lines_ns};
  }
  // The root is in the first cache, the last stage has most of the records.
  constexpr double kAboveLast = 8;
  const double above = std::max(0.0, size.stages - 2);
  const double serial_ns = size.stages * kStageNs + memory.ReadNs(line_bytes) +
                           above * memory.ReadNs(line_bytes / kAboveLast) + array_ns;
  return {line_bytes, serial_ns, serial_ns / kRecursiveOverlap + lines_ns};
}

}  // namespace sibyl::index
