// Goal: the public interface keeps its promises at the edges: odd keys and values, empty and tiny
// databases, snapshots, trees, reopening, and bad arguments.
// Method: each state is checked in the delta, after a drain, after a compaction, and reopened.

#include "sibyl/database.h"

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;

// Keys that learned indexes and string stores get wrong.
Model EdgeRecords() {
  Model model;
  const auto add = [&model](std::string key) {
    model[key] = "value of " + std::to_string(key.size()) + " byte key";
  };
  add("");
  for (size_t nuls = 0; nuls <= 9; ++nuls) {
    add(std::string(nuls, '\0'));
    add("a" + std::string(nuls, '\0'));
    add("prefix" + std::string(nuls, '\0') + "x");
  }
  for (size_t length = 1; length < 40; ++length) add(std::string(length, 'p'));
  for (const int byte : {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff}) {
    add(std::string(1, static_cast<char>(byte)));
    add(std::string(8, static_cast<char>(byte)));
    add(std::string(17, static_cast<char>(byte)));
  }
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}, UINT64_MAX - 1, UINT64_MAX}) {
    add(BigEndianKey(number));
  }
  add(std::string(kMaxKeyBytes, 'k'));
  add(std::string(kMaxKeyBytes - 1, 'k'));
  model["empty value"] = "";
  model["16 KB value"] = std::string(16 << 10, 'v');
  model["1 MB value"] = std::string(1 << 20, 'w');
  return model;
}

std::set<std::string> AbsentKeys(const Model& model) {
  std::set<std::string> absent;
  for (const auto& [key, value] : model) {
    if (key.size() < kMaxKeyBytes) {
      absent.insert(key + '\0');
      absent.insert(key + '\xff');
    }
    if (!key.empty()) absent.insert(key.substr(0, key.size() - 1));
    std::string changed = key;
    if (!key.empty()) ++changed[key.size() / 2];
    absent.insert(changed);
  }
  for (const auto& [key, value] : model) absent.erase(key);
  return absent;
}

void CheckIsModel(Database& database, const Model& model) {
  Value value;
  for (const auto& [key, expected] : model) {
    INFO("key of " << key.size() << " bytes");
    REQUIRE(Must(database.Get({}, kDefaultTree, key, &value)));
    REQUIRE(value.view() == expected);
  }
  for (const std::string& key : AbsentKeys(model)) {
    INFO("absent key of " << key.size() << " bytes");
    REQUIRE_FALSE(Must(database.Get({}, kDefaultTree, key, &value)));
    REQUIRE_FALSE(value.found());
  }
  const Records expected(model.begin(), model.end());
  REQUIRE(Everything(database) == expected);

  std::vector<std::string_view> keys;
  for (const auto& [key, unused] : model) keys.push_back(key);
  const std::set<std::string> absent = AbsentKeys(model);
  for (const std::string& key : absent) keys.push_back(key);
  std::vector<Value> values(keys.size());
  Must(database.MultiGet({}, kDefaultTree, keys, values));
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = model.find(std::string(keys[i]));
    REQUIRE(values[i].found() == (found != model.end()));
    if (values[i].found()) REQUIRE(values[i].view() == found->second);
  }
}

TEST_CASE("edge keys and values survive every state of the database", "[engine][database]") {
  Options options = SmallOptions();
  options.read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  TestDatabase database(options);
  const Model model = EdgeRecords();
  for (const auto& [key, value] : model) Must(database->Put(key, value));
  CheckIsModel(*database, model);
  Must(database->Flush());
  CheckIsModel(*database, model);
  Must(database->Compact());
  CheckIsModel(*database, model);
  database.Reopen();
  CheckIsModel(*database, model);
  const VerifyReport report = Must(database->Verify());
  CHECK(report.problems == std::vector<std::string>{});
  CHECK(report.records == model.size());
  CHECK(Must(database->GetStats()).counters.model_bound_violations == 0);
}

