// Goal: a commit log keeps what was appended, in order, generation by generation, and never claims
// to be whole when it is not.
// Method: one list of semantics run against both implementations through a factory that can reopen;
// then the RocksDB log alone is damaged on disk in every way we know, and must say so.

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "storage/commit_log.h"
#include "tests/storage/commit_log_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using Numbers = std::vector<uint64_t>;

// A log that can be closed and opened again, whatever it is made of.
class Reopenable {
 public:
  virtual ~Reopenable() = default;
  CommitLog& operator*() { return *log_; }
  CommitLog* operator->() { return log_.get(); }
  void Reopen() {
    log_.reset();
    log_ = Open();
  }

 protected:
  virtual std::unique_ptr<CommitLog> Open() = 0;
  std::unique_ptr<CommitLog> log_;
};

class ReopenableMemoryLog final : public Reopenable {
 public:
  ReopenableMemoryLog() { log_ = Open(); }

 private:
  std::unique_ptr<CommitLog> Open() override { return OpenMemoryLog(state_); }
  std::shared_ptr<MemoryLogState> state_ = NewMemoryLogState();
};

#ifdef SIBYL_WITH_ROCKSDB
class ReopenableRocksDbLog final : public Reopenable {
 public:
  ReopenableRocksDbLog() { log_ = Open(); }
  ~ReopenableRocksDbLog() override { log_.reset(); }

 private:
  std::unique_ptr<CommitLog> Open() override { return Must(OpenRocksDbLog(directory_.path())); }
  testing::TemporaryDirectory directory_;
};
#endif

std::vector<std::function<std::unique_ptr<Reopenable>()>> Factories() {
  return {
      [] { return std::make_unique<ReopenableMemoryLog>(); },
#ifdef SIBYL_WITH_ROCKSDB
      [] { return std::make_unique<ReopenableRocksDbLog>(); },
#endif
  };
}

TEST_CASE("a new log has one empty generation and no manifest", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  for (int round = 0; round < 3; ++round) {
    CHECK((*log)->Generations() == Numbers{1});
    CHECK_FALSE((*log)->Manifest().has_value());
    CHECK(EntriesOf(**log, 1).empty());
    log->Reopen();
  }
}

TEST_CASE("what was appended is replayed in order after each reopening", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  uint64_t end = 1;
  for (int round = 0; round < 4; ++round) {
    AppendFor(**log, end, end + 500);
    end += 500;
    if (round % 2 == 0) Must((*log)->Sync());
    log->Reopen();
    CHECK((*log)->Generations() == Numbers{1});
    CHECK(EntriesOf(**log, 1) == EntriesFor(1, end));
  }
  CHECK(EntriesOf(**log, 1) == EntriesFor(1, end));  // twice
}

TEST_CASE("entries of any size, with skipped sequences", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  const std::vector<OwnedEntry> entries = {
      {0, 1, ""},
      {1, 5, std::string(1, '\0')},
      {6, 1, std::string(32 << 10, '\xff')},
      {100, 1000, std::string(5 << 20, 'x')},
      {1100, 1, "y"},
      {uint64_t{1} << 63, 1, "far"},
      {~uint64_t{0} - 1, 1, "last"},
  };
  for (const OwnedEntry& entry : entries) {
    Must((*log)->Append(entry.first_sequence, entry.record_count, entry.bytes));
  }
  log->Reopen();
  CHECK((EntriesOf(**log, 1) == entries));
}

TEST_CASE("replay stops at the first error of its callback", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  AppendFor(**log, 1, 10);
  log->Reopen();
  int calls = 0;
  const Status status = (*log)->Replay(1, [&](const LogEntry& entry) -> Status {
    ++calls;
    if (entry.first_sequence == 3) return Error{ErrorCode::kConflict, "enough"};
    return Ok();
  });
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "enough");
  CHECK(calls == 3);
  const Status unknown = (*log)->Replay(2, [](const LogEntry&) { return Ok(); });
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("the manifest is the last one committed", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  const std::vector<std::string> manifests = {"first", "", std::string("\0\xff", 2),
                                              std::string(3 << 20, 'm')};
  for (const std::string& manifest : manifests) {
    Must((*log)->CommitManifest(manifest));
    CHECK((*log)->Manifest() == manifest);
    log->Reopen();
    CHECK((*log)->Manifest() == manifest);
  }
}

