// Goal: merge operators and times to live mean the same wherever the records of a key are: in
// memory, in a transaction, in segments that overlap, after compaction, and after recovery. Method:
// small cases by hand, each in every place; the model test has the random ones.

#include <atomic>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

// Not commutative, and not one of those that are always there.
class JoinOperator final : public MergeOperator {
 public:
  std::string_view name() const override { return "join"; }
  std::string Merge(std::string_view older, std::string_view newer) const override {
    return std::string(older) + "," + std::string(newer);
  }
};

Options OptionsWithJoin() {
  Options options = SmallOptions();
  options.transaction_memory_bytes = 16 << 10;
  options.background_threads = 0;
  options.merge_operators = {std::make_shared<JoinOperator>()};
  return options;
}

TreeOptions MergedBy(const char* name) {
  TreeOptions options;
  options.merge_operator = name;
  return options;
}

TreeOptions LivingFor(uint64_t seconds) {
  TreeOptions options;
  options.ttl_seconds = seconds;
  return options;
}

std::string Number(uint64_t number) {
  std::string bytes;
  base::Put64(&bytes, number);
  return bytes;
}

std::optional<std::string> Read(Database& database, Tree tree, std::string_view key) {
  return Must(database.Get(tree, key));
}

// What may happen between two writes; whatever it is, nothing changes.
enum class Between { kNothing, kFlush, kCompact, kCrash, kReopen };

void Do(Between between, MemoryLogDatabase* database) {
  switch (between) {
    case Between::kNothing:
      return;
    case Between::kFlush:
      return Must((*database)->Flush()), void();
    case Between::kCompact:
      return Must((*database)->Compact()), void();
    case Between::kCrash:
      database->Crash();
      return Must(database->Open()), void();
    case Between::kReopen:
      database->Close();
      return Must(database->Open()), void();
  }
}

// Everything that reads, for a tree with one key.
void CheckOnly(Database& database, Tree tree, const std::string& key, const std::string& value) {
  CHECK(Read(database, tree, key) == value);
  CHECK(Everything(database, tree) == Records{{key, value}});
  const std::vector<std::string_view> keys = {key, "absent"};
  std::vector<Value> values(2);
  Must(database.MultiGet({}, tree, keys, values));
  CHECK(values[0].view() == value);
  CHECK_FALSE(values[1].found());
  PinnedValue pinned;
  CHECK(Must(database.GetPinned({}, tree, key, &pinned)));
  CHECK(pinned.view() == value);
  CHECK_FALSE(Must(database.GetPinned({}, tree, "absent", &pinned)));
  CHECK(Must(database.Count({}, tree, {})) == 1);
  CHECK(Must(database.At({}, tree, 0)) == OwnedRecord{key, value});
  CHECK_FALSE(Must(database.At({}, tree, 1)).has_value());
}

TEST_CASE("operands are merged in order wherever they are", "[engine][merge]") {
  const auto between = GENERATE(Between::kNothing, Between::kFlush, Between::kCompact,
                                Between::kCrash, Between::kReopen);
  const bool put_first = GENERATE(false, true);
  INFO("between " << static_cast<int>(between) << ", put first " << put_first);
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  const Tree tree = Must(database->CreateTree("joined", MergedBy("join")));
  std::string expected = "0";
  if (put_first) {
    Must(database->Put(tree, "key", "0"));
  } else {
    Must(database->Merge(tree, "key", "0"));
  }
  for (int i = 1; i < 5; ++i) {
    Do(between, &database);
    Must(database->Merge(tree, "key", std::to_string(i)));
    expected += "," + std::to_string(i);
    CheckOnly(*database, tree, "key", expected);
  }
  Do(between, &database);
  CheckOnly(*database, tree, "key", expected);
  Must(database->Delete(tree, "key"));
  Do(between, &database);
  CHECK_FALSE(Read(*database, tree, "key").has_value());
  Must(database->Merge(tree, "key", "anew"));
  Do(between, &database);
  CheckOnly(*database, tree, "key", "anew");
  CHECK(Must(database->Verify()).ok());
}

