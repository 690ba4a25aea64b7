// Goal: a user sees exactly the live records of one tree within the bounds, in both directions.
// Method: a cursor over several trees with tombstones, compared with a std::map of what should be
// visible, for every kind of bound; a target beyond a bound is clipped to it.

#include "engine/user_iterator.h"

#include <catch2/catch.hpp>
#include <optional>
#include <random>

#include "engine/generation.h"
#include "engine/merging_cursor.h"
#include "engine/overlay.h"
#include "tests/engine/cursor_oracle.h"

namespace sibyl::engine {
namespace {

using Visible = std::map<std::string, std::string>;

constexpr uint32_t kTrees[] = {0, 1, 2, 0xfffffffe, 0xffffffff};

Visible VisibleIn(const Oracle& oracle, Tree tree, const IteratorOptions& bounds) {
  Visible visible;
  for (const auto& [key, record] : oracle) {
    const std::string user_key(UserKeyOf(key));
    if (TreeOf(key) != tree || record.type == RecordType::kTombstone) continue;
    if (bounds.lower_bound && user_key < *bounds.lower_bound) continue;
    if (bounds.upper_bound && user_key >= *bounds.upper_bound) continue;
    visible[user_key] = record.value;
  }
  return visible;
}

void CheckAt(const Iterator& iterator, const Visible& visible, Visible::const_iterator expected) {
  if (iterator.Valid() != (expected != visible.end())) FAIL("valid is " << iterator.Valid());
  if (!iterator.Valid()) return;
  if (iterator.key() != expected->first || iterator.value() != expected->second) {
    FAIL("got " << base::Quoted(iterator.key()) << ", not " << base::Quoted(expected->first));
  }
}

Visible::const_iterator Before(const Visible& visible, Visible::const_iterator at) {
  return at == visible.begin() ? visible.end() : std::prev(at);
}

void CheckWalks(Iterator& iterator, const Visible& visible, std::mt19937_64& random) {
  CHECK_FALSE(iterator.Valid());
  iterator.SeekToFirst();
  for (auto at = visible.begin(); at != visible.end(); ++at, iterator.Next()) {
    CheckAt(iterator, visible, at);
  }
  CHECK_FALSE(iterator.Valid());
  iterator.SeekToLast();
  for (auto at = visible.rbegin(); at != visible.rend(); ++at, iterator.Prev()) {
    CheckAt(iterator, visible, std::prev(at.base()));
  }
  CHECK_FALSE(iterator.Valid());
  for (int seek = 0; seek < 60; ++seek) {
    const std::string target = RandomUserKey(random);
    Visible::const_iterator at;
    if (random() % 2 == 0) {
      iterator.Seek(target);
      at = visible.lower_bound(target);
    } else {
      iterator.SeekForPrev(target);
      at = Before(visible, visible.upper_bound(target));
    }
    CheckAt(iterator, visible, at);
    for (auto steps = random() % 10; steps > 0 && iterator.Valid(); --steps) {
      if (random() % 2 == 0) {
        iterator.Next();
        ++at;
      } else {
        iterator.Prev();
        at = Before(visible, at);
      }
      CheckAt(iterator, visible, at);
    }
  }
  CHECK(iterator.status());
}

TEST_CASE("an empty database, in the first and the last tree", "[engine][user_iterator]") {
  std::mt19937_64 random(1);
  for (const uint32_t tree : kTrees) {
    const auto iterator =
        NewUserIterator(std::make_unique<OracleCursor>(Oracle{}), Tree{tree}, {}, nullptr);
    CheckWalks(*iterator, {}, random);
  }
}

TEST_CASE("edge keys, each tree to itself", "[engine][user_iterator]") {
  std::mt19937_64 random(2);
  Oracle oracle;
  for (const uint32_t tree : kTrees) {
    for (const std::string& key : EdgeKeys()) {
      oracle[EncodeInternalKey(Tree{tree}, key)] = {RecordType::kValue, std::to_string(tree)};
    }
  }
  for (const uint32_t tree : kTrees) {
    const Visible visible = VisibleIn(oracle, Tree{tree}, {});
    CHECK(visible.size() >= 100);
    const auto iterator =
        NewUserIterator(std::make_unique<OracleCursor>(oracle), Tree{tree}, {}, nullptr);
    CheckWalks(*iterator, visible, random);
  }
}

TEST_CASE("random records, tombstones and bounds", "[engine][user_iterator]") {
  const auto seed = GENERATE(3u, 4u, 5u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Oracle oracle;
  for (int i = 0; i < 400; ++i) {
    const Tree tree{kTrees[random() % 5]};
    const bool deleted = random() % 3 == 0;
    oracle[EncodeInternalKey(tree, RandomUserKey(random))] = {
        deleted ? RecordType::kTombstone : RecordType::kValue, deleted ? "" : std::to_string(i)};
  }
  for (int round = 0; round < 60; ++round) {
    const Tree tree{kTrees[random() % 5]};
    IteratorOptions bounds;
    // In any order: a lower bound above the upper one leaves nothing.
    if (random() % 3 != 0) bounds.lower_bound = RandomUserKey(random);
    if (random() % 3 != 0) bounds.upper_bound = RandomUserKey(random);
    INFO("tree " << tree.id << " from " << base::Quoted(bounds.lower_bound.value_or("(none)"))
                 << " to " << base::Quoted(bounds.upper_bound.value_or("(none)")));
    const auto iterator =
        NewUserIterator(std::make_unique<OracleCursor>(oracle), tree, bounds, nullptr);
    CheckWalks(*iterator, VisibleIn(oracle, tree, bounds), random);
  }
}

// How many records a Layers has of each age.
struct LayerSizes {
  size_t base;
  size_t newer;
  std::vector<size_t> upper;  // of each upper level, newest first
};

// An overlay over a generation over records in blocks, merged, beside a map that says what they
// show. The blocks are a base, and upper levels: those keep the values that they show, as in a
// mapping, or every other one nothing, as through a cache.
class Layers {
 public:
  // `only`: for an iterator over that tree.
  Layers(std::mt19937_64& random, const LayerSizes& sizes,
         std::optional<Tree> only = std::nullopt) {
    Oracle base;
    for (size_t i = 0; i < sizes.base; ++i) base[RandomKey(random)] = RandomRecord(random, 20);
    std::vector<Oracle> uppers;
    for (const size_t records : sizes.upper) {
      Oracle upper;
      for (size_t i = 0; i < records; ++i) {
        upper[KeyNear(base, random)] = RandomRecord(random, 3);
        if (random() % 4 == 0) AddRun(base, random, &upper);
      }
      uppers.push_back(std::move(upper));
    }
    for (size_t i = 0; i < sizes.newer; ++i) {
      const OracleRecord record = RandomRecord(random, 3);
      const std::string key = KeyNear(base, random);
      generation_.Add(key, i + 1, record.type, record.value);
      below_[key] = record;
    }
    for (const Oracle& upper : uppers) below_.insert(upper.begin(), upper.end());
    below_.insert(base.begin(), base.end());
    std::vector<std::unique_ptr<Cursor>> sources;
    sources.push_back(overlay_.NewCursor(only));
    sources.push_back(generation_.NewCursor(UINT64_MAX));
    for (size_t i = 0; i < uppers.size(); ++i) {
      const auto kept = i % 2 == 0 ? Cursor::Kept::kValue : Cursor::Kept::kNothing;
      sources.push_back(std::make_unique<OracleCursor>(std::move(uppers[i]), kept));
    }
    const auto kept = random() % 2 == 0 ? Cursor::Kept::kValue : Cursor::Kept::kNothing;
    sources.push_back(std::make_unique<OracleCursor>(std::move(base), kept));
    cursor_ = NewMergingCursor(std::move(sources), overlay_.version_counter(only));
  }

  std::unique_ptr<Cursor> TakeCursor() { return std::move(cursor_); }

  Visible Shown(Tree tree, const IteratorOptions& bounds) const {
    Oracle all = written_;
    all.insert(below_.begin(), below_.end());
    return VisibleIn(all, tree, bounds);
  }

  // Writes one record, at `key` or anywhere; or takes back what was written since some moment.
  void Change(const std::string& key, std::mt19937_64& random) {
    if (random() % 8 == 0) {
      REQUIRE(overlay_.RollbackTo(mark_));
      written_ = written_at_mark_;
      return;
    }
    if (random() % 8 == 0) {
      mark_ = overlay_.Mark();
      written_at_mark_ = written_;
    }
    const OracleRecord record = RandomRecord(random, 3);
    const std::string written = random() % 2 == 0 ? key : KeyNear(below_, random);
    overlay_.Put(written, record.type, record.value);
    written_[written] = record;
  }

 private:
  // Few trees, so that there are runs.
  static std::string RandomKey(std::mt19937_64& random) {
    return EncodeInternalKey(Tree{1 + static_cast<uint32_t>(random() % 2)}, RandomUserKey(random));
  }
  // Some keys of the base, one after the other.
  static void AddRun(const Oracle& base, std::mt19937_64& random, Oracle* upper) {
    auto at = base.lower_bound(RandomKey(random));
    for (auto left = random() % 8; left > 0 && at != base.end(); --left, ++at) {
      (*upper)[at->first] = RandomRecord(random, 5);
    }
  }
  static std::string KeyNear(const Oracle& oracle, std::mt19937_64& random) {
    if (oracle.empty() || random() % 2 == 0) return RandomKey(random);
    const auto at = oracle.lower_bound(RandomKey(random));
    return at == oracle.end() ? oracle.begin()->first : at->first;
  }
  // One in `one_in` is a tombstone.
  static OracleRecord RandomRecord(std::mt19937_64& random, uint64_t one_in) {
    if (random() % one_in == 0) return {RecordType::kTombstone, ""};
    return {RecordType::kValue, std::to_string(random())};
  }

  Overlay overlay_;
  Generation generation_{1};
  Oracle below_;  // of the generation and of the blocks
  Oracle written_;
  Oracle written_at_mark_;
  uint64_t mark_ = 0;
  std::unique_ptr<Cursor> cursor_;
};

IteratorOptions RandomBounds(std::mt19937_64& random) {
  IteratorOptions bounds;
  if (random() % 3 == 0) bounds.lower_bound = RandomUserKey(random);
  if (random() % 3 == 0) bounds.upper_bound = RandomUserKey(random);
  return bounds;
}

TEST_CASE("sources of every age, merged", "[engine][user_iterator]") {
  const auto seed = GENERATE(6u, 7u, 8u, 9u);
  const auto newer_records = GENERATE(size_t{0}, size_t{1}, size_t{30}, size_t{400}, size_t{3000});
  INFO("seed=" << seed << " newer=" << newer_records);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4; ++round) {
    const size_t base_records = 20u << random() % 7;
    Layers layers(random, {base_records, newer_records, {}});
    const Tree tree{1 + static_cast<uint32_t>(random() % 2)};
    const IteratorOptions bounds = RandomBounds(random);
    const auto iterator = NewUserIterator(layers.TakeCursor(), tree, bounds, nullptr);
    CheckWalks(*iterator, layers.Shown(tree, bounds), random);
  }
}

TEST_CASE("upper levels of every size, merged", "[engine][user_iterator]") {
  const auto seed = GENERATE(26u, 27u, 28u, 29u);
  const auto newer_records = GENERATE(size_t{0}, size_t{60});
  const auto upper =
      GENERATE(std::vector<size_t>{1}, std::vector<size_t>{40}, std::vector<size_t>{2000},
               std::vector<size_t>{3, 20, 200}, std::vector<size_t>{100, 100, 100, 100, 100});
  INFO("seed=" << seed << " newer=" << newer_records << " upper=" << upper.size());
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3; ++round) {
    const size_t base_records = round == 0 ? 0 : 20u << random() % 7;
    Layers layers(random, {base_records, newer_records, upper});
    const Tree tree{1 + static_cast<uint32_t>(random() % 2)};
    const IteratorOptions bounds = RandomBounds(random);
    const auto iterator = NewUserIterator(layers.TakeCursor(), tree, bounds, nullptr);
    CheckWalks(*iterator, layers.Shown(tree, bounds), random);
  }
}

TEST_CASE("keys of an upper level that fill the room for copies end a batch",
          "[engine][user_iterator]") {
  Oracle base;
  Oracle upper;
  for (int i = 0; i < 40; ++i) {
    const std::string stem = BigEndian(i);
    // Some alone are more than there is room for.
    const std::string tail(i % 7 == 0 ? kMaxKeyBytes - 9 : 90 * static_cast<size_t>(i % 5), 'k');
    base[EncodeInternalKey(Tree{1}, stem)] = {RecordType::kValue, "base"};
    const auto type = i % 9 == 0 ? RecordType::kTombstone : RecordType::kValue;
    upper[EncodeInternalKey(Tree{1}, stem + tail)] = {type, type == RecordType::kValue ? "up" : ""};
  }
  Oracle all = upper;
  all.insert(base.begin(), base.end());
  std::vector<std::unique_ptr<Cursor>> sources;
  sources.push_back(std::make_unique<OracleCursor>(upper, Cursor::Kept::kValue));
  sources.push_back(std::make_unique<OracleCursor>(base));
  const auto iterator = NewUserIterator(NewMergingCursor(std::move(sources)), Tree{1}, {}, nullptr);
  std::mt19937_64 random(30);
  CheckWalks(*iterator, VisibleIn(all, Tree{1}, {}), random);
}

TEST_CASE("an upper level that fails within a batch ends the walk before older records show",
          "[engine][user_iterator]") {
  Oracle base;
  Oracle upper;
  for (int i = 0; i < 60; ++i) {
    const std::string key = EncodeInternalKey(Tree{1}, BigEndian(i));
    base[key] = {RecordType::kValue, "old"};
    if (i % 2 == 0) upper[key] = {RecordType::kValue, "new"};
  }
  for (int movements = 1; movements < 25; ++movements) {
    INFO("fails after " << movements << " movements");
    auto failing = std::make_unique<OracleCursor>(upper, Cursor::Kept::kValue);
    failing->FailAfter(movements);
    std::vector<std::unique_ptr<Cursor>> sources;
    sources.push_back(std::move(failing));
    sources.push_back(std::make_unique<OracleCursor>(base));
    const auto iterator =
        NewUserIterator(NewMergingCursor(std::move(sources)), Tree{1}, {}, nullptr);
    int shown = 0;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), ++shown) {
      if (iterator->key() != BigEndian(shown)) FAIL("a wrong key at " << shown);
      if (iterator->value() != (shown % 2 == 0 ? "new" : "old")) FAIL("wrong at " << shown);
    }
    CHECK(shown < 60);
    REQUIRE_FALSE(iterator->status());
    CHECK(iterator->status().error().code == ErrorCode::kIo);
  }
}

