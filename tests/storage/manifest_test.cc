// Goal: a manifest that was not written by EncodeManifest is never believed.
// Method: round trips, every flipped bit, every truncation, and well-checksummed nonsense.

#include "storage/manifest.h"

#include <catch2/catch.hpp>

#include "base/checksum.h"
#include "base/coding.h"
#include "storage/file_system.h"

namespace sibyl::storage {
namespace {

Manifest Example() {
  Manifest manifest;
  manifest.database_id = 0x1122334455667788;
  manifest.next_segment_id = 10;
  manifest.generation_floor = 7;
  manifest.last_sequence = 1234567;
  manifest.next_tree_id = 5;
  manifest.runs = 1;
  manifest.levels = {{{9, 100, 3, 1, "a", "f"}, {8, 200, 4, 0, std::string("f\0x", 3), "z"}},
                     {},
                     {{1, 1 << 30, 1000, 0, "", std::string(300, '\xff')}}};
  manifest.levels[0].front().settled_sequence = 300;
  manifest.deletions = {{"treeb", "treec", 299}, {"treea", "treeq", 1234567}};
  return manifest;
}

void Reseal(std::string* bytes) {
  bytes->resize(bytes->size() - 8);
  base::Put64(bytes, base::Checksum(*bytes));
}

void CheckRefused(const Manifest& manifest) {
  const auto decoded = DecodeManifest(EncodeManifest(manifest));
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == ErrorCode::kCorruption);
}

TEST_CASE("a manifest survives the round trip", "[storage][manifest]") {
  CHECK(DecodeManifest(EncodeManifest(Example())).value() == Example());
  CHECK(DecodeManifest(EncodeManifest({})).value() == Manifest{});
}

TEST_CASE("any single damaged bit of a manifest is reported", "[storage][manifest]") {
  const std::string good = EncodeManifest(Example());
  for (size_t byte = 0; byte < good.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = good;
      bytes[byte] = static_cast<char>(bytes[byte] ^ 1 << bit);
      INFO("byte " << byte << " bit " << bit);
      const auto decoded = DecodeManifest(bytes);
      REQUIRE_FALSE(decoded);
      REQUIRE(decoded.error().code == ErrorCode::kCorruption);
    }
  }
}

TEST_CASE("a manifest cut short or run on is reported", "[storage][manifest]") {
  const std::string good = EncodeManifest(Example());
  for (size_t size = 0; size < good.size(); ++size) {
    INFO("size " << size);
    REQUIRE_FALSE(DecodeManifest(good.substr(0, size)));
    if (size < 20) continue;
    std::string resealed = good.substr(0, size);  // the checksum alone must not decide
    Reseal(&resealed);
    REQUIRE_FALSE(DecodeManifest(resealed));
  }
  std::string longer = good + "12345678";
  Reseal(&longer);
  CHECK_FALSE(DecodeManifest(longer));
}

TEST_CASE("a newer manifest is not supported, version 0 is damage", "[storage][manifest]") {
  std::string bytes = EncodeManifest(Example());
  bytes[8] = 4;
  Reseal(&bytes);
  CHECK(DecodeManifest(bytes).error().code == ErrorCode::kNotSupported);
  CHECK_THAT(DecodeManifest(bytes).error().message, Catch::Contains("version 4"));
  bytes[8] = 0;
  Reseal(&bytes);
  CHECK(DecodeManifest(bytes).error().code == ErrorCode::kCorruption);
}

// As versions 1 and 2 wrote it: docs/file-format.md.
std::string EncodeOld(const Manifest& manifest, uint32_t version) {
  std::string bytes = "SIBYLMAN";
  base::Put32(&bytes, version);
  base::Put64(&bytes, manifest.database_id);
  base::Put64(&bytes, manifest.next_segment_id);
  base::Put64(&bytes, manifest.generation_floor);
  base::Put64(&bytes, manifest.last_sequence);
  base::Put32(&bytes, manifest.next_tree_id);
  if (version == 2) base::PutVarint(&bytes, manifest.runs);
  base::PutVarint(&bytes, manifest.levels.size());
  for (const auto& level : manifest.levels) {
    base::PutVarint(&bytes, level.size());
    for (const ManifestSegment& segment : level) {
      for (const uint64_t number :
           {segment.id, segment.file_bytes, segment.records, segment.tombstones}) {
        base::Put64(&bytes, number);
      }
      base::PutString(&bytes, segment.smallest_key);
      base::PutString(&bytes, segment.largest_key);
    }
  }
  base::Put64(&bytes, 0);
  Reseal(&bytes);
  return bytes;
}

