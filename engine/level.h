// A level: segments with disjoint key ranges, in key order. Immutable.

#ifndef SIBYL_ENGINE_LEVEL_H_
#define SIBYL_ENGINE_LEVEL_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/cursor.h"
#include "engine/learned_segment.h"

namespace sibyl::engine {

using SegmentPtr = std::shared_ptr<const LearnedSegment>;

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
  const LearnedSegment* FindSegment(std::string_view internal_key) const;

  // The segments whose key ranges meet [smallest, largest], as indexes [begin, end).
  struct Range {
    size_t begin = 0;
    size_t end = 0;
    bool empty() const { return begin == end; }
  };
  Range Overlapping(std::string_view smallest, std::string_view largest) const;

  // All records of the level. The level must outlive the cursor.
  std::unique_ptr<Cursor> NewCursor() const;

 private:
  // The start of a key, its tree and the first 8 bytes after it, as one number, so that finding a
  // segment touches no key bytes unless two segments begin alike.
  using Fence = unsigned __int128;
  static Fence FenceOf(std::string_view internal_key);

  size_t UpperBound(std::string_view internal_key) const;  // first segment that begins after it

  std::vector<SegmentPtr> segments_;
  std::vector<Fence> fences_;
  uint64_t file_bytes_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LEVEL_H_
