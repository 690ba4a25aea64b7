// Goal: the tests' own tool does what it says: without it a durability test proves nothing.

#include "tests/support/fault_file_system.h"

#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"

namespace sibyl::storage {
namespace {

using testing::FaultFileSystem;
using testing::TemporaryDirectory;

std::unique_ptr<WritableFile> Create(FileSystem& files, const Path& path, std::string_view bytes) {
  auto file = files.Create(path);
  REQUIRE(file);
  REQUIRE(file.value()->Append(bytes));
  return std::move(file).value();
}

TEST_CASE("a power cut takes back unsynced bytes and names", "[support][fault]") {
  const TemporaryDirectory directory;
  FaultFileSystem files;
  const Path kept = directory.path() / "kept";
  const auto file = Create(files, kept, "durable");
  REQUIRE(file->Sync());
  REQUIRE(files.SyncDirectory(directory.path()));
  REQUIRE(file->Append(" lost"));
  const Path nameless = directory.path() / "nameless";
  REQUIRE(Create(files, nameless, "synced, but its name is not")->Sync());

  files.PowerCut();
  CHECK(files.ReadAll(kept).value() == "durable");
  CHECK_FALSE(files.Exists(nameless).value());
  CHECK_FALSE(file->Append("x"));  // opened before
  CHECK_FALSE(file->Sync());
  CHECK(files.ReadAll(kept).value() == "durable");
}

TEST_CASE("a power cut takes back removals and renames", "[support][fault]") {
  const TemporaryDirectory directory;
  FaultFileSystem files;
  const Path a = directory.path() / "a";
  const Path b = directory.path() / "b";
  REQUIRE(Create(files, a, "A")->Sync());
  REQUIRE(Create(files, b, "B")->Sync());
  REQUIRE(files.SyncDirectory(directory.path()));

  REQUIRE(files.Remove(a));
  REQUIRE(files.Rename(b, a));
  REQUIRE(files.Rename(a, b));
  REQUIRE(files.Rename(b, a));
  files.PowerCut();
  CHECK(files.ReadAll(a).value() == "A");
  CHECK(files.ReadAll(b).value() == "B");

  REQUIRE(files.Rename(a, b));
  REQUIRE(files.SyncDirectory(directory.path()));
  files.PowerCut();
  CHECK_FALSE(files.Exists(a).value());
  CHECK(files.ReadAll(b).value() == "A");
}

TEST_CASE("after a cut at any call, an atomic write left the old content or the new",
          "[support][fault]") {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "file";
  bool completed = false;
  for (uint64_t call = 1; !completed; ++call) {
    INFO("call " << call);
    FaultFileSystem files;
    REQUIRE(WriteFileAtomically(files, path, "old"));
    files.FailCalls(files.calls() + call, ~uint64_t{0});
    completed = static_cast<bool>(WriteFileAtomically(files, path, "new"));
    files.PowerCut();
    const std::string content = files.ReadAll(path).value();
    CHECK((content == "old" || content == "new"));
    if (completed) CHECK(content == "new");
  }
}

TEST_CASE("a failing append is a short write", "[support][fault]") {
  const TemporaryDirectory directory;
  FaultFileSystem files;
  const Path path = directory.path() / "file";
  const auto file = Create(files, path, "12");
  const uint64_t next = files.calls() + 1;
  files.FailCalls(next, next);
  const auto failed = file->Append("3456");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::kIo);
  CHECK_THAT(failed.error().message, Catch::Contains(path.string()));
  REQUIRE(file->Append("7"));
  CHECK(files.ReadAll(path).value() == "12347");
}

TEST_CASE("a full disk takes what fits, and removal makes room", "[support][fault]") {
  const TemporaryDirectory directory;
  FaultFileSystem files;
  const Path other = directory.path() / "other";
  Create(files, other, "123");
  const auto file = Create(files, directory.path() / "file", "");
  files.SetFreeBytes(2);
  CHECK_FALSE(file->Append("abc"));
  CHECK(files.ReadAll(directory.path() / "file").value() == "ab");
  REQUIRE(files.Remove(other));
  CHECK(file->Append("cde"));
  files.SetFreeBytes(std::nullopt);
  CHECK(file->Append("fghij"));
}

}  // namespace
}  // namespace sibyl::storage
