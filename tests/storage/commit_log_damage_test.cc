// Goal: whatever happens to the files of the commit log, opening it gives everything that was
// durable or an error that says what is missing; never a shorter log that looks whole.
// Method: a log is written and closed, or left as a killed process would leave it (its files are
// copied while it is open), one of its files is cut, flipped or deleted, and it is opened again.

#include <signal.h>
#include <sys/resource.h>

#include <rocksdb/db.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/commit_log.h"
#include "storage/commit_log_format.h"
#include "storage/commit_log_rocksdb_options.h"
#include "storage/commit_log_rocksdb_recovery.h"
#include "storage/commit_log_witness.h"
#include "tests/storage/commit_log_support.h"
#include "tests/storage/restart_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::TemporaryDirectory;

std::string ReadFile(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteFile(const Path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

// What a killed process leaves: the files as they are while `log` is open.
void CopyAsIfKilled(const Path& from, const Path& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to);
}

// The newest log file that is not empty.
Path NewestLogFile(const Path& directory) {
  const std::vector<uint64_t> numbers = Must(ListLogFiles(directory));
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    const Path path = directory / LogFileName(*number);
    if (std::filesystem::file_size(path) > 0) return path;
  }
  FAIL("no log file has bytes");
  return {};
}

// Opens `directory`, expecting kCorruption, and returns the message.
std::string CorruptionOf(const Path& directory) {
  auto log = OpenRocksDbLog(directory);
  if (log) {
    const auto entries = AllEntries(**log);
    FAIL("opened, with " << entries.size() << " entries");
  }
  CHECK(log.error().code == ErrorCode::kCorruption);
  CHECK_THAT(log.error().message, Catch::Contains(directory.string()));
  return log.error().message;
}

// Makes the witness say that only what is below `synced_end` was synced. (Closing syncs the rest.)
void ReplaceWitness(const Path& directory, uint64_t synced_end) {
  std::filesystem::remove(directory / "WITNESS");
  const auto witness = Must(LogWitness::Open(directory / "WITNESS"));
  witness->RecordSynced(synced_end > 1 ? synced_end : 0, 0, Must(ListLogFiles(directory)));
}

TEST_CASE("a cut tail that was never synced leaves a prefix", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  const uint64_t synced_end = GENERATE(uint64_t{1}, uint64_t{50});
  {
    const auto log = Must(OpenRocksDbLog(live));
    AppendFor(*log, 1, synced_end);
    Must(log->Sync());
    AppendFor(*log, synced_end, 100);
    CopyAsIfKilled(live, left);
  }
  const Path file = NewestLogFile(left);
  const std::string whole = ReadFile(file);
  size_t last_count = 99;
  for (size_t cut_bytes = 0; cut_bytes < whole.size(); cut_bytes += 1009) {
    CopyAsIfKilled(live, left);  // the closed log has the same file
    INFO("cut_bytes=" << cut_bytes);
    WriteFile(file, whole.substr(0, whole.size() - cut_bytes));
    ReplaceWitness(left, synced_end);
    const auto log = OpenRocksDbLog(left);
    if (!log) {
      CHECK(log.error().code == ErrorCode::kCorruption);
      INFO(log.error().ToString());
      CHECK(last_count <= synced_end);
      continue;
    }
    const auto entries = AllEntries(**log);
    CHECK(entries == EntriesFor(1, 1 + entries.size()));
    CHECK(entries.size() + 1 >= synced_end);
    CHECK(entries.size() <= last_count);
    last_count = entries.size();
  }
  CHECK(last_count < synced_end + 10);  // the cuts came that far
}

// Two generations with 1,000 and 500 entries, the first manifest and everything synced.
void WriteLog(const Path& directory) {
  const auto log = Must(OpenRocksDbLog(directory));
  AppendFor(*log, 1, 1000);
  Must(log->CommitManifest("manifest"));
  Must(log->StartGeneration());
  AppendFor(*log, 1000, 1500);
}

// The log that WriteLog wrote is whole, or it is not opened and `name` has a part in the message.
void CheckWholeOrCorrupt(const Path& directory, const std::string& name) {
  const auto log = OpenRocksDbLog(directory);
  if (log) {
    CHECK((AllEntries(**log) == EntriesFor(1, 1500)));
    CHECK((*log)->Manifest() == "manifest");
    return;
  }
  CHECK(log.error().code == ErrorCode::kCorruption);
  CHECK_THAT(log.error().message, Catch::Contains(directory.string()));
  CHECK_THAT(log.error().message, Catch::Contains(name));
}

