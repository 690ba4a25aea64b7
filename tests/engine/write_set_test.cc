// Goal: a write set that spills all the time is the same ordered map as one that never does: reads,
// cursors, savepoints and going back are exact, and it leaves no files behind.
// Method: edges by hand; then random writes, savepoints, releases and rollbacks beside a list of
// std::map copies, with a budget of a few dozen records.

#include "engine/write_set.h"

#include <catch2/catch.hpp>
#include <random>

#include "engine/user_iterator.h"
#include "tests/engine/cursor_oracle.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace sibyl::engine {
namespace {

Options TinyOptions() {
  Options options;
  options.transaction_memory_bytes = 16 << 10;
  options.segment_bytes = 64 << 10;
  options.block_bytes = 512;
  return options;
}

// A write set with a folder for its runs.
class SpillingSet {
 public:
  SpillingSet() { REQUIRE(store_.Prepare()); }
  WriteSet& operator*() { return writes_; }
  WriteSet* operator->() { return &writes_; }
  testing::FaultFileSystem& files() { return files_; }
  size_t FileCount() { return files_.List(directory_.path() / "segments").value().size(); }

 private:
  testing::TemporaryDirectory directory_;
  testing::FaultFileSystem files_;
  const Options options_ = TinyOptions();
  SegmentStore store_{files_, directory_.path() / "segments", directory_.path() / "lost", options_};
  WriteSet writes_{store_, options_, [](Tree) { return TreeRules(); }};
};

void Put(SpillingSet& set, Oracle* oracle, const std::string& key, const std::string& value) {
  REQUIRE(set->Put(key, RecordType::kValue, value));
  (*oracle)[key] = {RecordType::kValue, value};
}

void CheckFind(SpillingSet& set, const Oracle& oracle, const std::string& key) {
  Value value;
  const auto outcome = set->Find(key, &value);
  REQUIRE(outcome);
  const auto expected = oracle.find(key);
  const bool present = expected != oracle.end();
  if ((*outcome != storage::LookupOutcome::kAbsent) != present) FAIL(base::Quoted(key));
  if (!present) return;
  CHECK((*outcome == storage::LookupOutcome::kValue) ==
        (expected->second.type == RecordType::kValue));
  CHECK(value.view() == expected->second.value);
}

void CheckEqual(SpillingSet& set, const Oracle& oracle) {
  CHECK(set->empty() == oracle.empty());
  CHECK(set->records() >= oracle.size());
  CheckWholeWalk(*set->NewCursor(), oracle);
}

// Moves an iterator over one tree, whatever has been written since it moved last.
void CheckMove(Iterator& iterator, Tree tree, const Oracle& oracle, std::mt19937_64& random) {
  const auto is_shown = [&](Oracle::const_iterator at) {
    return at != oracle.end() && TreeOf(at->first) == tree;
  };
  auto expected = oracle.lower_bound(EncodeInternalKey(tree, {}));
  if (!iterator.Valid() || random() % 30 == 0) {
    iterator.SeekToFirst();
  } else {
    expected = oracle.upper_bound(EncodeInternalKey(tree, iterator.key()));
    iterator.Next();
  }
  while (is_shown(expected) && expected->second.type == RecordType::kTombstone) ++expected;
  REQUIRE(iterator.Valid() == is_shown(expected));
  if (!iterator.Valid()) return;
  if (iterator.key() != UserKeyOf(expected->first)) FAIL(base::Quoted(iterator.key()));
  CHECK(iterator.value() == expected->second.value);
}

TEST_CASE("what outgrows the budget goes to disk, and its files go with it",
          "[engine][write_set]") {
  SpillingSet set;
  Oracle oracle;
  for (uint64_t i = 0; i < 2000; ++i) {
    Put(set, &oracle, EncodeInternalKey(Tree{1}, BigEndian(i * 7919 % 2000)),
        std::string(40, static_cast<char>('a' + i % 26)));
    REQUIRE(set->memory_bytes() <= 3 * TinyOptions().transaction_memory_bytes);
  }
  CHECK(set->spills() > 5);
  CHECK(set.FileCount() > 0);
  CheckEqual(set, oracle);
  REQUIRE(set->RollbackTo(0));
  CheckEqual(set, {});
  CHECK(set.FileCount() == 0);
}

TEST_CASE("runs of ascending keys become one without being written again", "[engine][write_set]") {
  SpillingSet set;
  Oracle oracle;
  for (uint64_t i = 0; i < 3000; ++i) {
    Put(set, &oracle, EncodeInternalKey(Tree{1}, BigEndian(i)), "value");
  }
  CHECK(set->spills() > 5);
  CHECK(set->Runs().size() == 1);
  CHECK(set->records() == 3000);
  CheckEqual(set, oracle);
}

TEST_CASE("runs that overlap are joined, unless a savepoint lies between", "[engine][write_set]") {
  const bool released = GENERATE(false, true);
  SpillingSet set;
  Oracle oracle;
  std::vector<std::pair<uint64_t, Oracle>> given;
  for (uint64_t i = 0; i < 6'000; ++i) {
    if (i % 250 == 0) {
      given.emplace_back(set->Savepoint(), oracle);
      if (released) set->Release(given.back().first);
    }
    Put(set, &oracle, EncodeInternalKey(Tree{1}, BigEndian(i * 7919 % 1000)), std::to_string(i));
  }
  CHECK(set->spills() > 10);
  if (released) {
    CHECK(set->Runs().size() < 10);
    CHECK_FALSE(set->RollbackTo(given[5].first));
  } else {
    CHECK(set->Runs().size() > 10);
    for (const size_t back : {20u, 11u, 1u, 0u}) {
      REQUIRE(set->RollbackTo(given[back].first));
      oracle = given[back].second;
      CheckEqual(set, oracle);
    }
  }
  CheckEqual(set, oracle);
}

TEST_CASE("a savepoint given twice is released twice", "[engine][write_set]") {
  SpillingSet set;
  Oracle oracle;
  Put(set, &oracle, std::string("\0\0\0\1a", 5), "1");
  const uint64_t mark = set->Savepoint();
  CHECK(set->Savepoint() == mark);
  set->Release(mark);
  Put(set, &oracle, std::string("\0\0\0\1b", 5), "2");
  REQUIRE(set->RollbackTo(mark));
  CHECK(set->records() == 1);
  set->Release(mark);
  const auto refused = set->RollbackTo(mark);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(set->RollbackTo(mark + 1));
  CHECK(set->RollbackTo(0));
}

// The state that a savepoint promises to bring back.
struct Given {
  uint64_t mark;
  Oracle state;
};

TEST_CASE("random writes, savepoints and rollbacks are exact whatever is spilled",
          "[engine][write_set]") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  SpillingSet set;
  Oracle oracle;
  std::vector<Given> given = {{0, {}}};
  std::vector<std::string> keys = {EncodeInternalKey(Tree{0}, "")};
  for (const std::string& key : EdgeKeys()) {
    if (key.size() < 100) keys.push_back(EncodeInternalKey(Tree{7}, key));
  }
  const auto cursor = set->NewCursor();
  const Tree tree{7};
  const auto iterator = NewUserIterator(set->NewCursor(nullptr, 0, tree), tree, {}, nullptr);
  // Few savepoints, so that runs are joined, or many, so that they are not.
  const uint64_t savepoint_share = seed % 2 == 0 ? 5 : 100;
  for (int step = 0; step < 3000; ++step) {
    const auto action = random() % 1000;
    if (action < 800) {
      if (random() % 2 == 0) keys.push_back(RandomInternalKey(random));
      const std::string& key = keys[random() % keys.size()];
      const auto type = random() % 4 == 0 ? RecordType::kTombstone : RecordType::kValue;
      const size_t size = random() % 500 == 0 ? 70'000 : random() % 100;
      const std::string value(type == RecordType::kValue ? size : 0, 'v');
      REQUIRE(set->Put(key, type, value));
      oracle[key] = {type, value};
    } else if (action < 800 + savepoint_share) {
      given.push_back({set->Savepoint(), oracle});
    } else if (action < 902) {
      const size_t target = given.size() - 1 - random() % std::min<size_t>(4, given.size());
      REQUIRE(set->RollbackTo(given[target].mark));
      oracle = given[target].state;
      given.resize(target + 1);
      if (random() % 4 == 0) CheckEqual(set, oracle);
    } else if (action < 904 && given.size() > 1) {
      set->Release(given.back().mark);
      given.pop_back();
    } else if (!cursor->Valid() || action < 920) {
      const std::string target = keys[random() % keys.size()];
      if (action % 2 == 0) {
        cursor->Seek(target);
        CheckAt(*cursor, oracle, oracle.lower_bound(target));
      } else {
        cursor->SeekForPrev(target);
        CheckAt(*cursor, oracle, LastAtMost(oracle, target));
      }
    } else if (action < 970) {
      const auto expected = oracle.upper_bound(std::string(cursor->key()));
      cursor->Next();
      CheckAt(*cursor, oracle, expected);
    } else {
      const auto after = oracle.lower_bound(std::string(cursor->key()));
      cursor->Prev();
      CheckAt(*cursor, oracle, after == oracle.begin() ? oracle.end() : std::prev(after));
    }
    if (random() % 2 == 0) CheckMove(*iterator, tree, oracle, random);
    CheckFind(set, oracle, keys[random() % keys.size()]);
  }
  CHECK(set->spills() > 3);
  CheckEqual(set, oracle);
  for (size_t left = given.size(); left > 0; left /= 2) {
    REQUIRE(set->RollbackTo(given[left - 1].mark));
    CheckEqual(set, given[left - 1].state);
  }
  REQUIRE(cursor->status());
}