TEST_CASE("an empty database answers everything", "[engine][database]") {
  TestDatabase database;
  for (int round = 0; round < 2; ++round) {
    CHECK_FALSE(Must(database->Get("key")).has_value());
    CHECK(Everything(*database).empty());
    auto iterator = Must(database->NewIterator(kDefaultTree));
    iterator->Seek("");
    CHECK_FALSE(iterator->Valid());
    iterator->SeekForPrev("\xff");
    CHECK_FALSE(iterator->Valid());
    iterator.reset();
    Must(database->Flush());
    Must(database->Compact());
    CHECK(Must(database->Verify()).ok());
    database.Reopen();
  }
}

TEST_CASE("one record, overwritten and deleted, in every state", "[engine][database]") {
  TestDatabase database;
  const std::vector<std::function<void()>> transitions = {[] {}, [&] { Must(database->Flush()); },
                                                          [&] { Must(database->Compact()); },
                                                          [&] { database.Reopen(); }};
  for (const auto& transition : transitions) {
    Must(database->Put("key", "first"));
    transition();
    CHECK(Must(database->Get("key")) == "first");
    Must(database->Put("key", "second"));
    transition();
    CHECK(Must(database->Get("key")) == "second");
    Must(database->Delete("key"));
    transition();
    CHECK_FALSE(Must(database->Get("key")).has_value());
    CHECK(Everything(*database).empty());
  }
  Must(database->Compact());
  const Stats stats = Must(database->GetStats());
  for (const LevelStats& level : stats.levels) CHECK(level.segments.empty());
}

TEST_CASE("a batch is atomic, ordered, and the later write to a key wins", "[engine][database]") {
  TestDatabase database;
  WriteBatch batch;
  Must(batch.Put("a", "1"));
  Must(batch.Put("b", "1"));
  Must(batch.Delete("a"));
  Must(batch.Put("b", "2"));
  Must(batch.Put("c", ""));
  Must(database->Write({.sync = true}, batch));
  database.Reopen();
  CHECK(Everything(*database) == Records{{"b", "2"}, {"c", ""}});
  batch.Clear();
  Must(database->Write({}, batch));  // nothing to do
}

TEST_CASE("keys and values over the limits are refused by name", "[engine][database]") {
  TestDatabase database;
  const std::string long_key(kMaxKeyBytes + 1, 'k');
  const auto put = database->Put(long_key, "v");
  REQUIRE_FALSE(put);
  CHECK(put.error().code == ErrorCode::kInvalidArgument);
  CHECK(put.error().message.find("65537 bytes") != std::string::npos);
  CHECK_FALSE(database->Get(long_key));
  CHECK_FALSE(database->Delete(long_key));
  const auto write_elsewhere = database->Put(Tree{77}, "k", "v");
  REQUIRE_FALSE(write_elsewhere);
  CHECK(write_elsewhere.error().message == "tree 77 does not exist");
  CHECK_FALSE(database->Put(Tree{0}, "k", "v"));  // the catalogue is not for users
  CHECK_FALSE(Must(database->Get(Tree{77}, "k")).has_value());
}

TEST_CASE("a snapshot and an iterator keep their state through everything", "[engine][database]") {
  TestDatabase database;
  Must(database->Put("kept", "old"));
  Must(database->Put("gone", "old"));
  auto snapshot = Must(database->GetSnapshot());
  auto iterator = Must(database->NewIterator(kDefaultTree));
  const auto check = [&] {
    Value value;
    CHECK(Must(database->Get({snapshot.get()}, kDefaultTree, "kept", &value)));
    CHECK(value.view() == "old");
    CHECK(Must(database->Get({snapshot.get()}, kDefaultTree, "gone", &value)));
    CHECK_FALSE(Must(database->Get({snapshot.get()}, kDefaultTree, "new", &value)));
    const Records expected{{"gone", "old"}, {"kept", "old"}};
    CHECK(ScanForward(*iterator) == expected);
    IteratorOptions options;
    options.snapshot = snapshot.get();
    CHECK(ScanForward(*Must(database->NewIterator(kDefaultTree, options))) == expected);
  };
  check();
  Must(database->Put("kept", "new"));
  Must(database->Delete("gone"));
  Must(database->Put("new", "new"));
  check();
  Must(database->Flush());
  check();
  Must(database->Compact());
  check();
  CHECK(Must(database->GetStats()).pinned_views == 2);
  iterator.reset();
  snapshot.reset();
  CHECK(Must(database->GetStats()).pinned_views == 0);
  CHECK(Everything(*database) == Records{{"kept", "new"}, {"new", "new"}});
}

