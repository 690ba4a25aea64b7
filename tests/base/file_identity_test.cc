// Goal: a file is known by what it is, not by its path, and for as long as somebody cares.
// Method: files are linked, renamed, deleted and made anew; file systems reuse inodes at once.

#include "base/file_identity.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/support/temporary_directory.h"

namespace sibyl::base {
namespace {

using sibyl::testing::TemporaryDirectory;
namespace fs = std::filesystem;

FileIdentity IdentityOf(const fs::path& path) {
  auto identity = FileIdentity::Of(path);
  REQUIRE(identity.has_value());
  return std::move(identity).value();
}

TEST_CASE("paths of one file have one identity", "[base][file_identity]") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "file";
  std::ofstream(path) << "text";
  fs::create_hard_link(path, folder.path() / "link");
  fs::create_symlink(path, folder.path() / "symbolic");
  std::ofstream(folder.path() / "another") << "text";
  const auto identity = IdentityOf(path);
  CHECK(identity.id() == IdentityOf(folder.path() / "link").id());
  CHECK(identity.id() == IdentityOf(folder.path() / "symbolic").id());
  CHECK(identity.id() != IdentityOf(folder.path() / "another").id());
  CHECK(identity.id() != IdentityOf(folder.path()).id());
  fs::rename(path, folder.path() / "renamed");
  CHECK(identity.id() == IdentityOf(folder.path() / "renamed").id());
}

TEST_CASE("nothing gets the identity of what was deleted while it is held",
          "[base][file_identity]") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "file";
  std::ofstream(path).flush();
  const auto held = IdentityOf(path);
  for (int i = 0; i < 20; ++i) {
    fs::remove(path);
    std::ofstream(path).flush();
    CHECK(IdentityOf(path).id() != held.id());
  }
}

TEST_CASE("what is not there has none", "[base][file_identity]") {
  const TemporaryDirectory folder;
  const auto identity = FileIdentity::Of(folder.path() / "absent");
  REQUIRE_FALSE(identity.has_value());
  CHECK(identity.error().code == ErrorCode::kIo);
  CHECK(identity.error().message.find("absent") != std::string::npos);
}

}  // namespace
}  // namespace sibyl::base
