// Goal: a block model is right at every key that exists and every one that does not, keeps its
// promises about the size of blocks and of itself on hostile keys, and survives hostile bytes.
// Method: many key sets, made up and real, each checked whole against the keys' own order: the
// block of an absent key must lie between those of its neighbours. Seeds are fixed and printed.

#include "index/block_model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/coding.h"
#include "index/line.h"
#include "tests/support/key_sets.h"

namespace sibyl::index {
namespace {

using test::KeySet;

constexpr uint64_t kSeed = 20260101;

std::vector<uint32_t> RecordBytes(const KeySet& set, uint32_t value_bytes) {
  std::vector<uint32_t> bytes;
  for (const std::string& key : set.keys) {
    bytes.push_back(static_cast<uint32_t>(key.size()) + value_bytes);
  }
  return bytes;
}

// Keys near those of `set`, and a few far from all: truncated, extended, and with a byte changed.
std::vector<std::string> Queries(const KeySet& set, size_t count) {
  std::mt19937_64 random(kSeed);
  std::vector<std::string> queries = {"", std::string(9, '\0'), std::string(300, '\xff'), "\x80"};
  for (size_t i = 0; i < count && !set.keys.empty(); ++i) {
    std::string query = set.keys[random() % set.keys.size()];
    switch (random() % 5) {
      case 0:
        query.push_back(static_cast<char>(random()));
        break;
      case 1:
        query.append(random() % 20, random() % 2 == 0 ? '\0' : '\xff');
        break;
      case 2:
        query.resize(random() % (query.size() + 1));
        break;
      default:
        if (!query.empty()) query[random() % query.size()] += random() % 3 == 0 ? random() : 1;
        break;
    }
    queries.push_back(std::move(query));
  }
  for (size_t bytes = 0; !set.keys.empty() && bytes <= 40; ++bytes) {
    for (const std::string& key : {set.keys.front(), set.keys.back()}) {
      queries.push_back(key.substr(0, bytes));
      queries.push_back(queries.back() + '\0');
      queries.push_back(queries.back() + '\xff');
    }
  }
  std::sort(queries.begin(), queries.end());
  return queries;
}

bool SamePosition(BlockPosition a, BlockPosition b) {
  return a.block == b.block && a.fraction == b.fraction;
}

struct Division {
  std::vector<uint32_t> block_of_rank;
};

// Every key's block: in order and in range.
Division CheckDivision(const BlockModel& model, const KeySet& set) {
  Division division;
  uint32_t previous = 0;
  size_t out_of_order = 0;
  for (const std::string& key : set.keys) {
    const uint32_t block = model.Find(key).block;
    out_of_order += block < previous || block >= model.block_count();
    previous = block;
    division.block_of_rank.push_back(block);
  }
  REQUIRE(out_of_order == 0);
  return division;
}

// Records count their bytes but at most one block. A block holds (1 + 2 epsilon) x target and one
// record, and blocks are full on average.
void CheckBlockBytes(const BlockModel& model, const Division& division,
                     const std::vector<uint32_t>& record_bytes, const BlockModelOptions& options) {
  std::vector<uint64_t> bytes_before_last(model.block_count());
  std::vector<uint64_t> last_bytes(model.block_count());
  uint64_t total_bytes = 0;
  for (size_t rank = 0; rank < record_bytes.size(); ++rank) {
    const uint32_t block = division.block_of_rank[rank];
    bytes_before_last[block] += last_bytes[block];
    last_bytes[block] = std::min(record_bytes[rank], options.block_bytes);
    total_bytes += last_bytes[block];
  }
  const double bound = (1 + 2 * options.epsilon_blocks) * options.block_bytes;
  const uint64_t fullest = *std::max_element(bytes_before_last.begin(), bytes_before_last.end());
  CHECK(static_cast<double>(fullest) <= bound);
  CHECK((model.block_count() - 1) * uint64_t{options.block_bytes} <= total_bytes);
}

// The block of any query lies between those of the keys around it.
void CheckQueries(const BlockModel& model, const KeySet& set, const Division& division,
                  const std::vector<std::string>& queries) {
  size_t wrong = 0;
  uint32_t previous = 0;
  for (const std::string& query : queries) {
    const uint32_t block = model.Find(query).block;
    const size_t rank =
        std::lower_bound(set.keys.begin(), set.keys.end(), query) - set.keys.begin();
    wrong += rank < set.keys.size() && block > division.block_of_rank[rank];
    wrong += rank > 0 && block < division.block_of_rank[rank - 1];
    wrong += block < previous || block >= model.block_count();
    previous = block;
  }
  CHECK(wrong == 0);
}

void CheckBatch(const BlockModel& model, const std::vector<std::string_view>& keys) {
  std::vector<BlockPosition> positions(keys.size());
  model.FindBatch(keys, positions);
  size_t different = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    different += !SamePosition(positions[i], model.Find(keys[i]));
  }
  CHECK(different == 0);
}

void CheckRoundTrip(const BlockModel& model, const std::vector<std::string_view>& keys) {
  std::string bytes = "before";
  model.Serialize(&bytes);
  REQUIRE(bytes.substr(0, 6) == "before");
  bytes.erase(0, 6);
  const auto copy = BlockModel::Deserialize(bytes);
  REQUIRE(copy.has_value());
  CHECK(copy->block_count() == model.block_count());
  CHECK(copy->Shape().memory_bytes == model.Shape().memory_bytes);
  size_t different = 0;
  for (const std::string_view key : keys) {
    different += !SamePosition(copy->Find(key), model.Find(key));
  }
  CHECK(different == 0);
  std::string again;
  copy->Serialize(&again);
  CHECK(again == bytes);
}

// A B-tree's separators, each the shortest that tells its neighbours apart, with 12 bytes to find
// them, under nodes that add an eighth.
uint64_t BTreeBytes(const KeySet& set, const std::vector<uint32_t>& record_bytes,
                    uint32_t block_bytes) {
  uint64_t place_bytes = 0;
  uint64_t bytes = 0;
  for (size_t rank = 1; rank < set.keys.size(); ++rank) {
    const uint64_t before = place_bytes;
    place_bytes += std::min(record_bytes[rank - 1], block_bytes);
    if (place_bytes / block_bytes == before / block_bytes) continue;
    const auto [in_previous, in_key] =
        std::mismatch(set.keys[rank - 1].begin(), set.keys[rank - 1].end(), set.keys[rank].begin(),
                      set.keys[rank].end());
    bytes += in_key - set.keys[rank].begin() + 1 + 12;
  }
  return bytes + bytes / 8;
}

// What is told of the model agrees with what lookups do: every trace ends where the lookup does, and
// each node's pieces follow one another from the first key to the last.
void CheckReport(const BlockModel& model, const std::vector<std::string_view>& keys) {
  size_t different = 0;
  for (size_t i = 0; i < keys.size(); i += 1 + keys.size() / 50) {
    const auto stages = model.Trace(keys[i]);
    const BlockPosition found = model.Find(keys[i]);
    different += stages.empty() || stages.front().node != 0 ||
                 stages.back().block != found.block + found.fraction / 65536.0;
  }
  CHECK(different == 0);
  const auto pieces = model.Pieces();
  REQUIRE(!pieces.empty());
  CHECK(pieces.size() >= model.Shape().pieces);
  std::map<uint32_t, const BlockModelPiece*> last_of_node;
  for (const BlockModelPiece& piece : pieces) {
    const auto last = last_of_node.find(piece.node);
    if (last != last_of_node.end()) {
      different += last->second->end_key != piece.first_key || last->second->depth != piece.depth ||
                   last->second->base_block > piece.base_block;
    }
    different += piece.end_key && *piece.end_key < piece.first_key;
    last_of_node[piece.node] = &piece;
  }
  CHECK(different == 0);
  CHECK(pieces.front().first_key.empty());
  CHECK_FALSE(last_of_node[0]->end_key.has_value());
  CHECK(last_of_node.size() == model.Shape().nodes);
}

void CheckSet(const KeySet& set, const BlockModelOptions& options, uint32_t value_bytes = 100) {
  INFO(set.name << ", " << set.keys.size() << " keys, block_bytes " << options.block_bytes
                << ", epsilon " << options.epsilon_blocks << ", value bytes " << value_bytes
                << ", seed " << kSeed);
  const auto record_bytes = RecordBytes(set, value_bytes);
  const auto views = set.Views();
  const auto model = BlockModel::Build(views, record_bytes, options);
  REQUIRE(model.has_value());
  REQUIRE(model->block_count() >= 1);
  const Division division = CheckDivision(*model, set);
  CheckBlockBytes(*model, division, record_bytes, options);

  const std::vector<std::string> queries =
      Queries(set, std::min<size_t>(set.keys.size() * 4, 20000));
  CheckQueries(*model, set, division, queries);

  std::vector<std::string_view> sample(queries.begin(), queries.end());
  sample.insert(sample.end(), views.begin(), views.begin() + std::min<size_t>(views.size(), 5000));
  CheckBatch(*model, sample);
  CheckRoundTrip(*model, sample);
  CheckReport(*model, sample);

  const BlockModelShape shape = model->Shape();
  CHECK(shape.depth <= 16);
  CHECK(shape.memory_bytes <= 400 + 2 * BTreeBytes(set, record_bytes, options.block_bytes));
}

std::vector<KeySet> IntegerSets() {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  return {
      test::FromIntegers("zero", {0}),
      test::FromIntegers("the extremes", {0, kMax}),
      test::FromIntegers("around the sign", {0, (1ull << 63) - 1, 1ull << 63, kMax - 1, kMax}),
      test::FromIntegers("dense", test::DenseIntegers(30000, 1000)),
      test::FromIntegers("dense to the end", test::DenseIntegers(5000, kMax - 4999)),
      test::FromIntegers("uniform", test::UniformIntegers(40000, kSeed)),
      test::FromIntegers("lognormal", test::LognormalIntegers(40000, kSeed)),
      test::FromIntegers("clustered", test::ClusteredIntegers(40000, kSeed)),
      test::FromIntegers("outliers", test::OutlierIntegers(40000, kSeed)),
      test::FromIntegers("doubling gaps", test::DoublingGapIntegers(20000)),
  };
}

// The same keys behind a common prefix.
KeySet Behind(const std::string& prefix, KeySet set) {
  for (std::string& key : set.keys) key.insert(0, prefix);
  return {"behind " + std::to_string(prefix.size()) + " bytes", std::move(set.keys)};
}

std::vector<KeySet> StringSets() {
  return {
      {"the empty key", {""}},
      {"one key", {"one"}},
      test::FromStrings("NUL runs", test::NulRunStrings()),
      test::FromStrings("byte edges", test::ByteEdgeStrings()),
      test::FromStrings("random strings", test::RandomStrings(20000, kSeed)),
      test::FromStrings("paths", test::PathStrings(30000, kSeed)),
      test::FromStrings("nested prefix chains", test::NestedPrefixChains(300, 140)),
      test::FromStrings("one long chain", test::NestedPrefixChains(1, 2000)),
      Behind(std::string("z\0\0\0\0", 5), test::FromStrings("", test::NestedPrefixChains(2, 500))),
      Behind(std::string(20, '\0'), test::FromStrings("", test::RandomStrings(5000, kSeed))),
  };
}

TEST_CASE("integers find their blocks", "[index][block_model]") {
  for (const KeySet& set : IntegerSets()) {
    CheckSet(set, {});
    CheckSet(set, {.block_bytes = 512, .epsilon_blocks = 1.0 / 64});
    CheckSet(set, {.block_bytes = 1024, .epsilon_blocks = 2}, 5000);  // a record is a block
  }
}

TEST_CASE("strings find their blocks", "[index][block_model]") {
  for (const KeySet& set : StringSets()) {
    CheckSet(set, {});
    CheckSet(set, {.block_bytes = 256, .epsilon_blocks = 0.25}, 0);
    CheckSet(set, {.block_bytes = 100, .epsilon_blocks = 0.5}, 300);  // one record per block
  }
}

TEST_CASE("records without bytes fit one block", "[index][block_model]") {
  const KeySet set = test::FromStrings("random strings", test::RandomStrings(1000, kSeed));
  const auto model =
      BlockModel::Build(set.Views(), std::vector<uint32_t>(set.keys.size()), BlockModelOptions{});
  REQUIRE(model.has_value());
  CHECK(model->block_count() == 1);
  CHECK(model->Find(set.keys.back()).block == 0);
}

TEST_CASE("keys of 64 KiB that share long prefixes find their blocks", "[index][block_model]") {
  std::mt19937_64 random(kSeed);
  std::vector<std::string> keys;
  for (size_t shared : {0, 1, 7, 8, 9, 1000, 65000, 65535}) {
    std::string key(65536, 'k');
    for (int i = 0; i < 20; ++i) {
      for (size_t at = shared; at < std::min(key.size(), shared + 12); ++at) {
        key[at] = static_cast<char>(random());
      }
      keys.push_back(key);
      keys.push_back(key.substr(0, shared));
    }
  }
  CheckSet(test::FromStrings("64 KiB keys", keys), {});
  // Each key a prefix of the next: a recursion per window would be 8,000 deep.
  std::vector<std::string> ladder;
  for (size_t size = 0; size <= 65536; size += 512) ladder.push_back(std::string(size, 'p'));
  CheckSet(test::FromStrings("ladder of prefixes", ladder), {});
}

TEST_CASE("a model over no keys sends everything to block 0", "[index][block_model]") {
  const auto model = BlockModel::Build({}, {}, BlockModelOptions{});
  REQUIRE(model.has_value());
  CHECK(model->block_count() == 0);
  CHECK(SamePosition(model->Find("anything"), {}));
  CheckRoundTrip(*model, {"", "x"});
}

TEST_CASE("keys out of order are refused by rank", "[index][block_model]") {
  for (const std::vector<std::string_view>& keys : {std::vector<std::string_view>{"a", "c", "b"},
                                                    {"a", "b", "b"},
                                                    {"a", "bc", "b"},
                                                    {"a", std::string_view("b\0", 2), "b"}}) {
    const auto model =
        BlockModel::Build(keys, std::vector<uint32_t>(keys.size(), 10), BlockModelOptions{});
    REQUIRE_FALSE(model.has_value());
    CHECK(model.error().code == ErrorCode::kInvalidArgument);
    CHECK(model.error().message.find("rank 2") != std::string::npos);
  }
}

TEST_CASE("impossible options and sizes are refused", "[index][block_model]") {
  const std::vector<std::string_view> keys = {"a"};
  const auto code = [&](std::vector<uint32_t> record_bytes, BlockModelOptions options) {
    const auto model = BlockModel::Build(keys, record_bytes, options);
    return model.has_value() ? std::optional<ErrorCode>() : model.error().code;
  };
  CHECK(code({}, {}) == ErrorCode::kInvalidArgument);
  CHECK(code({1}, {.block_bytes = 0}) == ErrorCode::kInvalidArgument);
  CHECK(code({1}, {.epsilon_blocks = 0}) == ErrorCode::kInvalidArgument);
  CHECK(code({1}, {.epsilon_blocks = -1}) == ErrorCode::kInvalidArgument);
  CHECK(code({1}, {.epsilon_blocks = std::numeric_limits<double>::quiet_NaN()}) ==
        ErrorCode::kInvalidArgument);
  CHECK_FALSE(code({1}, {}).has_value());
}

TEST_CASE("friendly keys are learned, hostile ones fall back to a B-tree", "[index][block_model]") {
  const auto shape_of = [](const KeySet& set) {
    const auto model =
        BlockModel::Build(set.Views(), RecordBytes(set, 100), BlockModelOptions{}).value().Shape();
    return model;
  };
  const auto dense = shape_of(test::FromIntegers("dense", test::DenseIntegers(100000, 5)));
  CHECK(dense.learned);
  CHECK(dense.pieces <= 2);
  CHECK(dense.depth == 1);
  const auto chain = shape_of(test::FromStrings("chain", test::NestedPrefixChains(1, 2000)));
  CHECK_FALSE(chain.learned);
}

TEST_CASE("the fraction grows with the key inside a block", "[index][block_model]") {
  const bool learn = GENERATE(true, false);
  const KeySet set = test::FromIntegers("dense", test::DenseIntegers(10000, 0));
  BlockModelOptions options;
  options.learn = learn;
  const auto model = BlockModel::Build(set.Views(), RecordBytes(set, 100), options).value();
  uint64_t previous = 0;
  std::set<uint16_t> fractions;
  for (const std::string& key : set.keys) {
    const BlockPosition position = model.Find(key);
    const uint64_t value = uint64_t{position.block} << 16 | position.fraction;
    CHECK(value >= previous);
    previous = value;
    fractions.insert(position.fraction);
  }
  CHECK(previous > 0xffff);
  CHECK(fractions.size() > 20);  // of the 37 records of a block or so
}

TEST_CASE("a place between two windows is a fraction of a block", "[index][block_model]") {
  CHECK(FractionBetween(0, UINT64_MAX, 0) == 0);
  CHECK(FractionBetween(0, UINT64_MAX, UINT64_MAX) == UINT16_MAX);
  CHECK(FractionBetween(0, UINT64_MAX, UINT64_MAX / 2 + 1) == 0x8000);
  CHECK(FractionBetween(7, 7, 7) == 0x8000);  // nothing is known
  CHECK(FractionBetween(7, 8, 7) == 0);
  CHECK(FractionBetween(7, 8, 8) == UINT16_MAX);
  CHECK(FractionBetween(100, 104, 101) == 0x4000);
  uint16_t previous = 0;
  for (uint64_t window = 1 << 20; window <= 3 << 20; window += 4099) {
    const uint16_t fraction = FractionBetween(1 << 20, 3 << 20, window);
    CHECK(fraction >= previous);
    previous = fraction;
  }
}

// Small models of every shape.
std::vector<std::string> SerializedModels() {
  std::vector<std::string> serialized;
  for (const KeySet& set :
       {test::FromIntegers("clustered", test::ClusteredIntegers(3000, kSeed)),
        test::FromStrings("paths", test::PathStrings(3000, kSeed)),
        test::FromStrings("NUL runs", test::NulRunStrings()),
        test::FromStrings("chains", test::NestedPrefixChains(4, 120)), KeySet{"none", {}}}) {
    const BlockModelOptions options{.block_bytes = 512};
    std::string bytes;
    BlockModel::Build(set.Views(), RecordBytes(set, 50), options).value().Serialize(&bytes);
    serialized.push_back(bytes);
  }
  return serialized;
}

TEST_CASE("any damaged byte and any truncation is an error", "[index][block_model]") {
  for (const std::string& bytes : SerializedModels()) {
    size_t accepted = 0;
    for (size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] ^= static_cast<char>(1 << at % 8);
      accepted += BlockModel::Deserialize(damaged).has_value();
      accepted += BlockModel::Deserialize(std::string_view(bytes).substr(0, at)).has_value();
    }
    accepted += BlockModel::Deserialize(bytes + '\0').has_value();
    CHECK(accepted == 0);
  }
}

