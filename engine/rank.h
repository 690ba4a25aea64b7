// Ranks: how many keys precede a key, and which key has a rank, by arithmetic where possible.
//
// The deepest level that has records is the base: its segments count their records, and of each 64
// blocks it is known how many precede them (storage's block directory), so a rank in it takes one
// model evaluation and at most 64 block headers. Everything above, generations and upper levels, is
// walked in the range asked for: each of its keys shifts the rank by one or not at all, depending
// on whether it is a tombstone and whether the base has it. So the answer is always exact, takes
// O(levels) on compacted data, and grows with what is not compacted yet. Where that is much beside
// the base, asking the base about each of its keys would cost more than walking through both: then
// the records are counted one by one. What range deletions hide in the base is a few ranges of its
// ranks, found once by two model evaluations for each piece of a deletion.

#ifndef SIBYL_ENGINE_RANK_H_
#define SIBYL_ENGINE_RANK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cursor.h"
#include "engine/range_deletions.h"
#include "engine/view.h"
#include "engine/write_set.h"
#include "sibyl/key_range.h"
#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "sibyl/value.h"

namespace sibyl::engine {

// The records of `segment`, tombstones included, before `internal_key`. Errors: kIo, kCorruption.
Result<uint64_t> RankInSegment(const LearnedSegment& segment, std::string_view internal_key);

// About how many records of `tree` are in `range`, from models alone but for up to 256 records of
// each generation.
uint64_t EstimateRecords(const View& view, uint64_t sequence, Tree tree, const KeyRange& range);

// One state of one tree, with a transaction's own writes on top if there are any. One thread at a
// time; the view and the writes must outlive it.
// Errors of all: kIo, kCorruption.
class RankReader {
 public:
  RankReader(const View& view, uint64_t sequence, Tree tree, const WriteSet* own_writes = nullptr);

  // The number of keys in [begin, end); nullopt: from the first, to the last.
  Result<uint64_t> Count(std::optional<std::string_view> begin,
                         std::optional<std::string_view> end);

  // The record that `rank` others precede; nullopt if there are no more than `rank`.
  Result<std::optional<OwnedRecord>> At(uint64_t rank);

 private:
  // Ranks begin <= rank < end in the base, of records that a range deletion hides.
  struct HiddenRanks {
    uint64_t begin;
    uint64_t end;
    uint64_t hidden_before;  // in the ranges before this one
  };

  Status FindHidden(std::string_view begin, std::string_view end);
  Status AddHidden(const RangeDeletions::Piece& piece, std::string_view begin,
                   std::string_view end);
  uint64_t VisibleBefore(uint64_t rank) const;
  uint64_t RankOfVisible(uint64_t visible) const;
  Result<uint64_t> CountInBase(std::string_view begin, std::string_view end) const;
  Result<bool> IsInBase(std::string_view internal_key);
  std::unique_ptr<Cursor> NewCursor(const View& view) const;
  Result<uint64_t> CountOneByOne(std::string_view begin, std::string_view end) const;
  Result<std::optional<OwnedRecord>> WalkTo(uint64_t rank) const;
  Result<OwnedRecord> ReadFromBase(uint64_t rank) const;

  const std::string tree_begin_;  // the first internal key of the tree
  const std::string tree_end_;    // the first after it
  const View& view_;
  const uint64_t sequence_;
  const WriteSet* const own_writes_;
  View above_;  // everything but the base
  std::shared_ptr<const Level> base_;
  std::vector<HiddenRanks> hidden_;  // ascending; of the keys that are asked about
  std::unique_ptr<Cursor> cursor_;   // over above_ and own_writes_
  Value scratch_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_RANK_H_
