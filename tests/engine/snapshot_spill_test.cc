// Goal: what old snapshots see may leave memory, and they never notice: not while it is written out,
// nor if that fails, nor afterwards.
// Method: snapshots over a delta that is drained again and again, with a budget far below what they
// pin, each compared with its own std::map; faults of the disk meanwhile; a thread that reads.

#include <atomic>
#include <thread>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;

// Nothing in the background: what Flush leaves behind is what a test sees.
Options SpillingOptions() {
  Options options = SmallOptions();
  options.background_threads = 0;
  options.generation_bytes = 8 << 20;
  options.max_pinned_generation_bytes = 0;
  options.event_log_bytes = 0;
  return options;
}

struct OldState {
  std::unique_ptr<Snapshot> snapshot;
  Model model;
};

// Overwrites, deletes and adds, so that each round hides records of those before it.
void WriteRound(Database& database, uint64_t round, Model* model) {
  for (uint64_t i = round * 50; i < round * 50 + 400; ++i) {
    const std::string key = BigEndianKey(i);
    if ((i + round) % 7 == 0) {
      Must(database.Delete(key));
      model->erase(key);
    } else {
      const std::string value = "round " + std::to_string(round) + std::string(i % 100, 'v');
      Must(database.Put(key, value));
      (*model)[key] = value;
    }
  }
}

void CheckState(Database& database, const OldState& state) {
  IteratorOptions iterating;
  iterating.snapshot = state.snapshot.get();
  const auto iterator = Must(database.NewIterator(kDefaultTree, iterating));
  CHECK(ScanForward(*iterator) == Records(state.model.begin(), state.model.end()));
  ReadOptions reading;
  reading.snapshot = state.snapshot.get();
  CHECK(Must(database.Count(reading, kDefaultTree, {})) == state.model.size());
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    Value value;
    const bool found = Must(database.Get(reading, kDefaultTree, BigEndianKey(i), &value));
    const auto expected = state.model.find(BigEndianKey(i));
    wrong += found != (expected != state.model.end());
    if (found && expected != state.model.end()) wrong += value.view() != expected->second;
  }
  CHECK(wrong == 0);
}

size_t SegmentFileCount(const MemoryLogDatabase& database) {
  return Must(storage::PosixFileSystem().List(database.path() / "segments")).size();
}

// Writes `rounds` rounds, with a snapshot after each, in the middle of a generation.
std::vector<OldState> MakeOldStates(Database& database, uint64_t rounds) {
  std::vector<OldState> states;
  Model model;
  for (uint64_t round = 0; round < rounds; ++round) {
    WriteRound(database, round, &model);
    states.push_back({Must(database.GetSnapshot()), model});
    WriteRound(database, round + 5, &model);
    Must(database.Flush());
  }
  return states;
}

TEST_CASE("snapshots give up their memory, not their state", "[engine][snapshot]") {
  MemoryLogDatabase database(SpillingOptions());
  Must(database.Open());
  std::vector<OldState> states = MakeOldStates(*database, 5);
  const Stats stats = Must(database->GetStats());
  CHECK(stats.pinned_generations == 0);
  CHECK(stats.spilled_generation_bytes > 0);
  for (const OldState& state : states) CheckState(*database, state);
  Must(database->Compact());
  for (const OldState& state : states) CheckState(*database, state);

  CHECK(SegmentFileCount(database) > 5);
  states.clear();
  Must(database->Compact());
  size_t named = 0;
  for (const LevelStats& level : Must(database->GetStats()).levels) named += level.segments.size();
  CHECK(SegmentFileCount(database) == named);
  CHECK(Must(database->Verify()).ok());
}

TEST_CASE("within the budget nothing is written out", "[engine][snapshot]") {
  Options options = SpillingOptions();
  options.max_pinned_generation_bytes = 64 << 20;
  MemoryLogDatabase database(options);
  Must(database.Open());
  const std::vector<OldState> states = MakeOldStates(*database, 3);
  const Stats stats = Must(database->GetStats());
  CHECK(stats.pinned_generations > 0);
  CHECK(stats.pinned_generation_bytes > 0);
  CHECK(stats.spilled_generation_bytes == 0);
  for (const OldState& state : states) CheckState(*database, state);
}