TEST_CASE("a cut tail that was synced is corruption", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  WriteLog(live);
  for (const uint64_t number : Must(ListLogFiles(live))) {
    const Path file = left / LogFileName(number);
    const std::string whole = ReadFile(live / LogFileName(number));
    for (size_t cut_bytes = 1; cut_bytes <= whole.size(); cut_bytes += 1 + cut_bytes * 3) {
      INFO(file << " cut by " << cut_bytes << " of " << whole.size() << " bytes");
      CopyAsIfKilled(live, left);
      WriteFile(file, whole.substr(0, whole.size() - cut_bytes));
      CheckWholeOrCorrupt(left, "");
      if (cut_bytes < 100) continue;  // the end of an older file is kept elsewhere, too
      CorruptionOf(left);
      CorruptionOf(left);  // having looked once changes nothing
    }
  }
}

TEST_CASE("a flipped bit in any file is corruption, or harmless", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  WriteLog(live);
  const unsigned seed = 1;
  std::mt19937 random(seed);
  for (const auto& file : std::filesystem::directory_iterator(live)) {
    const std::string name = file.path().filename();
    const std::string whole = ReadFile(file.path());
    const bool is_log = name.ends_with(".log");
    for (int round = 0; round < (is_log ? 15 : 5) && !whole.empty(); ++round) {
      CopyAsIfKilled(live, left);
      std::string bytes = whole;
      const size_t at = random() % bytes.size();
      bytes[at] ^= static_cast<char>(1 << random() % 8);
      WriteFile(left / name, bytes);
      INFO("seed=" << seed << " file=" << name << " offset=" << at);
      CheckWholeOrCorrupt(left, is_log ? name : "");
      if (is_log) CorruptionOf(left);
    }
  }
}

TEST_CASE("unsynced bytes that a power cut damaged are cut off", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  const uint64_t synced_end = 200;
  AppendFor(*Must(OpenRocksDbLog(live)), 1, 500);
  const Path file = NewestLogFile(live);
  const std::string whole = ReadFile(file);
  const bool restarted = GENERATE(false, true);
  for (const size_t hole : {size_t{40000}, size_t{50000}, size_t{65536}}) {
    INFO("restarted=" << restarted << " hole=" << hole << " of " << whole.size());
    CopyAsIfKilled(live, left);
    std::string bytes = whole;
    bytes.replace(hole, 4096, std::string(4096, '\x5a'));
    WriteFile(left / file.filename(), bytes);
    ReplaceWitness(left, synced_end);
    if (!restarted) {  // then no power cut can have done this
      CHECK_THAT(CorruptionOf(left), Catch::Contains(file.filename().string()));
      continue;
    }
    PretendRestart(left);
    uint64_t end = 0;
    {
      const auto log = Must(OpenRocksDbLog(left));
      end = AllEntries(*log).size() + 1;
      CHECK(end >= synced_end);
      CHECK(end < 500);
      CHECK(AllEntries(*log) == EntriesFor(1, end));
      AppendFor(*log, end, end + 10);
    }
    const auto log = Must(OpenRocksDbLog(left));  // the damaged file is out of the way
    CHECK(AllEntries(*log) == EntriesFor(1, end + 10));
    const uint64_t generation = Must(log->StartGeneration());
    Must(log->DropGenerations(generation));
    CHECK(AllEntries(*log).empty());
  }
}

TEST_CASE("a restart is no excuse for damage to synced bytes", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  WriteLog(live);
  for (const uint64_t number : Must(ListLogFiles(live))) {
    std::string bytes = ReadFile(live / LogFileName(number));
    if (bytes.empty()) continue;
    INFO(LogFileName(number));
    CopyAsIfKilled(live, left);
    bytes[bytes.size() / 2] ^= 1;
    WriteFile(left / LogFileName(number), bytes);
    PretendRestart(left);
    CHECK_THAT(CorruptionOf(left), Catch::Contains(LogFileName(number)));
    CorruptionOf(left);
  }
}

