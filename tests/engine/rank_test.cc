// Goal: Count, Rank and At are exact, whatever lies in memory, in levels, or is deleted; iterators
// with bounds can be sought again and again.
// Method: random states, from compacted to everything spread over generations and levels, against a
// sorted list of the same records; the edges (empty, one, ends, absent keys, other trees) first.

#include <cmath>
#include <random>

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

using Model = std::map<std::string, std::string>;

// Every rank, every key and its neighbours, and some ranges.
void CheckAll(Database& database, Tree tree, const Model& model, const Snapshot* snapshot,
              std::mt19937_64* random) {
  const ReadOptions options{snapshot};
  const Records records(model.begin(), model.end());
  REQUIRE(Must(database.Count(options, tree, {})) == records.size());
  REQUIRE_FALSE(Must(database.At(options, tree, records.size())).has_value());
  REQUIRE_FALSE(Must(database.At(options, tree, UINT64_MAX)).has_value());
  const size_t step = 1 + records.size() / 50;
  for (size_t rank = 0; rank < records.size(); rank += step) {
    const auto& [key, value] = records[rank];
    INFO("rank " << rank);
    REQUIRE(Must(database.At(options, tree, rank)) == OwnedRecord{key, value});
    REQUIRE(Must(database.Rank(options, tree, key)) == rank);
    REQUIRE(Must(database.Rank(options, tree, key + '\0')) == rank + 1);
  }
  REQUIRE(Must(database.Rank(options, tree, "")) == 0);
  for (int i = 0; i < 30 && !records.empty(); ++i) {
    const std::string begin = records[(*random)() % records.size()].first + (i % 3 ? "" : "x");
    const std::string end = records[(*random)() % records.size()].first + (i % 2 ? "" : "x");
    const auto from = model.lower_bound(begin);
    const auto count = begin < end ? std::distance(from, model.lower_bound(end)) : 0;
    REQUIRE(Must(database.Count(options, tree, {begin, end})) == static_cast<uint64_t>(count));
    REQUIRE(Must(database.Count(options, tree, {begin, std::nullopt})) ==
            static_cast<uint64_t>(std::distance(from, model.end())));
  }
}

TEST_CASE("ranks in empty and unknown trees", "[engine][rank]") {
  TestDatabase database;
  for (const Tree tree : {kDefaultTree, Tree{77}}) {
    CHECK(Must(database->Count({}, tree, {})) == 0);
    CHECK(Must(database->Rank({}, tree, "a")) == 0);
    CHECK_FALSE(Must(database->At({}, tree, 0)).has_value());
  }
  Must(database->Put("", "the empty key"));
  CHECK(Must(database->Count({}, kDefaultTree, {})) == 1);
  CHECK(Must(database->Rank({}, kDefaultTree, "")) == 0);
  CHECK(Must(database->At({}, kDefaultTree, 0))->value == "the empty key");
  CHECK(Must(database->Count({}, kDefaultTree, {"b", "a"})) == 0);
}

TEST_CASE("ranks are exact in every state", "[engine][rank]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  const auto read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  INFO("seed=" << seed << " pread=" << (read_mode == ReadMode::kPread));
  std::mt19937_64 random(seed);
  Options options = SmallOptions();
  options.read_mode = read_mode;
  TestDatabase database(options);
  const Tree before = Must(database->CreateTree("before"));
  const Tree tree = Must(database->CreateTree("the tree"));
  const Tree after = Must(database->CreateTree("after"));
  Model model;
  for (int phase = 0; phase < 6; ++phase) {
    INFO("phase " << phase);
    for (int i = 0; i < 1500; ++i) {
      const std::string key = BigEndianKey(random() % 4000);
      if (random() % 3 == 0) {
        Must(database->Delete(tree, key));
        model.erase(key);
      } else {
        const std::string value(random() % 100, static_cast<char>('a' + phase));
        Must(database->Put(tree, key, value));
        model[key] = value;
      }
      if (i % 7 == 0) {
        Must(database->Put(before, key, "x"));
        Must(database->Put(after, key, "x"));
      }
    }
    if (phase == 1 || phase == 4) Must(database->Compact());
    if (phase == 2) Must(database->Flush());
    CheckAll(*database, tree, model, nullptr, &random);
  }
  const auto snapshot = Must(database->GetSnapshot());
  for (int i = 0; i < 500; ++i) Must(database->Delete(tree, BigEndianKey(random() % 4000)));
  CheckAll(*database, tree, model, snapshot.get(), &random);
  Must(database->Compact());
  CheckAll(*database, tree, model, snapshot.get(), &random);
}

