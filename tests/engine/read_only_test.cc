// Goal: opening read-only shows the whole database and touches nothing: not a byte, not a time, not
// a lock; readers work on a folder that nobody may write to, several at once, and beside a writer.
// Method: the folder's files, sizes, times and bytes before and after are compared; a child process
// without the right to write opens it; a writer compacts while readers open and scan.

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/engine/database_fixture.h"
#include "tests/engine/killed_process.h"

namespace sibyl::testing {
namespace {

namespace fs = std::filesystem;

Options ReadOnlyOptions() {
  Options options = SmallOptions();
  options.read_only = true;
  return options;
}

// Names, sizes, times and bytes of everything below `directory`.
std::map<std::string, std::string> ImageOf(const fs::path& directory) {
  std::map<std::string, std::string> image;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    struct stat status = {};
    REQUIRE(stat(entry.path().c_str(), &status) == 0);
    std::string& about = image[entry.path().string()];
    about = std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) +
            " " + std::to_string(status.st_ino) + " ";
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    about.append(std::istreambuf_iterator<char>(file), {});
  }
  return image;
}

// A database with segments and, left by a crash, a log to replay.
class CrashedDatabase {
 public:
  CrashedDatabase() {
    InKilledProcess([this] {
      const auto database = Must(Database::Open(SmallOptions(), path()));
      Must(database->CreateTree("second"));
      for (uint64_t i = 0; i < kRecords; ++i) {
        Must(database->Put(BigEndianKey(i), std::string(100, 'v')));
      }
      Must(database->Flush());
      for (uint64_t i = 0; i < 100; ++i) Must(database->Put(BigEndianKey(i), "only in the log"));
      Must(database->Sync());  // so that the log may not do without them
      _exit(0);
    });
    for (uint64_t i = 0; i < kRecords; ++i) {
      expected_.emplace_back(BigEndianKey(i), i < 100 ? "only in the log" : std::string(100, 'v'));
    }
  }

  fs::path path() const { return directory_.path() / "db"; }
  const Records& expected() const { return expected_; }

 private:
  static constexpr uint64_t kRecords = 2000;

  TemporaryDirectory directory_;
  Records expected_;
};

TEST_CASE("a database opened read-only is whole, and nothing is touched", "[engine][read-only]") {
  const CrashedDatabase crashed;
  Options options = ReadOnlyOptions();
  options.read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  const auto before = ImageOf(crashed.path());
  {
    const auto one = Must(Database::Open(options, crashed.path()));
    const auto another = Must(Database::Open(options, crashed.path()));
    CHECK(one != another);
    CHECK(Everything(*one) == crashed.expected());
    CHECK(Everything(*another) == crashed.expected());
    CHECK(Must(one->Get(BigEndianKey(5))) == "only in the log");
    CHECK(Must(one->FindTree("second")).has_value());
    CHECK(Must(one->Verify()).ok());
    CHECK(Must(one->GetStats()).levels.size() > 0);
    const auto snapshot = Must(one->GetSnapshot());
    Value value;
    CHECK(Must(one->Get({snapshot.get()}, kDefaultTree, BigEndianKey(5), &value)));
  }
  CHECK(ImageOf(crashed.path()) == before);
}

TEST_CASE("every write to a database opened read-only is refused", "[engine][read-only]") {
  const CrashedDatabase crashed;
  const auto database = Must(Database::Open(ReadOnlyOptions(), crashed.path()));
  const auto refused = [](const auto& result) {
    return !result && result.error().code == ErrorCode::kReadOnly;
  };
  CHECK(refused(database->Put("a", "b")));
  CHECK(refused(database->Delete("a")));
  CHECK(refused(database->Sync()));
  CHECK(refused(database->Flush()));
  CHECK(refused(database->Compact()));
  CHECK(refused(database->CreateTree("x")));
  CHECK(refused(database->DropTree(Tree{2})));
  CHECK(refused(database->Ingest(kDefaultTree, SourceOf({{"a", "b"}}))));
  CHECK(refused(database->Checkpoint(crashed.path().parent_path() / "copy")));
  CHECK(refused(database->Backup(crashed.path().parent_path() / "backups")));
  const auto transaction = Must(database->BeginTransaction());
  Value value;
  CHECK(Must(transaction->Get(kDefaultTree, BigEndianKey(1), &value)));
  CHECK(refused(transaction->Put(kDefaultTree, "a", "b")));
  CHECK(transaction->Commit({.sync = true}));
}

