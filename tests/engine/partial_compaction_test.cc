// Goal: compaction rewrites what it must and no more; what stands in its way is counted, reported
// or removed; and overload does not cost memory.
// Method: databases small enough that every segment is known, on a log in memory; the names of the
// files tell which segments were rewritten, the counters how much.

#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;

Options ForegroundOptions() {
  Options options = SmallOptions();
  options.background_threads = 0;  // the writer does everything, in an order we know
  options.generation_bytes = 32 << 10;
  options.segment_bytes = 64 << 10;
  options.max_runs = 2;
  return options;
}

std::set<uint64_t> SegmentIds(Database& database) {
  std::set<uint64_t> ids;
  for (const LevelStats& level : Must(database.GetStats()).levels) {
    for (const SegmentStats& segment : level.segments) ids.insert(segment.id);
  }
  return ids;
}

void Put(Database& database, uint64_t number, const std::string& value, Model* model,
         Tree tree = kDefaultTree) {
  Must(database.Put(tree, BigEndianKey(number), value));
  (*model)[BigEndianKey(number)] = value;
}

void CheckContent(Database& database, const Model& model) {
  CHECK(Everything(database) == Records(model.begin(), model.end()));
  CHECK(Must(database.Verify()).problems == std::vector<std::string>{});
}

TEST_CASE("segments that a merge does not touch stay as they are", "[engine][compaction]") {
  MemoryLogDatabase database(ForegroundOptions());
  Must(database.Open());
  Model model;
  Records records;
  for (uint64_t i = 0; i < 4000; ++i)
    records.emplace_back(BigEndianKey(i * 10), std::string(90, 'a'));
  model.insert(records.begin(), records.end());
  Must(database->Ingest(kDefaultTree, SourceOf(records), {.sorted = true}));
  const std::set<uint64_t> before = SegmentIds(*database);
  REQUIRE(before.size() >= 6);
  // Many small writes at both ends: merge after merge, none of which concerns the middle.
  for (uint64_t i = 0; i < 3000; ++i) {
    Put(*database, i % 2 == 0 ? i % 300 : 39000 + i % 999, "new " + std::to_string(i), &model);
  }
  Must(database->Flush());
  CHECK(Must(database->GetStats()).counters.compactions > 3);
  const std::set<uint64_t> after = SegmentIds(*database);
  size_t kept = 0;
  for (const uint64_t id : before) kept += after.count(id);
  CHECK(kept >= before.size() - 3);
  CheckContent(*database, model);
  database.Close();
  Must(database.Open());
  CheckContent(*database, model);
}

TEST_CASE("ascending keys are written once", "[engine][compaction]") {
  MemoryLogDatabase database(ForegroundOptions());
  Must(database.Open());
  Model model;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < 8000; ++i) {
    Put(*database, i, std::string(90, 'v'), &model);
    bytes += 98;
  }
  Must(database->Flush());
  const Stats stats = Must(database->GetStats());
  CHECK(stats.levels.back().level >= 1);
  CHECK(stats.counters.compaction_written_bytes < bytes + bytes / 3);
  CheckContent(*database, model);
}

TEST_CASE("random keys over three levels, with and without filters", "[engine][compaction]") {
  Options options = ForegroundOptions();
  options.filter_bits_per_key = GENERATE(0u, 10u);
  options.last_level_filter_bits_per_key = GENERATE(0u, 2u, 10u);
  INFO("bits " << options.filter_bits_per_key << " last level "
               << options.last_level_filter_bits_per_key);
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  std::mt19937_64 random(5);
  for (uint64_t i = 0; i < 12000; ++i) {
    const uint64_t key = random() % 20000 * 3;
    if (random() % 6 == 0) {
      Must(database->Delete(BigEndianKey(key)));
      model.erase(BigEndianKey(key));
    } else {
      Put(*database, key, std::to_string(i) + std::string(60, 'x'), &model);
    }
  }
  const Stats stats = Must(database->GetStats());
  CHECK(stats.levels.back().level >= 2);
  for (const LevelStats& level : stats.levels) {
    for (const SegmentStats& segment : level.segments) {
      const bool is_last = level.level == stats.levels.back().level;
      const uint32_t most = options.filter_bits_per_key + options.last_level_filter_bits_per_key;
      if (most == 0) CHECK(segment.filter_bytes == 0);
      if (options.filter_bits_per_key > 0 && !is_last) CHECK(segment.filter_bytes > 0);
    }
  }
  for (uint64_t key = 0; key < 60000; ++key) {
    const auto found = Must(database->Get(BigEndianKey(key)));
    const auto expected = model.find(BigEndianKey(key));
    REQUIRE(found.has_value() == (expected != model.end()));
    if (found) REQUIRE(*found == expected->second);
  }
  CheckContent(*database, model);
  Must(database->Compact());
  CheckContent(*database, model);
}

