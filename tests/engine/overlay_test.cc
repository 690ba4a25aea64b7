// Goal: an overlay is an ordered map that can go back to any earlier state exactly, and its cursors
// survive everything that happens to it.
// Method: edges by hand; then random writes, marks and rollbacks beside a list of std::map copies.

#include "engine/overlay.h"

#include <catch2/catch.hpp>
#include <random>

#include "tests/engine/cursor_oracle.h"

namespace sibyl::engine {
namespace {

uint64_t BytesOf(const Oracle& oracle) {
  uint64_t bytes = 0;
  for (const auto& [key, record] : oracle) bytes += key.size() + record.value.size();
  return bytes;
}

// Everything an overlay can be asked, compared with `oracle`.
void CheckEqual(const Overlay& overlay, const Oracle& oracle) {
  CHECK(overlay.records() == oracle.size());
  CHECK(overlay.bytes() == BytesOf(oracle));
  CHECK(overlay.empty() == oracle.empty());
  auto expected = oracle.begin();
  const Status visited = overlay.ForEach([&](std::string_view key, const OverlayEntry& entry) {
    const bool same = expected != oracle.end() && key == expected->first &&
                      entry.type == expected->second.type && entry.value == expected->second.value;
    if (!same) FAIL("ForEach shows " << base::Quoted(key));
    ++expected;
    return Ok();
  });
  CHECK(visited);
  CHECK(expected == oracle.end());
  CheckWholeWalk(*overlay.NewCursor(), oracle);
}

void CheckFind(const Overlay& overlay, const Oracle& oracle, const std::string& key) {
  const auto found = overlay.Find(key);
  const auto expected = oracle.find(key);
  if (found.has_value() != (expected != oracle.end())) FAIL("presence of " << base::Quoted(key));
  if (!found) return;
  CHECK(found->type == expected->second.type);
  CHECK(found->value == expected->second.value);
}

TEST_CASE("an empty overlay", "[engine][overlay]") {
  Overlay overlay;
  CheckEqual(overlay, {});
  CHECK(overlay.Mark() == 0);
  CHECK(overlay.RollbackTo(0));
  CHECK_FALSE(overlay.RollbackTo(1));
  CHECK_FALSE(overlay.Find(""));
}

TEST_CASE("the last write to a key wins, and rolling back uncovers the one before",
          "[engine][overlay]") {
  Overlay overlay;
  overlay.Put("k", RecordType::kValue, "one");
  const uint64_t one = overlay.Mark();
  overlay.Put("k", RecordType::kTombstone, "");
  const uint64_t deleted = overlay.Mark();
  overlay.Put("k", RecordType::kValue, "three");
  CheckEqual(overlay, {{"k", {RecordType::kValue, "three"}}});
  CHECK(overlay.RollbackTo(deleted));
  CheckEqual(overlay, {{"k", {RecordType::kTombstone, ""}}});
  CHECK(overlay.RollbackTo(one));
  CheckEqual(overlay, {{"k", {RecordType::kValue, "one"}}});
  CHECK(overlay.RollbackTo(0));
  CheckEqual(overlay, {});
}

TEST_CASE("a mark that was rolled back past is refused, whatever was written since",
          "[engine][overlay]") {
  Overlay overlay;
  overlay.Put("a", RecordType::kValue, "");
  const uint64_t first = overlay.Mark();
  overlay.Put("b", RecordType::kValue, "");
  const uint64_t second = overlay.Mark();
  CHECK(overlay.RollbackTo(first));
  CHECK(overlay.Mark() == first);
  for (int i = 0; i < 3; ++i) {
    const Status refused = overlay.RollbackTo(second);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kInvalidArgument);
    overlay.Put("c", RecordType::kValue, std::to_string(i));
  }
  CHECK(overlay.records() == 2);
  CHECK_FALSE(overlay.RollbackTo(overlay.Mark() + 1));
  CHECK(overlay.RollbackTo(first));
  CHECK(overlay.records() == 1);
}

TEST_CASE("keys are found, and others not, whether they came in order or not",
          "[engine][overlay]") {
  const int ascending = GENERATE(0, 1, 2, 63, 64, 65, 1000);
  INFO("the first " << ascending << " keys in order");
  const auto key_of = [](int i) { return "key " + std::to_string(10'000 + i); };
  Overlay overlay;
  for (int i = 0; i < ascending; ++i) overlay.Put(key_of(2 * i + 2), RecordType::kValue, "");
  for (int i = 0; i <= 2 * ascending + 3; ++i) {
    CAPTURE(i);
    CHECK(overlay.Find(key_of(i)).has_value() == (i % 2 == 0 && i > 0 && i <= 2 * ascending));
  }
  CHECK_FALSE(overlay.Find(""));
  CHECK_FALSE(overlay.Find("l"));
  for (int i = 1; i <= 100; ++i) overlay.Put(key_of(-2 * i), RecordType::kValue, "");
  for (int i = -200; i <= 2 * ascending + 3; ++i) {
    CAPTURE(i);
    CHECK(overlay.Find(key_of(i)).has_value() == (i % 2 == 0 && i != 0 && i <= 2 * ascending));
  }
}

TEST_CASE("ForEach stops at the first error", "[engine][overlay]") {
  Overlay overlay;
  for (const std::string key : {"a", "b", "c"}) overlay.Put(key, RecordType::kValue, "");
  int visited = 0;
  const Status status = overlay.ForEach([&](std::string_view, const OverlayEntry&) -> Status {
    if (++visited == 2) return Error{ErrorCode::kIo, "enough"};
    return Ok();
  });
  CHECK_FALSE(status);
  CHECK(visited == 2);
}

TEST_CASE("random writes and rollbacks are exact at every mark", "[engine][overlay]") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Overlay overlay;
  Oracle oracle;
  std::vector<std::pair<uint64_t, Oracle>> marks = {{0, {}}};
  std::vector<std::string> keys = {""};
  for (const std::string& key : EdgeKeys()) keys.push_back(key);
  for (int step = 0; step < 3000; ++step) {
    const uint64_t version = *overlay.version_counter();
    const auto action = random() % 100;
    if (action < 90) {
      if (random() % 2 == 0) keys.push_back(RandomInternalKey(random));
      const std::string& key = keys[random() % keys.size()];
      const auto type = random() % 4 == 0 ? RecordType::kTombstone : RecordType::kValue;
      const std::string value(type == RecordType::kValue ? random() % 300 : 0, 'v');
      overlay.Put(key, type, value);
      oracle[key] = {type, value};
      CHECK(*overlay.version_counter() != version);
    } else if (action < 96) {
      marks.emplace_back(overlay.Mark(), oracle);
    } else {
      const size_t target = marks.size() - 1 - random() % std::min<size_t>(4, marks.size());
      REQUIRE(overlay.RollbackTo(marks[target].first));
      oracle = marks[target].second;
      marks.resize(target + 1);
      CheckEqual(overlay, oracle);
    }
    CheckFind(overlay, oracle, keys[random() % keys.size()]);
    CHECK(overlay.records() == oracle.size());
  }
  while (!marks.empty()) {
    REQUIRE(overlay.RollbackTo(marks.back().first));
    CheckEqual(overlay, marks.back().second);
    marks.pop_back();
  }
}

TEST_CASE("a cursor goes on from its key whatever happens between its movements",
          "[engine][overlay]") {
  const auto seed = GENERATE(5u, 6u, 7u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Overlay overlay;
  Oracle oracle;
  std::vector<std::pair<uint64_t, Oracle>> marks = {{0, {}}};
  const auto cursor = overlay.NewCursor();
  for (int step = 0; step < 20000; ++step) {
    const auto action = random() % 100;
    if (action < 45) {
      const std::string key = RandomInternalKey(random);
      const std::string value(random() % 50, 'v');
      overlay.Put(key, RecordType::kValue, value);
      oracle[key] = {RecordType::kValue, value};
    } else if (action < 46) {
      marks.emplace_back(overlay.Mark(), oracle);
    } else if (action < 47) {
      const size_t target = marks.size() - 1 - random() % std::min<size_t>(2, marks.size());
      // What the cursor shows stays, though its write may be undone and its place written over.
      const bool valid = cursor->Valid();
      const std::string value(valid ? cursor->value() : "");
      REQUIRE(overlay.RollbackTo(marks[target].first));
      overlay.Put("over", RecordType::kValue, std::string(100, 'o'));
      oracle = marks[target].second;
      oracle["over"] = {RecordType::kValue, std::string(100, 'o')};
      marks.resize(target + 1);
      if (valid) CHECK(cursor->value() == value);
    } else if (!cursor->Valid() || action < 50) {
      const std::string target = RandomInternalKey(random);
      cursor->Seek(target);
      CheckAt(*cursor, oracle, oracle.lower_bound(target));
    } else if (action < 80) {
      const auto expected = oracle.upper_bound(std::string(cursor->key()));
      cursor->Next();
      CheckAt(*cursor, oracle, expected);
    } else {
      const auto after = oracle.lower_bound(std::string(cursor->key()));
      cursor->Prev();
      CheckAt(*cursor, oracle, after == oracle.begin() ? oracle.end() : std::prev(after));
    }
  }
}

TEST_CASE("rolling back gives the memory of values back", "[engine][overlay]") {
  Overlay overlay;
  overlay.Put("kept", RecordType::kValue, "value");
  const uint64_t mark = overlay.Mark();
  const std::string large(1 << 20, 'x');
  uint64_t most_bytes = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 3; ++i) overlay.Put("k", RecordType::kValue, large);
    most_bytes = std::max(most_bytes, overlay.memory_bytes());
    REQUIRE(overlay.RollbackTo(mark));
  }
  CHECK(most_bytes < 5 * large.size());
  CHECK(overlay.Find("kept")->value == "value");
}

}  // namespace
}  // namespace sibyl::engine