TEST_CASE("an iterator goes on from where it stands whatever is written",
          "[engine][user_iterator]") {
  const auto seed = GENERATE(16u, 17u, 18u, 19u, 20u, 21u);
  const bool follows_one_tree = GENERATE(false, true);
  INFO("seed=" << seed << " one tree=" << follows_one_tree);
  std::mt19937_64 random(seed);
  const uint64_t steps_per_change = 1 + random() % 30;
  const Tree tree{1};
  const std::vector<size_t> upper =
      seed % 2 == 0 ? std::vector<size_t>{30, 60, 100} : std::vector<size_t>();
  Layers layers(random, {300, 200, upper}, follows_one_tree ? std::optional(tree) : std::nullopt);
  const IteratorOptions bounds = RandomBounds(random);
  const auto iterator = NewUserIterator(layers.TakeCursor(), tree, bounds, nullptr);
  Visible shown = layers.Shown(tree, bounds);
  for (int step = 0; step < 4000; ++step) {
    INFO("step " << step);
    if (!iterator->Valid() || random() % 200 == 0) {
      const std::string target = RandomUserKey(random);
      iterator->Seek(target);
      const std::string from = std::max(target, bounds.lower_bound.value_or(""));
      CheckAt(*iterator, shown, shown.lower_bound(from));
      continue;
    }
    const std::string at(iterator->key());
    if (random() % steps_per_change == 0) {
      layers.Change(EncodeInternalKey(tree, at), random);
      shown = layers.Shown(tree, bounds);
    }
    if (random() % 12 != 0) {
      iterator->Next();
      CheckAt(*iterator, shown, shown.upper_bound(at));
    } else {
      iterator->Prev();
      CheckAt(*iterator, shown, Before(shown, shown.lower_bound(at)));
    }
  }
}

