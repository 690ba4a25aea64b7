// Goal: a merge of sources shows what a std::map filled from the oldest source to the newest would,
// in both directions and across changes of direction and of the newest source; errors surface.
// Method: edges by hand, random sources of many shapes, sources that fail at the n-th movement.

#include "engine/merging_cursor.h"

#include <catch2/catch.hpp>
#include <random>

#include "engine/overlay.h"
#include "tests/engine/cursor_oracle.h"

namespace sibyl::engine {
namespace {

std::unique_ptr<Cursor> Merge(const std::vector<Oracle>& newest_first) {
  std::vector<std::unique_ptr<Cursor>> sources;
  for (const Oracle& oracle : newest_first) {
    sources.push_back(std::make_unique<OracleCursor>(oracle));
  }
  return NewMergingCursor(std::move(sources));
}

Oracle Union(const std::vector<Oracle>& newest_first) {
  Oracle all;
  for (const Oracle& oracle : newest_first) all.insert(oracle.begin(), oracle.end());
  return all;
}

Oracle RandomSource(std::mt19937_64& random, size_t records) {
  Oracle oracle;
  for (size_t i = 0; i < records; ++i) {
    const auto type = random() % 4 == 0 ? RecordType::kTombstone : RecordType::kValue;
    const std::string value = type == RecordType::kValue ? std::to_string(random()) : "";
    oracle[RandomInternalKey(random)] = {type, value};
  }
  return oracle;
}

TEST_CASE("no source, one source, empty sources", "[engine][merging_cursor]") {
  CheckWholeWalk(*Merge({}), {});
  const Oracle one = {{"", {RecordType::kValue, "empty key"}}, {"k", {RecordType::kTombstone, ""}}};
  CheckWholeWalk(*Merge({one}), one);
  CheckWholeWalk(*Merge({{}, {}}), {});
  CheckWholeWalk(*Merge({{}, one, {}}), one);
  CHECK_FALSE(Merge({one, one})->Valid());
}

TEST_CASE("the newest source wins, with tombstones too", "[engine][merging_cursor]") {
  const Oracle newest = {{"b", {RecordType::kTombstone, ""}}, {"c", {RecordType::kValue, "new"}}};
  const Oracle middle = {{"a", {RecordType::kValue, "mid"}}, {"c", {RecordType::kValue, "mid"}}};
  const Oracle oldest = {{"b", {RecordType::kValue, "old"}},
                         {"c", {RecordType::kValue, "old"}},
                         {"d", {RecordType::kValue, "old"}}};
  const std::vector<Oracle> sources = {newest, middle, oldest};
  CheckWholeWalk(*Merge(sources), Union(sources));
}

TEST_CASE("random sources, both directions", "[engine][merging_cursor]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  const auto count = GENERATE(2u, 3u, 5u, 8u, 20u);
  INFO("seed=" << seed << " count=" << count);
  std::mt19937_64 random(seed);
  std::vector<Oracle> sources;
  for (unsigned i = 0; i < count; ++i) sources.push_back(RandomSource(random, 4u << random() % 8));
  const Oracle all = Union(sources);
  const auto cursor = Merge(sources);
  CheckWholeWalk(*cursor, all);
  CheckRandomWalk(*cursor, all, random, 400, [&] { return RandomInternalKey(random); });
}

TEST_CASE("changes of an overlay show from the next movement on", "[engine][merging_cursor]") {
  const auto seed = GENERATE(11u, 12u, 13u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  const std::vector<Oracle> base = {RandomSource(random, 20), RandomSource(random, 60)};
  const Oracle base_union = Union(base);
  Overlay overlay;
  Oracle written;
  uint64_t mark = 0;
  Oracle written_at_mark;

  std::vector<std::unique_ptr<Cursor>> sources;
  sources.push_back(overlay.NewCursor());
  for (const Oracle& oracle : base) sources.push_back(std::make_unique<OracleCursor>(oracle));
  const auto cursor = NewMergingCursor(std::move(sources), overlay.version_counter());

  for (int step = 0; step < 3000; ++step) {
    const auto action = random() % 100;
    if (action < 40) {
      const bool shadow = random() % 2 == 0 && cursor->Valid();  // the very key that is shown
      const std::string key = shadow ? std::string(cursor->key()) : RandomInternalKey(random);
      const auto type = random() % 2 == 0 ? RecordType::kTombstone : RecordType::kValue;
      overlay.Put(key, type, "");
      written[key] = {type, ""};
    } else if (action < 43) {
      mark = overlay.Mark();
      written_at_mark = written;
    } else if (action < 46) {
      REQUIRE(overlay.RollbackTo(mark));
      written = written_at_mark;
    } else {
      const Oracle all = Union({written, base_union});
      if (!cursor->Valid() || action < 50) {
        const std::string target = RandomInternalKey(random);
        cursor->Seek(target);
        CheckAt(*cursor, all, all.lower_bound(target));
      } else if (action < 75) {
        const auto expected = all.upper_bound(std::string(cursor->key()));
        cursor->Next();
        CheckAt(*cursor, all, expected);
      } else {
        const auto after = all.lower_bound(std::string(cursor->key()));
        cursor->Prev();
        CheckAt(*cursor, all, after == all.begin() ? all.end() : std::prev(after));
      }
    }
  }
}

TEST_CASE("an error of any source ends the walk and is told", "[engine][merging_cursor]") {
  std::mt19937_64 random(21);
  const std::vector<Oracle> records = {RandomSource(random, 50), RandomSource(random, 50)};
  const size_t failing = GENERATE(0u, 1u);
  const bool forward = GENERATE(true, false);
  for (int movements = 0; movements < 20; ++movements) {
    INFO("source " << failing << " fails after " << movements << " movements");
    std::vector<std::unique_ptr<Cursor>> sources;
    for (size_t i = 0; i < 2; ++i) {
      auto source = std::make_unique<OracleCursor>(records[i]);
      if (i == failing) source->FailAfter(movements);
      sources.push_back(std::move(source));
    }
    const auto cursor = NewMergingCursor(std::move(sources));
    size_t shown = 0;
    if (forward) {
      for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) ++shown;
    } else {
      for (cursor->SeekToLast(); cursor->Valid(); cursor->Prev()) ++shown;
    }
    CHECK(shown < Union(records).size());
    REQUIRE_FALSE(cursor->status());
    CHECK(cursor->status().error().code == ErrorCode::kIo);
  }
}

TEST_CASE("a value that cannot be read makes the cursor invalid", "[engine][merging_cursor]") {
  auto source = std::make_unique<OracleCursor>(Oracle{{"k", {RecordType::kValue, "v"}}});
  source->FailAfter(-1, /*values=*/true);
  std::vector<std::unique_ptr<Cursor>> sources;
  sources.push_back(std::make_unique<OracleCursor>(Oracle{}));
  sources.push_back(std::move(source));
  const auto cursor = NewMergingCursor(std::move(sources));
  cursor->SeekToFirst();
  REQUIRE(cursor->Valid());
  CHECK(cursor->value().empty());
  CHECK_FALSE(cursor->Valid());
  CHECK_FALSE(cursor->status());
}

}  // namespace
}  // namespace sibyl::engine