TEST_CASE("ranks are exact beside ranges that were deleted", "[engine][rank][range-deletion]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Options options = SmallOptions();
  options.background_threads = 0;  // nothing but Compact ends a deletion
  options.generation_bytes = 8 << 20;
  options.segment_bytes = 64 << 10;
  options.range_deletion_keys = 0;
  TestDatabase database(options);
  Model model;
  const auto put = [&](uint64_t number) {
    const std::string key = BigEndianKey(number);
    model[key] = std::to_string(random() % 1000) + std::string(80, 'v');
    Must(database->Put(key, model[key]));
  };
  const Tree after = Must(database->CreateTree("after"));
  for (uint64_t i = 0; i < 3000; ++i) put(i);
  for (uint64_t i = 0; i < 100; ++i) Must(database->Put(after, BigEndianKey(i), "of another tree"));
  Must(database->Compact());
  for (uint64_t deletions = 1; deletions <= 24; ++deletions) {
    const std::string begin = BigEndianKey(random() % 3000);
    const std::string end = BigEndianKey(base::LoadBig64(begin.data()) + 1 + random() % 200);
    Must(database->DeleteRange({}, kDefaultTree, begin, end));
    model.erase(model.lower_bound(begin), model.lower_bound(end));
    if (deletions % 4 == 0) put(random() % 3000);
    if (deletions % 8 != 0) continue;
    if (deletions == 16) Must(database->Flush());
    REQUIRE(Must(database->GetStats()).range_deletions > 0);
    CheckAll(*database, kDefaultTree, model, nullptr, &random);
    REQUIRE(Must(database->Count({}, after, {})) == 100);
    REQUIRE(Must(database->Rank({}, after, BigEndianKey(50))) == 50);
  }
  Must(database->DeleteRange({}, kDefaultTree, "", std::nullopt));
  CheckAll(*database, kDefaultTree, {}, nullptr, &random);
  REQUIRE(Must(database->Count({}, after, {})) == 100);
}

TEST_CASE("estimates come close", "[engine][rank]") {
  TestDatabase database(SmallOptions());
  const Tree tree = Must(database->CreateTree("the tree"));
  const Tree other = Must(database->CreateTree("other"));
  CHECK(Must(database->EstimateCount(tree, {})) == 0);
  CHECK(Must(database->EstimateCount(Tree{77}, {})) == 0);
  for (uint64_t i = 0; i < 20000; ++i) {
    Must(database->Put(tree, BigEndianKey(i * i), "value"));
    if (i % 4 == 0) Must(database->Put(other, BigEndianKey(i), "value"));
  }
  Must(database->Compact());
  CHECK(Must(database->EstimateCount(tree, {})) == 20000);
  for (uint64_t first : {0, 300, 7000, 19000}) {
    for (uint64_t count : {0, 10, 900}) {
      const std::string begin = BigEndianKey(first * first);
      const std::string end = BigEndianKey((first + count) * (first + count));
      const double estimate =
          static_cast<double>(Must(database->EstimateCount(tree, {begin, end})));
      INFO("from " << first << ", " << count << ": " << estimate);
      CHECK(std::abs(estimate - static_cast<double>(count)) <= 100);
    }
  }
  CHECK(Must(database->EstimateCount(tree, {"b", "a"})) == 0);
  for (uint64_t i = 0; i < 50; ++i) Must(database->Put(other, BigEndianKey(9000000 + i), "new"));
  CHECK(Must(database->EstimateCount(other, {BigEndianKey(9000000), std::nullopt})) == 50);
}

void CheckTransaction(Transaction& transaction, Tree tree, const Model& model) {
  REQUIRE(Must(transaction.Count(tree, {})) == model.size());
  uint64_t rank = 0;
  for (const auto& [key, value] : model) {
    if (rank % 37 == 0) {
      REQUIRE(Must(transaction.At(tree, rank)) == OwnedRecord{key, value});
      REQUIRE(Must(transaction.Count(tree, {std::nullopt, key})) == rank);
      REQUIRE(Must(transaction.Count(tree, {key, std::nullopt})) == model.size() - rank);
    }
    ++rank;
  }
  CHECK_FALSE(Must(transaction.At(tree, rank)).has_value());
}

