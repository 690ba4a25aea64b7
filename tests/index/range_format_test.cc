// Goal: a RangeIndex that was written once can be read forever, and is written the same again.
// Method: golden files of the newest version, one per kind, over keys computed here; the answers of
// what they hold are checked, and that encoding gives their bytes. What would be learned today does
// not count.

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "sibyl/range_index.h"
#include "tests/index/serialized.h"

namespace sibyl::index {
namespace {

using Keys = std::vector<uint64_t>;

struct Golden {
  const char* file;
  RangeIndexOptions options;
};

const std::vector<Golden>& GoldenFiles() {
  static const std::vector<Golden> files = {
      {"range_index_v2_recursive.bin",
       {.kind = RangeIndexKind::kRecursive, .window_keys = 16, .root = RangeIndexRoot::kLogLinear}},
      {"range_index_v2_recursive_wide.bin",
       {.kind = RangeIndexKind::kRecursive, .window_keys = 128, .root = RangeIndexRoot::kLinear}},
      {"range_index_v2_pieces.bin",
       {.kind = RangeIndexKind::kPieces, .window_keys = 32, .last_mile = LastMile::kBranchy}},
      {"range_index_v2_tree.bin", {.kind = RangeIndexKind::kStaticBTree, .window_keys = 64}},
  };
  return files;
}

// 1000 keys with gaps of all sizes, runs of equal keys, and the largest key there is.
Keys GoldenKeys() {
  Keys keys;
  uint64_t state = 7;
  uint64_t key = 5;
  for (int i = 0; i < 999; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator
    if (i % 100 > 3) key += 1 + (state >> 40) % (i % 200 < 100 ? 50 : 100'000);
    keys.push_back(key);
  }
  keys.push_back(~uint64_t{0});
  return keys;
}

TEST_CASE("golden files of range indexes", "[index][range]") {
  const Keys keys = GoldenKeys();
  for (const Golden& golden : GoldenFiles()) {
    INFO(golden.file);
    const std::string bytes = test::ReadGolden(golden.file);
    const auto index = RangeIndex::Deserialize(bytes, keys);
    REQUIRE(index.has_value());
    CHECK(index->kind() == golden.options.kind);
    CHECK(index->window_keys() == golden.options.window_keys);
    CHECK(index->Verify().has_value());
    for (const uint64_t key : keys) {
      const auto rank = std::lower_bound(keys.begin(), keys.end(), key) - keys.begin();
      REQUIRE(index->LowerBound(key) == static_cast<uint64_t>(rank));
    }
    std::string again;
    index->Serialize(&again);
    CHECK((again == bytes));
  }
}

TEST_CASE("writes the golden files", "[.write-golden-files]") {
  const Keys keys = GoldenKeys();
  for (const Golden& golden : GoldenFiles()) {
    std::string bytes;
    RangeIndex::Build(keys, golden.options)->Serialize(&bytes);
    test::WriteGolden(golden.file, bytes);
  }
}

}  // namespace
}  // namespace sibyl::index