TEST_CASE("operators that are always there", "[engine][merge]") {
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  const Tree sums = Must(database->CreateTree("sums", MergedBy("uint64_add")));
  const Tree texts = Must(database->CreateTree("texts", MergedBy("append")));
  const Tree most = Must(database->CreateTree("most", MergedBy("max")));
  for (const uint64_t number : {uint64_t{3}, uint64_t{40}, UINT64_MAX}) {
    Must(database->Merge(sums, "n", Number(number)));
  }
  Must(database->Merge(sums, "short", std::string("\1\1", 2)));
  Must(database->Merge(sums, "short", ""));
  for (const char* text : {"a", "", "b"}) Must(database->Merge(texts, "t", text));
  for (const char* text : {"b", "abc", "c", ""}) Must(database->Merge(most, "m", text));
  CHECK(Read(*database, sums, "n") == Number(42));
  CHECK(Read(*database, sums, "short") == Number(0x101));
  CHECK(Read(*database, texts, "t") == "ab");
  CHECK(Read(*database, most, "m") == "c");
  const auto trees = Must(database->ListTrees());
  CHECK(trees[1].options == MergedBy("uint64_add"));
}

TEST_CASE("a snapshot sees the operands of its time", "[engine][merge]") {
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  const Tree tree = Must(database->CreateTree("texts", MergedBy("append")));
  std::vector<std::pair<std::unique_ptr<Snapshot>, std::string>> states;
  std::string expected;
  for (int i = 0; i < 12; ++i) {
    Must(database->Merge(tree, "key", std::to_string(i)));
    expected += std::to_string(i);
    states.emplace_back(Must(database->GetSnapshot()), expected);
    if (i % 3 == 1) Must(database->Flush());
    if (i % 5 == 4) Must(database->Compact());
  }
  Value value;
  for (const auto& [snapshot, then] : states) {
    CHECK(Must(database->Get({snapshot.get()}, tree, "key", &value)));
    CHECK(value.view() == then);
    IteratorOptions options;
    options.snapshot = snapshot.get();
    CHECK(ScanForward(*Must(database->NewIterator(tree, options))) == Records{{"key", then}});
  }
}

TEST_CASE("a transaction merges over its own writes, spilled or not, and rolls back",
          "[engine][merge]") {
  const bool spills = GENERATE(false, true);
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  const Tree tree = Must(database->CreateTree("texts", MergedBy("append")));
  Must(database->Merge(tree, "key", "database "));
  if (GENERATE(false, true)) Must(database->Compact());
  const auto transaction = Must(database->BeginTransaction());
  const auto fill = [&] {
    for (uint64_t i = 0; spills && i < 300; ++i) {
      Must(transaction->Put(kDefaultTree, BigEndianKey(i), std::string(50, 'f')));
    }
  };
  Value value;
  Must(transaction->Merge(tree, "key", "one "));
  fill();
  Must(transaction->Merge(tree, "key", "two "));
  const uint64_t savepoint = transaction->Savepoint();
  fill();
  Must(transaction->Merge(tree, "key", "three "));
  fill();
  CHECK(Must(transaction->Get(tree, "key", &value)));
  CHECK(value.view() == "database one two three ");
  Must(transaction->RollbackTo(savepoint));
  Must(transaction->Merge(tree, "key", "four"));
  CHECK(ScanForward(*Must(transaction->NewIterator(tree))) ==
        Records{{"key", "database one two four"}});
  Must(transaction->Commit());
  CheckOnly(*database, tree, "key", "database one two four");
  Must(database->Compact());
  CheckOnly(*database, tree, "key", "database one two four");
}

TEST_CASE("operands before a savepoint are merged once, however much was spilled after it",
          "[engine][merge][transaction]") {
  Options options = SmallOptions();
  options.transaction_memory_bytes = 16 << 10;
  options.background_threads = GENERATE(0u, 1u);
  MemoryLogDatabase database(options);
  Must(database.Open());
  const Tree tree = Must(database->CreateTree("lists", {.merge_operator = "append"}));
  const auto transaction = Must(database->BeginTransaction());
  std::map<std::string, std::string> expected;
  for (uint64_t i = 0; i < 60; ++i) {  // more than half of the budget, with all versions
    const std::string key = BigEndianKey(i % 6);
    const std::string part = std::to_string(i) + ",";
    Must(transaction->Merge(tree, key, part));
    expected[key] += part;
    Must(transaction->Put(kDefaultTree, BigEndianKey(i), std::string(150, 'f')));
  }
  const uint64_t savepoint = transaction->Savepoint();
  for (uint64_t i = 0; i < 300; ++i) {
    Must(transaction->Merge(tree, BigEndianKey(i % 6), "undone"));
    Must(transaction->Put(kDefaultTree, BigEndianKey(i), std::string(200, 'g')));
  }
  Must(transaction->RollbackTo(savepoint));
  const Records records(expected.begin(), expected.end());
  CHECK(ScanForward(*Must(transaction->NewIterator(tree))) == records);
  Must(transaction->Commit());
  CHECK(Everything(*database, tree) == records);
}