// What is left of the example in a version.
Manifest ExampleOf(uint32_t version) {
  Manifest manifest = Example();
  if (version < 3) {
    manifest.deletions.clear();
    manifest.levels[0].front().settled_sequence = 0;
  }
  if (version < 2) manifest.runs = 0;
  return manifest;
}

constexpr uint32_t kNewestVersion = 3;

std::string EncodeExample(uint32_t version) {
  return version == kNewestVersion ? EncodeManifest(Example()) : EncodeOld(Example(), version);
}

Path GoldenManifest(uint32_t version) {
  return Path(SIBYL_SOURCE_DIRECTORY) / "tests" / "formats" /
         ("manifest_v" + std::to_string(version) + ".bin");
}

TEST_CASE("golden manifests are read, and the newest is written again", "[storage][formats]") {
  for (uint32_t version = 1; version <= kNewestVersion; ++version) {
    INFO("version " << version);
    const std::string bytes = PosixFileSystem().ReadAll(GoldenManifest(version)).value();
    CHECK(DecodeManifest(bytes).value() == ExampleOf(version));
    CHECK((bytes == EncodeExample(version)));
  }
}

TEST_CASE("writes the golden manifests", "[.write-golden-files]") {
  for (uint32_t version = 1; version <= kNewestVersion; ++version) {
    if (PosixFileSystem().Exists(GoldenManifest(version)).value()) continue;
    REQUIRE(
        WriteFileAtomically(PosixFileSystem(), GoldenManifest(version), EncodeExample(version)));
  }
}

TEST_CASE("a manifest that contradicts itself is damage", "[storage][manifest]") {
  Manifest manifest = Example();
  manifest.levels[0][1].smallest_key = "f";  // touches its neighbour
  CheckRefused(manifest);
  manifest = Example();
  std::swap(manifest.levels[0][0], manifest.levels[0][1]);
  CheckRefused(manifest);
  manifest = Example();
  manifest.levels[2][0].id = 9;  // twice
  CheckRefused(manifest);
  manifest = Example();
  manifest.levels[2][0].id = 10;  // not given out yet
  CheckRefused(manifest);
  manifest = Example();
  manifest.levels[2][0].id = 0;
  CheckRefused(manifest);
  manifest = Example();
  manifest.levels[0][0].largest_key = "A";
  CheckRefused(manifest);
  manifest = Example();
  manifest.levels[0][0].tombstones = 4;  // of 3 records
  CheckRefused(manifest);
  manifest = Example();
  manifest.runs = 4;  // of 3 levels
  CheckRefused(manifest);
  manifest = Example();
  manifest.deletions[1].end = "treea";  // an empty range
  CheckRefused(manifest);
  manifest = Example();
  std::swap(manifest.deletions[0], manifest.deletions[1]);  // the newer one first
  CheckRefused(manifest);
  manifest = Example();
  manifest.deletions[0].sequence = 0;
  CheckRefused(manifest);
  manifest = Example();
  manifest.deletions[1].begin = "tre";  // no tree
  CheckRefused(manifest);
  manifest = Example();
  manifest.deletions[1].sequence = 1234568;  // after the last
  CheckRefused(manifest);
}

TEST_CASE("a hostile number of levels is refused before it costs memory", "[storage][manifest]") {
  std::string bytes = EncodeManifest({});
  bytes.resize(bytes.size() - 10);  // the numbers of levels and of deletions, and the checksum
  base::PutVarint(&bytes, ~uint64_t{0});
  base::Put64(&bytes, 0);
  Reseal(&bytes);
  CHECK(DecodeManifest(bytes).error().code == ErrorCode::kCorruption);
}

TEST_CASE("segment file names sort by id", "[storage][manifest]") {
  CHECK(SegmentFileName(1) == "0000000000000001.segment");
  CHECK(SegmentFileName(9) < SegmentFileName(10));
}

}  // namespace
}  // namespace sibyl::storage