TEST_CASE("a log file that is gone is missed, by name", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  WriteLog(live);
  const bool reopened = GENERATE(false, true);
  if (reopened) Must(OpenRocksDbLog(live));  // a newer, empty log file hides that one is gone
  for (const uint64_t number : Must(ListLogFiles(live))) {
    const std::string name = LogFileName(number);
    const bool needed = std::filesystem::file_size(live / name) > 0;
    INFO("deleted " << name);
    CopyAsIfKilled(live, left);
    std::filesystem::remove(left / name);
    CheckWholeOrCorrupt(left, name);
    if (needed) CHECK_THAT(CorruptionOf(left), Catch::Contains(name));
  }
  CopyAsIfKilled(live, left);
  for (const uint64_t number : Must(ListLogFiles(left))) {
    std::filesystem::remove(left / LogFileName(number));
  }
  CorruptionOf(left);
}

TEST_CASE("any other file that is gone is missed, or harmless", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  const Path left = home.path() / "left";
  WriteLog(live);
  for (const auto& file : std::filesystem::directory_iterator(live)) {
    const std::string name = file.path().filename();
    INFO("deleted " << name);
    CopyAsIfKilled(live, left);
    std::filesystem::remove(left / name);
    CheckWholeOrCorrupt(left, "");
    const bool vital = name == "CURRENT" || name == "WITNESS" || name.starts_with("MANIFEST");
    if (vital) CorruptionOf(left);
  }
  CopyAsIfKilled(live, left);
  for (const auto& file : std::filesystem::directory_iterator(left)) {
    if (file.path().filename() != "WITNESS") std::filesystem::remove(file.path());
  }
  CHECK_THAT(CorruptionOf(left), Catch::Contains("CURRENT"));
}

TEST_CASE("a missing manifest commit is corruption", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  const Path live = home.path() / "live";
  Must(OpenRocksDbLog(live));
  Must(Must(OpenRocksDbLog(live))->CommitManifest("manifest"));
  const Path file = NewestLogFile(live);
  Must(OpenRocksDbLog(live));  // a newer, empty log file hides that one is gone
  std::filesystem::remove(file);
  CHECK_THAT(CorruptionOf(live), Catch::Contains(file.filename().string()));
}

TEST_CASE("what is not a directory is refused", "[storage][commit_log]") {
  const TemporaryDirectory home;
  WriteFile(home.path() / "file", "text");
  const auto log = OpenRocksDbLog(home.path() / "file");
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().code == ErrorCode::kIo);
  CHECK_THAT(log.error().message, Catch::Contains((home.path() / "file").string()));
}

// Puts `key` into the meta family behind the log's back.
void PutMeta(const Path& directory, const std::string& key, const std::string& value) {
  OpenedLog opened = Must(OpenLogDatabase(directory));
  REQUIRE(opened.db->Put(rocksdb::WriteOptions(), opened.meta.get(), key, value).ok());
}

TEST_CASE("a newer format is not supported", "[storage][commit_log]") {
  const TemporaryDirectory home;
  PutMeta(home.path(), std::string(kLogFormatKey), EncodeLogNumber(kLogFormatVersion + 1));
  const auto log = OpenRocksDbLog(home.path());
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().code == ErrorCode::kNotSupported);
}

TEST_CASE("meta records that make no sense are corruption", "[storage][commit_log][damage]") {
  const TemporaryDirectory home;
  SECTION("a format that is no number") { PutMeta(home.path(), "format", ""); }
  SECTION("an unknown key") { PutMeta(home.path(), "surprise", EncodeLogNumber(1)); }
  SECTION("a manifest without a number") { PutMeta(home.path(), "manifest", ""); }
  SECTION("a generation without a family") {
    PutMeta(home.path(), GenerationStartKey(2), EncodeLogNumber(0));
  }
  SECTION("a start that does not follow") {
    PutMeta(home.path(), GenerationStartKey(1), EncodeLogNumber(7));
    AppendFor(*Must(OpenRocksDbLog(home.path())), 7, 9);
    PutMeta(home.path(), GenerationStartKey(1), EncodeLogNumber(6));
  }
  CorruptionOf(home.path());
}

