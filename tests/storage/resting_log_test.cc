// Goal: a log that was closed with nothing to replay is not opened before something is written, and
// nobody can tell but by the clock; whatever is wrong with its note, the log itself is asked.
// Method: a RocksDB log whose openings are counted is closed and opened in every state; its note
// and its files are damaged, and copies are taken while it is open, as a crash would leave them.

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "storage/resting_log.h"
#include "tests/storage/commit_log_support.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

class Folder {
 public:
  Path path() const { return directory_.path() / "log"; }
  Path note() const { return path() / "RESTING"; }
  bool has_note() const { return std::filesystem::exists(note()); }
  int openings() const { return openings_; }

  std::unique_ptr<CommitLog> Open() { return OpenAt(path()); }
  std::unique_ptr<CommitLog> OpenAt(const Path& path) {
    return Must(OpenRestingLog(
        PosixFileSystem(), path,
        [this](const Path& directory) {
          ++openings_;
          return OpenRocksDbLog(directory);
        },
        OpenRocksDbLogReadOnly));
  }
  std::unique_ptr<CommitLog> OpenReadOnly() {
    return Must(OpenRestingLogReadOnly(PosixFileSystem(), path(), [this](const Path& directory) {
      ++openings_;
      return OpenRocksDbLogReadOnly(directory);
    }));
  }

  // As a crash of the process would leave it.
  Path Copy() {
    const Path copy = directory_.path() / ("copy " + std::to_string(++copies_));
    std::filesystem::copy(path(), copy, std::filesystem::copy_options::recursive);
    return copy;
  }

  // A log at rest in generation 3, with a manifest.
  void MakeResting() {
    const auto log = Open();
    AppendFor(*log, 1, 20);
    Must(log->StartGeneration());
    AppendFor(*log, 20, 30);
    const uint64_t active = Must(log->StartGeneration());
    Must(log->CommitManifest("the manifest"));
    Must(log->DropGenerations(active));
    REQUIRE(active == 3);
  }

 private:
  const testing::TemporaryDirectory directory_;
  int openings_ = 0;
  int copies_ = 0;
};

std::string ContentOf(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Overwrite(const Path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string FilesOf(const Path& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path().filename().string() + ContentOf(entry.path()));
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const std::string& file : files) all += file;
  return all;
}

TEST_CASE("a new log does not rest, nor one with entries", "[commit_log][resting]") {
  Folder folder;
  folder.Open();
  CHECK(!folder.has_note());  // it has no manifest
  AppendFor(*folder.Open(), 1, 10);
  CHECK(!folder.has_note());
  Must(folder.Open()->CommitManifest("kept"));
  CHECK(!folder.has_note());
  const auto log = folder.Open();
  CHECK(folder.openings() == 4);
  CHECK(AllEntries(*log) == EntriesFor(1, 10));
  CHECK(log->Manifest() == "kept");
}

TEST_CASE("a log that rests is read without being opened", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  REQUIRE(folder.has_note());
  const std::string files = FilesOf(folder.path());
  for (int i = 0; i < 3; ++i) {
    const auto log = folder.Open();
    CHECK(log->Manifest() == "the manifest");
    CHECK(log->Generations() == std::vector<uint64_t>{3});
    CHECK(AllEntries(*log).empty());
    CHECK(!log->Replay(2, [](const LogEntry&) { return Ok(); }));
    Must(log->DropGenerations(3));
    Must(log->Sync());
  }
  CHECK(folder.openings() == 1);
  CHECK(FilesOf(folder.path()) == files);
}

TEST_CASE("the first write opens the log, and a crash loses nothing of it",
          "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  Path crashed;
  SECTION("an entry") {
    const auto log = folder.Open();
    AppendFor(*log, 30, 35);
    CHECK(!folder.has_note());
    CHECK(log->Manifest() == "the manifest");
    crashed = folder.Copy();
    CHECK(AllEntries(*folder.OpenAt(crashed)) == EntriesFor(30, 35));
  }
  SECTION("a manifest") {
    const auto log = folder.Open();
    Must(log->CommitManifest("the next"));
    crashed = folder.Copy();
    CHECK(folder.OpenAt(crashed)->Manifest() == "the next");
  }
  SECTION("a generation") {
    const auto log = folder.Open();
    CHECK(Must(log->StartGeneration()) == 4);
    crashed = folder.Copy();
    CHECK(folder.OpenAt(crashed)->Generations() == std::vector<uint64_t>{3, 4});
  }
  SECTION("what is prepared for the next generation") { Must(folder.Open()->PrepareGeneration()); }
  CHECK(folder.openings() >= 2);
}