TEST_CASE("what a cursor shows stays while its record is spilled and undone",
          "[engine][write_set]") {
  SpillingSet set;
  const std::string key = EncodeInternalKey(Tree{1}, "shown");
  REQUIRE(set->Put(key, RecordType::kValue, "value"));
  const auto cursor = set->NewCursor();
  cursor->SeekToFirst();
  const std::string_view shown_key = cursor->key();
  const std::string_view shown_value = cursor->value();
  for (uint64_t i = 0; i < 2000; ++i) {
    REQUIRE(set->Put(EncodeInternalKey(Tree{2}, BigEndian(i)), RecordType::kValue, "more"));
  }
  REQUIRE(set->RollbackTo(0));
  CHECK(shown_key == key);
  CHECK(shown_value == "value");
  cursor->Next();
  CHECK_FALSE(cursor->Valid());
}

TEST_CASE("rolling back at the border of a spill again and again stays cheap",
          "[engine][write_set]") {
  SpillingSet set;
  Oracle oracle;
  uint64_t serial = 0;
  const auto put = [&] {
    Put(set, &oracle, EncodeInternalKey(Tree{1}, BigEndian(serial++ * 7919 % 4000)), "value");
  };
  while (set->spills() < 3) put();
  // Just before it spills again.
  while (set->memory_bytes() < TinyOptions().transaction_memory_bytes) put();
  const Oracle before = oracle;
  const uint64_t mark = set->Savepoint();
  const uint64_t spills = set->spills();
  for (int i = 0; i < 100; ++i) {
    put();
    REQUIRE(set->RollbackTo(mark));
  }
  CHECK(set->spills() <= spills + 2);
  CheckEqual(set, before);
}

