// Goal: a block finds exactly what it holds, whatever the guess and the vector unit; and bytes that
// are no block are refused or at least never read beyond.
// Method: the search against std::lower_bound on every vector target; blocks of each column form;
// blocks damaged at random, in buffers of exactly their size, under the address sanitizer.

#include "storage/block.h"

#include <hwy/highway.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "sibyl/write_batch.h"
#include "storage/block_builder.h"
#include "storage/window_search.h"
#include "tests/storage/segment_support.h"

namespace sibyl::storage {
namespace {

void CheckSearches(const std::vector<uint64_t>& column, uint64_t target) {
  const auto expected = std::lower_bound(column.begin(), column.end(), target) - column.begin();
  const auto count = static_cast<uint32_t>(column.size());
  const auto* bytes = reinterpret_cast<const char*>(column.data());
  for (const uint32_t guess : {0u, count / 3, count / 2, count - count / 7, count}) {
    INFO("count " << count << ", target " << target << ", guess " << guess);
    REQUIRE(WindowLowerBound(bytes, count, target, guess) == expected);
  }
}

TEST_CASE("every vector target finds the lower bound from every guess", "[storage][block]") {
  const int64_t supported = hwy::SupportedTargets();
  for (int64_t left = supported & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    INFO("target " << hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    std::mt19937_64 random(1);
    for (const size_t count : {0, 1, 2, 15, 16, 17, 31, 37, 64, 255, 256, 1000}) {
      std::vector<uint64_t> column(count);
      for (auto& window : column) window = random() >> (random() % 64);
      if (count > 4) column[0] = 0, column[1] = ~uint64_t{0}, column[2] = column[3];
      std::sort(column.begin(), column.end());
      for (const uint64_t window : column) {
        CheckSearches(column, window);
        CheckSearches(column, window + 1);
        CheckSearches(column, window - 1);
      }
      CheckSearches(column, 0);
      CheckSearches(column, ~uint64_t{0});
    }
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

std::string BuildBlock(const std::vector<TestRecord>& records, uint32_t number) {
  BlockBuilder builder;
  for (const auto& record : records) builder.Add(record.key, record.value, record.type, false);
  return std::string(builder.Finish(number));
}

// Records whose keys and values have the given sizes, cycling.
std::vector<TestRecord> Records(uint32_t count, std::vector<size_t> key_tails,
                                std::vector<size_t> value_sizes) {
  std::vector<TestRecord> records;
  for (uint32_t i = 0; i < count; ++i) {
    TestRecord record;
    record.key = TreeKey(uint64_t{i} << 40) + std::string(key_tails[i % key_tails.size()], 't');
    record.value = std::string(value_sizes[i % value_sizes.size()], static_cast<char>(i));
    records.push_back(record);
  }
  return records;
}

TEST_CASE("each form of the columns reads back", "[storage][block]") {
  const auto key_tails = GENERATE(std::vector<size_t>{0}, std::vector<size_t>{5},
                                  std::vector<size_t>{0, 3, 11}, std::vector<size_t>{0, 700});
  const auto value_sizes = GENERATE(std::vector<size_t>{0}, std::vector<size_t>{100},
                                    std::vector<size_t>{0, 1, 50}, std::vector<size_t>{1, 900});
  const auto count = GENERATE(1u, 2u, 255u, 300u);
  const auto records = Records(count, key_tails, value_sizes);
  const std::string bytes = BuildBlock(records, 9);
  CHECK(BlockChecksumMatches(bytes, 9));
  CHECK_FALSE(BlockChecksumMatches(bytes, 8));
  const auto view = BlockView::Parse(bytes);
  REQUIRE(view);
  REQUIRE(view->record_count() == count);
  std::string key;
  for (uint32_t slot = 0; slot < count; ++slot) {
    view->KeyAt(slot, &key);
    CHECK(key == records[slot].key);
    CHECK(view->RawValueAt(slot) == records[slot].value);
    CHECK(view->TypeAt(slot) == RecordType::kValue);
    CHECK_FALSE(view->ValueIsOutOfLine(slot));
    CHECK(view->Find(key, 0) == slot);
    const uint32_t plain = view->PlainRecordsFrom(slot, 7);
    CHECK(plain >= std::min(7u, count - slot));
    CHECK(plain <= count - slot);
    CHECK_FALSE(view->EndsBefore(key));
  }
  CHECK(view->Find(key + "x", 0) == count);
  CHECK(view->EndsBefore(TreeKey(~uint64_t{0})));
  CHECK(view->EndsBefore("\xff"));
  CHECK_FALSE(view->EndsBefore(""));
}

TEST_CASE("plain records end at a tombstone and at a value out of line", "[storage][block]") {
  BlockBuilder builder;
  builder.Add("a", "1", RecordType::kValue, false);
  builder.Add("b", "2", RecordType::kValue, false);
  builder.Add("c", "", RecordType::kTombstone, false);
  builder.Add("d", "4", RecordType::kValue, false);
  builder.Add("e", std::string(ValueReference::kPlainBytes, 'r'), RecordType::kValue, true);
  const std::string bytes(builder.Finish(0));
  const auto view = BlockView::Parse(bytes);
  REQUIRE(view);
  const std::vector<uint32_t> expected = {2, 1, 0, 1, 0};
  for (uint32_t slot = 0; slot < expected.size(); ++slot) {
    CHECK(view->PlainRecordsFrom(slot, 100) == expected[slot]);
  }
  CHECK(view->PlainRecordsFrom(0, 1) == 1);
}

TEST_CASE("records of one shape cost their bytes and 32 per block", "[storage][block]") {
  CHECK(BuildBlock(Records(40, {0}, {100}), 0).size() == 24 + 8 + 40 * (8 + 100));
  CHECK(BlockBytesOfRecord(TreeKey(uint64_t{1}), std::string(100, 'v')) == 108);
  CHECK(BlockBytesOfRecord(TreeKey("0123456789"), "v") == 11);
  CHECK(BlockBytesOfRecord("", "") == 8);
  CHECK(BlockBytesOfRecord(TreeKey("k"), std::string(kMaxInlineValueBytes + 1, 'v')) == 8 + 24);
}

TEST_CASE("packed records may take less than a byte each", "[storage][block]") {
  const auto type = GENERATE(RecordType::kValue, RecordType::kTombstone);
  constexpr uint32_t kRecords = 500;
  BlockBuilder builder;
  for (uint64_t i = 0; i < kRecords; ++i) {
    builder.Add(TreeKey(i), "", type, /*out_of_line=*/false);
  }
  const std::string bytes(builder.Finish(0, /*pack_windows=*/true));
  REQUIRE(bytes.size() < kRecords);
  CHECK(BlockBytes(bytes, bytes.size()) == bytes.size());
  const auto view = BlockView::Parse(bytes);
  REQUIRE(view.has_value());
  REQUIRE(view->record_count() == kRecords);
  CHECK(view->size_bytes() == bytes.size());
  std::string key;
  for (uint32_t slot = 0; slot < kRecords; ++slot) {
    view->KeyAt(slot, &key);
    REQUIRE(key == TreeKey(uint64_t{slot}));
    REQUIRE(view->Find(key, 0) == slot);
  }
}

TEST_CASE("an empty view holds nothing", "[storage][block]") {
  const BlockView view;
  CHECK(view.record_count() == 0);
  CHECK(view.Find("key", 100) == 0);
  CHECK(view.LowerBound("key", 100) == 0);
}

// Everything a reader may do with a block that Parse let through.
void Exercise(const BlockView& view) {
  std::string key;
  size_t bytes = 0;
  for (uint32_t slot = 0; slot < view.record_count(); ++slot) {
    view.KeyAt(slot, &key);
    for (const char c : view.RawValueAt(slot)) bytes += static_cast<unsigned char>(c);
    REQUIRE(view.Find(key, 0x8000) <= view.record_count());
    REQUIRE(view.LowerBound(key + "x", 0) <= view.record_count());
  }
  CHECK(bytes < ~size_t{0});
}

TEST_CASE("damaged blocks are refused or stay within their bytes", "[storage][block]") {
  std::mt19937_64 random(3);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto records = Records(1 + random() % 20, {0, random() % 4}, {random() % 5, 7});
    std::string bytes = BuildBlock(records, 0);
    for (uint64_t changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t place = random() % (random() % 2 ? bytes.size() : kBlockHeaderBytes);
      bytes[place] = static_cast<char>(random() % 3 ? random() : random() % 4);
    }
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    // On the heap and of exactly this size, so that the sanitizer sees every byte read beyond.
    const std::unique_ptr<char[]> exact(new char[bytes.size()]);
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    INFO("round " << round);
    const auto view = BlockView::Parse({exact.get(), bytes.size()});
    if (view) {
      ++accepted;
      Exercise(view.value());
    } else {
      REQUIRE(view.error().code == ErrorCode::kCorruption);
    }
  }
  CHECK(accepted > 100);    // or the second half of the test has not run
  CHECK(accepted < 19000);  // or the first has not
}

TEST_CASE("a value reference survives the round trip", "[storage][block]") {
  for (const Compression method : {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    const bool plain = method == Compression::kNone;
    const ValueReference reference{1, ~uint64_t{0}, 3, method, plain ? 0 : kMaxValueBytes};
    const std::string bytes = reference.Encode();
    CHECK(ValueReference::IsPossibleSize(bytes.size()));
    const auto decoded = ValueReference::Decode(bytes);
    CHECK(decoded.offset == 1);
    CHECK(decoded.stored_bytes == ~uint64_t{0});
    CHECK(decoded.checksum == 3);
    CHECK(decoded.method == method);
    CHECK(decoded.plain_bytes == reference.plain_bytes);
  }
}

}  // namespace
}  // namespace sibyl::storage
