// sibyl/c.h: what the models look like, and how they find a key.

#include <vector>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"
#include "sibyl/explain.h"

namespace {

using sibyl::Ok;
using sibyl::Status;
using sibyl::Tree;
using sibyl::c_api::At;
using sibyl::c_api::Guarded;
using sibyl::c_api::NewBuffer;
using sibyl::c_api::View;
using Outcome = sibyl::LookupSource::Outcome;

int KindOf(sibyl::PieceKind kind) {
  switch (kind) {
    case sibyl::PieceKind::kLine:
      return SIBYL_PIECE_LINE;
    case sibyl::PieceKind::kChild:
      return SIBYL_PIECE_CHILD;
    case sibyl::PieceKind::kSeparator:
      break;
  }
  return SIBYL_PIECE_SEPARATOR;
}

int OutcomeOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAbsent:
      return SIBYL_LOOKUP_ABSENT;
    case Outcome::kFiltered:
      return SIBYL_LOOKUP_FILTERED;
    case Outcome::kValue:
      return SIBYL_LOOKUP_VALUE;
    case Outcome::kTombstone:
      break;
  }
  return SIBYL_LOOKUP_TOMBSTONE;
}

// Arrays of C that own more than themselves, until they are given away.
struct Pieces {
  explicit Pieces(size_t size) : count(size), data(new sibyl_model_piece[size]()) {}
  ~Pieces() { sibyl_piece_list_free(count, data); }
  size_t count;
  sibyl_model_piece* data;
};
struct Sources {
  explicit Sources(size_t size) : count(size), data(new sibyl_lookup_source[size]()) {}
  ~Sources() { sibyl_explanation_free(count, data); }
  size_t count;
  sibyl_lookup_source* data;
};

sibyl_model_piece ToC(const sibyl::ModelPiece& piece) {
  return {piece.level,  piece.segment,      piece.node,
          piece.depth,  KindOf(piece.kind), NewBuffer(piece.first_key),
          piece.window, piece.base_block,   piece.blocks_per_window,
          piece.records};
}

sibyl_lookup_source ToC(const sibyl::LookupSource& source) {
  auto stages = std::make_unique<sibyl_lookup_stage[]>(source.stages.size());
  for (size_t i = 0; i < source.stages.size(); ++i) {
    const sibyl::LookupStage& stage = source.stages[i];
    stages[i] = {stage.node, stage.piece, KindOf(stage.kind), stage.window, stage.block};
  }
  return {source.is_segment ? 1 : 0, source.level,     source.id,        OutcomeOf(source.outcome),
          source.stages.size(),      stages.release(), source.block,     source.block_records,
          source.predicted_slot,     source.slot,      source.read_bytes};
}

}  // namespace

sibyl_error* sibyl_list_pieces(sibyl_db* db, sibyl_tree tree, size_t* count,
                               sibyl_model_piece** pieces) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto listed, db->database->ListPieces(Tree{tree}));
    Pieces given(listed.size());
    for (size_t i = 0; i < listed.size(); ++i) given.data[i] = ToC(listed[i]);
    *count = given.count;
    *pieces = std::exchange(given.data, nullptr);
    return Ok();
  });
}

void sibyl_piece_list_free(size_t count, sibyl_model_piece* pieces) {
  if (pieces == nullptr) return;
  for (size_t i = 0; i < count; ++i) sibyl_buffer_free(&pieces[i].first_key);
  delete[] pieces;
}

sibyl_error* sibyl_explain(sibyl_db* db, const sibyl_snapshot* snapshot, sibyl_tree tree,
                           const char* key, size_t key_size, int* found, size_t* count,
                           sibyl_lookup_source** sources) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const sibyl::LookupExplanation explanation,
                           db->database->Explain(At(snapshot), Tree{tree}, View(key, key_size)));
    Sources given(explanation.sources.size());
    for (size_t i = 0; i < given.count; ++i) given.data[i] = ToC(explanation.sources[i]);
    *found = explanation.found ? 1 : 0;
    *count = given.count;
    *sources = std::exchange(given.data, nullptr);
    return Ok();
  });
}

void sibyl_explanation_free(size_t count, sibyl_lookup_source* sources) {
  if (sources == nullptr) return;
  for (size_t i = 0; i < count; ++i) delete[] sources[i].stages;
  delete[] sources;
}