TEST_CASE("what is no database is not opened read-only, nor made", "[engine][read-only]") {
  TemporaryDirectory place;
  for (const fs::path& path : {place.path(), place.path() / "nothing"}) {
    const auto database = Database::Open(ReadOnlyOptions(), path);
    REQUIRE_FALSE(database);
    CHECK(database.error().code == ErrorCode::kInvalidArgument);
  }
  CHECK(fs::is_empty(place.path()));
}

TEST_CASE("damage is found when opening read-only", "[engine][read-only]") {
  const CrashedDatabase crashed;
  for (const auto& entry : fs::directory_iterator(crashed.path() / "log")) {
    if (entry.path().extension() == ".log") fs::resize_file(entry.path(), 0);
  }
  const auto before = ImageOf(crashed.path());
  const auto database = Database::Open(ReadOnlyOptions(), crashed.path());
  REQUIRE_FALSE(database);
  CHECK(database.error().code == ErrorCode::kCorruption);
  CHECK(ImageOf(crashed.path()) == before);
}

TEST_CASE("without the right to write, reading works", "[engine][read-only]") {
  const CrashedDatabase crashed;
  for (const auto& entry : fs::recursive_directory_iterator(crashed.path().parent_path())) {
    const bool is_file = entry.is_regular_file();
    fs::permissions(entry.path(), static_cast<fs::perms>(is_file ? 0444 : 0555));
  }
  fs::permissions(crashed.path().parent_path(), static_cast<fs::perms>(0755));
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    const auto database = Database::Open(ReadOnlyOptions(), crashed.path());
    if (!database) _exit(3);
    const auto found = (*database)->Get(BigEndianKey(5));
    _exit(found && *found == "only in the log" ? 0 : 4);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  for (const auto& entry : fs::recursive_directory_iterator(crashed.path())) {
    fs::permissions(entry.path(), fs::perms::owner_all);
  }
}

TEST_CASE("a reader does not keep a writer out, nor see what it writes later",
          "[engine][read-only]") {
  TestDatabase database;
  Must(database->Put("a", "1"));
  const auto early = Must(Database::Open(ReadOnlyOptions(), database.path()));
  CHECK(Must(early->Get("a")) == "1");
  Must(database->Put("a", "2"));
  CHECK(Must(early->Get("a")) == "1");
  database.Reopen();
  Must(database->Put("a", "3"));
  CHECK(Must(Must(Database::Open(ReadOnlyOptions(), database.path()))->Get("a")) == "3");
  Must(database->Compact());
  CHECK(Must(early->Get("a")) == "1");
  CHECK(Must(early->Verify()).ok());
  Options options = SmallOptions();
  options.read_only = false;
  CHECK(Must(Database::Open(options, database.path())).get() == &*database);
}

TEST_CASE("readers open beside a writer that compacts all the time", "[engine][read-only]") {
  Options options = SmallOptions();
  options.generation_bytes = 16 << 10;
  TestDatabase database(options);
  std::atomic<uint64_t> written{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t i = 0; !stop; ++i) {
      Must(database->Put(BigEndianKey(i), std::string(60, 'v')));
      written.store(i + 1, std::memory_order_release);
    }
  });
  int opened = 0;
  for (int round = 0; round < 15; ++round) {
    const uint64_t at_least = written.load(std::memory_order_acquire);
    const auto reader = Database::Open(ReadOnlyOptions(), database.path());
    if (!reader) {
      CHECK(reader.error().code == ErrorCode::kBusy);
      continue;
    }
    ++opened;
    const uint64_t at_most = written.load(std::memory_order_acquire) + 1;
    const Records records = Everything(**reader);
    CHECK(records.size() >= at_least);
    CHECK(records.size() <= at_most);
    for (uint64_t i = 0; i < records.size(); ++i) REQUIRE(records[i].first == BigEndianKey(i));
  }
  CHECK(opened > 0);
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace sibyl::testing
