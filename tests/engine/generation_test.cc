// Goal: a generation answers as an ordered map of versions would, at every sequence, in both
// directions, for hostile keys; and readers beside the writer see exactly what was published.
// Method: edges by hand, then random writes against a std::map of version lists; for threads,
// values that can be computed from key and sequence, so that every reader can check what it sees
// alone.

#include "engine/generation.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "base/text.h"
#include "tests/engine/cursor_oracle.h"

namespace sibyl::engine {
namespace {

constexpr uint64_t kLatest = UINT64_MAX;

using Versions = std::vector<std::pair<uint64_t, OracleRecord>>;  // by sequence, oldest first
using History = std::map<std::string, Versions>;

// The state that a reader at `sequence` should see.
Oracle StateAt(const History& history, uint64_t sequence) {
  Oracle state;
  for (const auto& [key, versions] : history) {
    for (const auto& [written, record] : versions) {
      if (written <= sequence) state[key] = record;
    }
  }
  return state;
}

void CheckFind(const Generation& generation, const Oracle& state, const std::string& key,
               uint64_t sequence) {
  const auto found = generation.Find(key, sequence);
  const auto expected = state.find(key);
  if (found.has_value() != (expected != state.end())) FAIL("presence of " << base::Quoted(key));
  if (!found) return;
  if (found->type != expected->second.type || found->value != expected->second.value) {
    FAIL("record of " << base::Quoted(key));
  }
  if (found->sequence > sequence) FAIL("a version from the future");
}

// In one step or, if `planned`, in two.
void Add(Generation* generation, bool planned, const std::string& key, uint64_t sequence,
         RecordType type, std::string_view value) {
  if (planned) {
    const std::string_view keys[] = {key};
    Generation::Plan plans[1];
    generation->PlanFor(keys, key.size() + value.size(), plans);
    generation->AddPlanned(plans[0], key, {sequence, type, value});
  } else {
    generation->Add(key, sequence, type, value);
  }
}

TEST_CASE("an empty generation has nothing", "[engine][generation]") {
  const Generation generation(7);
  CHECK(generation.id() == 7);
  CHECK(generation.empty());
  CHECK(generation.records() == 0);
  CHECK_FALSE(generation.Find("", kLatest));
  CHECK_FALSE(generation.Find("key", kLatest));
  CHECK(generation.NewestSequence("key") == 0);
  const auto cursor = generation.NewCursor(kLatest);
  CHECK_FALSE(cursor->Valid());
  CheckWholeWalk(*cursor, {});
  cursor->Seek("");
  CHECK_FALSE(cursor->Valid());
  cursor->SeekForPrev("zz");
  CHECK_FALSE(cursor->Valid());
}

TEST_CASE("one key, its versions and its deletion", "[engine][generation]") {
  Generation generation(1);
  generation.Add("k", 5, RecordType::kValue, "five");
  generation.Add("k", 7, RecordType::kTombstone, "");
  generation.Add("k", 9, RecordType::kValue, "nine");
  generation.Add("k", 9, RecordType::kValue, "nine again");  // the later of one sequence wins
  CHECK(generation.records() == 4);
  CHECK(generation.NewestSequence("k") == 9);

  CHECK_FALSE(generation.Find("k", 4));
  CHECK_FALSE(generation.Find("k", 0));
  CHECK(generation.Find("k", 5)->value == "five");
  CHECK(generation.Find("k", 6)->sequence == 5);
  CHECK(generation.Find("k", 8)->type == RecordType::kTombstone);
  CHECK(generation.Find("k", 9)->value == "nine again");
  CHECK(generation.Find("k", kLatest)->value == "nine again");
  for (const std::string absent : {"", "j", "k\x01", "kk", "l"}) {
    CHECK_FALSE(generation.Find(absent, kLatest));
  }

  const auto before = generation.NewCursor(4);
  CheckWholeWalk(*before, {});
  const auto deleted = generation.NewCursor(7);
  CheckWholeWalk(*deleted, {{"k", {RecordType::kTombstone, ""}}});
}

TEST_CASE("edge keys in any order of insertion", "[engine][generation]") {
  const auto seed = GENERATE(0u, 1u, 2u, 3u);  // 0: ascending
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> keys;
  for (const uint32_t tree : {0u, 1u, 0xffffffffu}) {
    for (const std::string& key : EdgeKeys()) keys.push_back(EncodeInternalKey(Tree{tree}, key));
  }
  for (const std::string& key : EdgeKeys()) keys.push_back(key);  // shorter than a tree's id, too
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  if (seed == 3) std::reverse(keys.begin(), keys.end());
  if (seed == 1 || seed == 2) std::shuffle(keys.begin(), keys.end(), random);

  Generation generation(1);
  Oracle oracle;
  uint64_t sequence = 0;
  for (const std::string& key : keys) {
    CheckFind(generation, oracle, key, kLatest);  // absent until added
    const std::string value = std::to_string(++sequence);
    Add(&generation, seed % 2 == 0, key, sequence, RecordType::kValue, value);
    oracle[key] = {RecordType::kValue, value};
    CheckFind(generation, oracle, key, kLatest);
  }
  for (const std::string& key : keys) {
    CheckFind(generation, oracle, key, kLatest);
    CHECK_FALSE(generation.Find(key + '\0' + "absent", kLatest));
  }
  const auto cursor = generation.NewCursor(kLatest);
  CheckWholeWalk(*cursor, oracle);
  CheckRandomWalk(*cursor, oracle, random, 300, [&] { return keys[random() % keys.size()]; });
}

TEST_CASE("keys that keep to a place for a while, and keys anywhere", "[engine][generation]") {
  const auto seed = GENERATE(31u, 32u, 33u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Generation generation(1);
  Oracle oracle;
  uint64_t sequence = 0;
  while (sequence < 20'000) {
    // Two trees take turns within a run; runs go up or down, over each other's keys as well.
    const uint64_t run = random() % 3 == 0 ? 1 : 1 + random() % 200;
    const uint64_t step = random() % 2 == 0 ? 1 : -uint64_t{3};
    uint64_t number = random() % 100'000;
    for (uint64_t i = 0; i < run; ++i, number += step) {
      const Tree tree{static_cast<uint32_t>(1 + i % 2)};
      std::string key = EncodeInternalKey(tree, {});
      base::PutBig64(&key, number);
      const std::string value = std::to_string(++sequence);
      Add(&generation, random() % 2 == 0, key, sequence, RecordType::kValue, value);
      oracle[key] = {RecordType::kValue, value};
    }
  }
  for (const auto& [key, record] : oracle) CheckFind(generation, oracle, key, kLatest);
  const auto cursor = generation.NewCursor(kLatest);
  CheckWholeWalk(*cursor, oracle);
}

TEST_CASE("keys planned together, equal ones among them, and others added in between",
          "[engine][generation]") {
  const auto seed = GENERATE(41u, 42u, 43u);
  const auto ascending = GENERATE(false, true);
  INFO("seed=" << seed << " ascending=" << ascending);
  std::mt19937_64 random(seed);
  Generation generation(1);
  Oracle oracle;
  uint64_t sequence = 0;
  uint64_t number = 0;
  const auto next_key = [&] {
    number = ascending ? number + random() % 3 : random() % 3000;
    return EncodeInternalKey(Tree{1}, BigEndian(number));
  };
  const auto value_at = [](uint64_t at) { return std::to_string(at); };
  while (sequence < 10'000) {
    std::vector<std::string> keys(random() % (Generation::kMostPlanned + 1));
    for (std::string& key : keys) key = next_key();
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<Generation::Plan> plans(keys.size());
    generation.PlanFor(views, 100, plans);
    const uint64_t between = random() % 4 == 0 ? random() % 100 : 0;  // as many leaves split
    for (uint64_t i = 0; i < between; ++i) {
      const std::string key = next_key();
      const std::string value = value_at(++sequence);
      generation.Add(key, sequence, RecordType::kValue, value);
      oracle[key] = {RecordType::kValue, value};
    }
    for (size_t i = 0; i < keys.size(); ++i) {
      const std::string value = value_at(++sequence);
      generation.AddPlanned(plans[i], keys[i], {sequence, RecordType::kValue, value});
      oracle[keys[i]] = {RecordType::kValue, value};
    }
  }
  CHECK(generation.keys() == oracle.size());
  CHECK(generation.records() == sequence);
  for (const auto& [key, record] : oracle) CheckFind(generation, oracle, key, kLatest);
  CheckWholeWalk(*generation.NewCursor(kLatest), oracle);
}

TEST_CASE("large values are kept whole", "[engine][generation]") {
  Generation generation(1);
  const std::string large(5 << 20, 'v');
  generation.Add("a", 1, RecordType::kValue, "");
  generation.Add("b", 2, RecordType::kValue, large);
  generation.Add("c", 3, RecordType::kValue, "small");
  CHECK(generation.Find("a", kLatest)->value.empty());
  CHECK(generation.Find("b", kLatest)->value == large);
  CHECK(generation.Find("c", kLatest)->value == "small");
  CHECK(generation.memory_bytes() > large.size());
  CHECK(generation.memory_bytes() < large.size() + (3 << 20));
}

TEST_CASE("random writes, read at every snapshot in both directions", "[engine][generation]") {
  const auto seed = GENERATE(11u, 12u, 13u, 14u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Generation generation(1);
  History history;
  std::vector<std::string> keys;
  uint64_t sequence = 0;
  for (int i = 0; i < 6000; ++i) {
    const bool again = !keys.empty() && random() % 3 == 0;
    const std::string key = again ? keys[random() % keys.size()] : RandomInternalKey(random);
    sequence += random() % 4 == 0 ? 0 : 1 + random() % 3;  // batches share a sequence
    const auto type = random() % 5 == 0 ? RecordType::kTombstone : RecordType::kValue;
    const OracleRecord record = {type, type == RecordType::kValue ? std::to_string(i) : ""};
    Add(&generation, random() % 2 == 0, key, sequence + 1, type, record.value);
    history[key].push_back({sequence + 1, record});
    keys.push_back(key);
  }
  CHECK(generation.records() == 6000);
  for (const uint64_t at :
       {uint64_t{0}, uint64_t{1}, sequence / 3, sequence / 2, sequence + 1, kLatest}) {
    INFO("snapshot at " << at);
    const Oracle state = StateAt(history, at);
    for (int i = 0; i < 1000; ++i) {
      CheckFind(generation, state, keys[random() % keys.size()], at);
      CheckFind(generation, state, RandomInternalKey(random), at);
    }
    const auto cursor = generation.NewCursor(at);
    CheckWholeWalk(*cursor, state);
    CheckRandomWalk(*cursor, state, random, 300, [&] {
      return random() % 2 == 0 ? keys[random() % keys.size()] : RandomInternalKey(random);
    });
  }
  for (const auto& [key, versions] : history) {
    if (generation.NewestSequence(key) != versions.back().first) FAIL("newest of a key");
  }
}

TEST_CASE("a cursor walks on while the generation grows under it", "[engine][generation]") {
  const auto seed = GENERATE(21u, 22u);
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  Generation generation(1);
  Oracle oracle;
  for (uint64_t i = 0; i < 2000; ++i) {
    const std::string key = RandomInternalKey(random);
    generation.Add(key, 1, RecordType::kValue, "old");
    oracle[key] = {RecordType::kValue, "old"};
  }
  // Whatever is added during the walks, a cursor at sequence 1 shows the old state and no more.
  const auto grow = [&] {
    for (int i = 0; i < 5; ++i) {
      generation.Add(RandomInternalKey(random), 2, RecordType::kValue, "new");
    }
  };
  const auto cursor = generation.NewCursor(1);
  cursor->SeekToFirst();
  for (auto expected = oracle.begin(); expected != oracle.end(); ++expected, cursor->Next()) {
    CheckAt(*cursor, oracle, expected);
    grow();
  }
  CHECK_FALSE(cursor->Valid());
  cursor->SeekToLast();
  for (auto expected = oracle.rbegin(); expected != oracle.rend(); ++expected, cursor->Prev()) {
    CheckAt(*cursor, oracle, std::prev(expected.base()));
    grow();
  }
  CHECK_FALSE(cursor->Valid());
}

// ---- Threads ----

// The value of a key at a sequence: whoever reads it can tell if it is right.
std::string ValueOf(std::string_view key, uint64_t sequence) {
  return std::string(key) + "@" + std::to_string(sequence);
}

// Which key is written at `sequence`: every reader can compute what its snapshot must hold. Some
// keys ascend, some jump about; each is written again and again.
std::string KeyWrittenAt(uint64_t sequence) {
  const uint64_t mixed = sequence * 0x9e3779b97f4a7c15 >> 32;
  if (sequence % 4 == 0) return EncodeInternalKey(Tree{2}, BigEndian(sequence));
  if (sequence % 4 == 1) return EncodeInternalKey(Tree{3}, std::to_string(mixed % 1000));
  return EncodeInternalKey(Tree{1}, BigEndian(mixed << 32));
}

// The newest sequence <= `snapshot` at which each key was written.
std::map<std::string, uint64_t> WrittenUntil(uint64_t snapshot) {
  std::map<std::string, uint64_t> written;
  for (uint64_t sequence = 1; sequence <= snapshot; ++sequence) {
    written[KeyWrittenAt(sequence)] = sequence;
  }
  return written;
}

bool PointReadsAgree(const Generation& generation, uint64_t snapshot, std::mt19937_64& random) {
  for (int i = 0; i < 50; ++i) {
    const uint64_t sequence = 1 + random() % snapshot;
    const std::string key = KeyWrittenAt(sequence);
    const auto found = generation.Find(key, snapshot);
    if (!found || found->sequence < sequence || found->sequence > snapshot) return false;
    if (found->value != ValueOf(key, found->sequence)) return false;
    if (generation.NewestSequence(key) < found->sequence) return false;
    if (generation.Find(key + "?", snapshot)) return false;
  }
  return true;
}

bool WalkAgrees(const Generation& generation, uint64_t snapshot, bool forward) {
  const auto written = WrittenUntil(snapshot);
  const auto cursor = generation.NewCursor(snapshot);
  const auto shows = [&](const auto& expected) {
    return cursor->Valid() && cursor->key() == expected.first &&
           cursor->value() == ValueOf(expected.first, expected.second);
  };
  if (forward) {
    cursor->SeekToFirst();
    for (auto at = written.begin(); at != written.end(); ++at, cursor->Next()) {
      if (!shows(*at)) return false;
    }
  } else {
    cursor->SeekToLast();
    for (auto at = written.rbegin(); at != written.rend(); ++at, cursor->Prev()) {
      if (!shows(*at)) return false;
    }
  }
  return !cursor->Valid();
}

TEST_CASE("readers beside the writer see exactly what was published", "[engine][generation]") {
  constexpr uint64_t kWrites = 20000;
  Generation generation(1);
  std::atomic<uint64_t> published = 0;
  std::array<std::atomic<bool>, 3> agree = {true, true, true};

  const auto read = [&](size_t reader) {
    std::mt19937_64 random(reader);
    while (agree[reader]) {
      const uint64_t snapshot = published.load(std::memory_order_acquire);
      if (snapshot == 0) continue;
      agree[reader] = reader == 0 ? PointReadsAgree(generation, snapshot, random)
                                  : WalkAgrees(generation, snapshot, reader == 1);
      if (snapshot == kWrites) return;
    }
  };
  std::vector<std::thread> readers;
  for (size_t reader = 0; reader < agree.size(); ++reader) readers.emplace_back(read, reader);
  for (uint64_t sequence = 1; sequence <= kWrites; ++sequence) {
    const std::string key = KeyWrittenAt(sequence);
    generation.Add(key, sequence, RecordType::kValue, ValueOf(key, sequence));
    published.store(sequence, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  CHECK(agree[0]);
  CHECK(agree[1]);
  CHECK(agree[2]);
  CHECK(generation.records() == kWrites);
}

}  // namespace
}  // namespace sibyl::engine
