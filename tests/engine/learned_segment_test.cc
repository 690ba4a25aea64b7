// Goal: a model that sends a key to the wrong block costs no answer for long: the sampled search
// notices, tells, and from then on the model is not trusted.
// Method: a segment is written whose records lie one block behind where its model says.

#include <algorithm>

#include "engine/internal_key.h"
#include "engine/learned_segment.h"
#include "engine/segment_store.h"
#include "tests/engine/database_fixture.h"

namespace sibyl::engine {
namespace {

using testing::BigEndianKey;
using testing::Must;

constexpr size_t kRecords = 20'000;

std::string KeyOf(size_t i) { return BigEndianKey(i * 10); }

// Writes segment `id`; from the tenth block on, records lie `shift` blocks too late.
void WriteSegment(const SegmentStore& store, uint64_t id, uint32_t shift) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < kRecords; ++i) keys.push_back(KeyOf(i));
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  const std::vector<uint32_t> bytes(kRecords, 50);
  std::vector<TreeModel> models;
  models.push_back(
      {kDefaultTree, 0, kRecords, Must(index::BlockModel::Build(views, bytes, {1024, 0.5}))});
  const uint32_t blocks = models[0].model.block_count();
  const auto writer = Must(storage::SegmentWriter::Create(store.files(), store.PathOf(id)));
  for (const std::string& key : keys) {
    uint32_t block = models[0].model.Find(key).block;
    if (block >= 10) block = std::min(block + shift, blocks - 1);
    Must(writer->Add(EncodeInternalKey(kDefaultTree, key), "value of " + key,
                     storage::RecordType::kValue, block));
  }
  Must(writer->Finish(blocks, EncodeTreeModels(models), {}));
}

bool Finds(const LearnedSegment& segment, size_t i) {
  Value value;
  const auto outcome = Must(segment.Lookup(EncodeInternalKey(kDefaultTree, KeyOf(i)), &value));
  return outcome == storage::LookupOutcome::kValue && value.view() == "value of " + KeyOf(i);
}

TEST_CASE("a wrong model is noticed, told, and no longer trusted", "[engine][model]") {
  testing::TemporaryDirectory directory;
  Options options;
  options.read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  SegmentStore store(storage::PosixFileSystem(), directory.path(), directory.path() / "lost",
                     options);
  uint64_t told = 0;
  store.SetViolationListener([&](const LearnedSegment& segment) {
    ++told;
    CHECK(segment.id() == 2);
  });
  WriteSegment(store, 1, 0);
  WriteSegment(store, 2, 1);
  const auto good = Must(store.Open(1));
  const auto bad = Must(store.Open(2));
  CHECK(good->Verify());
  CHECK_FALSE(bad->Verify());

  size_t missed = 0;
  for (size_t i = 0; i < kRecords; ++i) {
    REQUIRE(Finds(*good, i));
    if (!Finds(*bad, i)) ++missed;
  }
  CHECK(good->bound_violations() == 0);
  CHECK(bad->bound_violations() > 0);
  CHECK(told == 1);
  CHECK(missed > 0);  // before the sample noticed
  CHECK(missed < kRecords);

  for (size_t i = 0; i < kRecords; ++i) REQUIRE(Finds(*bad, i));
  CHECK(bad->Stats(0).model_bound_violations == bad->bound_violations());
  const auto cursor = bad->NewCursor();
  for (size_t i = 0; i < kRecords; i += 7) {
    cursor->Seek(EncodeInternalKey(kDefaultTree, BigEndianKey(i * 10 - (i > 0 ? 3 : 0))));
    REQUIRE(cursor->Valid());
    REQUIRE(UserKeyOf(cursor->key()) == KeyOf(i));
    cursor->SeekForPrev(EncodeInternalKey(kDefaultTree, BigEndianKey(i * 10 + 3)));
    REQUIRE(cursor->Valid());
    REQUIRE(UserKeyOf(cursor->key()) == KeyOf(i));
  }
  CHECK(told == 1);
}

TEST_CASE("models of a newer version are refused as such", "[engine][segment]") {
  std::string bytes = EncodeTreeModels({});
  REQUIRE(DecodeTreeModels(bytes, 0));
  ++bytes[0];
  const auto newer = DecodeTreeModels(bytes, 0);
  REQUIRE_FALSE(newer);
  CHECK(newer.error().code == ErrorCode::kNotSupported);
}

}  // namespace
}  // namespace sibyl::engine
