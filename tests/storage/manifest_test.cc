// Goal: a manifest that was not written by EncodeManifest is never believed.
// Method: round trips, every flipped bit, every truncation, and well-checksummed nonsense.

#include "storage/manifest.h"

#include <catch2/catch.hpp>

#include "base/checksum.h"
#include "base/coding.h"

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
  bytes[8] = 3;
  Reseal(&bytes);
  CHECK(DecodeManifest(bytes).error().code == ErrorCode::kNotSupported);
  CHECK_THAT(DecodeManifest(bytes).error().message, Catch::Contains("version 3"));
  bytes[8] = 0;
  Reseal(&bytes);
  CHECK(DecodeManifest(bytes).error().code == ErrorCode::kCorruption);
}

// As version 1 wrote it: without the number of runs, which is one byte here.
TEST_CASE("a manifest of version 1 has levels only", "[storage][manifest]") {
  std::string bytes = EncodeManifest(Example());
  const size_t runs_at = 8 + 4 + 8 + 8 + 8 + 8 + 4;
  REQUIRE(bytes[runs_at] == 1);
  bytes.erase(runs_at, 1);
  bytes[8] = 1;
  Reseal(&bytes);
  Manifest expected = Example();
  expected.runs = 0;
  CHECK(DecodeManifest(bytes).value() == expected);
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
}

TEST_CASE("a hostile number of levels is refused before it costs memory", "[storage][manifest]") {
  std::string bytes = EncodeManifest({});
  bytes.resize(bytes.size() - 9);  // the number of levels, and the checksum
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
