// Goal: a range deleted as a whole is gone everywhere at once, for every reader that begins later,
// and for no other; its space comes back without being read; and it ends when there is nothing left
// to hide. Method: the list by itself against each key asked of each deletion; then databases by
// hand, with what the range covers in memory, in runs, in levels, in halves of segments, before and
// after recovery. The model, crash and fault tests have the random ones.

#include <algorithm>
#include <random>

#include "engine/range_deletions.h"
#include "sibyl/repair.h"
#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

using engine::RangeDeletion;
using engine::RangeDeletionsPtr;

Options RangeOptions() {
  Options options = SmallOptions();
  options.background_threads = 0;
  options.generation_bytes = 8 << 20;
  options.segment_bytes = 64 << 10;
  options.range_deletion_keys = 0;
  return options;
}

std::string ValueOf(uint64_t number) { return std::to_string(number) + std::string(100, 'v'); }

void Fill(Database& database, uint64_t begin, uint64_t end) {
  WriteBatch batch;
  for (uint64_t i = begin; i < end; ++i) Must(batch.Put(BigEndianKey(i), ValueOf(i)));
  Must(database.Write({}, batch));
}

Records Numbers(std::initializer_list<std::pair<uint64_t, uint64_t>> ranges) {
  Records records;
  for (const auto& [begin, end] : ranges) {
    for (uint64_t i = begin; i < end; ++i) records.emplace_back(BigEndianKey(i), ValueOf(i));
  }
  return records;
}

void DeleteNumbers(Database& database, uint64_t begin, uint64_t end) {
  Must(database.DeleteRange({}, kDefaultTree, BigEndianKey(begin), BigEndianKey(end)));
}

uint64_t Deletions(Database& database) { return Must(database.GetStats()).range_deletions; }

// In every way there is.
void CheckReads(Database& database, const Records& expected, uint64_t asked_up_to) {
  REQUIRE(Everything(database) == expected);
  const auto iterator = Must(database.NewIterator(kDefaultTree));
  REQUIRE(ScanBackward(*iterator) == expected);
  REQUIRE(Must(database.Count({}, kDefaultTree, {})) == expected.size());
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < asked_up_to; i += 3) keys.push_back(BigEndianKey(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<Value> values(keys.size());
  Must(database.MultiGet({}, kDefaultTree, views, values));
  Value value;
  PinnedValue pinned;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto at = std::lower_bound(expected.begin(), expected.end(),
                                     std::pair<std::string, std::string>(keys[i], ""));
    const bool is_there = at != expected.end() && at->first == keys[i];
    REQUIRE(Must(database.Get({}, kDefaultTree, keys[i], &value)) == is_there);
    REQUIRE(Must(database.GetPinned({}, kDefaultTree, keys[i], &pinned)) == is_there);
    REQUIRE(values[i].found() == is_there);
    REQUIRE(Must(database.Explain({}, kDefaultTree, keys[i])).found == is_there);
    if (i % 16 == 0) {
      REQUIRE(Must(database.Rank({}, kDefaultTree, keys[i])) ==
              static_cast<uint64_t>(at - expected.begin()));
    }
    if (!is_there) continue;
    REQUIRE(value.view() == at->second);
    REQUIRE(pinned.view() == at->second);
    REQUIRE(values[i].view() == at->second);
  }
  for (uint64_t rank = 0; rank < expected.size(); rank += 1 + expected.size() / 5) {
    REQUIRE(Must(database.At({}, kDefaultTree, rank))->key == expected[rank].first);
  }
  REQUIRE_FALSE(Must(database.At({}, kDefaultTree, expected.size())).has_value());
  REQUIRE(Must(database.Verify()).problems == std::vector<std::string>{});
}

TEST_CASE("the newest deletion of a key is found among many", "[engine][range-deletion]") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  RangeDeletionsPtr deletions;
  const auto key = [](uint32_t number) { return std::string(1, static_cast<char>('a' + number)); };
  for (uint64_t sequence = 1; sequence <= 12; ++sequence) {
    const uint32_t begin = random() % 20;
    const uint32_t end = begin + 1 + random() % 5;
    deletions = engine::WithDeletion(deletions, {key(begin), key(end), sequence * 10, sequence});
  }
  REQUIRE(deletions->newest_sequence() == 120);
  for (const uint64_t floor : {2u, 7u, 13u}) {
    const RangeDeletionsPtr below = engine::BelowGeneration(deletions, floor);
    for (uint32_t number = 0; number < 26; ++number) {
      for (const std::string& asked : {key(number), key(number) + "x", std::string()}) {
        uint64_t expected = 0;
        for (const RangeDeletion& deletion : deletions->all()) {
          if (deletion.generation >= floor) continue;
          const bool has = deletion.begin <= asked && asked < deletion.end;
          if (has) expected = std::max(expected, deletion.sequence);
        }
        REQUIRE(engine::NewestDeletion(below, asked) == expected);
        REQUIRE(below->MayHide(asked, asked, 5) == (expected > 5));
        REQUIRE(below->HidesAll(asked, asked, expected) == false);
      }
    }
  }
  CHECK(engine::BelowGeneration(deletions, 1) == nullptr);
  CHECK(engine::Without(deletions, {10})->all().size() == 11);
  CHECK(engine::Without(nullptr, {10}) == nullptr);
}

