#include "tests/storage/segment_support.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>
#include <span>
#include <utility>

#include "base/coding.h"

namespace sibyl::storage {
namespace {

constexpr std::string_view kModel("opaque\0bytes", 12);
constexpr std::string_view kNote = "made by a test";

void CheckAbsent(const Segment& segment, const TestSegment& expected, const std::string& key) {
  Value value;
  for (const uint16_t fraction : {0, 0x8000, 0xffff}) {
    const auto outcome = segment.Lookup(key, BlockOf(expected, key), fraction, &value);
    REQUIRE(outcome);
    REQUIRE(outcome.value() == LookupOutcome::kAbsent);
    const uint32_t block = BlockOf(expected, key);
    for (const Segment::InPlace& found : {segment.LookupInPlace(key, block, fraction),
                                          segment.LookupPrefetched(key, block, fraction)}) {
      REQUIRE(
          (found.outcome == LookupOutcome::kAbsent || found.outcome == LookupOutcome::kUnknown));
    }
  }
}

// Hints have no result: they must only do no harm, whatever they are given.
void Prefetch(const Segment& segment, uint32_t block, uint16_t fraction) {
  segment.PrefetchOffset(block);
  segment.PrefetchBlock(block, fraction);
}

// What is found in place, unless it is unknown, is what Lookup finds.
void CheckLookupInPlace(const Segment& segment, const TestRecord& record, uint16_t fraction) {
  for (const Segment::InPlace& found :
       {segment.LookupInPlace(record.key, record.block, fraction),
        segment.LookupPrefetched(record.key, record.block, fraction)}) {
    if (found.outcome == LookupOutcome::kUnknown) continue;
    REQUIRE(found.outcome == (record.type == RecordType::kTombstone ? LookupOutcome::kTombstone
                                                                    : LookupOutcome::kValue));
    REQUIRE(found.value_view() == (record.type == RecordType::kValue ? record.value : ""));
  }
}

void CheckLookup(const Segment& segment, const TestRecord& record) {
  for (const uint16_t fraction : {0, 0x4000, 0x8000, 0xc000, 0xffff}) {
    Prefetch(segment, record.block, fraction);
    CheckLookupInPlace(segment, record, fraction);
    Value value;
    const auto outcome = segment.Lookup(record.key, record.block, fraction, &value);
    REQUIRE(outcome);
    if (record.type == RecordType::kTombstone) {
      REQUIRE(outcome.value() == LookupOutcome::kTombstone);
    } else {
      REQUIRE(outcome.value() == LookupOutcome::kValue);
      REQUIRE(value.view() == record.value);
    }
  }
}

// The neighbours of a key that differ least from it.
std::vector<std::string> NearMisses(const std::string& key) {
  std::vector<std::string> misses = {key + '\0', key + "\xff"};
  if (!key.empty()) {
    misses.push_back(key.substr(0, key.size() - 1));
    for (const int step : {-1, 1}) {
      misses.push_back(key);
      misses.back().back() = static_cast<char>(misses.back().back() + step);
    }
  }
  return misses;
}

void CheckLookups(const Segment& segment, const TestSegment& expected) {
  std::map<std::string_view, const TestRecord*> stored;
  for (const auto& record : expected.records) stored[record.key] = &record;
  for (const auto& record : expected.records) {
    CheckLookup(segment, record);
    for (const auto& miss : NearMisses(record.key)) {
      if (!stored.contains(miss)) CheckAbsent(segment, expected, miss);
    }
  }
  CheckAbsent(segment, expected, TreeKey("no such key in any test"));
  Prefetch(segment, segment.block_count(), 0);
  Value value;  // a block past the end is an empty one
  REQUIRE(segment.Lookup("key", segment.block_count(), 0, &value).value() ==
          LookupOutcome::kAbsent);
}

void CheckBlockSearch(const BlockView& view, std::span<const TestRecord> records) {
  for (const uint16_t fraction : {0, 0x8000, 0xffff}) {
    for (uint32_t slot = 0; slot < records.size(); ++slot) {
      const std::string& key = records[slot].key;
      REQUIRE(view.Find(key, fraction) == slot);
      REQUIRE(view.LowerBound(key, fraction) == slot);
      for (const auto& near : NearMisses(key)) {
        const auto bound = std::partition_point(records.begin(), records.end(),
                                                [&](const TestRecord& r) { return r.key < near; });
        REQUIRE(view.LowerBound(near, fraction) == bound - records.begin());
      }
    }
    REQUIRE(view.LowerBound("", fraction) == 0);
    REQUIRE(view.LowerBound(std::string(kMaxInlineValueBytes, '\xff'), fraction) == records.size());
  }
}

void CheckScan(const Segment& segment, const TestSegment& expected) {
  uint64_t rank = 0;
  std::string key, scratch;
  for (uint32_t block = 0; block < segment.block_count(); ++block) {
    REQUIRE(segment.RankOfBlock(block).value() == rank);
    const auto handle = segment.ReadBlock(block);
    REQUIRE(handle);
    const BlockView& view = handle->view();
    const uint64_t first = rank;
    for (uint32_t slot = 0; slot < view.record_count(); ++slot, ++rank) {
      REQUIRE(rank < expected.records.size());
      const TestRecord& record = expected.records[rank];
      view.KeyAt(slot, &key);
      REQUIRE(key == record.key);
      REQUIRE(record.block == block);
      REQUIRE(view.TypeAt(slot) == record.type);
      REQUIRE(view.ValueIsOutOfLine(slot) == (record.value.size() > kMaxInlineValueBytes));
      const auto value = segment.ValueAt(view, slot, &scratch);
      REQUIRE(value);
      REQUIRE(value.value() == record.value);
    }
    CheckBlockSearch(view, std::span(expected.records).subspan(first, rank - first));
  }
  REQUIRE(rank == expected.records.size());
  REQUIRE(segment.RankOfBlock(segment.block_count()).value() == rank);
}

void CheckDescription(const Segment& segment, const TestSegment& expected) {
  const SegmentProperties& properties = segment.properties();
  CHECK(segment.block_count() == expected.block_count);
  CHECK(segment.model() == kModel);
  CHECK(properties.records == expected.records.size());
  CHECK(properties.blocks == expected.block_count);
  CHECK(properties.training_ns == 11);
  CHECK(properties.build_ns == 22);
  CHECK(properties.model_note == kNote);
  if (!expected.records.empty()) {
    CHECK(properties.smallest_key == expected.records.front().key);
    CHECK(properties.largest_key == expected.records.back().key);
    CHECK(properties.largest_block_bytes > 0);
  }
  CHECK(static_cast<size_t>(std::count_if(expected.records.begin(), expected.records.end(),
                                          [](const TestRecord& record) {
                                            return record.type == RecordType::kTombstone;
                                          })) == properties.tombstones);
}

// Nothing is encoded that was not to be.
void CheckForms(const Segment& segment, const TestSegment& expected) {
  const SegmentProperties& properties = segment.properties();
  if (expected.options.compression == Compression::kNone) CHECK(properties.compressed_blocks == 0);
  if (!expected.options.packed_keys) CHECK(properties.packed_blocks == 0);
}

}  // namespace

std::vector<TreeOptions> EncodedOptions() {
  return {{Compression::kLz4, false},
          {Compression::kZstd, false},
          {Compression::kNone, true},
          {Compression::kLz4, true},
          {Compression::kZstd, true}};
}

std::string TreeKey(std::string_view user_key) {
  return std::string("\0\0\0\1", 4) + std::string(user_key);
}

std::string TreeKey(uint64_t number) {
  std::string key = TreeKey("");
  base::PutBig64(&key, number);
  return key;
}

SegmentFileInfo WriteSegment(FileSystem& files, const Path& path, const TestSegment& segment) {
  const bool plain = segment.options == TreeOptions();
  auto writer = SegmentWriter::Create(files, path, nullptr,
                                      plain ? SegmentFormat::kPlain : SegmentFormat::kEncoded);
  REQUIRE(writer);
  writer.value()->UseOptions(segment.options);
  for (const auto& record : segment.records) {
    REQUIRE(writer.value()->Add(record.key, record.value, record.type, record.block,
                                record.line_fraction));
  }
  SegmentProperties properties;
  properties.training_ns = 11;
  properties.build_ns = 22;
  properties.model_note = kNote;
  properties.records = 12345;  // ignored: the writer counts
  auto info = writer.value()->Finish(segment.block_count, kModel, properties);
  REQUIRE(info);
  return std::move(info).value();
}

OpenedSegment::OpenedSegment(FileSystem& files, const Path& path, bool pread,
                             bool verify_every_read) {
  cache_ = BlockCache::Create(8 << 20);
  auto opened = Segment::Open(files, path, {cache_.get(), pread, verify_every_read});
  REQUIRE(opened);
  segment_ = std::move(opened).value();
}

uint32_t BlockOf(const TestSegment& segment, std::string_view key) {
  const auto after = std::partition_point(segment.records.begin(), segment.records.end(),
                                          [&](const TestRecord& r) { return r.key <= key; });
  return after == segment.records.begin() ? 0 : std::prev(after)->block;
}

void CheckSegment(const Segment& segment, const TestSegment& expected) {
  INFO("case " << expected.name << ", compression " << static_cast<int>(expected.options.compression)
               << ", packed keys " << expected.options.packed_keys);
  CheckDescription(segment, expected);
  CheckForms(segment, expected);
  CheckLookups(segment, expected);
  CheckScan(segment, expected);
  const auto verified = segment.Verify();
  REQUIRE(verified);
}

namespace {

// Sorts the keys, gives each a value and a block.
TestSegment FromKeys(std::string name, std::vector<std::string> keys, uint32_t records_per_block,
                     size_t value_bytes) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  TestSegment segment{std::move(name), {}, 0};
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string value = "value " + std::to_string(i) + " ";
    value.resize(value_bytes, static_cast<char>('a' + i % 26));
    // Crowded to the beginning of the block's line, more so in some blocks.
    const double evenly = static_cast<double>(i % records_per_block) / records_per_block;
    const auto fraction =
        static_cast<uint16_t>(65535 * std::pow(evenly, 1 + i / records_per_block % 4));
    segment.records.push_back({std::move(keys[i]), std::move(value),
                               static_cast<uint32_t>(i / records_per_block), RecordType::kValue,
                               fraction});
  }
  segment.block_count = segment.records.empty() ? 0 : segment.records.back().block + 1;
  return segment;
}