TEST_CASE("a dropped tree's segments go without being read", "[engine][compaction]") {
  MemoryLogDatabase database(ForegroundOptions());
  Must(database.Open());
  Model model;
  Model dropped;
  const Tree tree = Must(database->CreateTree("doomed"));
  for (uint64_t i = 0; i < 3000; ++i) Put(*database, i, std::string(90, 'd'), &dropped, tree);
  Must(database->Flush());
  Must(database->Compact());
  const uint64_t read_before = Must(database->GetStats()).counters.compaction_read_bytes;
  const size_t before = SegmentIds(*database).size();
  REQUIRE(before >= 3);
  Must(database->DropTree(tree));
  for (uint64_t i = 0; SegmentIds(*database).size() + 1 >= before && i < 3000; ++i) {
    Put(*database, i, std::string(90, 'k'), &model);
  }
  CHECK(SegmentIds(*database).size() < before);
  CHECK(Must(database->GetStats()).counters.compaction_read_bytes < read_before + (64 << 10));
  CheckContent(*database, model);
  database.Close();
  Must(database.Open());
  CheckContent(*database, model);
}

// Turns a byte of a block of every segment of level 1.
void DamageLevelOne(Database& database) {
  for (const LevelStats& level : Must(database.GetStats()).levels) {
    if (level.level != 1) continue;
    for (const SegmentStats& segment : level.segments) {
      std::fstream file(segment.path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(200);
      file.put('\x7f');
    }
  }
}

TEST_CASE("damage ends merging, is reported, and lets writes go on", "[engine][compaction]") {
  Options options = ForegroundOptions();
  options.read_mode = ReadMode::kPread;
  options.background_threads = GENERATE(0u, 1u);
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  for (uint64_t i = 0; i < 2000; ++i) Put(*database, i * 10, std::string(90, 'a'), &model);
  Must(database->Compact());
  database.Close();
  Must(database.Open());
  CHECK(Must(database->GetStats()).merging_stopped_by.empty());
  DamageLevelOne(*database);
  std::mt19937_64 random(9);
  for (uint64_t i = 0; i < 200000; ++i) {
    Must(database->Put(BigEndianKey(random() % 20000), std::string(90, 'b')));
    if (i % 1000 == 0 && !Must(database->GetStats()).merging_stopped_by.empty()) break;
  }
  const Stats stats = Must(database->GetStats());
  CHECK_THAT(stats.merging_stopped_by, Catch::Contains("corruption"));
  CHECK_THAT(stats.merging_stopped_by, Catch::Contains(".segment"));
  CHECK_THAT(PrometheusText(stats), Catch::Contains("sibyl_merging_stopped 1\n"));
  for (uint64_t i = 0; i < 2000; ++i) Must(database->Put(BigEndianKey(i), "goes on"));
  Must(database->Flush());
  CHECK(Must(database->Get(BigEndianKey(7))) == "goes on");
  const auto compacted = database->Compact();
  REQUIRE_FALSE(compacted);
  CHECK(compacted.error().code == ErrorCode::kCorruption);
}

// More runs than are merged at once, twice over.
TEST_CASE("an ingestion sorts more than it can merge at once", "[engine][ingest]") {
  Options options = ForegroundOptions();
  MemoryLogDatabase database(options);
  Must(database.Open());
  std::mt19937_64 random(11);
  Records records;
  Model model;
  for (uint64_t i = 0; i < 1500; ++i) {
    // Long values make many runs of few records; one lies alone in its chunk, one out of line.
    const size_t size = i == 700 ? 300 << 10 : i == 800 ? 70 << 10 : 6000;
    records.emplace_back(BigEndianKey(random() % 1000), std::to_string(i) + std::string(size, 'l'));
    model[records.back().first] = records.back().second;
  }
  const IngestResult result = Must(database->Ingest(kDefaultTree, SourceOf(records)));
  CHECK(result.records == model.size());
  CheckContent(*database, model);
}

TEST_CASE("generations that only readers keep are counted", "[engine][compaction]") {
  MemoryLogDatabase database(ForegroundOptions());
  Must(database.Open());
  Model model;
  for (uint64_t i = 0; i < 100; ++i) Put(*database, i, "before", &model);
  auto iterator = Must(database->NewIterator(kDefaultTree));
  Must(database->Flush());
  const Stats pinned = Must(database->GetStats());
  CHECK(pinned.pinned_generations == 1);
  CHECK(pinned.pinned_generation_bytes > 1000);
  CHECK(ScanForward(*iterator).size() == 100);
  iterator.reset();
  const Stats released = Must(database->GetStats());
  CHECK(released.pinned_generations == 0);
  CHECK(released.pinned_generation_bytes == 0);
}

TEST_CASE("the delta's memory is bounded while writers outrun the drain", "[engine][compaction]") {
  Options options = SmallOptions();
  options.generation_bytes = 128 << 10;
  options.max_frozen_generations = 2;
  MemoryLogDatabase database(options);
  Must(database.Open());
  uint64_t most_bytes = 0;
  std::vector<std::thread> writers;
  for (uint64_t writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&database, writer] {
      std::mt19937_64 random(writer);
      for (int i = 0; i < 6000; ++i) {
        (void)database->Put(BigEndianKey(random()), std::string(200, 'w'));
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    uint64_t bytes = 0;
    for (const GenerationStats& generation : Must(database->GetStats()).generations) {
      bytes += generation.bytes;
    }
    most_bytes = std::max(most_bytes, bytes);
    std::this_thread::yield();
  }
  for (std::thread& writer : writers) writer.join();
  // One that is active and two that are frozen, each a chunk of memory and a filter above its size.
  CHECK(most_bytes <= 3 * (options.generation_bytes + (256 << 10)));
  CHECK(Everything(*database).size() == 18000);
}

TEST_CASE("a merge that is held back lets drains pass, and a closing end it",
          "[engine][compaction]") {
  Options options = SmallOptions();
  options.max_runs = 2;
  options.background_bytes_per_second = 10;  // a merge would take hours
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  for (uint64_t i = 0; i < 3000; ++i) Put(*database, i * 7919 % 3001, std::string(90, 'h'), &model);
  Must(database->Flush());
  CHECK(Must(database->GetStats()).counters.generations_drained >= 4);
  CheckContent(*database, model);
  database.Close();
  Must(database.Open());
  CheckContent(*database, model);
}

TEST_CASE("a range is deleted from delta, segments and snapshots alike", "[engine][delete_range]") {
  MemoryLogDatabase database(ForegroundOptions());
  Must(database.Open());
  Model model;
  for (uint64_t i = 0; i < 600; ++i) Put(*database, i, "in segments", &model);
  Must(database->Flush());
  for (uint64_t i = 300; i < 900; ++i) Put(*database, i, "in the delta", &model);
  auto snapshot = Must(database->GetSnapshot());
  const Model before = model;
  const std::string begin = BigEndianKey(100);
  const std::string end = BigEndianKey(800);
  Must(database->DeleteRange({}, kDefaultTree, begin, end));
  Must(database->DeleteRange({}, kDefaultTree, end, begin));  // empty
  model.erase(model.find(begin), model.find(end));
  CheckContent(*database, model);
  Value value;
  CHECK_FALSE(Must(database->Get({}, kDefaultTree, begin, &value)));
  CHECK(Must(database->Get({}, kDefaultTree, end, &value)));
  CHECK(Must(database->Get({snapshot.get()}, kDefaultTree, begin, &value)));
  CHECK(ScanForward(*Must(database->NewIterator(kDefaultTree, {snapshot.get(), {}, {}}))) ==
        Records(before.begin(), before.end()));
  Put(*database, 400, "put again", &model);

  // A transaction that wrote a deleted key before it was, and one that deletes what it wrote.
  auto loser = Must(database->BeginTransaction());
  Must(loser->Put(kDefaultTree, BigEndianKey(850), "late"));
  auto winner = Must(database->BeginTransaction());
  Must(winner->Put(kDefaultTree, BigEndianKey(5000), "own"));
  const uint64_t savepoint = winner->Savepoint();
  Must(winner->DeleteRange(kDefaultTree, BigEndianKey(840), std::nullopt));
  CHECK_FALSE(Must(winner->Get(kDefaultTree, BigEndianKey(5000), &value)));
  Must(winner->RollbackTo(savepoint));
  CHECK(Must(winner->Get(kDefaultTree, BigEndianKey(5000), &value)));
  Must(winner->DeleteRange(kDefaultTree, BigEndianKey(840), BigEndianKey(860)));
  Must(winner->Commit());
  model[BigEndianKey(5000)] = "own";
  for (uint64_t i = 840; i < 860; ++i) model.erase(BigEndianKey(i));
  CHECK(loser->Commit().error().code == ErrorCode::kConflict);
  CHECK_FALSE(database->DeleteRange({}, Tree{77}, "", std::nullopt));
  CheckContent(*database, model);
  loser.reset();
  winner.reset();
  snapshot.reset();
  database.Crash();
  Must(database.Open());
  CheckContent(*database, model);
  Must(database->DeleteRange({.sync = true}, kDefaultTree, "", std::nullopt));
  CheckContent(*database, {});
  Must(database->Compact());
  CHECK(SegmentIds(*database).empty());
}

}  // namespace
}  // namespace sibyl::testing
