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