TEST_CASE("a merge without an operator is refused, and nothing of its batch is there",
          "[engine][merge]") {
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  WriteBatch batch;
  Must(batch.Put("a", "1"));
  Must(batch.Merge(kDefaultTree, "b", "1"));
  const auto written = database->Write({}, batch);
  REQUIRE_FALSE(written);
  CHECK(written.error().code == ErrorCode::kInvalidArgument);
  CHECK(Everything(*database).empty());
  const auto transaction = Must(database->BeginTransaction());
  CHECK_FALSE(transaction->Merge(kDefaultTree, "a", "1"));
  CHECK_FALSE(database->CreateTree("x", MergedBy("nobody knows it")));
  TreeOptions both = LivingFor(5);
  both.merge_operator = "append";
  CHECK_FALSE(database->CreateTree("x", both));
  CHECK(Must(database->ListTrees()).size() == 1);
}

TEST_CASE("a database with an operator that is missing does not open, and is whole with it",
          "[engine][merge]") {
  const bool drained = GENERATE(false, true);
  const TemporaryDirectory directory;
  FaultFileSystem files;
  const auto log = storage::NewMemoryLogState();
  const auto open = [&](const Options& options) {
    return engine::DatabaseImpl::Open(
        options, directory.path(),
        {&files, [&](const Path&) -> Result<std::unique_ptr<storage::CommitLog>> {
           return storage::OpenMemoryLog(log);
         }});
  };
  {
    const auto database = Must(open(OptionsWithJoin()));
    const Tree tree = Must(database->CreateTree("joined", MergedBy("join")));
    Must(database->Merge(tree, "key", "a"));
    if (drained) Must(database->Compact());
    Must(database->Merge(tree, "key", "b"));
  }
  const auto refused = open(SmallOptions());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().message.find("join") != std::string::npos);
  const auto database = Must(open(OptionsWithJoin()));
  const Tree tree = *Must(database->FindTree("joined"));
  CHECK(Read(*database, tree, "key") == "a,b");
}

TEST_CASE("a result over the limit is not taken", "[engine][merge]") {
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  const Tree tree = Must(database->CreateTree("texts", MergedBy("append")));
  const std::string large(kMaxMergedBytes - 2, 'x');
  Must(database->Put(tree, "key", large));
  Must(database->Merge(tree, "key", "too long"));
  CHECK(Read(*database, tree, "key") == large);
}

// A database whose clock stands still.
struct Clocked {
  Clocked() {
    Options options = OptionsWithJoin();
    options.clock_seconds = [this] { return now.load(); };
    database.emplace(options);
    Must(database->Open());
  }
  std::atomic<uint64_t> now{1'000'000};
  std::optional<MemoryLogDatabase> database;
};

TEST_CASE("records are gone when their time is over, wherever they are", "[engine][ttl]") {
  const auto between = GENERATE(Between::kNothing, Between::kFlush, Between::kCompact,
                                Between::kCrash, Between::kReopen);
  INFO("between " << static_cast<int>(between));
  Clocked clocked;
  MemoryLogDatabase& database = *clocked.database;
  const Tree tree = Must(database->CreateTree("cache", LivingFor(10)));
  Must(database->Put(tree, "first", "1"));
  Must(database->Put(kDefaultTree, "stays", "forever"));
  Must(database->Ingest(tree, SourceOf(Records{{"zero", "ingested"}})));
  clocked.now += 4;
  Must(database->Put(tree, "second", "2"));
  Do(between, &database);
  CHECK(Everything(*database, tree) ==
        Records{{"first", "1"}, {"second", "2"}, {"zero", "ingested"}});
  clocked.now += 6;
  CheckOnly(*database, tree, "second", "2");
  Do(between, &database);
  CheckOnly(*database, tree, "second", "2");
  Must(database->Put(tree, "first", "again"));
  clocked.now += 9;
  Do(between, &database);
  CheckOnly(*database, tree, "first", "again");
  clocked.now += 1;
  CHECK(Everything(*database, tree).empty());
  CHECK(Must(database->Count({}, tree, {})) == 0);
  CHECK(Read(*database, kDefaultTree, "stays") == "forever");
}