TEST_CASE("a log rests again after it was awake", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  {
    const auto log = folder.Open();
    AppendFor(*log, 30, 35);
    const uint64_t active = Must(log->StartGeneration());
    Must(log->CommitManifest("after"));
    Must(log->DropGenerations(active));
  }
  CHECK(folder.has_note());
  const int openings = folder.openings();
  const auto log = folder.Open();
  CHECK(log->Manifest() == "after");
  CHECK(log->Generations() == std::vector<uint64_t>{4});
  CHECK(folder.openings() == openings);
  AppendFor(*log, 35, 36);
  CHECK(AllEntries(*folder.OpenAt(folder.Copy())) == EntriesFor(35, 36));
}

TEST_CASE("a damaged note is no note", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  const std::string note = ContentOf(folder.note());
  const auto must_open_the_log = [&](const std::string& damaged) {
    const int openings = folder.openings();
    const Path copy = folder.Copy();
    Overwrite(copy / "RESTING", damaged);
    const auto log = folder.OpenAt(copy);
    CHECK(log->Manifest() == "the manifest");
    CHECK(folder.openings() == openings + 1);
  };
  for (size_t i = 0; i < note.size(); i += 17) {
    INFO("byte " << i << " of " << note.size());
    std::string damaged = note;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    must_open_the_log(damaged);
  }
  for (const size_t size : {size_t{0}, size_t{7}, note.size() / 2, note.size() - 1}) {
    INFO("cut to " << size);
    must_open_the_log(note.substr(0, size));
  }
  must_open_the_log(note + "x");
}

TEST_CASE("a note about other files is no note", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  const auto must_open_the_log = [&](const Path& copy) {
    const int openings = folder.openings();
    CHECK(folder.OpenAt(copy)->Manifest() == "the manifest");
    CHECK(folder.openings() == openings + 1);
  };
  SECTION("one more") {
    const Path copy = folder.Copy();
    Overwrite(copy / "another", "");
    must_open_the_log(copy);
  }
  SECTION("written to by who does not know of notes") {
    const Path copy = folder.Copy();
    AppendFor(*Must(OpenRocksDbLog(copy)), 30, 40);
    REQUIRE(std::filesystem::exists(copy / "RESTING"));
    const auto log = folder.OpenAt(copy);
    CHECK(AllEntries(*log) == EntriesFor(30, 40));
  }
  SECTION("the log is gone") {
    const Path copy = folder.Copy();
    for (const auto& entry : std::filesystem::directory_iterator(copy)) {
      if (entry.path().filename() != "RESTING") std::filesystem::remove(entry.path());
    }
    CHECK(folder.OpenAt(copy)->Manifest() == std::nullopt);  // as a new one
  }
  SECTION("one file is gone") {
    const Path copy = folder.Copy();
    std::filesystem::remove(copy / "CURRENT");
    const auto log =
        OpenRestingLog(PosixFileSystem(), copy, OpenRocksDbLog, OpenRocksDbLogReadOnly);
    REQUIRE(!log);
    CHECK(log.error().code == ErrorCode::kCorruption);
  }
}

TEST_CASE("a log that is not the one of the note takes no write", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  const auto other = NewMemoryLogState();
  Must(OpenMemoryLog(other)->CommitManifest("another"));
  const auto log = Must(OpenRestingLog(
      PosixFileSystem(), folder.path(),
      [&](const Path&) -> Result<std::unique_ptr<CommitLog>> { return OpenMemoryLog(other); },
      [&](const Path&) -> Result<std::unique_ptr<CommitLog>> { return OpenMemoryLog(other); }));
  const Status verified = log->Verify();
  REQUIRE(!verified);
  CHECK(verified.error().code == ErrorCode::kCorruption);
  const Status appended = log->Append(30, 1, "lost");
  REQUIRE(!appended);
  CHECK(appended.error().code == ErrorCode::kCorruption);
}

// Of every file but the note and those that recovery does not need.
TEST_CASE("damage to a log that rests is found by who asks for it", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    const std::string content = ContentOf(entry.path());
    if (content.empty() || name == "RESTING" || name == "IDENTITY") continue;
    INFO(name);
    CHECK(folder.Open()->Verify());
    CHECK(folder.OpenReadOnly()->Verify());
    std::string changed = content;
    for (size_t i = 0; i < changed.size(); i += 40) changed[i] ^= 0x20;
    Overwrite(entry.path(), changed);
    REQUIRE(folder.has_note());
    for (const bool read_only : {false, true}) {
      const auto log = read_only ? folder.OpenReadOnly() : folder.Open();
      CHECK(log->Manifest() == "the manifest");
      const Status verified = log->Verify();
      REQUIRE(!verified);
      CHECK(verified.error().code == ErrorCode::kCorruption);
    }
    Overwrite(entry.path(), content);
    ++damaged;
  }
  CHECK(damaged >= 4);  // CURRENT, MANIFEST, WITNESS, what RocksDB has of ours
}

