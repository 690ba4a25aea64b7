// Goal: the quartiles of a block guess where its records are better than the line alone, stay
// within the block for every fraction, and damaged ones are refused. Method: edges (no records,
// one, equal fractions, both ends), then random spreads against the exact ranks; segments with and
// without the section.

#include "storage/block_quartiles.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace sibyl::storage {
namespace {

BlockQuartiles QuartilesOf(const std::vector<uint16_t>& fractions) {
  BlockQuartilesBuilder builder;
  for (const uint16_t fraction : fractions) builder.Add(fraction);
  builder.FinishBlock(0);
  return BlockQuartiles::Decode(builder.Finish(1), 1).value();
}

void CheckMonotone(const BlockQuartiles& quartiles) {
  uint16_t previous = 0;
  for (uint32_t fraction = 0; fraction <= UINT16_MAX; ++fraction) {
    const uint16_t record = quartiles.RecordFraction(0, static_cast<uint16_t>(fraction));
    if (record < previous) FAIL("decreases at " << fraction);
    previous = record;
  }
}

// The mean distance, in slots, between where the records are and where they are expected.
double MeanError(const BlockQuartiles& quartiles, const std::vector<uint16_t>& fractions) {
  const auto count = static_cast<double>(fractions.size());
  double sum = 0;
  for (size_t slot = 0; slot < fractions.size(); ++slot) {
    const double expected = quartiles.RecordFraction(0, fractions[slot]) / 65536.0 * count;
    sum += std::abs(expected - static_cast<double>(slot));
  }
  return sum / count;
}

}  // namespace

TEST_CASE("quartiles that say nothing are left out, and expect records where the line does") {
  BlockQuartilesBuilder builder;
  SECTION("no blocks") { CHECK(builder.Finish(0).empty()); }
  SECTION("empty blocks") { CHECK(builder.Finish(7).empty()); }
  SECTION("one record") {
    builder.Add(12345);
    builder.FinishBlock(3);
    CHECK(builder.Finish(7).empty());
  }
  SECTION("records that the line does not tell apart") {
    for (int i = 0; i < 50; ++i) builder.Add(1 << 15);
    builder.FinishBlock(0);
    CHECK(builder.Finish(1).empty());
  }
  const BlockQuartiles none = BlockQuartiles::Decode({}, 7).value();
  for (const uint16_t fraction : {0, 1, 255, 256, 40000, 65535}) {
    CHECK(none.RecordFraction(6, fraction) == fraction);
  }
  CHECK(none.memory_bytes() == 0);
}

TEST_CASE("blocks around one that says something count as even") {
  BlockQuartilesBuilder builder;
  for (const uint16_t fraction : {0, 100, 60000, 65535}) builder.Add(fraction);
  builder.FinishBlock(2);
  const BlockQuartiles quartiles = BlockQuartiles::Decode(builder.Finish(5), 5).value();
  for (const uint32_t block : {0, 1, 3, 4}) {
    for (const uint16_t fraction : {0, 1, 16383, 16384, 32768, 65535}) {
      CHECK(quartiles.RecordFraction(block, fraction) == fraction);
    }
  }
  CHECK(quartiles.RecordFraction(2, 30000) < 1 << 15);  // half of the records lie before 60000
  CHECK(quartiles.RecordFraction(2, 60001) >= 1 << 15);
}

TEST_CASE("guesses are monotone and near, however the records are spread") {
  const unsigned seed = 11;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    // Clusters, more or less tight, and both ends of the range.
    std::vector<uint16_t> fractions = {0, UINT16_MAX};
    const size_t records = 3 + random() % 60;
    const uint32_t width = 1u << (6 + random() % 10);
    uint32_t center = random() & UINT16_MAX;
    while (fractions.size() < records) {
      if (random() % 16 == 0) center = random() & UINT16_MAX;
      fractions.push_back(static_cast<uint16_t>(center + random() % width));
    }
    std::sort(fractions.begin(), fractions.end());
    const BlockQuartiles quartiles = QuartilesOf(fractions);
    CheckMonotone(quartiles);
    // Within its quarter a record is at most a quarter away; those that share the high byte of a
    // quartile may belong to the quarter before.
    size_t most_alike = 0;
    for (const uint16_t fraction : fractions) {
      const auto alike = std::count_if(fractions.begin(), fractions.end(),
                                       [&](uint16_t other) { return other >> 8 == fraction >> 8; });
      most_alike = std::max(most_alike, static_cast<size_t>(alike));
    }
    CHECK(MeanError(quartiles, fractions) <=
          static_cast<double>(records) / 4 + 1 + static_cast<double>(most_alike));
  }
}

TEST_CASE("clusters are found where they are, not where the line says") {
  std::vector<uint16_t> fractions;
  for (uint16_t i = 0; i < 30; ++i) fractions.push_back(static_cast<uint16_t>(1000 + 40 * i));
  for (uint16_t i = 0; i < 10; ++i) fractions.push_back(static_cast<uint16_t>(50000 + 1500 * i));
  CHECK(MeanError(BlockQuartiles(), fractions) > 9);
  CHECK(MeanError(QuartilesOf(fractions), fractions) < 3);
}

TEST_CASE("a section that no writer made is refused") {
  const auto refused = [](std::string_view section, uint32_t blocks, const std::string& what) {
    const auto decoded = BlockQuartiles::Decode(section, blocks);
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error().code == ErrorCode::kCorruption);
    CHECK(decoded.error().message.find(what) != std::string::npos);
  };
  refused("\x40\x80", 1, "size");
  refused("\x40\x80\xc0\x40", 1, "size");
  refused("\x40\x80\xc0", 2, "size");
  refused(std::string_view("\x40\x80\xc0\x80\x40\xc0", 6), 2, "block 1");
  CHECK(BlockQuartiles::Decode(std::string_view("\0\0\0", 3), 1).has_value());
  CHECK(BlockQuartiles::Decode("\xff\xff\xff", 1).has_value());
  CheckMonotone(BlockQuartiles::Decode(std::string_view("\0\0\0", 3), 1).value());
  CheckMonotone(BlockQuartiles::Decode("\xff\xff\xff", 1).value());
  CheckMonotone(BlockQuartiles::Decode(std::string_view("\0\xff\xff", 3), 1).value());
}

}  // namespace sibyl::storage