TestSegment RandomNumbers(std::string name, size_t count, uint32_t records_per_block,
                          size_t value_bytes) {
  std::mt19937_64 random(7);
  std::vector<std::string> keys = {TreeKey(uint64_t{0}), TreeKey(~uint64_t{0})};
  while (keys.size() < count) keys.push_back(TreeKey(random()));
  return FromKeys(std::move(name), std::move(keys), records_per_block, value_bytes);
}

std::vector<std::string> PrefixesOfOneAnother() {
  std::vector<std::string> keys;
  const std::string longest = "a shared beginning that is longer than several windows";
  for (size_t size = 0; size <= longest.size(); ++size) {
    keys.push_back(TreeKey(std::string_view(longest).substr(0, size)));
  }
  return keys;
}

std::vector<std::string> TrailingNuls() {
  std::vector<std::string> keys;
  for (const char* start : {"", "a", "b", "12345678", "1234567"}) {
    for (size_t nuls = 0; nuls <= 9; ++nuls) {
      keys.push_back(TreeKey(start + std::string(nuls, '\0')));
      keys.push_back(TreeKey(start + std::string(nuls, '\0') + "x"));
      keys.push_back(TreeKey(start + std::string(nuls, '\xff')));
    }
  }
  return keys;
}

// After the prefix that they share, all keys have the same 8 bytes; one key above ends the prefix.
std::vector<std::string> EqualWindows() {
  std::vector<std::string> keys = {TreeKey("\xff")};
  std::mt19937_64 random(11);
  for (int i = 0; i < 300; ++i) {
    keys.push_back(TreeKey("samesame" + std::to_string(random() % 100000)));
  }
  keys.push_back(TreeKey("samesam"));
  keys.push_back(TreeKey("samesame"));
  return keys;
}