TEST_CASE("compaction removes what has expired", "[engine][ttl]") {
  Clocked clocked;
  MemoryLogDatabase& database = *clocked.database;
  const Tree tree = Must(database->CreateTree("cache", LivingFor(10)));
  for (uint64_t i = 0; i < 1000; ++i) Must(database->Put(tree, BigEndianKey(i), "value"));
  Must(database->Compact());
  clocked.now += 5;
  for (uint64_t i = 0; i < 1000; i += 2) Must(database->Put(tree, BigEndianKey(i), "later"));
  Must(database->Flush());
  clocked.now += 5;
  Must(database->Compact());
  CHECK(Everything(*database, tree).size() == 500);
  CHECK(Must(database->Verify()).records < 520);  // the catalogue has a few
  clocked.now += 5;
  Must(database->Compact());
  CHECK(Must(database->Verify()).records < 20);
}

TEST_CASE("what expires in a newer segment does not uncover what is older", "[engine][ttl]") {
  Clocked clocked;
  MemoryLogDatabase& database = *clocked.database;
  const Tree tree = Must(database->CreateTree("cache", LivingFor(10)));
  clocked.now += 100;
  Must(database->Put(tree, "key", "by a clock that was ahead"));
  Must(database->Compact());
  clocked.now -= 100;
  Must(database->Put(tree, "key", "newer"));
  clocked.now += 10;
  CHECK_FALSE(Read(*database, tree, "key").has_value());
  Must(database->Flush());
  CHECK_FALSE(Read(*database, tree, "key").has_value());
  Must(database->Compact());
  CHECK_FALSE(Read(*database, tree, "key").has_value());
}

TEST_CASE("a snapshot, an iterator and a transaction keep what had not expired", "[engine][ttl]") {
  Clocked clocked;
  MemoryLogDatabase& database = *clocked.database;
  const Tree tree = Must(database->CreateTree("cache", LivingFor(10)));
  Must(database->Put(tree, "key", "value"));
  const auto snapshot = Must(database->GetSnapshot());
  const auto iterator = Must(database->NewIterator(tree));
  const auto transaction = Must(database->BeginTransaction());
  clocked.now += 10;
  Must(transaction->Put(tree, "own", "write"));
  Must(database->Compact());
  CHECK(Everything(*database, tree).empty());
  Value value;
  CHECK(Must(database->Get({snapshot.get()}, tree, "key", &value)));
  CHECK(ScanForward(*iterator) == Records{{"key", "value"}});
  CHECK(Must(transaction->Get(tree, "key", &value)));
  CHECK(ScanForward(*Must(transaction->NewIterator(tree))) ==
        Records{{"key", "value"}, {"own", "write"}});
  Must(transaction->Commit());
  CHECK(Everything(*database, tree) == Records{{"own", "write"}});
}

