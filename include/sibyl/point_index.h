// PointIndex: an immutable hash map from 64-bit keys to 64-bit values, whose hash function may be a
// model of the keys' distribution.
//
// For programs that look keys up and never ask for their order. A model of the cumulative
// distribution spreads keys over slots more evenly than a random hash where the keys are regular,
// so fewer share a slot. (Kraska et al., "The Case for Learned Index Structures", SIGMOD 2018,
// section 4.) Where it wins, by how much, and where it does not: docs/point-index.md.
//
//   auto map = sibyl::index::PointIndex::Build(keys, values);
//   if (!map) return map.error();
//   if (const auto value = map->Find(key)) Use(*value);

#ifndef SIBYL_POINT_INDEX_H_
#define SIBYL_POINT_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::index {

enum class PointHash : uint8_t {
  kAuto = 0,     // builds the others, measures them on this machine; learned only where it wins
  kXxh3 = 1,     // XXH3-64: the classical twin
  kCdf = 2,      // the model of the distribution alone, as in the paper
  kLearned = 3,  // the model names a group of about eight neighbours, to which exactly as many
                 // slots belong as it has keys; within a group, the best of the model and 255 seeds
};

enum class PointTable : uint8_t {
  kChained = 1,  // keys that find their slot taken go behind the slots, in chains
  kInPlace = 2,  // they go to slots that nobody's hash names: no memory but the slots
};

struct PointIndexOptions {
  PointHash hash = PointHash::kAuto;
  PointTable table = PointTable::kInPlace;

  // Slots for each key: 0.25 to 4, and at least 1 in place. More: fewer conflicts.
  double slots_per_key = 1;
};

// One hash function that Build considered.
struct PointIndexCandidate {
  std::string name;        // for example "learned, in place"
  uint64_t conflicts = 0;  // keys that found their slot taken
  uint64_t memory_bytes = 0;
  double build_seconds = 0;
  double find_ns = 0;   // per Find; 0 if not measured
  double batch_ns = 0;  // per key of FindBatch
  bool chosen = false;
};

struct PointParts;

// Immutable once built: any number of threads may call any method at the same time.
class PointIndex {
 public:
  static constexpr uint64_t kMaxKeys = uint64_t{1} << 30;

  // A map from keys[i] to values[i]; copies both. Keys in any order, each once.
  // Where a model would take more than two bytes per key, or there are too few keys to learn from,
  // XXH3 is used, and hash() says so. Time O(n log n); kLearned 0.3 to 1 us per key.
  // Errors: kInvalidArgument naming a key that is given twice, for spans that differ in length, or
  // for slots out of range; kNotSupported above kMaxKeys.
  static Result<PointIndex> Build(std::span<const uint64_t> keys, std::span<const uint64_t> values,
                                  const PointIndexOptions& options = {});

  PointIndex(PointIndex&&) noexcept;
  PointIndex& operator=(PointIndex&&) noexcept;
  ~PointIndex();

  // The value of `key`, or nullopt if there is none.
  std::optional<uint64_t> Find(uint64_t key) const;

  // values[i] = Find(keys[i]), faster per key: the cache misses of many lookups overlap.
  // Precondition (asserted): values.size() >= keys.size().
  void FindBatch(std::span<const uint64_t> keys, std::span<std::optional<uint64_t>> values) const;

  uint64_t size() const;
  PointHash hash() const;  // what was built: never kAuto
  PointTable table() const;
  uint64_t slots() const;
  uint64_t conflicts() const;     // keys that found their slot taken
  uint64_t memory_bytes() const;  // of everything, keys and values included

  // What was considered, measured and chosen; one entry unless built with kAuto.
  std::span<const PointIndexCandidate> candidates() const;

  // The same as a table for people.
  std::string Explain() const;

  // Appends the map, keys and values included, in its portable form: little-endian, versioned,
  // checksummed.
  void Serialize(std::string* out) const;

  // Reads that form back. Lookups in what is returned end, and stay inside it. Time O(n).
  // Errors: kCorruption for bytes that Serialize could not have written; kNotSupported for a newer
  // version.
  static Result<PointIndex> Deserialize(std::string_view bytes);

 private:
  explicit PointIndex(std::unique_ptr<const PointParts> parts);
  std::unique_ptr<const PointParts> parts_;
};

}  // namespace sibyl::index

#endif  // SIBYL_POINT_INDEX_H_