// Few own writes are asked about one by one, many are walked through with the rest.
TEST_CASE("a transaction counts its own writes", "[engine][rank][transaction]") {
  const int own_writes = GENERATE(0, 20, 3000);
  const bool compacted = GENERATE(true, false);
  INFO("own writes " << own_writes << ", compacted " << compacted);
  std::mt19937_64 random(5);
  TestDatabase database;
  const Tree tree = Must(database->CreateTree("the tree"));
  Model model;
  for (uint64_t i = 0; i < 2000; ++i) {
    Must(database->Put(tree, BigEndianKey(3 * i), "base"));
    model[BigEndianKey(3 * i)] = "base";
  }
  if (compacted) Must(database->Compact());
  const auto transaction = Must(database->BeginTransaction());
  CheckTransaction(*transaction, tree, model);
  const Model before = model;
  const uint64_t savepoint = transaction->Savepoint();
  for (int i = 0; i < own_writes; ++i) {
    const std::string key = BigEndianKey(random() % 7000);
    if (i % 3 == 0) {
      Must(transaction->Delete(tree, key));
      model.erase(key);
    } else {
      Must(transaction->Put(tree, key, "own"));
      model[key] = "own";
    }
  }
  CheckTransaction(*transaction, tree, model);
  Must(database->Put(tree, "another's", "not seen"));
  CheckTransaction(*transaction, tree, model);
  const Tree own_tree = Must(transaction->CreateTree("own"));
  Must(transaction->Put(own_tree, "a", "b"));
  CHECK(Must(transaction->Count(own_tree, {})) == 1);
  CHECK(Must(transaction->Count(Tree{999}, {})) == 0);
  Must(transaction->RollbackTo(savepoint));
  CheckTransaction(*transaction, tree, before);
}

TEST_CASE("an out-of-line value is found by its rank", "[engine][rank]") {
  TestDatabase database;
  const std::string large(100 << 10, 'L');
  Must(database->Put("a", "small"));
  Must(database->Put("b", large));
  CHECK(Must(database->At({}, kDefaultTree, 1))->value == large);
  Must(database->Compact());
  CHECK(Must(database->At({}, kDefaultTree, 1)) == OwnedRecord{"b", large});
}

TEST_CASE("a bounded iterator can be sought again in any direction", "[engine][iterator]") {
  TestDatabase database;
  for (uint64_t i = 0; i < 1000; ++i) Must(database->Put(BigEndianKey(i), std::to_string(i)));
  Must(database->Compact());
  for (uint64_t i = 0; i < 1000; i += 3) Must(database->Delete(BigEndianKey(i)));
  IteratorOptions bounds;
  bounds.lower_bound = BigEndianKey(100);
  bounds.upper_bound = BigEndianKey(200);
  const auto iterator = Must(database->NewIterator(kDefaultTree, bounds));
  for (uint64_t target = 90; target < 210; ++target) {
    INFO("target " << target);
    // The nearest numbers within the bounds that are no multiples of 3.
    uint64_t up = std::max<uint64_t>(target, 100);
    while (up % 3 == 0) ++up;
    uint64_t down = std::min<uint64_t>(target, 199);
    while (down % 3 == 0) --down;
    iterator->Seek(BigEndianKey(target));
    REQUIRE(iterator->Valid() == (up < 200));
    if (iterator->Valid()) REQUIRE(iterator->value() == std::to_string(up));
    iterator->SeekForPrev(BigEndianKey(target));
    REQUIRE(iterator->Valid() == (down >= 100));
    if (iterator->Valid()) {
      REQUIRE(iterator->value() == std::to_string(down));
      iterator->Next();
      if (iterator->Valid()) iterator->Prev();
    }
  }
  iterator->SeekToFirst();
  REQUIRE(iterator->value() == "100");
  iterator->Prev();
  CHECK_FALSE(iterator->Valid());
  iterator->SeekToLast();
  REQUIRE(iterator->value() == "199");
  iterator->Next();
  CHECK_FALSE(iterator->Valid());
  CHECK(iterator->status());
}

}  // namespace
}  // namespace sibyl::testing