TEST_CASE("a time to live and an operator go with every way to store a tree, and never change",
          "[engine][merge][ttl][tree-options]") {
  const auto compression = GENERATE(Compression::kNone, Compression::kLz4, Compression::kZstd);
  const bool packed_keys = GENERATE(false, true);
  Clocked clocked;
  MemoryLogDatabase& database = *clocked.database;
  TreeOptions joined = MergedBy("join");
  TreeOptions cache = LivingFor(10);
  joined.compression = cache.compression = compression;
  joined.packed_keys = cache.packed_keys = packed_keys;
  const Tree joins = Must(database->CreateTree("joined", joined));
  const Tree expires = Must(database->CreateTree("cache", cache));
  const std::string word(200, 'w');
  for (int round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 300; ++i) {
      Must(database->Merge(joins, BigEndianKey(i), word));
      Must(database->Put(expires, BigEndianKey(i + 100 * static_cast<uint64_t>(round)), word));
    }
    Must(database->Flush());
    clocked.now += 4;
  }
  const auto check = [&] {
    const Records all = Everything(*database, joins);
    REQUIRE(all.size() == 300);
    for (const auto& [key, value] : all) REQUIRE((value == word + "," + word + "," + word));
    // The first round is over, but for what later ones wrote again.
    CHECK(Must(database->Count({}, expires, {})) == 400);
    CHECK(Must(database->At({}, expires, 0))->key == BigEndianKey(100));
  };
  check();
  Must(database->Compact());
  check();

  TreeOptions changed = joined;
  changed.merge_operator = "append";
  for (const auto& [tree, options] : {std::pair{joins, changed},
                                      {joins, TreeOptions()},
                                      {expires, LivingFor(11)},
                                      {kDefaultTree, LivingFor(1)}}) {
    const Status refused = database->SetTreeOptions(tree, options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
    CHECK(refused.error().message.find("tree " + std::to_string(tree.id)) != std::string::npos);
  }
  changed = joined;
  changed.compression = Compression::kLz4;
  changed.packed_keys = !packed_keys;
  Must(database->SetTreeOptions(joins, changed));
  Must(database->Compact());
  check();
  database.Crash();
  Must(database.Open());
  check();
  CHECK(Must(database->ListTrees())[1].options == changed);
}

TEST_CASE("what a snapshot keeps of operands is the same once it is written out",
          "[engine][merge][snapshot]") {
  Options options = OptionsWithJoin();
  options.max_pinned_generation_bytes = 0;
  MemoryLogDatabase database(options);
  Must(database.Open());
  const Tree tree = Must(database->CreateTree("joined", MergedBy("join")));
  std::vector<std::pair<std::unique_ptr<Snapshot>, std::string>> states;
  std::string expected = "0";
  Must(database->Merge(tree, "key", "0"));
  Must(database->Compact());
  for (int round = 1; round < 6; ++round) {
    // Two generations, neither of them drained when the snapshot begins.
    Must(database->Merge(tree, "key", std::to_string(round)));
    expected += "," + std::to_string(round);
    states.emplace_back(Must(database->GetSnapshot()), expected);
    for (uint64_t i = 0; i < 40; ++i) Must(database->Put(BigEndianKey(i), std::string(1000, 'f')));
    Must(database->Flush());
  }
  CHECK(Must(database->GetStats()).spilled_generation_bytes > 0);
  Value value;
  for (const auto& [snapshot, then] : states) {
    CHECK(Must(database->Get({snapshot.get()}, tree, "key", &value)));
    CHECK(value.view() == then);
  }
}

TEST_CASE("a batch deletes ranges in its order", "[engine][batch]") {
  MemoryLogDatabase database(OptionsWithJoin());
  Must(database.Open());
  const Tree other = Must(database->CreateTree("other"));
  for (const char* key : {"a", "b", "c", "d", "e"}) Must(database->Put(key, "old"));
  Must(database->Put(other, "b", "other"));
  if (GENERATE(false, true)) Must(database->Compact());
  WriteBatch batch;
  Must(batch.Put("bb", "before"));
  Must(batch.Put("b", "before"));
  Must(batch.DeleteRange(kDefaultTree, "b", "d"));
  Must(batch.Put("c", "after"));
  Must(batch.DeleteRange(kDefaultTree, "x", "a"));  // an empty range
  CHECK(batch.record_count() == 5);
  Must(database->Write({}, batch));
  CHECK(Everything(*database) == Records{{"a", "old"}, {"c", "after"}, {"d", "old"}, {"e", "old"}});
  CHECK(Read(*database, other, "b") == "other");
  batch.Clear();
  Must(batch.DeleteRange(kDefaultTree, "c", std::nullopt));
  Must(database->Write({}, batch));
  CHECK(Everything(*database) == Records{{"a", "old"}});
  batch.Clear();
  Must(batch.DeleteRange(Tree{99}, "", std::nullopt));
  CHECK_FALSE(database->Write({}, batch));
}

}  // namespace
}  // namespace sibyl::testing
