// Goal: transactions are isolated, atomic, and the first committer wins, also when generations are
// frozen, drained or ingested past in between. On a log in memory, so that the thread sanitizer
// sees all of it.

#include "sibyl/transaction.h"

#include <map>
#include <random>
#include <thread>

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

class TransactionDatabase : public MemoryLogDatabase {
 public:
  explicit TransactionDatabase(Options options = SmallOptions())
      : MemoryLogDatabase(std::move(options)) {
    Must(Open());
  }
};

std::optional<std::string> Read(Transaction& transaction, std::string_view key) {
  Value value;
  if (!Must(transaction.Get(kDefaultTree, key, &value))) return std::nullopt;
  return value.Take();
}

TEST_CASE("a transaction sees its snapshot and its own writes, others see neither",
          "[engine][transaction]") {
  TransactionDatabase database;
  Must(database->Put("a", "old"));
  Must(database->Put("b", "old"));
  if (GENERATE(false, true)) Must(database->Compact());
  const auto transaction = Must(database->BeginTransaction());
  Must(database->Put("c", "later"));
  CHECK(Read(*transaction, "a") == "old");
  CHECK_FALSE(Read(*transaction, "c").has_value());
  Must(transaction->Put(kDefaultTree, "a", "own"));
  Must(transaction->Delete(kDefaultTree, "b"));
  Must(transaction->Put(kDefaultTree, "d", "own"));
  CHECK(Read(*transaction, "a") == "own");
  CHECK_FALSE(Read(*transaction, "b").has_value());
  const auto iterator = Must(transaction->NewIterator(kDefaultTree));
  CHECK(ScanForward(*iterator) == Records{{"a", "own"}, {"d", "own"}});
  CHECK(ScanBackward(*iterator) == Records{{"a", "own"}, {"d", "own"}});
  CHECK(Everything(*database) == Records{{"a", "old"}, {"b", "old"}, {"c", "later"}});
  Must(transaction->Commit());
  CHECK(Everything(*database) == Records{{"a", "own"}, {"c", "later"}, {"d", "own"}});
  CHECK_FALSE(transaction->Commit());  // only once
  CHECK_FALSE(transaction->Put(kDefaultTree, "e", ""));
}

TEST_CASE("destroying a transaction rolls it back", "[engine][transaction]") {
  TransactionDatabase database;
  {
    const auto transaction = Must(database->BeginTransaction());
    Must(transaction->Put(kDefaultTree, "key", "value"));
    CHECK(Must(database->GetStats()).pinned_views == 1);
  }
  CHECK(Everything(*database).empty());
  CHECK(Must(database->GetStats()).pinned_views == 0);
}

TEST_CASE("savepoints undo exactly what came after them", "[engine][transaction]") {
  TransactionDatabase database;
  Must(database->Put("a", "0"));
  const auto transaction = Must(database->BeginTransaction());
  const uint64_t begin = transaction->Savepoint();
  Must(transaction->Put(kDefaultTree, "a", "1"));
  const uint64_t first = transaction->Savepoint();
  Must(transaction->Put(kDefaultTree, "a", "2"));
  Must(transaction->Put(kDefaultTree, "b", "2"));
  const Tree tree = Must(transaction->CreateTree("t"));
  Must(transaction->Put(tree, "x", "y"));
  const uint64_t second = transaction->Savepoint();
  Must(transaction->Delete(kDefaultTree, "a"));
  Must(transaction->DropTree(tree));
  CHECK_FALSE(transaction->Put(tree, "x", "z"));
  Must(transaction->RollbackTo(second));
  CHECK(Read(*transaction, "a") == "2");
  Value value;
  CHECK(Must(transaction->Get(tree, "x", &value)));
  Must(transaction->RollbackTo(first));
  CHECK(Read(*transaction, "a") == "1");
  CHECK_FALSE(Read(*transaction, "b").has_value());
  CHECK_FALSE(Must(transaction->Get(tree, "x", &value)));
  CHECK_FALSE(transaction->RollbackTo(second));  // no longer valid
  Must(transaction->RollbackTo(begin));
  CHECK(Read(*transaction, "a") == "0");
  CHECK(transaction->pending_records() == 0);
  Must(transaction->Commit());
  CHECK(Must(database->ListTrees()).size() == 1);
}

TEST_CASE("an iterator follows its transaction's later writes", "[engine][transaction]") {
  TransactionDatabase database;
  for (const char* key : {"b", "d", "f"}) Must(database->Put(key, "old"));
  if (GENERATE(false, true)) Must(database->Compact());
  const auto transaction = Must(database->BeginTransaction());
  const auto iterator = Must(transaction->NewIterator(kDefaultTree));
  iterator->SeekToFirst();
  CHECK(iterator->key() == "b");
  Must(transaction->Put(kDefaultTree, "c", "new"));
  iterator->Next();
  CHECK(iterator->key() == "c");
  Must(transaction->Delete(kDefaultTree, "d"));
  iterator->Next();
  CHECK(iterator->key() == "f");
  Must(transaction->Delete(kDefaultTree, "f"));  // the one it stands on
  Must(transaction->Put(kDefaultTree, "e", "new"));
  iterator->Prev();
  CHECK(iterator->key() == "e");
  iterator->Next();
  CHECK_FALSE(iterator->Valid());
}

