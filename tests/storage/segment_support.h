// Segments for tests: records assigned to blocks by hand, written, and compared with what was
// meant.

#ifndef SIBYL_TESTS_STORAGE_SEGMENT_SUPPORT_H_
#define SIBYL_TESTS_STORAGE_SEGMENT_SUPPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/segment.h"

namespace sibyl::storage {

struct TestRecord {
  std::string key;
  std::string value;
  uint32_t block = 0;
  RecordType type = RecordType::kValue;
  uint16_t line_fraction = SegmentWriter::kMiddle;
};

struct TestSegment {
  std::string name;  // of the case, for INFO
  std::vector<TestRecord> records;
  uint32_t block_count = 0;
  TreeOptions options = {};  // of all its blocks
};

// Every way to keep a block but the default one.
std::vector<TreeOptions> EncodedOptions();

// "\0\0\0\1" and `user_key`: the form of the engine's keys.
std::string TreeKey(std::string_view user_key);
std::string TreeKey(uint64_t number);  // 8 bytes, big-endian

// Writes it with a model and properties of its own. Fails the test on any error.
SegmentFileInfo WriteSegment(FileSystem& files, const Path& path, const TestSegment& segment);

// Opens in either mode: a mapping, or pread through a cache of its own.
class OpenedSegment {
 public:
  OpenedSegment(FileSystem& files, const Path& path, bool pread, bool verify_every_read = false);
  const Segment& operator*() const { return *segment_; }
  const Segment* operator->() const { return segment_.get(); }
  const BlockCache& cache() const { return *cache_; }

 private:
  std::unique_ptr<BlockCache> cache_;
  std::unique_ptr<Segment> segment_;
};

// The block that `key` would be looked for in: that of the last record not above it.
uint32_t BlockOf(const TestSegment& segment, std::string_view key);

// Lookups of all keys and of neighbours that are absent, from several starting points; scans;
// ranks; properties; Verify. Everything must be as written.
void CheckSegment(const Segment& segment, const TestSegment& expected);

// One of every kind that could go wrong: see the .cc.
std::vector<TestSegment> EdgeSegments();

}  // namespace sibyl::storage

#endif  // SIBYL_TESTS_STORAGE_SEGMENT_SUPPORT_H_
