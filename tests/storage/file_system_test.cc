// Goal: files behave as storage relies on: exact reads, honest errors that name the path, locks
// that exclude this process too, atomic replacement.
// Method: the real file system, in a fresh temporary directory per case.

#include "storage/file_system.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::TemporaryDirectory;

void Write(const Path& path, std::string_view bytes) {
  auto file = PosixFileSystem().Create(path);
  REQUIRE(file);
  REQUIRE(file.value()->Append(bytes));
  REQUIRE(file.value()->Sync());
}

TEST_CASE("what was appended is read back, whole and in parts", "[storage][file_system]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "file";
  auto& files = PosixFileSystem();
  Write(path, "0123456789");
  CHECK(files.ReadAll(path).value() == "0123456789");

  const auto file = files.Open(path);
  REQUIRE(file);
  CHECK(file.value()->size_bytes() == 10);
  char out[4] = {};
  REQUIRE(file.value()->Read(3, 4, out));
  CHECK(std::string_view(out, 4) == "3456");
  REQUIRE(file.value()->Read(10, 0, out));
  const auto mapping = file.value()->Map();
  REQUIRE(mapping);
  CHECK(mapping.value()->bytes() == "0123456789");

  Write(path, "new");  // Create empties
  CHECK(files.ReadAll(path).value() == "new");
}

TEST_CASE("a read past the end is corruption, naming file and offset", "[storage][file_system]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "short";
  Write(path, "abc");
  const auto file = PosixFileSystem().Open(path);
  char out[4];
  const auto status = file.value()->Read(1, 4, out);
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::kCorruption);
  CHECK_THAT(status.error().message, Catch::Contains(path.string()) && Catch::Contains("offset 1"));
}

TEST_CASE("an empty file can be read and mapped", "[storage][file_system]") {
  const TemporaryDirectory directory;
  Write(directory.path() / "empty", "");
  const auto file = PosixFileSystem().Open(directory.path() / "empty");
  REQUIRE(file);
  CHECK(file.value()->Map().value()->bytes().empty());
  CHECK(PosixFileSystem().ReadAll(directory.path() / "empty").value().empty());
}

TEST_CASE("a mapping outlives its file object and the file's name", "[storage][file_system]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "file";
  Write(path, "still here");
  const auto mapping = PosixFileSystem().Open(path).value()->Map();
  REQUIRE(PosixFileSystem().Remove(path));
  CHECK(mapping.value()->bytes() == "still here");
}

TEST_CASE("errors name the path and the reason", "[storage][file_system]") {
  const TemporaryDirectory directory;
  auto& files = PosixFileSystem();
  const Path missing = directory.path() / "no" / "such";
  const auto is_missing_error = [&](const Error& error) {
    CHECK(error.code == ErrorCode::kIo);
    CHECK_THAT(error.message,
               Catch::Contains(missing.string()) && Catch::Contains("No such file or directory"));
  };
  is_missing_error(files.Open(missing).error());
  is_missing_error(files.Create(missing).error());
  is_missing_error(files.ReadAll(missing).error());
  is_missing_error(files.List(missing).error());
  is_missing_error(files.SyncDirectory(missing).error());
  is_missing_error(files.Rename(missing, directory.path() / "x").error());
  is_missing_error(files.Lock(missing).error());
  CHECK(files.Open(directory.path()).error().code == ErrorCode::kIo);  // a directory is no file
}

TEST_CASE("names come, move and go", "[storage][file_system]") {
  const TemporaryDirectory directory;
  auto& files = PosixFileSystem();
  const Path deep = directory.path() / "a" / "b";
  REQUIRE(files.CreateDirectory(deep));
  REQUIRE(files.CreateDirectory(deep));
  Write(deep / "2", "two");
  Write(deep / "10", "ten");
  CHECK(files.List(deep).value() == std::vector<std::string>{"10", "2"});
  REQUIRE(files.Rename(deep / "2", deep / "10"));
  CHECK(files.List(deep).value() == std::vector<std::string>{"10"});
  CHECK(files.ReadAll(deep / "10").value() == "two");
  CHECK(files.Exists(deep / "10").value());
  REQUIRE(files.SyncDirectory(deep));
  REQUIRE(files.Remove(deep / "10"));
  REQUIRE(files.Remove(deep / "10"));
  CHECK_FALSE(files.Exists(deep / "10").value());
}

TEST_CASE("a lock excludes this process, others, and children", "[storage][file_system]") {
  const TemporaryDirectory directory;
  auto& files = PosixFileSystem();
  const Path path = directory.path() / "LOCK";
  auto lock = files.Lock(path);
  REQUIRE(lock);
  const auto second = files.Lock(path);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::kBusy);
  CHECK_THAT(second.error().message,
             Catch::Contains(path.string()) && Catch::Contains(std::to_string(::getpid())));

  // A child that lets go of its inherited copy must not unlock the parent's.
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = !files.Lock(path);
    lock.value().reset();
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK_FALSE(files.Lock(path));

  lock.value().reset();
  CHECK(files.Lock(path));
}

TEST_CASE("an atomic write replaces the content and leaves nothing else",
          "[storage][file_system]") {
  const TemporaryDirectory directory;
  auto& files = PosixFileSystem();
  const Path path = directory.path() / "file";
  REQUIRE(WriteFileAtomically(files, path, "old"));
  REQUIRE(WriteFileAtomically(files, path, "new"));
  CHECK(files.ReadAll(path).value() == "new");
  CHECK(files.List(directory.path()).value() == std::vector<std::string>{"file"});
  CHECK_FALSE(WriteFileAtomically(files, directory.path() / "no" / "file", "x"));
}

}  // namespace
}  // namespace sibyl::storage
