// Goal: databases that earlier versions wrote open, have everything, and go on as any other.
// Method: whole folders in tests/formats, each left by a process that ended without closing, so
// that part of it is in segments and part in the log: read, written to, compacted and opened again.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>

#include "storage/file_system.h"
#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

const std::filesystem::path kFormats =
    std::filesystem::path(SIBYL_SOURCE_DIRECTORY) / "tests/formats";

constexpr uint64_t kWrittenSeconds = 1000;
constexpr uint64_t kTtlSeconds = 500;

Options GoldenOptions(const std::atomic<uint64_t>* now) {
  Options options;
  options.background_threads = 0;
  options.range_deletion_keys = 0;
  options.event_log_bytes = 0;
  options.clock_seconds = [now] { return now->load(); };
  return options;
}

std::string NumberedKey(int number) {
  const std::string digits = std::to_string(number);
  return "key" + std::string(4 - digits.size(), '0') + digits;
}

using Model = std::map<std::string, std::string>;

Model NumberedRecords() {
  Model model;
  for (int i = 1; i <= 300; ++i) model[NumberedKey(i)] = "value " + std::to_string(i);
  return model;
}

// A database as a test finds it: name of its folder, and what is in its trees.
struct GoldenDatabase {
  std::string name;
  std::map<std::string, Model> trees;
};

// Manifest version 2: records and a tree of numbers, compacted; then a record
// changed and one deleted, drained; then one put and one deleted, in the log.
GoldenDatabase VersionTwo() {
  Model model = NumberedRecords();
  model["key0007"] = "changed";
  model["zebra"] = "in the log";
  model.erase("key0008");
  model.erase("key0300");
  Model numbers;
  for (uint64_t i = 0; i < 100; ++i) numbers[BigEndianKey(i)] = std::to_string(i);
  return {"database_v2", {{"default", model}, {"numbers", numbers}}};
}

// Manifest version 3, with a range deletion in the manifest and one in the log.
GoldenDatabase VersionThree() {
  Model model = NumberedRecords();
  model.erase(model.lower_bound(NumberedKey(100)), model.lower_bound(NumberedKey(200)));
  model.erase(model.lower_bound(NumberedKey(250)), model.end());
  model[NumberedKey(260)] = "after the range";
  return {"database_v3",
          {{"default", model},
           {"lists", {{"a", "one,two,three,four,"}, {"b", "in the log,"}}},
           {"sessions", {{"first", "drained"}, {"second", "in the log"}}}}};
}

void WriteVersionThree(Database& database) {
  const Tree lists = Must(database.CreateTree("lists", {.merge_operator = "append"}));
  const Tree sessions = Must(database.CreateTree("sessions", {.ttl_seconds = kTtlSeconds}));
  for (const auto& [key, value] : NumberedRecords()) Must(database.Put(key, value));
  Must(database.Put(lists, "a", "one,"));
  Must(database.Compact());
  Must(database.Merge(lists, "a", "two,"));
  Must(database.Put(sessions, "first", "drained"));
  Must(database.DeleteRange({}, kDefaultTree, NumberedKey(100), NumberedKey(200)));
  Must(database.Flush());
  Must(database.Merge(lists, "a", "three,"));
  Must(database.Merge(lists, "a", "four,"));
  Must(database.Merge(lists, "b", "in the log,"));
  Must(database.Put(sessions, "second", "in the log"));
  Must(database.DeleteRange({}, kDefaultTree, NumberedKey(250), std::nullopt));
  Must(database.Put(NumberedKey(260), "after the range", {.sync = true}));
}

void CheckTrees(Database& database, const GoldenDatabase& golden) {
  const auto trees = Must(database.ListTrees());
  REQUIRE(trees.size() == golden.trees.size());
  for (const TreeInfo& info : trees) {
    INFO(info.name);
    const Model& expected = golden.trees.at(info.name);
    REQUIRE(Everything(database, info.tree) == Records(expected.begin(), expected.end()));
  }
  REQUIRE(Must(database.Verify()).problems == std::vector<std::string>{});
}