TEST_CASE("log files are reclaimed, and nothing piles up", "[storage][commit_log]") {
  const TemporaryDirectory home;
  auto log = Must(OpenRocksDbLog(home.path()));
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(home.path()), {});
  };
  uint64_t sequence = 1;
  for (int cycle = 1; cycle <= 60; ++cycle) {
    if (cycle % 3 == 0) Must(log->PrepareGeneration());
    AppendFor(*log, sequence, sequence + 50);
    sequence += 50;
    const uint64_t generation = Must(log->StartGeneration());
    Must(log->CommitManifest(std::to_string(cycle)));
    Must(log->DropGenerations(generation));
    // A log file goes when the flush behind its rotation is done, in the background.
    for (int i = 0; i < 1000 && (log->DiskBytes() > 30000 || files() > 30); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    INFO("cycle " << cycle << ": " << log->DiskBytes() << " bytes, " << files() << " files");
    REQUIRE(log->DiskBytes() <= 30000);
    REQUIRE(files() <= 30);
    if (cycle % 20 == 0) {
      log.reset();
      log = Must(OpenRocksDbLog(home.path()));
      CHECK(log->Generations() == std::vector<uint64_t>{generation});
      CHECK(log->Manifest() == std::to_string(cycle));
      CHECK(EntriesOf(*log, generation).empty());
    }
  }
}

TEST_CASE("prepared families that are never used do not pile up", "[storage][commit_log]") {
  const TemporaryDirectory home;
  for (int round = 0; round < 5; ++round) {
    const auto log = Must(OpenRocksDbLog(home.path()));
    Must(log->PrepareGeneration());
    Must(log->PrepareGeneration());
    CHECK(log->Generations() == std::vector<uint64_t>{1});
  }
  CHECK(Must(OpenLogDatabase(home.path())).prepared.size() == 2);
  const auto log = Must(OpenRocksDbLog(home.path()));
  for (uint64_t generation = 2; generation < 6; ++generation) {
    CHECK(Must(log->StartGeneration()) == generation);
  }
}

// While it lives, no file of this process grows beyond `limit_bytes`: writes fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t limit_bytes) {
    old_handler_ = signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old_) == 0);
    const rlimit limit = {limit_bytes, old_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_;
  void (*old_handler_)(int);
};

// Appends from 1 on until it fails; returns the sequence that failed first.
uint64_t FillUp(CommitLog& log, const Path& directory) {
  for (uint64_t sequence = 1; sequence < 1000000; ++sequence) {
    const Status status = log.Append(sequence, 1, BytesFor(sequence));
    if (status) continue;
    CHECK(status.error().code == ErrorCode::kIo);
    CHECK_THAT(status.error().message, Catch::Contains(directory.string()));
    return sequence;
  }
  FAIL("never full");
  return 0;
}

template <typename T>
void CheckReadOnly(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::kReadOnly);
}

// After the append of `failed` has failed: nothing more is taken.
void CheckDead(CommitLog& log, uint64_t failed) {
  for (int round = 0; round < 2; ++round) {
    CheckReadOnly(log.Append(failed, 1, "again"));
    CheckReadOnly(log.Sync());
    CheckReadOnly(log.PrepareGeneration());
    CheckReadOnly(log.StartGeneration());
    CheckReadOnly(log.CommitManifest("new"));
    CheckReadOnly(log.DropGenerations(1));
  }
  CHECK(log.Manifest() == "manifest");
}

// All that was acknowledged is there, perhaps with the entry that failed, and more can be added.
void CheckHealed(const Path& directory, uint64_t failed) {
  uint64_t end = 0;
  {
    const auto log = Must(OpenRocksDbLog(directory));
    end = EntriesOf(*log, 1).size() + 1;
    CHECK((end == failed || end == failed + 1));
    CHECK((EntriesOf(*log, 1) == EntriesFor(1, end)));
    CHECK(log->Manifest() == "manifest");
    AppendFor(*log, end, end + 100);
    Must(log->StartGeneration());
    AppendFor(*log, end + 100, end + 200);
  }
  const auto log = Must(OpenRocksDbLog(directory));
  CHECK((AllEntries(*log) == EntriesFor(1, end + 200)));
}