TEST_CASE("iterator bounds and targets", "[engine][database]") {
  TestDatabase database;
  for (const char* key : {"b", "d", "f", "h"}) Must(database->Put(key, key));
  if (GENERATE(false, true)) Must(database->Compact());
  IteratorOptions options;
  options.lower_bound = "c";
  options.upper_bound = "h";
  const auto bounded = Must(database->NewIterator(kDefaultTree, options));
  CHECK(ScanForward(*bounded) == Records{{"d", "d"}, {"f", "f"}});
  CHECK(ScanBackward(*bounded) == Records{{"d", "d"}, {"f", "f"}});
  bounded->Seek("a");
  CHECK(bounded->key() == "d");
  bounded->SeekForPrev("z");
  CHECK(bounded->key() == "f");
  bounded->SeekForPrev("e");
  CHECK(bounded->key() == "d");
  bounded->Prev();
  CHECK_FALSE(bounded->Valid());
  bounded->Seek("e");
  CHECK(bounded->key() == "f");
  bounded->Next();
  CHECK_FALSE(bounded->Valid());
}

TEST_CASE("trees are separate, dropped trees stay dropped, ids are not reused",
          "[engine][database]") {
  TestDatabase database;
  const Tree first = Must(database->CreateTree("first"));
  const Tree second = Must(database->CreateTree("second"));
  CHECK_FALSE(database->CreateTree("first"));
  CHECK_FALSE(database->CreateTree("default"));
  for (const Tree tree : {kDefaultTree, first, second}) {
    Must(database->Put(tree, "key", "in tree " + std::to_string(tree.id)));
    Must(database->Put(tree, "", "empty key"));
    Must(database->Put(tree, std::string(9, '\xff'), "last key"));
  }
  const auto check = [&](Tree tree) {
    CHECK(Must(database->Get(tree, "key")) == "in tree " + std::to_string(tree.id));
    CHECK(Everything(*database, tree).size() == 3);
  };
  for (const Tree tree : {kDefaultTree, first, second}) check(tree);
  Must(database->Compact());
  for (const Tree tree : {kDefaultTree, first, second}) check(tree);

  CHECK_FALSE(database->DropTree(kDefaultTree));
  Must(database->DropTree(first));
  CHECK_FALSE(database->DropTree(first));
  CHECK_FALSE(Must(database->Get(first, "key")).has_value());
  CHECK(Everything(*database, first).empty());
  CHECK_FALSE(database->Put(first, "key", "value"));
  Must(database->Compact());
  check(second);
  database.Reopen();
  check(second);
  CHECK_FALSE(Must(database->FindTree("first")).has_value());
  CHECK(Must(database->FindTree("second")) == second);
  const Tree again = Must(database->CreateTree("first"));
  CHECK(again.id > second.id);
  CHECK(Everything(*database, again).empty());
  CHECK(Must(database->ListTrees()).size() == 3);
  const Stats stats = Must(database->GetStats());
  uint64_t records = 0;
  for (const auto& level : stats.levels) {
    for (const auto& segment : level.segments) records += segment.records;
  }
  CHECK(records == 7);  // two trees of three, and the catalogue's record of "second"
}

TEST_CASE("opening: what is there, what may be created", "[engine][open]") {
  TemporaryDirectory directory;
  Options options;
  options.create_if_missing = false;
  const auto missing = Database::Open(options, directory.path() / "none");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(std::filesystem::exists(directory.path() / "none"));

  std::filesystem::create_directory(directory.path() / "foreign");
  std::ofstream(directory.path() / "foreign" / "photo.jpg") << "not ours";
  const auto foreign = Database::Open({}, directory.path() / "foreign");
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().message.find("photo.jpg") != std::string::npos);

  std::ofstream(directory.path() / "file") << "a file";
  CHECK_FALSE(Database::Open({}, directory.path() / "file"));

  { const auto created = Must(Database::Open({}, directory.path() / "db")); }
  options.create_if_missing = true;
  options.error_if_exists = true;
  CHECK_FALSE(Database::Open(options, directory.path() / "db"));

  std::ofstream(directory.path() / "db" / "FORMAT") << "SibylDB database, layout version 2\n";
  const auto newer = Database::Open({}, directory.path() / "db");
  REQUIRE_FALSE(newer);
  CHECK(newer.error().code == ErrorCode::kNotSupported);
  std::ofstream(directory.path() / "db" / "FORMAT") << "something else\n";
  const auto damaged = Database::Open({}, directory.path() / "db");
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().code == ErrorCode::kCorruption);
}