TEST_CASE("an iterator in a transaction sees every write beside it at its next step",
          "[engine][transaction]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  const bool spills = GENERATE(false, true);
  INFO("seed " << seed << ", spills " << spills);
  Options options = SmallOptions();
  if (spills) options.transaction_memory_bytes = 16 << 10;
  TransactionDatabase database(options);
  std::map<std::string, std::string> model;
  for (uint64_t i = 0; i < 2000; ++i) {
    Must(database->Put(BigEndianKey(3 * i), "old"));
    model[BigEndianKey(3 * i)] = "old";
  }
  Must(database->Compact());  // long runs of plain records
  std::mt19937 random(seed);
  const auto transaction = Must(database->BeginTransaction());
  const auto iterator = Must(transaction->NewIterator(kDefaultTree));
  std::vector<std::pair<uint64_t, std::map<std::string, std::string>>> savepoints;
  std::string at;
  for (uint64_t position = 0; position < 6000; position += 20 + random() % 200) {
    iterator->Seek(BigEndianKey(position));
    for (uint64_t steps = random() % 60; steps > 0 && iterator->Valid(); --steps) {
      at = iterator->key();
      for (uint64_t writes = random() % 4 == 0 ? random() % 5 : 0; writes > 0; --writes) {
        const std::string key = BigEndianKey(base::LoadBig64(at.data()) + random() % 9);
        if (random() % 3 == 0) {
          Must(transaction->Delete(kDefaultTree, key));
          model.erase(key);
        } else {
          const std::string value = "new" + std::string(random() % 300, 'n');
          Must(transaction->Put(kDefaultTree, key, value));
          model[key] = value;
        }
        if (random() % 8 == 0) savepoints.emplace_back(transaction->Savepoint(), model);
      }
      if (!savepoints.empty() && random() % 30 == 0) {
        savepoints.resize(1 + random() % savepoints.size());
        Must(transaction->RollbackTo(savepoints.back().first));
        model = savepoints.back().second;
      }
      const bool forward = random() % 10 != 0;
      forward ? iterator->Next() : iterator->Prev();
      auto expected = forward ? model.upper_bound(at) : model.lower_bound(at);
      if (!forward && expected == model.begin())
        expected = model.end();
      else if (!forward)
        --expected;
      REQUIRE(iterator->Valid() == (expected != model.end()));
      if (!iterator->Valid()) break;
      REQUIRE(iterator->key() == expected->first);
      REQUIRE(iterator->value() == expected->second);
    }
  }
  REQUIRE(ScanForward(*iterator) == Records(model.begin(), model.end()));
}

TEST_CASE("the first committer wins", "[engine][transaction]") {
  TransactionDatabase database;
  Must(database->Put("key", "0"));
  // What happens between the first commit and the second attempt.
  const auto between = GENERATE(0, 1, 2, 3);
  const auto loser = Must(database->BeginTransaction());
  Must(loser->Put(kDefaultTree, "key", "loser"));
  if (between == 3) Must(database->Flush());
  Must(database->Put("key", "winner"));
  if (between == 1) Must(database->Flush());
  if (between == 2) Must(database->Compact());
  const auto committed = loser->Commit();
  REQUIRE_FALSE(committed);
  CHECK(committed.error().code == ErrorCode::kConflict);
  CHECK(Must(database->Get("key")) == "winner");
  CHECK(Must(database->GetStats()).counters.transactions_conflicted == 1);
}

TEST_CASE("transactions on different keys do not conflict", "[engine][transaction]") {
  TransactionDatabase database;
  const auto first = Must(database->BeginTransaction());
  const auto second = Must(database->BeginTransaction());
  Must(first->Put(kDefaultTree, "a", "1"));
  Must(second->Put(kDefaultTree, "b", "2"));
  Must(second->Commit());
  if (GENERATE(false, true)) Must(database->Put("c", "3"));
  Must(first->Commit());
  CHECK(Must(database->Get("a")) == "1");
  CHECK(Must(database->Get("b")) == "2");
}

TEST_CASE("history that is gone is a conflict, never a lost update", "[engine][transaction]") {
  TransactionDatabase database;
  const auto transaction = Must(database->BeginTransaction());
  Must(transaction->Put(kDefaultTree, "key", "transaction"));
  SECTION("generations drained") {
    for (int i = 0; i < 3; ++i) {
      Must(database->Put("key", std::to_string(i)));
      Must(database->Flush());
    }
  }
  SECTION("records ingested") {
    const Records records{{"key", "ingested"}};
    Must(database->Ingest(kDefaultTree, SourceOf(records)));
  }
  const auto committed = transaction->Commit();
  REQUIRE_FALSE(committed);
  CHECK(committed.error().code == ErrorCode::kConflict);
}