std::string WithChecksum(std::string bytes) {
  const uint64_t checksum =
      base::Checksum(std::string_view(bytes).substr(0, bytes.size() - sizeof(uint64_t)));
  std::string end;
  base::Put64(&end, checksum);
  return bytes.replace(bytes.size() - end.size(), end.size(), end);
}

TEST_CASE("forged bytes with a good checksum are refused or harmless", "[index][block_model]") {
  std::mt19937_64 random(kSeed);
  const KeySet probes = test::FromStrings("probes", test::RandomStrings(200, kSeed));
  size_t accepted = 0;
  for (const std::string& bytes : SerializedModels()) {
    const size_t body_bytes = bytes.size() - sizeof(uint64_t);
    for (size_t round = 0; round < 4 * body_bytes; ++round) {
      std::string forged = bytes;
      for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
        forged[random() % body_bytes] = static_cast<char>(random());
      }
      if (random() % 4 == 0) forged.erase(random() % body_bytes, 1 + random() % 8);
      if (forged.size() < sizeof(uint64_t)) continue;
      const auto model = BlockModel::Deserialize(WithChecksum(std::move(forged)));
      if (!model) continue;
      ++accepted;
      for (const std::string& key : probes.keys) {
        REQUIRE(model->Find(key).block < std::max(1u, model->block_count()));
      }
    }
  }
  CHECK(accepted > 0);  // or the test tries nothing
}

