#include "engine/range_deletions.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

namespace sibyl::engine {

namespace {

// Cuts the key space at every end of a deletion; each part takes the newest that has it. Few
// deletions, made and merged rarely: quadratic is fine.
std::vector<RangeDeletions::Piece> PiecesOf(const std::vector<RangeDeletion>& deletions) {
  std::set<std::string_view> cuts;
  for (const RangeDeletion& deletion : deletions) {
    cuts.insert(deletion.begin);
    cuts.insert(deletion.end);
  }
  std::vector<RangeDeletions::Piece> pieces;
  for (auto cut = cuts.begin(); std::next(cut) != cuts.end(); ++cut) {
    uint64_t sequence = 0;
    for (const RangeDeletion& deletion : deletions) {
      if (deletion.begin <= *cut && *cut < deletion.end) {
        sequence = std::max(sequence, deletion.sequence);
      }
    }
    if (sequence == 0) continue;
    const std::string_view end = *std::next(cut);
    if (!pieces.empty() && pieces.back().end == *cut && pieces.back().sequence == sequence) {
      pieces.back().end = end;
    } else {
      pieces.push_back({std::string(*cut), std::string(end), sequence});
    }
  }
  return pieces;
}

}  // namespace

RangeDeletions::RangeDeletions(std::vector<RangeDeletion> deletions)
    : all_(std::move(deletions)), pieces_(PiecesOf(all_)) {
  assert(!pieces_.empty());
}

// Precondition: not before the first piece.
const RangeDeletions::Piece* RangeDeletions::Search(std::string_view internal_key) const {
  const auto after =
      std::upper_bound(pieces_.begin(), pieces_.end(), internal_key,
                       [](std::string_view key, const Piece& piece) { return key < piece.begin; });
  const Piece& piece = *std::prev(after);
  return internal_key < piece.end ? &piece : nullptr;
}

bool RangeDeletions::MayHide(std::string_view smallest, std::string_view largest,
                             uint64_t settled_sequence) const {
  auto piece =
      std::partition_point(pieces_.begin(), pieces_.end(),
                           [smallest](const Piece& before) { return before.end <= smallest; });
  for (; piece != pieces_.end() && piece->begin <= largest; ++piece) {
    if (piece->sequence > settled_sequence) return true;
  }
  return false;
}

bool RangeDeletions::HidesAll(std::string_view smallest, std::string_view largest,
                              uint64_t settled_sequence) const {
  const Piece* piece = PieceAt(smallest);
  while (piece != nullptr && piece->sequence > settled_sequence) {
    if (largest < piece->end) return true;
    const Piece* const next = piece + 1;
    const bool adjoins = piece != &pieces_.back() && next->begin == piece->end;
    piece = adjoins ? next : nullptr;
  }
  return false;
}

RangeDeletionsPtr WithDeletion(const RangeDeletionsPtr& deletions, RangeDeletion added) {
  std::vector<RangeDeletion> all;
  if (deletions != nullptr) all = deletions->all();
  all.push_back(std::move(added));
  return std::make_shared<RangeDeletions>(std::move(all));
}

RangeDeletionsPtr DeletionsOf(const storage::Manifest& manifest) {
  if (manifest.deletions.empty()) return nullptr;
  std::vector<RangeDeletion> deletions;
  for (const storage::ManifestDeletion& deletion : manifest.deletions) {
    deletions.push_back({deletion.begin, deletion.end, deletion.sequence, 0});
  }
  return std::make_shared<RangeDeletions>(std::move(deletions));
}

RangeDeletionsPtr Without(const RangeDeletionsPtr& deletions, const std::set<uint64_t>& sequences) {
  if (deletions == nullptr || sequences.empty()) return deletions;
  std::vector<RangeDeletion> left = deletions->all();
  std::erase_if(left, [&sequences](const RangeDeletion& deletion) {
    return sequences.contains(deletion.sequence);
  });
  if (left.empty()) return nullptr;
  return std::make_shared<RangeDeletions>(std::move(left));
}

RangeDeletionsPtr BelowGeneration(const RangeDeletionsPtr& deletions, uint64_t floor) {
  if (deletions == nullptr) return nullptr;
  std::vector<RangeDeletion> below;
  for (const RangeDeletion& deletion : deletions->all()) {
    if (deletion.generation < floor) below.push_back(deletion);
  }
  if (below.size() == deletions->all().size()) return deletions;
  if (below.empty()) return nullptr;
  return std::make_shared<RangeDeletions>(std::move(below));
}

}  // namespace sibyl::engine
