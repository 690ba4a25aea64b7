// A level: segments with disjoint key ranges, in key order. Immutable.

#ifndef SIBYL_ENGINE_LEVEL_H_
#define SIBYL_ENGINE_LEVEL_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/cursor.h"
#include "engine/learned_segment.h"
#include "engine/range_deletions.h"

namespace sibyl::engine {

// Thread-safe.
class Level {
 public:
  Level() = default;

  // Precondition: disjoint, in key order, none empty.
  explicit Level(std::vector<SegmentPtr> segments);

  const std::vector<SegmentPtr>& segments() const { return segments_; }
  bool empty() const { return segments_.empty(); }
  uint64_t file_bytes() const { return file_bytes_; }

  // The only segment that can hold `internal_key`, or null.
  const LearnedSegment* FindSegment(std::string_view internal_key) const {
    const size_t at = UpperBound(internal_key);
    if (at == 0) return nullptr;
    PrefetchSegment(at - 1);
    return segments_[at - 1].get();
  }

  // Asks for what every lookup in segments()[index] reads first, unless it is in the cache anyway.
  void PrefetchSegment(size_t index) const {
    if (!hot_places_.empty()) PrefetchHotPlaces(index);
  }

  // Looks for a key with this checksum, in the segment that can have it. Errors: kIo, kCorruption.
  Result<storage::LookupOutcome> Lookup(std::string_view internal_key, uint64_t hash,
                                        Value* value) const;

  // The segments whose key ranges meet [smallest, largest], as indexes [begin, end).
  struct Range {
    size_t begin = 0;
    size_t end = 0;
    bool empty() const { return begin == end; }
  };
  Range Overlapping(std::string_view smallest, std::string_view largest) const;

  // The number of segments that begin at or before `internal_key`.
  size_t UpperBound(std::string_view internal_key) const;

  // Records of the segments before `segment`, tombstones included; and the segment with the record
  // that `rank` others of the level precede. Precondition of the second: rank < all records.
  uint64_t RecordsBefore(size_t segment) const { return records_before_[segment]; }
  size_t SegmentOfRank(uint64_t rank) const;
  uint64_t records() const { return records_; }

  // All records of the level but those that `deletions` hide, which are skipped without being read
  // where a whole segment is hidden. The level must outlive the cursor.
  std::unique_ptr<Cursor> NewCursor(RangeDeletionsPtr deletions = nullptr,
                                    Walk walk = Walk::kEveryRecord) const;

 private:
  // The segments that begin with keys of one tree, as indexes [begin, end).
  struct TreeRange {
    Tree tree;
    size_t begin = 0;
    size_t end = 0;
  };

  void PrefetchHotPlaces(size_t segment) const {
    const HotPlaces& places = hot_places_[segment];
    if (places.front().load(std::memory_order_relaxed) == nullptr) [[unlikely]]
      return NoteHotPlaces(segment);
    for (const auto& place : places) __builtin_prefetch(place.load(std::memory_order_relaxed));
  }
  void NoteHotPlaces(size_t segment) const;

  size_t UpperBoundOfEqualWindows(const TreeRange& range, size_t end,
                                  std::string_view internal_key) const;

  // Of few segments, what lookups read first is in the processor's cache anyway.
  static constexpr size_t kManySegments = 64;
  static constexpr size_t kHotPlaces = 10;
  using HotPlaces = std::array<std::atomic<const void*>, kHotPlaces>;

  std::vector<SegmentPtr> segments_;
  // Per segment, if they are many; null until it is first read.
  mutable std::vector<HotPlaces> hot_places_;
  // What finding a segment reads: no key bytes unless two segments begin alike.
  std::vector<TreeRange> trees_;  // in tree order
  std::vector<uint64_t>
      windows_;  // per segment: the first 8 bytes of its smallest key, as a number
  std::vector<uint64_t> records_before_;  // per segment
  uint64_t records_ = 0;
  uint64_t file_bytes_ = 0;
};

// All segments of `levels`, in their order, and the bytes of their files.
std::vector<SegmentPtr> SegmentsOf(const std::vector<std::shared_ptr<const Level>>& levels);
uint64_t FileBytesOf(const std::vector<std::shared_ptr<const Level>>& levels);

bool Contains(const std::vector<SegmentPtr>& segments, const SegmentPtr& wanted);

// Whether one of `levels` may hold a version of `internal_key`.
bool MayHold(const std::vector<std::shared_ptr<const Level>>& levels,
             std::string_view internal_key);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LEVEL_H_