TEST_CASE("a spill or a rollback that fails changes nothing", "[engine][write_set][fault]") {
  const auto fill = [](SpillingSet& set, Oracle* oracle, uint64_t* mark) {
    for (uint64_t i = 0; i < 600; ++i) {
      const std::string key = EncodeInternalKey(Tree{1}, BigEndian(i * 7919 % 400));
      const std::string value = std::to_string(i) + std::string(30, 'v');
      if (i == 450) *mark = set->Savepoint();
      if (set->Put(key, RecordType::kValue, value)) (*oracle)[key] = {RecordType::kValue, value};
    }
  };
  uint64_t calls = 0;
  {
    SpillingSet set;
    Oracle oracle;
    uint64_t mark = 0;
    const uint64_t before = set.files().calls();
    fill(set, &oracle, &mark);
    REQUIRE(set->RollbackTo(mark));
    calls = set.files().calls() - before;
    CHECK(set->spills() > 2);
  }
  for (uint64_t failing = 1; failing <= calls; failing += 1 + calls / 20) {
    INFO("call " << failing << " of " << calls);
    SpillingSet set;
    Oracle oracle;
    uint64_t mark = 0;
    const uint64_t call = set.files().calls() + failing;
    set.files().FailCalls(call, call);
    fill(set, &oracle, &mark);
    const bool rolled_back = set->RollbackTo(mark).has_value();
    if (!rolled_back) CheckEqual(set, oracle);
    set.files().FailCalls(1, 0);
    REQUIRE(set->RollbackTo(mark));
    REQUIRE(set->RollbackTo(0));
    CheckEqual(set, {});
  }
}

}  // namespace
}  // namespace sibyl::engine
