// Goal: whoever lets a database go last closes it, whatever the others did until then, and nothing
// acknowledged is lost; opening the same directory waits for a closing that is under way.
// Method: threads, each with a pointer of its own, write, ingest, compact, verify, copy, back up
// and read old snapshots that spill, and stop at odd moments; others only open and let go.
// Afterwards the database has what was acknowledged.

#include <atomic>
#include <functional>
#include <thread>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

using Work = std::function<void(Database& database, uint64_t round)>;

// Catch's assertions are one thread's: others note what went wrong.
class Failures {
 public:
  template <typename T>
  bool Note(const Result<T>& result) {
    if (result) return true;
    const std::lock_guard lock(mutex_);
    messages_.push_back(result.error().ToString());
    return false;
  }
  std::vector<std::string> messages() const { return messages_; }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
};

// Numbers from `first` on, each its own value.
Records Numbers(uint64_t first, uint64_t count) {
  Records records;
  for (uint64_t i = first; i < first + count; ++i) {
    records.emplace_back(BigEndianKey(i), std::to_string(i) + std::string(80, 'v'));
  }
  return records;
}

TEST_CASE("whoever lets go last closes the database", "[engine][closing]") {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "db";
  Options options = SmallOptions();
  options.generation_bytes = 16 << 10;
  options.max_pinned_generation_bytes = 0;
  Failures failures;
  std::atomic<uint64_t> written = 0;
  std::atomic<uint64_t> ingested = 0;
  constexpr uint64_t kIngestedFrom = 1'000'000;

  const std::vector<Work> works = {
      [&](Database& database, uint64_t) {
        for (uint64_t i = 0; i < 100; ++i) {
          const Records one = Numbers(written, 1);
          if (failures.Note(database.Put(one[0].first, one[0].second))) ++written;
        }
      },
      [&](Database& database, uint64_t) {
        const Records many = Numbers(kIngestedFrom + ingested, 300);
        if (failures.Note(database.Ingest(kDefaultTree, SourceOf(many)))) ingested += 300;
      },
      [&](Database& database, uint64_t) { failures.Note(database.Compact()); },
      [&](Database& database, uint64_t) {
        const auto report = database.Verify();
        if (failures.Note(report) && !report->ok()) {
          failures.Note(Status(Error{ErrorCode::kCorruption, report->problems.front()}));
        }
      },
      [&](Database& database, uint64_t round) {
        const auto copy = directory.path() / ("copy" + std::to_string(round));
        failures.Note(database.Checkpoint(copy));
      },
      [&](Database& database, uint64_t) {
        failures.Note(database.Backup(directory.path() / "backups"));
      },
      [&](Database& database, uint64_t) {
        const auto snapshot = database.GetSnapshot();
        if (!failures.Note(snapshot)) return;
        const ReadOptions then{snapshot->get()};
        const auto before = database.Count(then, kDefaultTree, {});
        failures.Note(database.Flush());
        const auto after = database.Count(then, kDefaultTree, {});
        if (!failures.Note(before) || !failures.Note(after) || *before == *after) return;
        failures.Note(Status(Error{ErrorCode::kCorruption, "a snapshot changed"}));
      }};

  std::atomic<uint64_t> rounds = 0;
  for (int closing = 0; closing < 4; ++closing) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    std::shared_ptr<Database> database = Must(Database::Open(options, path));
    for (const Work& work : works) {
      threads.emplace_back([&work, &rounds, mine = database, turns = 1 + closing]() mutable {
        for (int turn = 0; turn < turns; ++turn) work(*mine, rounds++);
        mine.reset();
      });
    }
    threads.emplace_back([&] {
      while (!stop) failures.Note(Database::Open(options, path));
    });
    database.reset();
    for (size_t i = 0; i < works.size(); ++i) threads[i].join();
    stop = true;
    threads.back().join();
  }
  CHECK(failures.messages() == std::vector<std::string>{});

  const std::shared_ptr<Database> database = Must(Database::Open(options, path));
  CHECK(Must(database->Verify()).problems == std::vector<std::string>{});
  Records expected = Numbers(0, written);
  for (auto& record : Numbers(kIngestedFrom, ingested)) expected.push_back(std::move(record));
  CHECK(Everything(*database) == expected);
}

}  // namespace
}  // namespace sibyl::testing