TEST_CASE("trees: creation and drop conflict by name and by use", "[engine][transaction]") {
  TransactionDatabase database;
  const Tree tree = Must(database->CreateTree("shared"));
  const auto creator = Must(database->BeginTransaction());
  const auto writer = Must(database->BeginTransaction());
  Must(creator->CreateTree("name"));
  Must(writer->Put(tree, "key", "value"));
  Must(database->CreateTree("name"));
  Must(database->DropTree(tree));
  CHECK_FALSE(creator->Commit());
  CHECK_FALSE(writer->Commit());
  CHECK(Must(database->ListTrees()).size() == 2);
}

TEST_CASE("concurrent increments are never lost", "[engine][transaction]") {
  TransactionDatabase database;
  Must(database->Put("counter", "0"));
  constexpr int kThreads = 4;
  constexpr int kIncrements = 200;
  const auto work = [&database] {
    for (int done = 0; done < kIncrements;) {
      auto transaction = database->BeginTransaction();
      Value value;
      if (!transaction || !(*transaction)->Get(kDefaultTree, "counter", &value)) std::abort();
      const int next = std::stoi(std::string(value.view())) + 1;
      // The padding makes generations turn over while transactions run.
      const std::string padding(500, 'x');
      if (!(*transaction)->Put(kDefaultTree, "counter", std::to_string(next)) ||
          !(*transaction)->Put(kDefaultTree, "padding" + std::to_string(next), padding)) {
        std::abort();
      }
      if ((*transaction)->Commit()) ++done;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  CHECK(Must(database->Get("counter")) == std::to_string(kThreads * kIncrements));
}

// Adds one to the number under "counter", taking turns.
void Increment(Database& database) {
  for (;;) {
    const auto transaction = Must(database.BeginTransaction());
    Value value;
    Must(transaction->GetForUpdate(kDefaultTree, "counter", &value, std::chrono::minutes(1)));
    const int number = value.found() ? std::stoi(std::string(value.view())) : 0;
    Must(transaction->Put(kDefaultTree, "counter", std::to_string(number + 1)));
    const Status committed = transaction->Commit();
    if (committed) return;
    if (committed.error().code != ErrorCode::kConflict) Must(committed);
  }
}

TEST_CASE("transactions that lock a hot key take turns", "[engine][transaction][lock]") {
  TransactionDatabase database;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) Increment(*database);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(Must(database->Get("counter")) == "200");
  CHECK(Must(database->GetStats()).counters.transactions_conflicted == 0);
}

TEST_CASE("a locked key is busy until its transaction ends", "[engine][transaction][lock]") {
  TransactionDatabase database;
  Must(database->Put("a", "1"));
  Value value;
  auto holder = Must(database->BeginTransaction());
  CHECK(Must(holder->GetForUpdate(kDefaultTree, "a", &value, {})));
  CHECK(Must(holder->GetForUpdate(kDefaultTree, "a", &value, {})));  // its own
  const uint64_t savepoint = holder->Savepoint();
  Must(holder->Put(kDefaultTree, "a", "2"));
  Must(holder->RollbackTo(savepoint));
  const auto other = Must(database->BeginTransaction());
  const auto busy = other->GetForUpdate(kDefaultTree, "a", &value, std::chrono::milliseconds(1));
  REQUIRE_FALSE(busy);
  CHECK(busy.error().code == ErrorCode::kBusy);
  CHECK_FALSE(Must(other->GetForUpdate(kDefaultTree, "another", &value, {})));
  SECTION("committed") { Must(holder->Commit()); }
  SECTION("rolled back") { holder.reset(); }
  CHECK(Must(other->GetForUpdate(kDefaultTree, "a", &value, {})));
  CHECK(value.view() == "1");
}

TEST_CASE("locking shows the latest state first, and a conflict later",
          "[engine][transaction][lock]") {
  TransactionDatabase database;
  Must(database->Put("a", "1"));
  Must(database->Put("b", "1"));
  Value value;
  const auto fresh = Must(database->BeginTransaction());
  Must(database->Put("a", "2"));
  CHECK(Must(fresh->GetForUpdate(kDefaultTree, "a", &value, {})));
  CHECK(value.view() == "2");
  Must(database->Put("b", "2"));
  if (GENERATE(false, true)) Must(database->Flush());
  const auto late = fresh->GetForUpdate(kDefaultTree, "b", &value, {});
  REQUIRE_FALSE(late);
  CHECK(late.error().code == ErrorCode::kConflict);
  // Who does not ask for locks does not wait for them, and the locker conflicts.
  Must(fresh->Put(kDefaultTree, "a", "3"));
  Must(database->Put("a", "plain"));
  const Status committed = fresh->Commit();
  REQUIRE_FALSE(committed);
  CHECK(committed.error().code == ErrorCode::kConflict);
}

}  // namespace
}  // namespace sibyl::testing