TEST_CASE("databases of every version open and go on", "[engine][formats]") {
  for (const GoldenDatabase& golden : {VersionTwo(), VersionThree()}) {
    INFO(golden.name);
    std::atomic<uint64_t> now = kWrittenSeconds;
    Options options = GoldenOptions(&now);
    TemporaryDirectory directory;
    const std::filesystem::path path = directory.path() / "db";
    std::filesystem::copy(kFormats / golden.name, path, std::filesystem::copy_options::recursive);
    options.read_only = true;
    CheckTrees(*Must(Database::Open(options, path)), golden);
    options.read_only = false;
    GoldenDatabase changed = golden;
    changed.trees["default"]["new"] = "record";
    {
      const auto database = Must(Database::Open(options, path));
      CheckTrees(*database, golden);
      Must(database->Put("new", "record"));
    }
    const auto database = Must(Database::Open(options, path));
    CheckTrees(*database, changed);
    Must(database->Compact());
    CheckTrees(*database, changed);
  }
}

TEST_CASE("times to live go on in a database that was there", "[engine][formats]") {
  std::atomic<uint64_t> now = kWrittenSeconds + kTtlSeconds;
  TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "db";
  std::filesystem::copy(kFormats / "database_v3", path, std::filesystem::copy_options::recursive);
  const auto database = Must(Database::Open(GoldenOptions(&now), path));
  const auto sessions = Must(database->FindTree("sessions"));
  REQUIRE(sessions.has_value());
  CHECK(Everything(*database, *sessions).empty());
  now = kWrittenSeconds + kTtlSeconds - 1;
  CHECK(Everything(*database, *sessions).size() == 2);
}

// What can be read is right; the rest is an error. Returns whether all could be read.
bool AnswersRightOrNotAtAll(const std::filesystem::path& path, const Options& options,
                            const GoldenDatabase& golden) {
  const auto opened = Database::Open(options, path);
  if (!opened) return false;
  Database& database = **opened;
  const auto trees = database.ListTrees();
  if (!trees) return false;
  REQUIRE(trees->size() == golden.trees.size());
  bool all_read = true;
  for (const TreeInfo& info : *trees) {
    const auto iterator = Must(database.NewIterator(info.tree));
    auto expected = golden.trees.at(info.name).begin();
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), ++expected) {
      REQUIRE(expected != golden.trees.at(info.name).end());
      REQUIRE(std::pair(std::string(iterator->key()), std::string(iterator->value())) ==
              std::pair(expected->first, expected->second));
    }
    all_read = all_read && iterator->status();
    if (iterator->status()) REQUIRE(expected == golden.trees.at(info.name).end());
  }
  return all_read;
}

TEST_CASE("a flipped bit in any file of a database never gives a wrong answer",
          "[engine][formats][damage]") {
  const GoldenDatabase golden = GENERATE(VersionTwo(), VersionThree());
  std::atomic<uint64_t> now = kWrittenSeconds;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kFormats / golden.name)) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(kFormats));
  }
  int noticed = 0;
  for (const auto& file : files) {
    const std::string bytes = Must(storage::PosixFileSystem().ReadAll(kFormats / file));
    const size_t step = 1 + bytes.size() / 30;
    for (size_t offset = 0; offset < bytes.size(); offset += step) {
      INFO(file.string() << ", byte " << offset);
      TemporaryDirectory directory;
      const auto options = std::filesystem::copy_options::recursive;
      std::filesystem::copy(kFormats / golden.name, directory.path() / golden.name, options);
      std::string damaged = bytes;
      damaged[offset] = static_cast<char>(damaged[offset] ^ 1 << offset % 8);
      std::ofstream(directory.path() / file, std::ios::binary) << damaged;
      const bool read =
          AnswersRightOrNotAtAll(directory.path() / golden.name, GoldenOptions(&now), golden);
      noticed += read ? 0 : 1;
    }
  }
  CHECK(noticed > 0);
}

// A child writes it and ends, so that nobody closes the database.
TEST_CASE("writes the newest golden database", "[.write-golden-files]") {
  const std::filesystem::path path = kFormats / VersionThree().name;
  if (std::filesystem::exists(path)) return;
  const pid_t child = fork();
  if (child == 0) {
    std::atomic<uint64_t> now = kWrittenSeconds;
    const auto database = Must(Database::Open(GoldenOptions(&now), path));
    WriteVersionThree(*database);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace
}  // namespace sibyl::testing
