// Goal: a segment gives back exactly what was written, through both readers, at every edge; and
// what must not be written is refused.
// Method: segments of every awkward shape, assigned to blocks by hand, compared record by record.

#include "storage/segment.h"

#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace sibyl::storage
