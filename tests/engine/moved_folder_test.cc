// Goal: a database whose folder was deleted or moved under it touches nothing of the one that is
// made in its place, says so, and loses nothing of its own that is still there. Method: an open
// database with records in its log, its memory and its segments; its folder goes, and another is
// made there, larger and with files of the same names. Then the old one writes, merges, spills and
// closes, and both are read. And a process that opened by a relative path goes elsewhere.

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

Records Numbered(const std::string& value, uint64_t count) {
  Records records;
  for (uint64_t i = 0; i < count; ++i) {
    records.emplace_back(BigEndianKey(i), value + std::to_string(i) + std::string(100, 'v'));
  }
  return records;
}

void PutAll(Database& database, const Records& records) {
  for (const auto& [key, value] : records) Must(database.Put(key, value));
}

TEST_CASE("a database whose folder went leaves the one in its place alone", "[engine][moved]") {
  const TemporaryDirectory home;
  const std::filesystem::path path = home.path() / "db";
  const std::filesystem::path elsewhere = home.path() / "elsewhere";
  const bool moved = GENERATE(true, false);
  INFO((moved ? "moved" : "deleted"));
  const Records old_records = Numbered("old ", 4000);
  const Records new_records = Numbered("new ", 8000);

  auto old_database = Must(Database::Open(SmallOptions(), path));
  PutAll(*old_database, old_records);
  Must(old_database->Compact());
  PutAll(*old_database, Numbered("old ", 10));
  std::filesystem::rename(path, elsewhere);
  if (!moved) std::filesystem::remove_all(elsewhere);
  auto new_database = Must(Database::Open(SmallOptions(), path));
  PutAll(*new_database, new_records);
  Must(new_database->Compact());

  CHECK(Everything(*old_database) == old_records);
  const Status compacted = old_database->Compact();
  REQUIRE_FALSE(compacted);
  CHECK(compacted.error().message.find("deleted or moved") != std::string::npos);
  // Sooner or later there is no room in memory for what cannot be drained.
  Status written = Ok();
  for (uint64_t i = 0; written && i < 100'000; ++i) {
    written = old_database->Put(BigEndianKey(i % 100), std::string(200, 'x'));
  }
  REQUIRE_FALSE(written);
  CHECK(written.error().message.find("deleted or moved") != std::string::npos);
  old_database.reset();

  CHECK(Everything(*new_database) == new_records);
  PutAll(*new_database, new_records);
  Must(new_database->Compact());
  new_database.reset();
  new_database = Must(Database::Open(SmallOptions(), path));
  CHECK(Everything(*new_database) == new_records);
  CHECK(Must(new_database->Verify()).problems.empty());
  if (!moved) return;
  old_database = Must(Database::Open(SmallOptions(), elsewhere));
  CHECK(Everything(*old_database).size() == old_records.size());
  CHECK(Must(old_database->Verify()).problems.empty());
}

TEST_CASE("a database opened by a relative path stays where it is", "[engine][moved]") {
  const TemporaryDirectory home;
  const bool read_only = GENERATE(false, true);
  const Records records = Numbered("value ", 3000);
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(home.path());
  if (read_only) PutAll(*Must(Database::Open(SmallOptions(), "db")), records);
  Options options = SmallOptions();
  options.read_only = read_only;
  auto database = Must(Database::Open(options, "db"));
  std::filesystem::current_path("/");
  if (!read_only) {
    PutAll(*database, records);
    Must(database->Compact());
  }
  CHECK(Everything(*database) == records);
  database.reset();
  std::filesystem::current_path(before);
  CHECK(Everything(*Must(Database::Open(SmallOptions(), home.path() / "db"))) == records);
}

}  // namespace
}  // namespace sibyl::testing
