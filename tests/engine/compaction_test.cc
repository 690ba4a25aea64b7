// Goal: draining, compaction and ingestion lose nothing, drop what may be dropped, and clean up.

#include <random>
#include <set>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

uint64_t FilesIn(const std::filesystem::path& directory) {
  uint64_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

uint64_t SegmentsOf(const Stats& stats) {
  uint64_t count = 0;
  for (const auto& level : stats.levels) count += level.segments.size();
  return count;
}

TEST_CASE("random writes over many generations and levels", "[engine][compaction]") {
  Options options = SmallOptions();
  options.background_threads = GENERATE(0u, 1u);
  const uint64_t seed = GENERATE(1u, 2u);
  INFO("seed " << seed << " background threads " << options.background_threads);
  TestDatabase database(options);
  std::mt19937_64 random(seed);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 8000; ++i) {
    const std::string key = BigEndianKey(random() % 3000 * 1'000'003);
    if (random() % 5 == 0) {
      Must(database->Delete(key));
      model.erase(key);
    } else {
      const std::string value = "value " + std::to_string(i) + std::string(random() % 100, '.');
      Must(database->Put(key, value));
      model[key] = value;
    }
  }
  const Records expected(model.begin(), model.end());
  CHECK(Everything(*database) == expected);
  Must(database->Flush());
  CHECK(Everything(*database) == expected);
  const Stats leveled = Must(database->GetStats());
  CHECK(leveled.counters.generations_drained > 5);
  CHECK(Must(database->Verify()).problems == std::vector<std::string>{});

  Must(database->Compact());
  CHECK(Everything(*database) == expected);
  const Stats compacted = Must(database->GetStats());
  uint64_t records = 0;
  for (const auto& level : compacted.levels) {
    for (const auto& segment : level.segments) {
      records += segment.records;
      CHECK(segment.tombstones == 0);
    }
  }
  CHECK(records == model.size());
  CHECK(FilesIn(database.path() / "segments") == SegmentsOf(compacted));

  database.Reopen();
  CHECK(Everything(*database) == expected);
}

TEST_CASE("levels fill from the top and stay disjoint", "[engine][compaction]") {
  Options options = SmallOptions();
  options.segment_bytes = 64 << 10;  // below the public minimum: many segments from few records
  options.background_threads = 0;
  TestDatabase database(options);
  std::mt19937_64 random(7);
  std::map<std::string, std::string> model;
  for (int i = 0; i < 20000; ++i) {
    const std::string key = BigEndianKey(random());
    Must(database->Put(key, "some value that takes a little space"));
    model[key] = "some value that takes a little space";
  }
  Must(database->Flush());
  const Stats stats = Must(database->GetStats());
  CHECK(stats.levels.size() >= 3);
  CHECK(Must(database->Verify()).ok());
  CHECK(Everything(*database) == Records(model.begin(), model.end()));
}

TEST_CASE("a tombstone is kept while something older lies below it", "[engine][compaction]") {
  TestDatabase database;
  Must(database->Put("key", "old"));
  Must(database->Compact());
  Must(database->Delete("key"));
  Must(database->Flush());
  CHECK_FALSE(Must(database->Get("key")).has_value());
  database.Reopen();
  CHECK_FALSE(Must(database->Get("key")).has_value());
  Must(database->Compact());
  CHECK(SegmentsOf(Must(database->GetStats())) == 0);
}

// What is frozen, levels, tombstones, a deleted range and a dropped tree, all in one merge that
// only small databases have; older snapshots still read what they saw.
TEST_CASE("a small database is drained and merged in one step", "[engine][compaction]") {
  Options options;  // the usual sizes: nothing here is large
  options.background_threads = GENERATE(0u, 1u);
  INFO("background threads " << options.background_threads);
  TestDatabase database(options);
  const Tree dropped = Must(database->CreateTree("dropped"));
  for (int i = 0; i < 2000; ++i) Must(database->Put(BigEndianKey(i), "old"));
  Must(database->Put(dropped, "key", "value"));
  Must(database->Compact());
  for (int i = 0; i < 2000; i += 2) Must(database->Put(BigEndianKey(i), "new"));
  for (int i = 0; i < 2000; i += 7) Must(database->Delete(BigEndianKey(i)));
  const auto snapshot = Must(database->GetSnapshot());
  const Records before = Everything(*database);
  Must(database->DeleteRange({}, kDefaultTree, BigEndianKey(500), BigEndianKey(700)));
  Must(database->Put(BigEndianKey(600), "after the range"));
  Must(database->DropTree(dropped));
  const Records expected = Everything(*database);

  const Stats earlier = Must(database->GetStats());
  Must(database->Compact());
  const Stats stats = Must(database->GetStats());
  CHECK(stats.counters.generations_drained == earlier.counters.generations_drained + 1);
  CHECK(stats.counters.compactions == earlier.counters.compactions + 1);
  CHECK(SegmentsOf(stats) == 1);
  for (const auto& level : stats.levels) {
    for (const auto& segment : level.segments) {
      CHECK(segment.records == expected.size());
      CHECK(segment.tombstones == 0);
    }
  }
  CHECK(Everything(*database) == expected);
  CHECK(Must(database->Verify()).ok());
  IteratorOptions at_snapshot;
  at_snapshot.snapshot = snapshot.get();
  CHECK(ScanForward(*Must(database->NewIterator(kDefaultTree, at_snapshot))) == before);
}