TEST_CASE("an iterator keeps what it reads while its snapshot changes places",
          "[engine][snapshot]") {
  MemoryLogDatabase database(SpillingOptions());
  Must(database.Open());
  Model model;
  WriteRound(*database, 0, &model);
  const OldState state{Must(database->GetSnapshot()), model};
  IteratorOptions iterating;
  iterating.snapshot = state.snapshot.get();
  const auto iterator = Must(database->NewIterator(kDefaultTree, iterating));
  iterator->SeekToFirst();
  WriteRound(*database, 3, &model);
  Must(database->Flush());
  CHECK(Must(database->GetStats()).spilled_generation_bytes > 0);
  Records rest;
  for (; iterator->Valid(); iterator->Next()) rest.emplace_back(iterator->key(), iterator->value());
  CHECK(rest == Records(state.model.begin(), state.model.end()));
  CheckState(*database, state);
}

TEST_CASE("a disk that fails while memory is written out costs memory only", "[engine][snapshot]") {
  uint64_t failing = 0;
  for (bool reached = true; reached; failing += 3) {
    INFO("call " << failing);
    MemoryLogDatabase database(SpillingOptions());
    Must(database.Open());
    Model model;
    WriteRound(*database, 0, &model);
    const OldState state{Must(database->GetSnapshot()), model};
    const uint64_t before = database.files().calls();
    database.files().FailCalls(before + failing, before + failing + 2);
    const bool flushed = database->Flush().has_value();
    reached = database.files().calls() >= before + failing;
    database.files().FailCalls(1, 0);
    CheckState(*database, state);
    if (!flushed) continue;  // it was the drain that failed: tested elsewhere
    WriteRound(*database, 1, &model);
    Must(database->Flush());
    CHECK(Must(database->GetStats()).pinned_generations == 0);
    CheckState(*database, state);
    CHECK(Everything(*database) == Records(model.begin(), model.end()));
  }
  CHECK(failing > 10);
}

TEST_CASE("after a crash nothing is left of what was written out", "[engine][snapshot]") {
  MemoryLogDatabase database(SpillingOptions());
  Must(database.Open());
  Model model;
  WriteRound(*database, 0, &model);
  auto snapshot = Must(database->GetSnapshot());
  WriteRound(*database, 1, &model);
  Must(database->Flush());
  const auto saved = database.path().parent_path() / "saved";
  std::filesystem::copy(database.path() / "segments", saved);  // as a killed process leaves them
  snapshot.reset();
  database.Crash();
  std::filesystem::copy(saved, database.path() / "segments",
                        std::filesystem::copy_options::skip_existing);
  Must(database.Open());
  CHECK(Everything(*database) == Records(model.begin(), model.end()));
  CHECK(SegmentFileCount(database) == 1);
}

TEST_CASE("a thread reads a snapshot while it changes places", "[engine][snapshot]") {
  Options options = SpillingOptions();
  options.background_threads = 1;
  options.generation_bytes = 64 << 10;
  MemoryLogDatabase database(options);
  Must(database.Open());
  Model model;
  WriteRound(*database, 0, &model);
  const OldState state{Must(database->GetSnapshot()), model};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  std::thread reader([&] {
    ReadOptions reading;
    reading.snapshot = state.snapshot.get();
    Value value;
    while (!stop) {
      for (const auto& [key, expected] : state.model) {
        const auto found = database->Get(reading, kDefaultTree, key, &value);
        wrong += !found || !*found || value.view() != expected;
      }
    }
  });
  for (uint64_t round = 1; round < 30; ++round) WriteRound(*database, round, &model);
  Must(database->Flush());
  stop = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(Must(database->GetStats()).spilled_generation_bytes > 0);
  CheckState(*database, state);
}

}  // namespace
}  // namespace sibyl::testing