TEST_CASE("neighbouring pieces of one deletion hide a segment together",
          "[engine][range-deletion]") {
  RangeDeletionsPtr deletions = engine::WithDeletion(nullptr, {"b", "d", 5, 1});
  deletions = engine::WithDeletion(deletions, {"c", "f", 6, 1});
  CHECK(deletions->HidesAll("b", "bz", 4));
  CHECK(deletions->HidesAll("b", "e", 4));
  CHECK_FALSE(deletions->HidesAll("b", "e", 5));
  CHECK_FALSE(deletions->HidesAll("b", "bz", 5));
  CHECK(deletions->HidesAll("c", "e", 5));
  CHECK_FALSE(deletions->HidesAll("c", "f", 5));  // the end is not in it
  CHECK_FALSE(deletions->MayHide("f", "z", 0));
  CHECK(deletions->MayHide("a", "b", 4));
  CHECK_FALSE(deletions->MayHide("a", "bz", 5));
}

// What may happen between a deletion and a look at it.
enum class Then { kNothing, kFlush, kCompact, kCrash, kReopen };

TEST_CASE("a deleted range is gone wherever its records are", "[engine][range-deletion]") {
  const bool in_levels = GENERATE(false, true);
  const auto then =
      GENERATE(Then::kNothing, Then::kFlush, Then::kCompact, Then::kCrash, Then::kReopen);
  const auto read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  INFO("in levels " << in_levels << ", then " << static_cast<int>(then));
  Options options = RangeOptions();
  options.read_mode = read_mode;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 3000);
  if (in_levels) Must(database->Compact());
  Fill(*database, 500, 1500);
  if (in_levels) Must(database->Flush());
  auto before = Must(database->GetSnapshot());
  DeleteNumbers(*database, 1000, 2500);
  CHECK(Deletions(*database) == 1);
  Fill(*database, 1200, 1210);
  const Records expected = Numbers({{0, 1000}, {1200, 1210}, {2500, 3000}});
  {
    IteratorOptions old;
    old.snapshot = before.get();
    CHECK(ScanForward(*Must(database->NewIterator(kDefaultTree, old))) == Numbers({{0, 3000}}));
  }
  switch (then) {
    case Then::kNothing:
      break;
    case Then::kFlush:
      Must(database->Flush());
      break;
    case Then::kCompact:
      Must(database->Compact());
      break;
    case Then::kCrash:
      before.reset();
      database.Crash();
      Must(database.Open());
      break;
    case Then::kReopen:
      before.reset();
      database.Close();
      Must(database.Open());
      break;
  }
  CheckReads(*database, expected, 3100);
  DeleteNumbers(*database, 0, 1205);
  Fill(*database, 7, 8);
  CheckReads(*database, Numbers({{7, 8}, {1205, 1210}, {2500, 3000}}), 3100);
  Must(database->Compact());
  CHECK(Deletions(*database) == 0);
  CheckReads(*database, Numbers({{7, 8}, {1205, 1210}, {2500, 3000}}), 3100);
}