TEST_CASE("a newer version is named as such", "[index][block_model]") {
  std::string bytes = SerializedModels().back();
  bytes[0] = 2;
  const auto model = BlockModel::Deserialize(WithChecksum(bytes));
  REQUIRE_FALSE(model.has_value());
  CHECK(model.error().code == ErrorCode::kNotSupported);
}

std::string Forge(const std::vector<int>& body) {
  std::string bytes(body.begin(), body.end());
  return WithChecksum(bytes + std::string(sizeof(uint64_t), '\0'));
}

TEST_CASE("every rule of the form is checked", "[index][block_model]") {
  struct Case {
    const char* broken_rule;
    std::vector<int> body;
  };
  // Version 1, two blocks, then a root: see docs/file-format.md.
  REQUIRE(BlockModel::Deserialize(Forge({1, 2, 0, 0, 1, 100, 0, 0, 0, 5})).has_value());
  REQUIRE(BlockModel::Deserialize(Forge({1, 2, 1, 0, 0, 0, 1, 1, 'x'})).has_value());
  for (const Case& bad : std::vector<Case>{
           {"version 0 does not exist", {0, 0}},
           {"no keys, no node", {1, 0, 0, 0, 1, 100, 0, 0, 0, 5}},
           {"some keys, some node", {1, 2}},
           {"nodes have pieces", {1, 2, 0, 0, 0}},
           {"pieces end with a slope", {1, 2, 0, 0, 1, 100, 0, 0, 0}},
           {"starts lie in the blocks", {1, 2, 0, 0, 1, 100, 0x82, 8, 0, 0, 5}},
           {"kinds of nodes are known", {1, 2, 8, 0, 1, 100, 0, 0, 0, 5}},
           {"lines have no other flags", {1, 2, 4, 0, 1, 100, 0, 0, 0, 5}},
           {"only children cover short keys", {1, 2, 3, 0, 0, 0, 1, 1, 'x'}},
           {"separators increase", {1, 3, 1, 0, 0, 0, 2, 1, 'y', 1, 'x'}},
           {"separators differ", {1, 3, 1, 0, 0, 0, 2, 1, 'x', 1, 'x'}},
           {"last block in range", {1, 2, 1, 0, 0, 0, 2, 1, 'x', 1, 'y'}},
           {"first block in range", {1, 2, 1, 0, 2, 0, 0}},
           {"a child begins behind its link", {1, 9, 0, 0, 1, 7, 0x81, 8, 1, 0, 0, 0, 1, 1, 'x'}},
           {"a piece begins behind a child",
            {1, 9, 0, 0, 2, 7, 1, 1, 0, 0, 0, 1, 1, 'x', 0, 0, 0, 0, 5}},
           {"no lines below separators",
            {1, 2, 5, 0, 0, 0, 1, 1, 'x', 0, 0, 1, 0, 0, 0, 0, 5, 1, 0, 0, 0}},
           {"nothing follows", {1, 2, 0, 0, 1, 100, 0, 0, 0, 5, 0}},
       }) {
    INFO(bad.broken_rule);
    const auto model = BlockModel::Deserialize(Forge(bad.body));
    REQUIRE_FALSE(model.has_value());
    CHECK(model.error().code == ErrorCode::kCorruption);
  }
}

