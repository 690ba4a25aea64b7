// Goal: files written by any released version stay readable, and the present version keeps writing
// the same bytes.
// Method: golden files in tests/formats, opened and compared with the records that made them, and
// made again byte for byte.

#include <catch2/catch.hpp>

#include "storage/segment.h"
#include "tests/storage/segment_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::TemporaryDirectory;

const Path kGoldenDirectory = Path(SIBYL_SOURCE_DIRECTORY) / "tests" / "formats";

struct GoldenFile {
  const char* name;
  TestSegment segment;
  bool is_reproducible = true;  // what compressed bytes are, the libraries' versions decide
};

TestSegment Everything() {
  TestSegment segment{"golden", {}, 0};
  auto& records = segment.records;
  for (uint64_t i = 0; i < 260; ++i) {  // fixed columns, more than 64 blocks, some empty
    records.push_back({TreeKey(i * 1000), std::string(12, static_cast<char>('a' + i % 26)),
                       static_cast<uint32_t>(i / 3 + (i > 100 ? 7 : 0))});
  }
  uint32_t block = records.back().block + 1;
  const auto add = [&](const std::string& key, size_t value_bytes, RecordType type) {
    records.push_back({TreeKey("t" + key), std::string(value_bytes, 'v'), block, type});
  };
  add("", 0, RecordType::kValue);
  add(std::string(1, '\0'), 1, RecordType::kValue);
  add("long keys with tails", 30, RecordType::kValue);
  add("long keys with tails, longer", 0, RecordType::kTombstone);
  ++block;
  add("out of line", kMaxInlineValueBytes + 1, RecordType::kValue);
  ++block;
  add("wide", 70, RecordType::kValue);
  add("wide offsets", 66000 - 1000, RecordType::kValue);
  add("wide offsets of values", 900, RecordType::kValue);
  segment.block_count = block + 3;
  return segment;
}

// Everything, with records crowded to either end of their blocks.
TestSegment EverythingWithQuartiles() {
  TestSegment segment = Everything();
  uint32_t number = 0;
  for (auto& record : segment.records) {
    record.line_fraction =
        static_cast<uint16_t>(record.block % 2 == 0 ? number % 700 * 90 : ~number);
    ++number;
  }
  return segment;
}

TestSegment EverythingWith(const TreeOptions& options) {
  TestSegment segment = Everything();
  segment.options = options;
  uint32_t block = segment.block_count;
  for (uint64_t i = 0; i < 100; ++i) {  // blocks that are worth it, their keys not all on a line
    segment.records.push_back({TreeKey("z" + TreeKey(i * i * i)), std::string(20, 'z'),
                               static_cast<uint32_t>(block + i / 30)});
  }
  segment.block_count = block + 4;
  return segment;
}

std::vector<GoldenFile> GoldenFiles() {
  return {{"segment_v1_tiny.segment",
           {"tiny",
            {{TreeKey("ant"), "six legs", 0},
             {TreeKey("bee"), "", 0, RecordType::kTombstone},
             {TreeKey("centipede"), "many", 0}},
            1}},
          {"segment_v1.segment", Everything()},
          {"segment_v1_quartiles.segment", EverythingWithQuartiles()},
          {"segment_v2_packed.segment", EverythingWith({Compression::kNone, true})},
          {"segment_v2_lz4.segment", EverythingWith({Compression::kLz4, true}), false},
          {"segment_v2_zstd.segment", EverythingWith({Compression::kZstd, false}), false}};
}

TEST_CASE("golden files are read", "[storage][formats]") {
  for (const auto& golden : GoldenFiles()) {
    INFO(golden.name);
    for (const bool pread : {false, true}) {
      const OpenedSegment segment(PosixFileSystem(), kGoldenDirectory / golden.name, pread);
      CheckSegment(*segment, golden.segment);
      const SegmentProperties& properties = segment->properties();
      const TreeOptions& options = golden.segment.options;
      CHECK((properties.compressed_blocks > 0) == (options.compression != Compression::kNone));
      CHECK((properties.packed_blocks > 0) == options.packed_keys);
    }
  }
}

TEST_CASE("golden files are written again, byte for byte", "[storage][formats]") {
  const TemporaryDirectory directory;
  auto& files = PosixFileSystem();
  for (const auto& golden : GoldenFiles()) {
    if (!golden.is_reproducible) continue;
    INFO(golden.name);
    WriteSegment(files, directory.path() / golden.name, golden.segment);
    const std::string written = files.ReadAll(directory.path() / golden.name).value();
    CHECK((written == files.ReadAll(kGoldenDirectory / golden.name).value()));
  }
}

TEST_CASE("writes the golden files", "[.write-golden-files]") {
  for (const auto& golden : GoldenFiles()) {
    if (PosixFileSystem().Exists(kGoldenDirectory / golden.name).value()) continue;
    WriteSegment(PosixFileSystem(), kGoldenDirectory / golden.name, golden.segment);
  }
}

}  // namespace
}  // namespace sibyl::storage