// The guard that our memtables rely on is RocksDB's: it counts what a flush writes.
TEST_CASE("a forgetful memtable is never taken for one that was flushed", "[storage][commit_log]") {
  const TemporaryDirectory home;
  const std::string directory = (home.path() / "db").string();
  const auto logger = std::make_shared<QuietRocksDbLogger>();
  LogEnv env(std::nullopt);
  rocksdb::Options options(
      LogDbOptions(&env, logger, rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords),
      NewLogGenerationFamilyOptions());
  {
    rocksdb::DB* opened = nullptr;
    REQUIRE(rocksdb::DB::Open(options, directory, &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    REQUIRE(db->Put(rocksdb::WriteOptions(), "key", "value").ok());
    CHECK_FALSE(db->Flush(rocksdb::FlushOptions()).ok());
    CHECK_FALSE(db->Put(rocksdb::WriteOptions(), "another", "value").ok());
  }
  options = rocksdb::Options(options, LogGenerationFamilyOptions());
  rocksdb::DB* opened = nullptr;
  REQUIRE(rocksdb::DB::Open(options, directory, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::string value;
  REQUIRE(db->Get(rocksdb::ReadOptions(), "key", &value).ok());
  CHECK(value == "value");
}

TEST_CASE("a log that cannot be opened now is not called damaged", "[storage][commit_log]") {
  const QuietRocksDbLogger logger;
  const auto code_of = [&](const char* reason) {
    const auto status =
        rocksdb::Status::InvalidArgument("Found options incompatible with filesystem", reason);
    return FromRocksDbOpen("log", status, logger).code;
  };
  CHECK(code_of("IO error: log/CURRENT: Too many open files") == ErrorCode::kIo);
  CHECK(code_of("IO error: log/CURRENT: No such file or directory") == ErrorCode::kCorruption);
  CHECK(FromRocksDbOpen("log", rocksdb::Status::PathNotFound(), logger).code ==
        ErrorCode::kCorruption);
}

TEST_CASE("a log that was moved while it was written is opened again", "[storage][commit_log]") {
  const TemporaryDirectory home;
  const Path directory = home.path() / "log";
  const Path elsewhere = home.path() / "elsewhere";
  const bool has_successor = GENERATE(false, true);
  INFO((has_successor ? "another log takes its place" : "no log takes its place"));
  {
    const auto log = Must(OpenRocksDbLog(directory));
    AppendFor(*log, 1, 100);
    Must(log->StartGeneration());
    AppendFor(*log, 100, 200);
    std::filesystem::rename(directory, elsewhere);
    if (has_successor) {
      const auto successor = Must(OpenRocksDbLog(directory));
      for (int i = 0; i < 9; ++i) Must(successor->StartGeneration());
    }
    Must(log->Sync());  // which notes, as the witness, the files of its own
  }
  const auto log = Must(OpenRocksDbLog(elsewhere));
  CHECK(AllEntries(*log) == EntriesFor(1, 200));
}

TEST_CASE("a log file that may not grow makes the log read-only", "[storage][commit_log]") {
  const TemporaryDirectory home;
  const Path directory = home.path() / "log";
  uint64_t failed = 0;
  {
    const auto log = Must(OpenRocksDbLog(directory));
    Must(log->CommitManifest("manifest"));
    const FileSizeLimit limit(100000);
    failed = FillUp(*log, directory);
    CheckDead(*log, failed);
  }
  CheckHealed(directory, failed);
}

// Run by the next case in a process that has a small file system at $SIBYL_SMALL_DISK.
TEST_CASE("on a full disk", "[.full_disk]") {
  const Path disk = std::getenv("SIBYL_SMALL_DISK");
  const Path directory = disk / "log";
  WriteFile(disk / "ballast", std::string(1 << 20, 'b'));
  uint64_t failed = 0;
  {
    const auto log = Must(OpenRocksDbLog(directory));
    Must(log->CommitManifest("manifest"));
    failed = FillUp(*log, directory);
    CheckDead(*log, failed);
  }
  const auto still_full = OpenRocksDbLog(directory);
  REQUIRE_FALSE(still_full.has_value());
  CHECK(still_full.error().code == ErrorCode::kIo);
  CHECK_THAT(still_full.error().message, Catch::Contains("No space left"));
  std::filesystem::remove(disk / "ballast");
  CheckHealed(directory, failed);
}

TEST_CASE("a full disk makes the log read-only until it is opened again", "[storage][commit_log]") {
  if (std::system("unshare -rm true 2>/dev/null") != 0) {
    WARN("skipped: this machine does not let us mount a small file system");
    return;
  }
  const TemporaryDirectory home;
  const std::string disk = home.path().string();
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string script = "mount -t tmpfs -o size=6m tmpfs " + disk +
                             " && SIBYL_SMALL_DISK=" + disk + " exec " + program +
                             " '[.full_disk]'";
  CHECK(std::system(("unshare -rm sh -c \"" + script + "\"").c_str()) == 0);
}

}  // namespace
}  // namespace sibyl::storage