TEST_CASE("a key may end among the NULs that all keys share", "[index][block_model]") {
  // Keys share "z\0\0"; the separators "z\0\0cm" and, below it, "z\0\0cb" and "z\0\0cx" share "c"
  // too.
  const auto model =
      BlockModel::Deserialize(Forge({1, 4, 5, 3, 'z', 0,   0,   0, 1, 'c', 1, 1, 'm',  //
                                     1, 0, 0, 1, 2,   'c', 'b',                        //
                                     1, 0, 0, 1, 2,   'c', 'x'}));
  REQUIRE(model.has_value());
  const auto block = [&](std::string_view key) { return model->Find(key).block; };
  using std::string_view_literals::operator""sv;
  for (const std::string_view key : {""sv, "a"sv, "z"sv, "z\0"sv, "z\0\0"sv, "z\0\0a"sv}) {
    CHECK(block(key) == 0);
  }
  CHECK(block("z\0\0ca"sv) == 0);
  CHECK(block("z\0\0cb"sv) == 1);
  CHECK(block("z\0\0cm"sv) == 2);
  CHECK(block("z\0\0cx"sv) == 3);
  for (const std::string_view key : {"z\0\0d"sv, "z\0\1"sv, "z\1"sv, "zz"sv})
    CHECK(block(key) == 3);
}