TEST_CASE("errors of the cursor are the iterator's", "[engine][user_iterator]") {
  const Oracle oracle = {{EncodeInternalKey(Tree{1}, "a"), {RecordType::kValue, "v"}},
                         {EncodeInternalKey(Tree{1}, "b"), {RecordType::kValue, "v"}}};
  auto moving = std::make_unique<OracleCursor>(oracle);
  moving->FailAfter(1);
  auto iterator = NewUserIterator(std::move(moving), Tree{1}, {}, nullptr);
  iterator->SeekToFirst();
  REQUIRE(iterator->Valid());
  iterator->Next();
  CHECK_FALSE(iterator->Valid());
  REQUIRE_FALSE(iterator->status());
  CHECK(iterator->status().error().code == ErrorCode::kIo);

  auto reading = std::make_unique<OracleCursor>(oracle);
  reading->FailAfter(-1, /*values=*/true);
  iterator = NewUserIterator(std::move(reading), Tree{1}, {}, nullptr);
  iterator->SeekToFirst();
  REQUIRE(iterator->Valid());
  CHECK(iterator->value().empty());
  CHECK_FALSE(iterator->Valid());
  CHECK_FALSE(iterator->status());
}

TEST_CASE("the pin is held until the iterator, and its cursor, are gone",
          "[engine][user_iterator]") {
  // A cursor that looks at what is pinned when it is destroyed.
  class Watcher final : public Cursor {
   public:
    Watcher(std::weak_ptr<const int> pinned, bool* alive) : pinned_(pinned), alive_(alive) {}
    ~Watcher() override { *alive_ = !pinned_.expired(); }
    bool Valid() const override { return false; }
    void SeekToFirst() override {}
    void SeekToLast() override {}
    void Seek(std::string_view) override {}
    void SeekForPrev(std::string_view) override {}
    void Next() override {}
    void Prev() override {}
    std::string_view key() const override { return {}; }
    RecordType type() const override { return RecordType::kValue; }
    std::string_view value() override { return {}; }
    Status status() const override { return Ok(); }

   private:
    const std::weak_ptr<const int> pinned_;
    bool* const alive_;
  };

  auto pin = std::make_shared<const int>(1);
  const std::weak_ptr<const int> watched = pin;
  bool alive_at_destruction = false;
  auto iterator = NewUserIterator(std::make_unique<Watcher>(watched, &alive_at_destruction),
                                  Tree{1}, {}, std::move(pin));
  CHECK_FALSE(watched.expired());
  iterator.reset();
  CHECK(alive_at_destruction);
  CHECK(watched.expired());
}

}  // namespace
}  // namespace sibyl::engine
