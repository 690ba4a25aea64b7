// Goal: readers, writers, transactions and maintenance run beside each other without a data race
// (built with the thread sanitizer too) and every reader sees a consistent state.
// Method: writers keep pairs of keys equal, in batches and in transactions; readers demand equality
// in every snapshot, while generations turn over and levels are compacted all the time.

#include <atomic>
#include <random>
#include <thread>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

constexpr uint64_t kPairs = 64;

std::string LeftKey(uint64_t pair) { return "left" + BigEndianKey(pair); }
std::string RightKey(uint64_t pair) { return "right" + BigEndianKey(pair); }

bool WritePair(Database& database, uint64_t pair, const std::string& value, bool transactional) {
  if (!transactional) {
    WriteBatch batch;
    return batch.Put(LeftKey(pair), value) && batch.Put(RightKey(pair), value) &&
           database.Write({}, batch);
  }
  auto transaction = database.BeginTransaction();
  if (!transaction) return false;
  const bool put = (*transaction)->Put(kDefaultTree, LeftKey(pair), value) &&
                   (*transaction)->Put(kDefaultTree, RightKey(pair), value);
  if (!put) return false;
  const auto committed = (*transaction)->Commit();
  return committed || committed.error().code == ErrorCode::kConflict;
}

bool PairIsEqual(Database& database, uint64_t pair) {
  const auto snapshot = database.GetSnapshot();
  if (!snapshot) return false;
  const std::string left = LeftKey(pair);
  const std::string right = RightKey(pair);
  std::vector<std::string_view> keys = {left, right};
  std::vector<Value> values(2);
  const ReadOptions options{snapshot->get()};
  if (!database.MultiGet(options, kDefaultTree, keys, values)) return false;
  Value single;
  if (!database.Get(options, kDefaultTree, left, &single)) return false;
  return values[0].found() == values[1].found() && values[0].view() == values[1].view() &&
         single.view() == values[0].view();
}

bool AllPairsAreEqual(Database& database) {
  const auto iterator = database.NewIterator(kDefaultTree);
  if (!iterator) return false;
  std::map<std::string, std::string> left;
  std::map<std::string, std::string> right;
  for ((*iterator)->SeekToFirst(); (*iterator)->Valid(); (*iterator)->Next()) {
    const std::string_view key = (*iterator)->key();
    const bool is_left = key.starts_with("left");
    (is_left ? left : right)[std::string(key.substr(is_left ? 4 : 5))] = (*iterator)->value();
  }
  return (*iterator)->status().has_value() && left == right;
}

TEST_CASE("every reader sees a consistent state", "[engine][concurrency]") {
  Options options = SmallOptions();
  options.generation_bytes = 32 << 10;
  options.read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  MemoryLogDatabase database(options);
  Must(database.Open());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> failures{0};
  const auto expect = [&failures](bool ok) { failures += ok ? 0 : 1; };

  std::vector<std::thread> threads;
  for (const bool transactional : {false, true}) {
    threads.emplace_back([&, transactional] {
      std::mt19937_64 random(transactional ? 1 : 2);
      for (int i = 0; i < 3000; ++i) {
        const std::string value = std::to_string(i) + std::string(random() % 100, 'v');
        expect(WritePair(*database, random() % kPairs, value, transactional));
      }
      stop = true;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&, reader] {
      std::mt19937_64 random(10 + reader);
      while (!stop) {
        expect(PairIsEqual(*database, random() % kPairs));
        if (random() % 16 == 0) expect(AllPairsAreEqual(*database));
        Value value;
        expect(database->Get({}, kDefaultTree, LeftKey(random() % kPairs), &value).has_value());
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      expect(database->Flush().has_value());
      expect(database->Compact().has_value());
      expect(database->GetStats().has_value());
    }
  });
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(AllPairsAreEqual(*database));
  CHECK(Must(database->Verify()).ok());
  CHECK(Must(database->GetStats()).counters.model_bound_violations == 0);
}

TEST_CASE("many writers: every acknowledged write is there, once", "[engine][concurrency]") {
  MemoryLogDatabase database;
  Must(database.Open());
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kWrites = 1000;
  std::atomic<uint64_t> failures{0};
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint64_t i = 0; i < kWrites; ++i) {
        const std::string key = BigEndianKey(thread << 32 | i);
        if (!database->Put(key, key, {.sync = i % 100 == 0})) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  database.Close();
  Must(database.Open());
  const Records records = Everything(*database);
  REQUIRE(records.size() == kThreads * kWrites);
  for (const auto& [key, value] : records) REQUIRE(key == value);
}

}  // namespace
}  // namespace sibyl::testing
