// Goal: transactions are isolated, atomic, and the first committer wins, also when generations are
// frozen, drained or ingested past in between.

#include "sibyl/transaction.h"

#include <thread>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

std::optional<std::string> Read(Transaction& transaction, std::string_view key) {
  Value value;
  if (!Must(transaction.Get(kDefaultTree, key, &value))) return std::nullopt;
  return value.Take();
}

TEST_CASE("a transaction sees its snapshot and its own writes, others see neither",
          "[engine][transaction]") {
  TestDatabase database;
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
  TestDatabase database;
  {
    const auto transaction = Must(database->BeginTransaction());
    Must(transaction->Put(kDefaultTree, "key", "value"));
    CHECK(Must(database->GetStats()).pinned_views == 1);
  }
  CHECK(Everything(*database).empty());
  CHECK(Must(database->GetStats()).pinned_views == 0);
}

TEST_CASE("savepoints undo exactly what came after them", "[engine][transaction]") {
  TestDatabase database;
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
  TestDatabase database;
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

TEST_CASE("the first committer wins", "[engine][transaction]") {
  TestDatabase database;
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
  TestDatabase database;
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
  TestDatabase database;
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
  TestDatabase database;
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
  TestDatabase database;
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

}  // namespace
}  // namespace sibyl::testing