TEST_CASE("nodes nested too deeply are refused without recursing", "[index][block_model]") {
  for (const auto& [depth, good] : {std::pair(32, true), {33, false}, {1000000, false}}) {
    std::vector<int> body = {1, 2};
    for (int i = 1; i < depth; ++i) body.insert(body.end(), {0, 0, 1, 0, 1});  // links, one by one
    body.insert(body.end(), {0, 0, 1, 0, 0, 0, 0, 5});
    const auto model = BlockModel::Deserialize(Forge(body));
    CHECK(model.has_value() == good);
    if (model) CHECK(model->Find(std::string(1000, '\0')).block == 0);
  }
}

void CheckRealSets(size_t limit) {
  for (const char* file : {"osm_s2_1039538_uint64.zst", "git_commit_times_2066374_uint64.zst",
                           "packoff_ansible_1702445_uint64.zst", "ecoli_k16_4843913_uint64.zst",
                           "git_paths_1137429.txt.zst", "geonames_postal_keys_1192315.txt.zst"}) {
    if (const auto set = test::LoadRealKeys(file, limit)) CheckSet(*set, {});
  }
}

TEST_CASE("the first real keys find their blocks", "[index][block_model]") { CheckRealSets(60000); }

// Takes minutes under sanitizers, so it is run by name: block_model_test "[full]".
TEST_CASE("all real keys find their blocks", "[.][full]") { CheckRealSets(10000000); }

}  // namespace
}  // namespace sibyl::index
