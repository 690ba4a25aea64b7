// Goal: the table finds every key that was added and nothing else, while it grows, whatever the tags
// of the keys, and beside readers.
// Method: entries of a DeltaIndex, as in a generation; keys chosen by their checksums so that tags
// collide; a reader thread that must always find what was published.

#include "engine/entry_table.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/checksum.h"

namespace sibyl::engine {
namespace {

std::string KeyOf(uint64_t number) { return "key " + std::to_string(number); }

// A table, and the index that its entries live in.
class Fixture {
 public:
  explicit Fixture(size_t expected_keys = 0) : table(expected_keys) {}

  DeltaIndex::Entry* Add(const std::string& key) {
    DeltaIndex::Entry* const entry = index_.FindOrInsert(key).entry;
    table.Add(base::Checksum(key), entry);
    return entry;
  }
  const DeltaIndex::Entry* Find(const std::string& key) const {
    return table.Find(key, base::Checksum(key));
  }

  EntryTable table;

 private:
  Arena arena_;
  DeltaIndex index_{&arena_};
};

TEST_CASE("an empty table has nothing", "[engine][entry_table]") {
  const auto expected_keys = GENERATE(size_t{0}, size_t{1}, size_t{100000});
  const Fixture fixture(expected_keys);
  CHECK(fixture.table.size() == 0);
  CHECK(fixture.Find("") == nullptr);
  for (uint64_t i = 0; i < 1000; ++i) CHECK(fixture.Find(KeyOf(i)) == nullptr);
}

TEST_CASE("every key is found from when it was added, at every size", "[engine][entry_table]") {
  constexpr uint64_t kKeys = 50000;
  const auto expected_keys = GENERATE(size_t{0}, size_t{kKeys / 3}, size_t{kKeys});
  INFO("expected_keys=" << expected_keys);
  Fixture fixture(expected_keys);
  std::mt19937_64 random(5);
  std::vector<const DeltaIndex::Entry*> entries;
  uint64_t wrong = 0;
  for (uint64_t i = 0; i < kKeys; ++i) {
    wrong += fixture.Find(KeyOf(i)) != nullptr;
    entries.push_back(fixture.Add(KeyOf(i)));
    wrong += fixture.Find(KeyOf(i)) != entries[i];
    const uint64_t earlier = random() % (i + 1);
    wrong += fixture.Find(KeyOf(earlier)) != entries[earlier];
  }
  for (uint64_t i = 0; i < kKeys; ++i) wrong += fixture.Find(KeyOf(i)) != entries[i];
  for (uint64_t i = kKeys; i < 2 * kKeys; ++i) wrong += fixture.Find(KeyOf(i)) != nullptr;
  CHECK(wrong == 0);
  CHECK(fixture.table.size() == kKeys);
  CHECK(fixture.table.memory_bytes() < 80 * kKeys);
  if (expected_keys == kKeys) CHECK(fixture.table.memory_bytes() < 18 * kKeys);
}

TEST_CASE("keys with the same tag, and with the tag of a free slot", "[engine][entry_table]") {
  std::vector<std::string> keys;
  for (uint64_t i = 0; keys.size() < 200; ++i) {
    if ((base::Checksum(KeyOf(i)) & 0xffff) <= 1) keys.push_back(KeyOf(i));
  }
  Fixture fixture;
  for (size_t i = 0; i < keys.size(); i += 2) fixture.Add(keys[i]);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto* const found = fixture.Find(keys[i]);
    REQUIRE((found != nullptr) == (i % 2 == 0));
    if (found != nullptr) CHECK(found->key() == keys[i]);
  }
}

TEST_CASE("a reader finds everything that was published before", "[engine][entry_table]") {
  constexpr uint64_t kKeys = 20000;
  Fixture fixture;
  std::atomic<uint64_t> published{0};
  std::atomic<uint64_t> wrong{0};
  std::thread reader([&] {
    std::mt19937_64 random(9);
    for (uint64_t visible = 0; visible < kKeys;) {
      visible = published.load(std::memory_order_acquire);
      if (visible == 0) continue;
      const std::string key = KeyOf(random() % visible);
      const auto* const found = fixture.Find(key);
      wrong += found == nullptr || found->key() != key;
      wrong += fixture.Find(KeyOf(kKeys + visible)) != nullptr;
    }
  });
  for (uint64_t i = 0; i < kKeys; ++i) {
    fixture.Add(KeyOf(i));
    published.store(i + 1, std::memory_order_release);
  }
  reader.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace sibyl::engine
