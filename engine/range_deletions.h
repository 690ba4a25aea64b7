// Range deletions: which key ranges were deleted as a whole, and when. A view has the list of those
// that still hide something; docs/decisions/0015-range-deletions.md has the design.
//
// A range deletion with sequence s hides what was written to its keys before s. Of a generation
// that is every version below s. A segment has one number for all its records, settled_sequence: it
// holds nothing older that range deletions up to there hide, because they were applied when it was
// written, or because all it has came later. So a record of a segment is hidden if some deletion
// above that number has its key; and where several cover a key, the newest decides.

#ifndef SIBYL_ENGINE_RANGE_DELETIONS_H_
#define SIBYL_ENGINE_RANGE_DELETIONS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/manifest.h"

namespace sibyl::engine {

// Internal keys begin <= key < end, of one tree.
struct RangeDeletion {
  std::string begin;
  std::string end;
  uint64_t sequence = 0;
  uint64_t generation = 0;  // whose log has it; 0: it was found in the manifest
};

// Immutable and thread-safe. Null pointers stand for empty lists.
class RangeDeletions {
 public:
  // What the newest deletion does to the keys of one piece of the key space. Pieces are disjoint.
  struct Piece {
    std::string begin;
    std::string end;
    uint64_t sequence;
  };

  // Oldest first; at least one, none empty. And those of `older` with one more, the newest.
  explicit RangeDeletions(std::vector<RangeDeletion> deletions);
  RangeDeletions(const RangeDeletions& older, RangeDeletion newest);

  const std::vector<RangeDeletion>& all() const { return all_; }  // oldest first
  uint64_t newest_sequence() const { return all_.back().sequence; }

  // In key order.
  const std::vector<Piece>& pieces() const { return pieces_; }

  // The piece that has `internal_key`; null: no deletion does. Two comparisons for a key beyond
  // all.
  const Piece* PieceAt(std::string_view internal_key) const {
    if (internal_key < pieces_.front().begin || internal_key >= pieces_.back().end) return nullptr;
    return Search(internal_key);
  }

  // The newest deletion of `internal_key`; 0: there is none. All writes below it are gone.
  uint64_t NewestOf(std::string_view internal_key) const {
    const Piece* const piece = PieceAt(internal_key);
    return piece == nullptr ? 0 : piece->sequence;
  }

  // Where the next piece above `settled_sequence` begins that is behind `internal_key`; empty: there
  // is none.
  std::string_view NextAbove(uint64_t settled_sequence, std::string_view internal_key) const;

  // Whether some key of [smallest, largest] has a deletion above `settled_sequence`, and whether
  // all have one.
  bool MayHide(std::string_view smallest, std::string_view largest,
               uint64_t settled_sequence) const;
  bool HidesAll(std::string_view smallest, std::string_view largest,
                uint64_t settled_sequence) const;

 private:
  const Piece* Search(std::string_view internal_key) const;

  std::vector<RangeDeletion> all_;
  std::vector<Piece> pieces_;  // in key order; never empty
};

using RangeDeletionsPtr = std::shared_ptr<const RangeDeletions>;

// `deletions` and one more, the newest.
RangeDeletionsPtr WithDeletion(const RangeDeletionsPtr& deletions, RangeDeletion added);

// `deletions` but those with these sequences.
RangeDeletionsPtr Without(const RangeDeletionsPtr& deletions, const std::set<uint64_t>& sequences);

// Those whose log is of a generation below `floor`.
RangeDeletionsPtr BelowGeneration(const RangeDeletionsPtr& deletions, uint64_t floor);

// As a manifest has them.
RangeDeletionsPtr DeletionsOf(const storage::Manifest& manifest);

// The newest deletion of a key; 0 if there is no list, or none in it.
inline uint64_t NewestDeletion(const RangeDeletionsPtr& deletions, std::string_view internal_key) {
  return deletions == nullptr ? 0 : deletions->NewestOf(internal_key);
}

// The newest of all; 0: there is none.
inline uint64_t NewestDeletion(const RangeDeletionsPtr& deletions) {
  return deletions == nullptr ? 0 : deletions->newest_sequence();
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_RANGE_DELETIONS_H_