#ifdef SIBYL_WITH_ROCKSDB
TEST_CASE("opening again and again leaves few files", "[storage][commit_log]") {
  const testing::TemporaryDirectory folder;
  const Path directory = folder.path() / "log";
  const auto files = [&] {
    const std::filesystem::directory_iterator all(directory);
    return std::distance(begin(all), end(all));
  };
  Must(OpenRocksDbLog(directory));
  Must(Must(OpenRocksDbLog(directory))->CommitManifest("kept"));
  for (int i = 0; i < 60; ++i) CHECK(Must(OpenRocksDbLog(directory))->Manifest() == "kept");
  CHECK(files() < 30);
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    CHECK_FALSE(file.path().filename().string().starts_with("OPTIONS"));  // nobody reads them
  }
  {
    const auto log = Must(OpenRocksDbLog(directory));
    AppendFor(*log, 1, 50);
  }
  for (int i = 0; i < 12; ++i) {
    CHECK(AllEntries(*Must(OpenRocksDbLog(directory))) == EntriesFor(1, 50));
  }
}
#endif

TEST_CASE("a generation ends at the barrier and goes when it is dropped", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  const bool prepare = GENERATE(false, true);
  const bool reopen = GENERATE(false, true);
  INFO("prepare=" << prepare << " reopen=" << reopen);

  AppendFor(**log, 1, 100);
  if (prepare) Must((*log)->PrepareGeneration());
  if (reopen) log->Reopen();
  CHECK(Must((*log)->StartGeneration()) == 2);
  AppendFor(**log, 100, 200);
  CHECK(Must((*log)->StartGeneration()) == 3);
  CHECK(Must((*log)->StartGeneration()) == 4);  // an empty generation is one, too
  AppendFor(**log, 200, 300);

  log->Reopen();
  CHECK((*log)->Generations() == Numbers{1, 2, 3, 4});
  CHECK(EntriesOf(**log, 1) == EntriesFor(1, 100));
  CHECK(EntriesOf(**log, 2) == EntriesFor(100, 200));
  CHECK(EntriesOf(**log, 3).empty());
  CHECK(EntriesOf(**log, 4) == EntriesFor(200, 300));

  Must((*log)->DropGenerations(3));
  CHECK((*log)->Generations() == Numbers{3, 4});
  Must((*log)->DropGenerations(3));  // nothing left to do
  AppendFor(**log, 300, 310);
  if (reopen) log->Reopen();
  Must((*log)->DropGenerations(4));
  log->Reopen();
  CHECK((*log)->Generations() == Numbers{4});
  CHECK(AllEntries(**log) == EntriesFor(200, 310));
}

TEST_CASE("every other method runs beside the writer", "[storage][commit_log]") {
  const auto log = GENERATE(from_range(Factories()))();
  const uint64_t end = 2000;
  std::atomic<uint64_t> active = 1;
  std::atomic<bool> done = false;
  const auto repeat = [&](auto work) {
    return std::thread([&done, work] {
      while (!done) work();
    });
  };
  // Errors are checked after the threads are gone: Catch is not for several threads.
  std::atomic<int> errors = 0;
  const auto expect = [&errors](const auto& result) { errors += result.has_value() ? 0 : 1; };
  std::vector<std::thread> others;
  others.push_back(repeat([&] { expect((*log)->Sync()); }));
  others.push_back(repeat([&] { expect((*log)->PrepareGeneration()); }));
  others.push_back(repeat([&] {
    const uint64_t floor = active;
    expect((*log)->CommitManifest(std::to_string(floor)));
    if (floor > 1) expect((*log)->DropGenerations(floor - 1));
    (*log)->DiskBytes();
    (*log)->Generations();
  }));
  for (uint64_t sequence = 1; sequence < end; ++sequence) {
    expect((*log)->Append(sequence, 1, BytesFor(sequence)));
    if (sequence % 100 != 0) continue;
    const auto generation = (*log)->StartGeneration();
    expect(generation);
    if (generation) active = *generation;
  }
  done = true;
  for (std::thread& other : others) other.join();
  CHECK(errors == 0);

  Must((*log)->DropGenerations(active - 1));
  log->Reopen();
  CHECK((*log)->Generations() == Numbers{active - 1, active});
  CHECK(AllEntries(**log) == EntriesFor(end - 199, end));
}

}  // namespace
}  // namespace sibyl::storage
