#include "engine/range_deletions.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace sibyl::engine {

namespace {

// Gives the keys of `newest` to it: what older pieces have there ends or begins at its border.
void Cover(const RangeDeletion& newest, std::vector<RangeDeletions::Piece>* pieces) {
  const auto first = std::partition_point(
      pieces->begin(), pieces->end(),
      [&](const RangeDeletions::Piece& piece) { return piece.end <= newest.begin; });
  const auto last = std::partition_point(
      first, pieces->end(),
      [&](const RangeDeletions::Piece& piece) { return piece.begin < newest.end; });
  std::vector<RangeDeletions::Piece> covered;
  if (first != last && first->begin < newest.begin) {
    covered.push_back({first->begin, newest.begin, first->sequence});
  }
  covered.push_back({newest.begin, newest.end, newest.sequence});
  if (first != last && std::prev(last)->end > newest.end) {
    covered.push_back({newest.end, std::prev(last)->end, std::prev(last)->sequence});
  }
  pieces->insert(pieces->erase(first, last), std::make_move_iterator(covered.begin()),
                 std::make_move_iterator(covered.end()));
}

}  // namespace

RangeDeletions::RangeDeletions(std::vector<RangeDeletion> deletions) : all_(std::move(deletions)) {
  assert(!all_.empty());
  for (const RangeDeletion& deletion : all_) Cover(deletion, &pieces_);
}

RangeDeletions::RangeDeletions(const RangeDeletions& older, RangeDeletion newest)
    : all_(older.all_), pieces_(older.pieces_) {
  Cover(newest, &pieces_);
  all_.push_back(std::move(newest));
}

// Precondition: not before the first piece.
const RangeDeletions::Piece* RangeDeletions::Search(std::string_view internal_key) const {
  const auto after =
      std::upper_bound(pieces_.begin(), pieces_.end(), internal_key,
                       [](std::string_view key, const Piece& piece) { return key < piece.begin; });
  const Piece& piece = *std::prev(after);
  return internal_key < piece.end ? &piece : nullptr;
}

std::string_view RangeDeletions::NextAbove(uint64_t settled_sequence,
                                           std::string_view internal_key) const {
  const auto behind =
      std::upper_bound(pieces_.begin(), pieces_.end(), internal_key,
                       [](std::string_view key, const Piece& piece) { return key < piece.begin; });
  const auto next = std::find_if(behind, pieces_.end(), [settled_sequence](const Piece& piece) {
    return piece.sequence > settled_sequence;
  });
  return next == pieces_.end() ? std::string_view() : next->begin;
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
  if (deletions != nullptr) return std::make_shared<RangeDeletions>(*deletions, std::move(added));
  return std::make_shared<RangeDeletions>(std::vector<RangeDeletion>{std::move(added)});
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