TEST_CASE("walks go past deleted ranges in the midst of blocks, either way",
          "[engine][range-deletion]") {
  Options options = RangeOptions();
  options.segment_bytes = 256 << 10;
  options.generation_bytes = 64 << 20;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 20'000);
  Must(database->Compact());
  std::map<std::string, std::string> expected;
  for (auto& [key, value] : Numbers({{0, 20'000}})) expected.emplace(key, value);
  std::mt19937_64 random(7);
  for (int i = 0; i < 40; ++i) {  // some within a block, some over many, some over each other
    const uint64_t begin = random() % 20'000;
    const uint64_t end =
        std::min<uint64_t>(20'000, begin + 11 + random() % (i % 4 == 0 ? 900 : 60));
    DeleteNumbers(*database, begin, end);
    expected.erase(expected.lower_bound(BigEndianKey(begin)),
                   expected.lower_bound(BigEndianKey(end)));
  }
  REQUIRE(Deletions(*database) > 20);
  REQUIRE(ScanForward(*Must(database->NewIterator(kDefaultTree, {}))) ==
          Records(expected.begin(), expected.end()));
  const auto iterator = Must(database->NewIterator(kDefaultTree, {}));
  for (int seek = 0; seek < 300; ++seek) {
    const std::string target = BigEndianKey(random() % 20'100);
    INFO("seek " << seek);
    iterator->Seek(target);
    auto at = expected.lower_bound(target);
    for (auto steps = random() % 200; steps > 0 && at != expected.end(); --steps) {
      REQUIRE(iterator->Valid());
      REQUIRE(iterator->key() == at->first);
      if (random() % 8 != 0) {
        iterator->Next();
        ++at;
      } else if (at != expected.begin()) {
        iterator->Prev();
        --at;
      }
    }
    REQUIRE(iterator->Valid() == (at != expected.end()));
  }
}

TEST_CASE("segments with nothing but deleted records go unread", "[engine][range-deletion]") {
  Options options = RangeOptions();
  options.generation_bytes = 64 << 10;
  options.first_level_bytes = 512 << 20;
  options.max_runs = 1000;  // so no merge is chosen
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 20'000);
  Must(database->Compact());
  const uint64_t segments_before = Must(database->Verify()).segments;
  REQUIRE(segments_before > 20);
  const uint64_t read_before = Must(database->GetStats()).counters.compaction_read_bytes;
  DeleteNumbers(*database, 1000, 19'000);
  // A writer that finds a full generation does what there is to do.
  for (uint64_t i = 0; i < 2000; ++i) Must(database->Put(BigEndianKey(30'000), ValueOf(i)));
  Must(database->Delete(BigEndianKey(30'000)));
  CHECK(Must(database->GetStats()).counters.compaction_read_bytes == read_before);
  CHECK(Must(database->Verify()).segments < segments_before / 3);
  CHECK(Deletions(*database) == 1);  // of the segments at both ends of the range
  CheckReads(*database, Numbers({{0, 1000}, {19'000, 20'000}}), 20'100);
}

TEST_CASE("few keys are deleted one by one", "[engine][range-deletion]") {
  Options options = RangeOptions();
  options.range_deletion_keys = 100;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 1000);
  DeleteNumbers(*database, 100, 200);
  CHECK(Deletions(*database) == 0);
  DeleteNumbers(*database, 300, 401);
  CHECK(Deletions(*database) == 1);
  CheckReads(*database, Numbers({{0, 100}, {200, 300}, {401, 1000}}), 1000);
}

TEST_CASE("a batch with a whole range keeps its order", "[engine][range-deletion]") {
  const bool crash = GENERATE(false, true);
  MemoryLogDatabase database(RangeOptions());
  Must(database.Open());
  TreeOptions appends;
  appends.merge_operator = "append";
  const Tree texts = Must(database->CreateTree("texts", appends));
  Fill(*database, 0, 50);
  Must(database->Merge(texts, "k", "old"));
  WriteBatch batch;
  Must(batch.Put(BigEndianKey(10), "before"));
  Must(batch.Put(BigEndianKey(11), "before"));
  Must(batch.Merge(texts, "k", "before"));
  Must(batch.DeleteRange(kDefaultTree, BigEndianKey(5), BigEndianKey(45)));
  Must(batch.DeleteRange(texts, "", std::nullopt));
  Must(batch.Put(BigEndianKey(11), ValueOf(11)));
  Must(batch.Merge(texts, "k", "new"));
  Must(database->Write({}, batch));
  CHECK(Deletions(*database) == 2);
  Must(database->Merge(texts, "k", "er"));
  if (crash) {
    database.Crash();
    Must(database.Open());
  }
  CheckReads(*database, Numbers({{0, 5}, {11, 12}, {45, 50}}), 60);
  CHECK(Must(database->Get(texts, "k")) == "newer");
  Must(database->Compact());
  CHECK(Must(database->Get(texts, "k")) == "newer");
}

TEST_CASE("a transaction that wrote into a range that others deleted conflicts",
          "[engine][range-deletion][transaction]") {
  const bool spills = GENERATE(false, true);
  const bool drained = GENERATE(false, true);
  INFO("spills " << spills << ", drained " << drained);
  Options options = RangeOptions();
  options.transaction_memory_bytes = 16 << 10;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 500);
  const auto inside = Must(database->BeginTransaction());
  const auto outside = Must(database->BeginTransaction());
  const auto locker = Must(database->BeginTransaction());
  Value value;
  Must(locker->Get(kDefaultTree, BigEndianKey(1), &value));
  for (uint64_t i = 0; i < (spills ? 300u : 1u); ++i) {
    Must(inside->Put(kDefaultTree, BigEndianKey(10'000 + i), ValueOf(i)));
    Must(outside->Put(kDefaultTree, BigEndianKey(20'000 + i), ValueOf(i)));
  }
  Must(inside->Put(kDefaultTree, BigEndianKey(250), "mine"));  // which was not there to be deleted
  DeleteNumbers(*database, 200, 300);
  if (drained) {
    Must(database->Flush());
    Must(database->Compact());
  }
  CHECK(ScanForward(*Must(inside->NewIterator(kDefaultTree))).size() == (spills ? 800 : 501));
  const Status committed = inside->Commit();
  REQUIRE_FALSE(committed);
  CHECK(committed.error().code == ErrorCode::kConflict);
  const auto locked =
      locker->GetForUpdate(kDefaultTree, BigEndianKey(250), &value, std::chrono::seconds(0));
  REQUIRE_FALSE(locked);
  CHECK(locked.error().code == ErrorCode::kConflict);
  Must(outside->Commit());  // elsewhere nothing conflicts
}

TEST_CASE("snapshots spill without what ranges deleted before them", "[engine][range-deletion]") {
  Options options = RangeOptions();
  options.max_pinned_generation_bytes = 0;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 100);
  DeleteNumbers(*database, 10, 90);
  Fill(*database, 20, 21);
  const auto snapshot = Must(database->GetSnapshot());
  DeleteNumbers(*database, 0, 100);
  Must(database->Flush());
  CHECK(Must(database->GetStats()).spilled_generation_bytes > 0);
  IteratorOptions old;
  old.snapshot = snapshot.get();
  CHECK(ScanForward(*Must(database->NewIterator(kDefaultTree, old))) ==
        Numbers({{0, 10}, {20, 21}, {90, 100}}));
  CHECK(Everything(*database).empty());
}

TEST_CASE("what is ingested after a deletion stays", "[engine][range-deletion]") {
  MemoryLogDatabase database(RangeOptions());
  Must(database.Open());
  Fill(*database, 0, 1000);
  Must(database->Compact());
  DeleteNumbers(*database, 0, 1000);
  Must(database->Ingest(kDefaultTree, SourceOf(Numbers({{100, 200}}))));
  CheckReads(*database, Numbers({{100, 200}}), 1000);
  database.Crash();
  Must(database.Open());
  CheckReads(*database, Numbers({{100, 200}}), 1000);
  Must(database->Compact());
  CheckReads(*database, Numbers({{100, 200}}), 1000);
}

TEST_CASE("many deletions end, with merges of their own if none come", "[engine][range-deletion]") {
  Options options = RangeOptions();
  options.generation_bytes = 64 << 10;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Fill(*database, 0, 6000);
  Must(database->Compact());
  for (uint64_t i = 0; i < 60; ++i) DeleteNumbers(*database, i * 100 + 10, i * 100 + 90);
  Must(database->Flush());
  std::map<std::string, std::string> expected;
  for (const auto& [key, value] : Everything(*database)) expected[key] = value;
  REQUIRE(expected.size() == 60 * 20);
  for (uint64_t i = 10'000; i < 12'000; ++i) {
    Must(database->Put(BigEndianKey(i), ValueOf(i)));
    expected[BigEndianKey(i)] = ValueOf(i);
  }
  CHECK(Deletions(*database) <= 16);
  CheckReads(*database, Records(expected.begin(), expected.end()), 12'100);
}

TEST_CASE("a deletion of a dropped tree is forgotten, and never meets another tree",
          "[engine][range-deletion]") {
  MemoryLogDatabase database(RangeOptions());
  Must(database.Open());
  const Tree first = Must(database->CreateTree("first"));
  const Tree second = Must(database->CreateTree("second"));
  for (uint64_t i = 0; i < 100; ++i) {
    Must(database->Put(first, BigEndianKey(i), "1"));
    Must(database->Put(second, BigEndianKey(i), "2"));
  }
  Must(database->Flush());
  Must(database->DeleteRange({}, first, "", std::nullopt));
  CHECK(Everything(*database, first).empty());
  CHECK(Everything(*database, second).size() == 100);
  Must(database->DropTree(first));
  Must(database->Flush());
  CHECK(Deletions(*database) == 0);
  CHECK(Everything(*database, second).size() == 100);
}

}  // namespace
}  // namespace sibyl::testing
