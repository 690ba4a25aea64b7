#include "engine/explain.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "engine/internal_key.h"
#include "engine/level.h"
#include "engine/rank.h"

namespace sibyl::engine {

namespace {

using Outcome = LookupSource::Outcome;

const TreeModel* ModelOf(const SegmentReader& reader, Tree tree) {
  for (const TreeModel& model : reader.models()) {
    if (model.tree == tree) return &model;
  }
  return nullptr;
}

Status AppendPieces(const LearnedSegment& segment, uint32_t level, const TreeModel& model,
                    std::vector<ModelPiece>* pieces) {
  const std::string tree_end = EncodeInternalKey(Tree{model.tree.id + 1}, {});
  for (index::BlockModelPiece& from : model.model.Pieces()) {
    const std::string begin = EncodeInternalKey(model.tree, from.first_key);
    const std::string end = from.end_key ? EncodeInternalKey(model.tree, *from.end_key) : tree_end;
    ModelPiece piece;
    SIBYL_ASSIGN_OR_RETURN(const uint64_t before, RankInSegment(segment, begin));
    SIBYL_ASSIGN_OR_RETURN(const uint64_t through, RankInSegment(segment, end));
    piece.level = level;
    piece.segment = segment.id();
    piece.node = from.node;
    piece.depth = from.depth;
    piece.kind = from.kind;
    piece.first_key = std::move(from.first_key);
    piece.window = from.window;
    piece.base_block = from.base_block;
    piece.blocks_per_window = from.blocks_per_window;
    piece.records = through - std::min(before, through);
    pieces->push_back(std::move(piece));
  }
  return Ok();
}

Outcome OutcomeOf(RecordType type) {
  return type == RecordType::kValue ? Outcome::kValue : Outcome::kTombstone;
}

Result<LookupSource> LookInSegment(const LearnedSegment& segment, uint32_t level,
                                   std::string_view internal_key) {
  LookupSource source;
  source.is_segment = true;
  source.level = level;
  source.id = segment.id();
  const SegmentReader& reader = segment.reader();
  if (!reader.filter().MayContain(base::Checksum(internal_key))) {
    source.outcome = Outcome::kFiltered;
    return source;
  }
  if (const TreeModel* model = ModelOf(reader, TreeOf(internal_key))) {
    source.stages = model->model.Trace(UserKeyOf(internal_key));
  }
  const index::BlockPosition position = reader.Predict(internal_key);
  SIBYL_ASSIGN_OR_RETURN(const storage::BlockHandle block, reader.file().ReadBlock(position.block));
  const storage::BlockView& view = block.view();
  source.block = position.block;
  source.block_records = view.record_count();
  source.read_bytes = view.size_bytes();
  if (view.record_count() == 0) return source;
  const uint16_t fraction = reader.file().RecordFraction(position.block, position.fraction);
  source.predicted_slot = static_cast<uint32_t>(uint64_t{view.record_count()} * fraction >> 16);
  source.slot = view.LowerBound(internal_key, fraction);
  if (view.Find(internal_key, fraction) == view.record_count()) return source;
  source.outcome = OutcomeOf(view.TypeAt(source.slot));
  if (view.ValueIsOutOfLine(source.slot)) {
    source.read_bytes += storage::ValueReference::Decode(view.RawValueAt(source.slot)).stored_bytes;
  }
  return source;
}

bool Decides(const LookupSource& source) {
  return source.outcome == Outcome::kValue || source.outcome == Outcome::kTombstone;
}

}  // namespace

Result<std::vector<ModelPiece>> ListPieces(const View& view, Tree tree) {
  std::vector<ModelPiece> pieces;
  for (size_t i = 0; i < view.levels.size(); ++i) {
    for (const SegmentPtr& segment : view.levels[i]->segments()) {
      const TreeModel* model = ModelOf(segment->reader(), tree);
      if (model == nullptr) continue;
      SIBYL_RETURN_IF_ERROR(AppendPieces(*segment, view.LevelNumber(i), *model, &pieces));
    }
  }
  return pieces;
}

Result<LookupExplanation> ExplainLookup(const View& view, uint64_t sequence, Tree tree,
                                        std::string_view key) {
  LookupExplanation explanation;
  const std::string internal_key = EncodeInternalKey(tree, key);
  const uint64_t deleted_before = NewestDeletion(view.range_deletions, internal_key);
  const auto add = [&](LookupSource source) {
    explanation.sources.push_back(std::move(source));
    explanation.found = explanation.sources.back().outcome == Outcome::kValue;
    return Decides(explanation.sources.back());
  };
  for (const auto& generation : view.generations) {
    LookupSource source;
    source.id = generation->id();
    if (const auto record = generation->Find(internal_key, sequence)) {
      source.outcome =
          record->sequence < deleted_before ? Outcome::kTombstone : OutcomeOf(record->type);
    }
    if (add(std::move(source))) return explanation;
  }
  for (size_t i = 0; i < view.levels.size(); ++i) {
    const LearnedSegment* segment = view.levels[i]->FindSegment(internal_key);
    if (segment == nullptr) continue;
    if (segment->settled_sequence() < deleted_before) continue;  // not looked into
    SIBYL_ASSIGN_OR_RETURN(LookupSource source,
                           LookInSegment(*segment, view.LevelNumber(i), internal_key));
    if (add(std::move(source))) return explanation;
  }
  return explanation;
}

}  // namespace sibyl::engine