TEST_CASE("replaced files live as long as their readers", "[engine][compaction]") {
  TestDatabase database;
  for (int i = 0; i < 1000; ++i) Must(database->Put(BigEndianKey(i), "value"));
  Must(database->Flush());
  auto iterator = Must(database->NewIterator(kDefaultTree));
  iterator->SeekToFirst();
  for (int i = 0; i < 1000; ++i) Must(database->Put(BigEndianKey(i), "other"));
  Must(database->Compact());
  CHECK(FilesIn(database.path() / "segments") > SegmentsOf(Must(database->GetStats())));
  for (const auto& [key, value] : ScanForward(*iterator)) CHECK(value == "value");
  iterator.reset();
  CHECK(FilesIn(database.path() / "segments") == SegmentsOf(Must(database->GetStats())));
}

TEST_CASE("ingestion: sorted, unsorted, repeated, beside and over what is there",
          "[engine][ingest]") {
  TestDatabase database;
  std::mt19937_64 random(3);
  std::map<std::string, std::string> model;
  Records records;
  for (int i = 0; i < 15000; ++i) {
    records.emplace_back(BigEndianKey(random() % 12000), "value " + std::to_string(i));
    model[records.back().first] = records.back().second;
  }
  SECTION("into an empty database") {}
  SECTION("over older records") {
    for (int i = 0; i < 3000; ++i) {
      const std::string key = BigEndianKey(i * 20);
      Must(database->Put(key, "older"));
      model.try_emplace(key, "older");
    }
    if (GENERATE(false, true)) Must(database->Compact());
  }
  const IngestResult result = Must(database->Ingest(kDefaultTree, SourceOf(records)));
  CHECK(result.segments > 0);
  CHECK(Everything(*database) == Records(model.begin(), model.end()));
  Must(database->Put(records[0].first, "newer"));
  model[records[0].first] = "newer";
  database.Reopen();
  CHECK(Everything(*database) == Records(model.begin(), model.end()));
  CHECK(Must(database->Verify()).ok());

  const Records sorted(model.begin(), model.end());
  const Tree tree = Must(database->CreateTree("sorted"));
  CHECK(Must(database->Ingest(tree, SourceOf(sorted), {.sorted = true})).records == sorted.size());
  CHECK(Everything(*database, tree) == sorted);
  CHECK(Everything(*database) == sorted);
}

TEST_CASE("an ingestion that fails leaves nothing", "[engine][ingest]") {
  TestDatabase database;
  Must(database->Put("kept", "value"));
  Must(database->Flush());
  const uint64_t files = FilesIn(database.path() / "segments");
  SECTION("order promised and broken") {
    for (const Records& records : {Records{{"b", ""}, {"a", ""}}, Records{{"a", ""}, {"a", ""}}}) {
      const auto result = database->Ingest(kDefaultTree, SourceOf(records), {.sorted = true});
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::kInvalidArgument);
      CHECK(result.error().message.find("record 1, key \"a\"") != std::string::npos);
    }
  }
  SECTION("source fails") {
    int given = 0;
    const auto result = database->Ingest(kDefaultTree, [&]() -> Result<std::optional<Record>> {
      if (++given > 3) return Error{ErrorCode::kIo, "the pipe broke"};
      return std::optional<Record>({given == 1 ? "a" : given == 2 ? "b" : "c", "v"});
    });
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "the pipe broke");
  }
  SECTION("unknown tree") { CHECK_FALSE(database->Ingest(Tree{9}, SourceOf({}))); }
  SECTION("no records") { CHECK(Must(database->Ingest(kDefaultTree, SourceOf({}))).records == 0); }
  CHECK(FilesIn(database.path() / "segments") == files);
  CHECK(Everything(*database) == Records{{"kept", "value"}});
}

}  // namespace
}  // namespace sibyl::testing