TestSegment MixedSizesAndTombstones() {
  TestSegment segment{"mixed sizes, tombstones, empty values", {}, 0};
  std::mt19937_64 random(5);
  for (uint32_t i = 0; i < 2000; ++i) {
    TestRecord record;
    record.key = TreeKey(std::to_string(100000 + i) + std::string(random() % 20, 'k'));
    record.block = i / 20;
    if (random() % 4 == 0) {
      record.type = RecordType::kTombstone;
    } else {
      record.value.assign(random() % 200, static_cast<char>(random()));
    }
    segment.records.push_back(std::move(record));
  }
  segment.block_count = 100;
  return segment;
}

TestSegment EmptyBlocks() {
  TestSegment segment = RandomNumbers("empty blocks at start, middle and end", 300, 10, 20);
  for (TestRecord& record : segment.records) record.block = 70 + 9 * record.block;
  segment.block_count = segment.records.back().block + 200;
  return segment;
}

TestSegment LargeValues() {
  TestSegment segment = RandomNumbers("16 KB and 1 MB values beside small ones", 60, 7, 10);
  for (size_t i = 0; i < segment.records.size(); ++i) {
    if (i % 3 == 0) segment.records[i].value.resize(16 << 10, 'm');
    if (i % 20 == 0) segment.records[i].value.resize((1 << 20) + i, 'L');
  }
  segment.records[1].value.resize(kMaxInlineValueBytes, 'x');
  segment.records[2].value.resize(kMaxInlineValueBytes + 1, 'y');
  return segment;
}