TEST_CASE("a lost log or segment is noticed, not read as empty", "[engine][open]") {
  TestDatabase database;
  Must(database->Put("key", "value"));
  SECTION("log") {
    database.Close();
    std::filesystem::remove_all(database.path() / "log");
    const auto opened = Database::Open({}, database.path());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::kCorruption);
  }
  SECTION("segment") {
    Must(database->Flush());
    database.Close();
    std::string name;
    for (const auto& entry : std::filesystem::directory_iterator(database.path() / "segments")) {
      name = entry.path().filename();
      std::filesystem::remove(entry.path());
    }
    const auto opened = Database::Open({}, database.path());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find(name) != std::string::npos);
  }
}

TEST_CASE("segments that no manifest names are set aside, then deleted", "[engine][open]") {
  TestDatabase database;
  Must(database->Put("key", "value"));
  database.Close();
  const auto stray = database.path() / "segments" / "00000000000000ff.segment";
  std::ofstream(stray) << "left by a crash";
  database.Open();
  CHECK_FALSE(std::filesystem::exists(stray));
  CHECK(std::filesystem::exists(database.path() / "lost" / stray.filename()));
  database.Reopen();
  CHECK_FALSE(std::filesystem::exists(database.path() / "lost" / stray.filename()));
  CHECK(Must(database->Get("key")) == "value");
}

TEST_CASE("one process shares one database, another is refused", "[engine][registry]") {
  TestDatabase database;
  Must(database->Put("key", "value"));
  {
    const auto second = Must(Database::Open({}, database.path()));
    CHECK(second.get() == &*database);
  }
  const pid_t child = fork();
  if (child == 0) {
    // Inherited handles refuse; an opening of its own is a second process's.
    const bool get_refused = !database->Get("key").has_value();
    const bool put_refused = !database->Put("key", "from the child").has_value();
    const auto opened = Database::Open({}, database.path());
    const bool open_refused = !opened && opened.error().code == ErrorCode::kBusy;
    database.Close();
    _exit(get_refused && put_refused && open_refused ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(Must(database->Get("key")) == "value");
  Must(database->Put("key", "after"));
  database.Reopen();
  CHECK(Must(database->Get("key")) == "after");
}

TEST_CASE("a directory that gets a deleted one's inode is another database", "[engine][registry]") {
  const TemporaryDirectory folder;
  const auto deleted = Must(Database::Open({}, folder.path() / "deleted"));
  Must(deleted->Put("key", "value"));
  std::filesystem::remove_all(folder.path() / "deleted");
  const auto fresh = Must(Database::Open({}, folder.path() / "fresh"));
  CHECK(fresh != deleted);
  CHECK_FALSE(Must(fresh->Get("key")).has_value());
  // Nor does a new directory at the old path reach what is still open.
  const auto again = Must(Database::Open({}, folder.path() / "deleted"));
  CHECK(again != deleted);
  CHECK_FALSE(Must(again->Get("key")).has_value());
}

TEST_CASE("a child that outlives the database does not keep it locked", "[engine][registry]") {
  TestDatabase database;
  int wake[2];
  REQUIRE(pipe(wake) == 0);
  const pid_t child = fork();
  if (child == 0) {
    close(wake[1]);
    char byte = 0;
    (void)!read(wake[0], &byte, 1);  // until the parent closes its end
    _exit(0);
  }
  close(wake[0]);
  database.Reopen();
  Must(database->Put("key", "value"));
  close(wake[1]);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace sibyl::testing
