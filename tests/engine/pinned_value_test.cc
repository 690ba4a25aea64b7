// Goal: a pinned read gives what Get gives, without a copy where that is promised, and its bytes stay
// right while the object lives, whatever happens to the database meanwhile.
// Method: the same keys through Get and GetPinned, for each way of storing; two pinned reads of one
// key are compared by address; everything is overwritten and compacted away under them.

#include "tests/engine/memory_log_database.h"

namespace sibyl::testing {
namespace {

constexpr uint64_t kKeys = 300;

std::string ValueOf(uint64_t i) {
  const size_t size = i % 50 == 9 ? 100 << 10 : i % 7 == 0 ? 0 : 2000 + i;
  return std::string(size, static_cast<char>('a' + i % 26));
}

TEST_CASE("a pinned value is the value, in place, and stays", "[engine][pinned]") {
  Options options = SmallOptions();
  options.background_threads = 0;
  options.block_bytes = 4096;
  options.generation_bytes = 16 << 20;
  options.read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  const TreeOptions tree_options = GENERATE(TreeOptions{}, TreeOptions{Compression::kLz4, true});
  const bool pread = options.read_mode == ReadMode::kPread;
  const bool compressed = tree_options.compression != Compression::kNone;
  INFO("pread " << pread << ", compressed " << compressed);
  MemoryLogDatabase database(options);
  Must(database.Open());
  Must(database->SetTreeOptions(kDefaultTree, tree_options));
  const auto get = [&](uint64_t i, PinnedValue* value) {
    return Must(database->GetPinned({}, kDefaultTree, BigEndianKey(i), value));
  };

  for (uint64_t i = 0; i < kKeys; ++i) Must(database->Put(BigEndianKey(i), ValueOf(i)));
  PinnedValue value;
  REQUIRE(get(1, &value));
  CHECK(value.view() == ValueOf(1));
  CHECK_FALSE(value.is_pinned());  // of the delta: a copy
  Must(database->Delete(BigEndianKey(5)));
  Must(database->Compact());

  std::vector<PinnedValue> kept(kKeys);
  for (uint64_t i = 0; i < kKeys; ++i) {
    INFO("key " << i);
    REQUIRE(get(i, &kept[i]) == (i != 5));
    if (i == 5) continue;
    REQUIRE((kept[i].view() == ValueOf(i)));
    const bool large = kept[i].view().size() > 64 << 10;
    CHECK(kept[i].is_pinned() == (!large || (!pread && !compressed)));
    REQUIRE(get(i, &value));
#ifndef SIBYL_WITH_ROCKSDB  // a build without it has no cache
    if (pread || compressed) continue;
#endif
    if (value.is_pinned()) CHECK(value.view().data() == kept[i].view().data());
  }
  CHECK_FALSE(get(5, &value));
  CHECK_FALSE(value.found());
  CHECK(value.view().empty());
  CHECK_FALSE(get(kKeys + 1, &value));

  const auto snapshot = Must(database->GetSnapshot());
  for (uint64_t i = 0; i < kKeys; ++i) Must(database->Put(BigEndianKey(i), "new"));
  REQUIRE(get(1, &value));
  CHECK(value.view() == "new");
  REQUIRE(Must(database->GetPinned({snapshot.get()}, kDefaultTree, BigEndianKey(1), &value)));
  CHECK(value.view() == ValueOf(1));
  Must(database->Compact());  // the old segments go, but for those who read them
  for (uint64_t i = 0; i < kKeys; ++i) {
    if (i != 5) REQUIRE((kept[i].view() == ValueOf(i)));
  }
  CHECK_FALSE(Must(database->GetPinned({}, Tree{77}, BigEndianKey(1), &value)));
}

}  // namespace
}  // namespace sibyl::testing