TestSegment LargestKeys() {
  std::vector<std::string> keys;
  for (const char last : {'\0', 'a', 'b', '\xff'}) {
    keys.push_back(TreeKey(std::string((64 << 10) - 1, 'k') + last));
    keys.push_back(TreeKey(last + std::string((64 << 10) - 1, 'k')));
  }
  return FromKeys("64 KiB keys", std::move(keys), 3, 5);
}

}  // namespace

std::vector<TestSegment> EdgeSegments() {
  std::vector<TestSegment> segments;
  segments.push_back({"no records, no blocks", {}, 0});
  segments.push_back({"no records, 130 empty blocks", {}, 130});
  segments.push_back(FromKeys("one record", {TreeKey("only")}, 1, 10));
  segments.push_back({"only a tree prefix, no value", {{TreeKey(""), "", 0}}, 1});
  segments.push_back({"the empty key", {{"", "x", 0}, {"a", "", 0}}, 1});
  segments.push_back({"one tombstone", {{TreeKey("t"), "", 0, RecordType::kTombstone}}, 1});
  segments.push_back(RandomNumbers("8-byte keys, fixed values", 4000, 37, 100));
  segments.push_back(RandomNumbers("8-byte keys, no values", 500, 16, 0));
  segments.push_back(RandomNumbers("700 records in a block", 2100, 700, 8));
  segments.push_back(RandomNumbers("blocks above 64 KiB", 200, 90, 900));
  segments.push_back(RandomNumbers("wide block offsets", 400, 2, 5000));
  segments.push_back(FromKeys("prefixes of one another", PrefixesOfOneAnother(), 9, 3));
  segments.push_back(FromKeys("prefixes of one another in a block", PrefixesOfOneAnother(), 99, 3));
  segments.push_back(FromKeys("trailing NULs", TrailingNuls(), 400, 3));
  segments.push_back(FromKeys("trailing NULs in small blocks", TrailingNuls(), 3, 3));
  segments.push_back(FromKeys("equal windows", EqualWindows(), 500, 3));
  segments.push_back(MixedSizesAndTombstones());
  segments.push_back(EmptyBlocks());
  segments.push_back(LargeValues());
  segments.push_back(LargestKeys());
  return segments;
}

}  // namespace sibyl::storage
