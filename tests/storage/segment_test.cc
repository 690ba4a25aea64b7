// Goal: a segment gives back exactly what was written, through both readers, at every edge; and
// what must not be written is refused.
// Method: segments of every awkward shape, assigned to blocks by hand, compared record by record.

#include "storage/segment.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/storage/segment_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::TemporaryDirectory;

TEST_CASE("every edge case reads back through both readers", "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  auto& files = PosixFileSystem();
  for (const TestSegment& expected : EdgeSegments()) {
    const auto info = WriteSegment(files, path, expected);
    CHECK(info.file_bytes == files.ReadAll(path).value().size());
    for (const bool pread : {false, true}) {
      for (const bool verify_every_read : {false, true}) {
        INFO("pread " << pread << ", verify_every_read " << verify_every_read);
        const OpenedSegment segment(files, path, pread, verify_every_read);
        CheckSegment(*segment, expected);
      }
    }
  }
}

TEST_CASE("every edge case reads back compressed and packed", "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  auto& files = PosixFileSystem();
  uint64_t compressed_blocks = 0;
  uint64_t packed_blocks = 0;
  bool pread = false;
  for (const TreeOptions& options : EncodedOptions()) {
    for (TestSegment& expected : EdgeSegments()) {
      expected.options = options;
      const auto info = WriteSegment(files, path, expected);
      compressed_blocks += info.properties.compressed_blocks;
      packed_blocks += info.properties.packed_blocks;
      pread = !pread;  // each way meets every case with one of the readers, and all ways with both
      INFO("pread " << pread);
      const OpenedSegment segment(files, path, pread, options.packed_keys);
      CheckSegment(*segment, expected);
    }
    pread = !pread;
  }
  CHECK(compressed_blocks > 1000);  // or little was tried
  CHECK(packed_blocks > 500);
}

TEST_CASE("without a cache compressed blocks are read all the same", "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  TestSegment expected{"no cache", {}, 10, {Compression::kZstd, true}};
  for (uint32_t i = 0; i < 300; ++i) {
    expected.records.push_back({TreeKey(i), std::string(50, 'v'), i / 30});
  }
  WriteSegment(PosixFileSystem(), path, expected);
  const auto segment = Segment::Open(PosixFileSystem(), path, {});
  REQUIRE(segment);
  CHECK((*segment)->properties().compressed_blocks == 10);
  CheckSegment(**segment, expected);
}

// Plain blocks among compressed ones are served in place, as if those were not there.
TEST_CASE("a segment may have blocks of several kinds", "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  auto writer = SegmentWriter::Create(PosixFileSystem(), path, nullptr, SegmentFormat::kEncoded);
  REQUIRE(writer);
  std::vector<TreeOptions> kinds = EncodedOptions();
  kinds.emplace_back();
  for (uint32_t i = 0; i < 600; ++i) {
    if (i % 50 == 0) (*writer)->UseOptions(kinds[i / 50 % kinds.size()]);
    REQUIRE((*writer)->Add(TreeKey(i * 10), std::string(60, 'v'), RecordType::kValue, i / 50));
  }
  REQUIRE((*writer)->Finish(12, "model", {}));
  for (const bool pread : {false, true}) {
    const OpenedSegment segment(PosixFileSystem(), path, pread);
    CHECK(segment->properties().compressed_blocks == 8);
    CHECK(segment->properties().packed_blocks == 6);
    REQUIRE(segment->Verify());
    Value value;
    for (uint32_t i = 0; i < 600; ++i) {
      const uint32_t block = i / 50;
      REQUIRE(segment->Lookup(TreeKey(i * 10), block, 0, &value).value() == LookupOutcome::kValue);
      REQUIRE(segment->Lookup(TreeKey(i * 10 + 1), block, 0, &value).value() ==
              LookupOutcome::kAbsent);
      const bool in_place = kinds[block % kinds.size()].compression == Compression::kNone && !pread;
      const auto found = segment->LookupInPlace(TreeKey(i * 10), block, 0);
      REQUIRE(found.outcome == (in_place ? LookupOutcome::kValue : LookupOutcome::kUnknown));
    }
  }
}

TEST_CASE("the block cache never holds more than its limit", "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  TestSegment expected{"limit", {}, 400, {Compression::kLz4, false}};
  for (uint32_t i = 0; i < 400 * 40; ++i) {
    expected.records.push_back({TreeKey(i), std::string(100, static_cast<char>(i)), i / 40});
  }
  WriteSegment(PosixFileSystem(), path, expected);
  constexpr uint64_t kLimitBytes = 256 << 10;
  const auto cache = BlockCache::Create(kLimitBytes);
  for (const bool pread : {false, true}) {
    const auto segment = Segment::Open(PosixFileSystem(), path, {cache.get(), pread, false});
    REQUIRE(segment);
    std::vector<BlockHandle> in_use;  // more than there is room for
    for (uint32_t block = 0; block < 400; ++block) {
      auto handle = (*segment)->ReadBlock(block);
      REQUIRE(handle);
      in_use.push_back(std::move(*handle));
      REQUIRE(cache->used_bytes() <= kLimitBytes);
    }
    std::string key;
    for (uint32_t block = 0; block < 400; ++block) {
      REQUIRE(in_use[block].view().record_count() == 40);
      in_use[block].view().KeyAt(0, &key);
      REQUIRE(key == expected.records[block * 40].key);
    }
  }
}

TEST_CASE("8-byte keys with 100-byte values take 108 bytes, and 40 per block",
          "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  TestSegment segment;
  for (uint32_t i = 0; i < 37000; ++i) {
    segment.records.push_back({TreeKey(i * 0x123456789ab), std::string(100, 'v'), i / 37});
  }
  segment.block_count = 1000;
  const auto info = WriteSegment(PosixFileSystem(), path, segment);
  CHECK(info.file_bytes < 37000 * 108 + 1000 * 42);  // 2 of them for the block's offset and rank
}

TEST_CASE("many threads read one segment", "[storage][segment]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "segment";
  TestSegment expected;
  for (uint32_t i = 0; i < 3000; ++i) {
    expected.records.push_back({TreeKey(uint64_t{i} * i), std::to_string(i), i / 10});
  }
  expected.block_count = 300;
  WriteSegment(PosixFileSystem(), path, expected);
  for (const bool pread : {false, true}) {
    const OpenedSegment segment(PosixFileSystem(), path, pread);
    std::atomic<uint32_t> wrong = 0;
    std::vector<std::thread> threads;
    for (uint32_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        Value value;
        for (uint32_t i = 0; i < 3000; ++i) {  // all touch every block first, each in its order
          const TestRecord& record = expected.records[(i * 7 + thread * 750) % 3000];
          const auto outcome = segment->Lookup(record.key, record.block, 0x8000, &value);
          if (!outcome || outcome.value() != LookupOutcome::kValue ||
              value.view() != record.value) {
            ++wrong;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
  }
}

}  // namespace
}  // namespace sibyl::storage
