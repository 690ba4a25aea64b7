// Goal: what the database says of its models is what they do.
// Method: databases in known states; the pieces' records add up to those of the segments, and the
// explanation of a key names the source that has it, the block and the slot where it is.

#include "tests/engine/database_fixture.h"

namespace sibyl::testing {
namespace {

using Outcome = LookupSource::Outcome;

uint64_t RecordsOfRoots(const std::vector<ModelPiece>& pieces) {
  uint64_t records = 0;
  for (const ModelPiece& piece : pieces) records += piece.node == 0 ? piece.records : 0;
  return records;
}

TEST_CASE("nothing is known of empty and unknown trees", "[engine][explain]") {
  TestDatabase database;
  for (const Tree tree : {kDefaultTree, Tree{77}}) {
    CHECK(Must(database->ListPieces(tree)).empty());
    const LookupExplanation explanation = Must(database->Explain({}, tree, "key"));
    CHECK_FALSE(explanation.found);
    for (const LookupSource& source : explanation.sources) CHECK_FALSE(source.is_segment);
  }
  CHECK_FALSE(database->Explain({}, kDefaultTree, std::string(70000, 'x')).has_value());
}

TEST_CASE("pieces count every record once", "[engine][explain]") {
  TestDatabase database(SmallOptions());
  const Tree tree = Must(database->CreateTree("the tree"));
  const Tree other = Must(database->CreateTree("other"));
  for (uint64_t i = 0; i < 4000; ++i) {
    const std::string name = "https://example.org/" + std::to_string(i % 7) + "/" +
                             std::to_string(i * i) + std::string(i % 3, '\0');
    Must(database->Put(tree, i % 2 == 0 ? BigEndianKey(i * i) : name, std::string(i % 40, 'v')));
    Must(database->Put(other, BigEndianKey(i), "x"));
  }
  Must(database->Compact());
  const auto pieces = Must(database->ListPieces(tree));
  CHECK(RecordsOfRoots(pieces) == 4000);
  std::map<std::pair<uint64_t, uint32_t>, uint64_t> lines;
  uint32_t depth = 0;
  for (const ModelPiece& piece : pieces) {
    lines[{piece.segment, piece.node}] += 1;
    depth = std::max(depth, piece.depth);
    if (piece.kind != PieceKind::kLine) CHECK(piece.blocks_per_window == 0);
  }
  CHECK(depth >= 2);
  CHECK(lines.size() > 1);
  CHECK(RecordsOfRoots(Must(database->ListPieces(other))) == 4000);
}

TEST_CASE("a lookup is told source by source", "[engine][explain]") {
  const auto read_mode = GENERATE(ReadMode::kMapping, ReadMode::kPread);
  Options options = SmallOptions();
  options.read_mode = read_mode;
  options.last_level_filter_bits_per_key = 10;
  TestDatabase database(options);
  for (uint64_t i = 0; i < 3000; ++i) Must(database->Put(BigEndianKey(2 * i), "old"));
  Must(database->Put("large", std::string(100000, 'L')));
  Must(database->Compact());
  const auto before = Must(database->GetSnapshot());
  Must(database->Put(BigEndianKey(10), "new"));
  Must(database->Delete(BigEndianKey(12)));

  SECTION("found in a segment, in the block and slot that were predicted or near") {
    const auto explanation = Must(database->Explain({}, kDefaultTree, BigEndianKey(2222)));
    CHECK(explanation.found);
    const LookupSource& last = explanation.sources.back();
    CHECK(last.is_segment);
    CHECK(last.outcome == Outcome::kValue);
    REQUIRE_FALSE(last.stages.empty());
    CHECK(static_cast<uint32_t>(last.stages.back().block) == last.block);
    CHECK(last.slot < last.block_records);
    CHECK(last.predicted_slot <= last.block_records);
    CHECK(last.read_bytes > 0);
    CHECK(last.read_bytes < 4096);
  }
  SECTION("the delta decides first, and a snapshot does not see it") {
    for (const uint64_t number : {10, 12}) {
      const auto now = Must(database->Explain({}, kDefaultTree, BigEndianKey(number)));
      CHECK(now.found == (number == 10));
      CHECK_FALSE(now.sources.back().is_segment);
      CHECK(now.sources.back().outcome == (number == 10 ? Outcome::kValue : Outcome::kTombstone));
      const auto then =
          Must(database->Explain({before.get()}, kDefaultTree, BigEndianKey(number)));
      CHECK(then.found);
      CHECK(then.sources.back().is_segment);
    }
  }
  SECTION("absent keys are stopped by the filter, or are not in the one block") {
    int filtered = 0;
    for (uint64_t number = 1; number < 200; number += 2) {
      const auto explanation = Must(database->Explain({}, kDefaultTree, BigEndianKey(number)));
      CHECK_FALSE(explanation.found);
      filtered += explanation.sources.back().outcome == Outcome::kFiltered;
      CHECK(explanation.sources.back().outcome != Outcome::kValue);
    }
    CHECK(filtered > 50);
  }
  SECTION("a value outside its block is read too") {
    const auto explanation = Must(database->Explain({}, kDefaultTree, "large"));
    CHECK(explanation.found);
    CHECK(explanation.sources.back().read_bytes >= 100000);
  }
}

}  // namespace
}  // namespace sibyl::testing