TEST_CASE("a damaged log that rests takes no write, and is read as before",
          "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    if (entry.file_size() == 0 || name == "RESTING" || name == "IDENTITY") continue;
    INFO(name);
    const Path copy = folder.Copy();
    std::string changed = ContentOf(copy / name);
    for (size_t i = 0; i < changed.size(); i += 40) changed[i] ^= 0x20;
    Overwrite(copy / name, changed);
    for (int opening = 0; opening < 2; ++opening) {
      const auto log = folder.OpenAt(copy);
      CHECK(log->Manifest() == "the manifest");
      CHECK(log->Generations() == std::vector<uint64_t>{3});
      const Status appended = log->Append(30, 1, "lost");
      REQUIRE(!appended);
      CHECK(appended.error().code == ErrorCode::kCorruption);
      CHECK(log->Manifest() == "the manifest");
    }
  }
}

TEST_CASE("a log does not follow its path to another folder", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  const auto asleep = folder.Open();
  const Path moved = folder.path().parent_path() / "moved";
  SECTION("moved away, another at rest in its place") {
    std::filesystem::rename(folder.path(), moved);
    folder.MakeResting();
  }
  SECTION("deleted, another at rest in its place") {
    std::filesystem::remove_all(folder.path());
    folder.MakeResting();
  }
  SECTION("deleted") { std::filesystem::remove_all(folder.path()); }
  SECTION("moved away") { std::filesystem::rename(folder.path(), moved); }
  const bool is_there = std::filesystem::exists(folder.path());
  const std::string files = is_there ? FilesOf(folder.path()) : "";
  const Status appended = asleep->Append(30, 1, "lost");
  REQUIRE(!appended);
  CHECK(appended.error().code == ErrorCode::kIo);
  CHECK(std::filesystem::exists(folder.path()) == is_there);
  if (is_there) CHECK(FilesOf(folder.path()) == files);
}

TEST_CASE("no note is left in another folder", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  auto awake = folder.Open();
  Must(awake->CommitManifest("of what was moved"));
  std::filesystem::rename(folder.path(), folder.path().parent_path() / "moved");
  std::filesystem::create_directory(folder.path());
  awake.reset();
  CHECK(!folder.has_note());
}

TEST_CASE("a log that cannot be opened says so at the first write", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  bool broken = true;
  const auto log = Must(OpenRestingLog(
      PosixFileSystem(), folder.path(),
      [&](const Path& directory) -> Result<std::unique_ptr<CommitLog>> {
        if (broken) return Error{ErrorCode::kIo, "no more files"};
        return OpenRocksDbLog(directory);
      },
      OpenRocksDbLogReadOnly));
  CHECK(log->Verify());
  const Status appended = log->Append(30, 1, BytesFor(30));
  REQUIRE(!appended);
  CHECK(appended.error().message == "no more files");
  broken = false;
  AppendFor(*log, 30, 31);
  CHECK(AllEntries(*folder.OpenAt(folder.Copy())) == EntriesFor(30, 31));
}

TEST_CASE("reading a log that rests touches no file", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  const std::string files = FilesOf(folder.path());
  {
    const auto log = folder.OpenReadOnly();
    CHECK(log->Manifest() == "the manifest");
    CHECK(AllEntries(*log).empty());
    for (const Status& status :
         {log->Append(30, 1, "no"), log->CommitManifest("no"), log->PrepareGeneration()}) {
      REQUIRE(!status);
      CHECK(status.error().code == ErrorCode::kReadOnly);
    }
  }
  CHECK(folder.openings() == 1);
  CHECK(FilesOf(folder.path()) == files);
  AppendFor(*folder.Open(), 30, 31);
  CHECK(AllEntries(*folder.OpenReadOnly()) == EntriesFor(30, 31));
}

TEST_CASE("several threads may wake the log", "[commit_log][resting]") {
  Folder folder;
  folder.MakeResting();
  const auto log = folder.Open();
  std::array<Status, 3> results = {Ok(), Ok(), Ok()};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    for (uint64_t i = 30; i < 60 && results[0]; ++i) results[0] = log->Append(i, 1, BytesFor(i));
  });
  threads.emplace_back([&] { results[1] = log->CommitManifest("beside"); });
  threads.emplace_back([&] { results[2] = log->Sync(); });
  for (std::thread& thread : threads) thread.join();
  for (const Status& result : results) CHECK(result);
  CHECK(folder.openings() == 2);
  const auto after = folder.OpenAt(folder.Copy());
  CHECK(AllEntries(*after) == EntriesFor(30, 60));
  CHECK(after->Manifest() == "beside");
}

}  // namespace
}  // namespace sibyl::storage
