#include "engine/rank.h"

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "engine/internal_key.h"
#include "engine/level.h"

namespace sibyl::engine {

Result<uint64_t> RankInSegment(const LearnedSegment& segment, std::string_view internal_key) {
  const SegmentReader& reader = segment.reader();
  const storage::Segment& file = reader.file();
  if (file.block_count() == 0) return uint64_t{0};
  SIBYL_ASSIGN_OR_RETURN(const index::BlockPosition position, segment.Locate(reader, internal_key));
  SIBYL_ASSIGN_OR_RETURN(const uint64_t rank, file.RankOfBlock(position.block));
  SIBYL_ASSIGN_OR_RETURN(const storage::BlockHandle block, file.ReadBlock(position.block));
  if (block.view().record_count() == 0) return rank;
  const uint16_t fraction = file.RecordFraction(position.block, position.fraction);
  return rank + block.view().LowerBound(internal_key, fraction);
}

namespace {

// Steps from record to record that cost as much as asking the base about one key, roughly.
constexpr uint64_t kStepsPerQuestion = 16;

// Blocks between two whose rank costs nothing to know: see storage/block_directory.h.
constexpr uint32_t kGroupBlocks = 64;

// Tombstones in the deepest level are rare (a level above may have been moved below the records
// that they were kept for); where there are any, everything is counted one by one.
bool HasTombstones(const Level& level) {
  return std::any_of(
      level.segments().begin(), level.segments().end(),
      [](const SegmentPtr& segment) { return segment->properties().tombstones > 0; });
}

// The records of `level` before `internal_key`.
Result<uint64_t> RankIn(const Level& level, std::string_view internal_key) {
  const size_t after = level.UpperBound(internal_key);
  if (after == 0) return uint64_t{0};
  SIBYL_ASSIGN_OR_RETURN(const uint64_t rank,
                         RankInSegment(*level.segments()[after - 1], internal_key));
  return level.RecordsBefore(after - 1) + rank;
}

// The block of `segment` with the record that `rank` others precede, and how many precede the
// block.
struct RankedBlock {
  storage::BlockHandle block;
  uint64_t rank = 0;
};
Result<RankedBlock> FindBlock(const storage::Segment& segment, uint64_t rank) {
  uint32_t begin = 0;  // the group is one of [begin, end)
  uint32_t end = segment.block_count() / kGroupBlocks + 1;
  while (end - begin > 1) {
    const uint32_t middle = begin + (end - begin) / 2;
    SIBYL_ASSIGN_OR_RETURN(const uint64_t before, segment.RankOfBlock(middle * kGroupBlocks));
    (before <= rank ? begin : end) = middle;
  }
  RankedBlock found;
  SIBYL_ASSIGN_OR_RETURN(found.rank, segment.RankOfBlock(begin * kGroupBlocks));
  for (uint32_t block = begin * kGroupBlocks; block < segment.block_count(); ++block) {
    SIBYL_ASSIGN_OR_RETURN(found.block, segment.ReadBlock(block));
    const uint32_t records = found.block.view().record_count();
    if (rank < found.rank + records) return found;
    found.rank += records;
  }
  return Error{ErrorCode::kCorruption,
               segment.path().string() + ": has fewer records than its properties say"};
}

std::string EndOf(Tree tree) {
  // No tree has the last id: ids are given out one by one, from 1.
  return EncodeInternalKey(Tree{tree.id + 1}, {});
}

}  // namespace

namespace {

// Where the models of `segment` place `internal_key` among its records of `tree`.
double EstimateRank(const SegmentReader& segment, const TreeModel& model,
                    std::string_view internal_key) {
  if (internal_key < EncodeInternalKey(model.tree, {})) return 0;
  if (TreeOf(internal_key) != model.tree) return static_cast<double>(model.records);
  const index::BlockPosition position = segment.Predict(internal_key);
  const double blocks = position.block - model.first_block + position.fraction / 65536.0;
  return static_cast<double>(model.records) * blocks / std::max(1u, model.model.block_count());
}

double EstimateIn(const Level& level, Tree tree, std::string_view begin, std::string_view end) {
  double records = 0;
  const Level::Range range = level.Overlapping(begin, end);
  for (size_t i = range.begin; i < range.end; ++i) {
    const SegmentReader& segment = level.segments()[i]->reader();
    for (const TreeModel& model : segment.models()) {
      if (model.tree != tree) continue;
      records += EstimateRank(segment, model, end) - EstimateRank(segment, model, begin);
    }
  }
  return records;
}

// All of them up to a limit; what goes on behind it is taken for half of the generation.
double EstimateIn(const Generation& generation, uint64_t sequence, std::string_view begin,
                  std::string_view end) {
  constexpr uint64_t kMostLookedAt = 256;
  if (generation.empty()) return 0;
  const std::unique_ptr<Cursor> cursor = generation.NewCursor(sequence);
  uint64_t seen = 0;
  for (cursor->Seek(begin); cursor->Valid() && cursor->key() < end; cursor->Next()) {
    if (++seen == kMostLookedAt) {
      return static_cast<double>(std::max(seen, generation.records() / 2));
    }
  }
  return static_cast<double>(seen);
}

}  // namespace

uint64_t EstimateRecords(const View& view, uint64_t sequence, Tree tree, const KeyRange& range) {
  const std::string begin = EncodeInternalKey(tree, range.begin.value_or(""));
  const std::string end = range.end ? EncodeInternalKey(tree, *range.end) : EndOf(tree);
  if (begin >= end) return 0;
  double records = 0;
  for (const auto& generation : view.generations) {
    records += EstimateIn(*generation, sequence, begin, end);
  }
  for (const auto& level : view.levels) {
    if (!level->empty()) records += EstimateIn(*level, tree, begin, end);
  }
  return static_cast<uint64_t>(std::llround(std::max(0.0, records)));
}

RankReader::RankReader(const View& view, uint64_t sequence, Tree tree, const WriteSet* own_writes)
    : tree_begin_(EncodeInternalKey(tree, {})),
      tree_end_(EndOf(tree)),
      view_(view),
      sequence_(sequence),
      own_writes_(own_writes),
      above_(view) {
  if (!view.levels.empty() && !HasTombstones(*view.levels.back())) {
    base_ = view.levels.back();
    above_.levels.pop_back();
  }
  cursor_ = NewCursor(above_);
}

std::unique_ptr<Cursor> RankReader::NewCursor(const View& view) const {
  return own_writes_ == nullptr ? view.NewCursor(sequence_)
                                : own_writes_->NewCursor(&view, sequence_);
}

Result<uint64_t> RankReader::CountOneByOne(std::string_view begin, std::string_view end) const {
  const std::unique_ptr<Cursor> cursor = NewCursor(view_);
  CursorBatch batch;
  uint64_t count = 0;
  cursor->Seek(begin);
  while (cursor->Valid() && cursor->key() < end) {
    const bool is_value = cursor->type() == RecordType::kValue;
    if (!is_value || cursor->TakeBatch(end, CursorBatch::kMostSpans, &batch) == 0) {
      count += is_value ? 1 : 0;
      cursor->Next();
      continue;
    }
    for (size_t i = 0; i < batch.count; ++i) {
      count += std::max<uint32_t>(batch.spans[i].records, 1);
    }
    cursor->EndBatch();
  }
  SIBYL_RETURN_IF_ERROR(cursor->status());
  return count;
}

Result<std::optional<OwnedRecord>> RankReader::WalkTo(uint64_t rank) const {
  const std::unique_ptr<Cursor> cursor = NewCursor(view_);
  uint64_t before = 0;
  for (cursor->Seek(tree_begin_); cursor->Valid() && cursor->key() < tree_end_; cursor->Next()) {
    if (cursor->type() != RecordType::kValue || before++ < rank) continue;
    OwnedRecord record{std::string(UserKeyOf(cursor->key())), std::string(cursor->value())};
    SIBYL_RETURN_IF_ERROR(cursor->status());
    return std::optional<OwnedRecord>(std::move(record));
  }
  SIBYL_RETURN_IF_ERROR(cursor->status());
  return std::optional<OwnedRecord>();
}

// Fills hidden_ for the keys from `begin` to before `end`.
Status RankReader::FindHidden(std::string_view begin, std::string_view end) {
  hidden_.clear();
  if (base_ == nullptr || view_.range_deletions == nullptr) return Ok();
  for (const RangeDeletions::Piece& piece : view_.range_deletions->pieces()) {
    SIBYL_RETURN_IF_ERROR(AddHidden(piece, std::max<std::string_view>(piece.begin, begin),
                                    std::min<std::string_view>(piece.end, end)));
  }
  return Ok();
}

// Of the keys of `piece` those from `begin` to before `end`.
Status RankReader::AddHidden(const RangeDeletions::Piece& piece, std::string_view begin,
                             std::string_view end) {
  if (begin >= end) return Ok();
  const Level::Range range = base_->Overlapping(begin, end);
  for (size_t i = range.begin; i < range.end; ++i) {
    const LearnedSegment& segment = *base_->segments()[i];
    if (segment.settled_sequence() >= piece.sequence) continue;
    uint64_t first = 0;
    uint64_t last = segment.properties().records;
    if (begin > segment.smallest_key()) {
      SIBYL_ASSIGN_OR_RETURN(first, RankInSegment(segment, begin));
    }
    if (end <= segment.largest_key()) {
      SIBYL_ASSIGN_OR_RETURN(last, RankInSegment(segment, end));
    }
    if (first >= last) continue;
    const uint64_t before = base_->RecordsBefore(i);
    const uint64_t hidden_before =
        hidden_.empty() ? 0
                        : hidden_.back().hidden_before + hidden_.back().end - hidden_.back().begin;
    hidden_.push_back({before + first, before + last, hidden_before});
  }
  return Ok();
}

// How many of the base's records before `rank` are not hidden.
uint64_t RankReader::VisibleBefore(uint64_t rank) const {
  const auto after = std::upper_bound(
      hidden_.begin(), hidden_.end(), rank,
      [](uint64_t wanted, const HiddenRanks& each) { return wanted < each.begin; });
  if (after == hidden_.begin()) return rank;
  const HiddenRanks& last = *std::prev(after);
  return rank - last.hidden_before - (std::min(rank, last.end) - last.begin);
}

// The rank in the base of the record that is not hidden and that `visible` such others precede.
uint64_t RankReader::RankOfVisible(uint64_t visible) const {
  const auto after = std::partition_point(
      hidden_.begin(), hidden_.end(),
      [visible](const HiddenRanks& each) { return each.begin - each.hidden_before <= visible; });
  if (after == hidden_.begin()) return visible;
  const HiddenRanks& last = *std::prev(after);
  return visible + last.hidden_before + last.end - last.begin;
}

Result<uint64_t> RankReader::CountInBase(std::string_view begin, std::string_view end) const {
  if (base_ == nullptr) return uint64_t{0};
  SIBYL_ASSIGN_OR_RETURN(const uint64_t first, RankIn(*base_, begin));
  SIBYL_ASSIGN_OR_RETURN(const uint64_t last, RankIn(*base_, end));
  return VisibleBefore(last) - VisibleBefore(first);
}

Result<bool> RankReader::IsInBase(std::string_view internal_key) {
  const LearnedSegment* const segment =
      base_ == nullptr ? nullptr : base_->FindSegment(internal_key);
  if (segment == nullptr) return false;
  if (segment->settled_sequence() < NewestDeletion(view_.range_deletions, internal_key)) {
    return false;
  }
  SIBYL_ASSIGN_OR_RETURN(const storage::LookupOutcome outcome,
                         segment->Lookup(internal_key, &scratch_));
  return outcome == storage::LookupOutcome::kValue;
}

Result<uint64_t> RankReader::Count(std::optional<std::string_view> begin,
                                   std::optional<std::string_view> end) {
  const std::string first = begin ? tree_begin_ + std::string(*begin) : tree_begin_;
  const std::string past = end ? tree_begin_ + std::string(*end) : tree_end_;
  if (first >= past) return uint64_t{0};
  SIBYL_RETURN_IF_ERROR(FindHidden(first, past));
  SIBYL_ASSIGN_OR_RETURN(const uint64_t base_records, CountInBase(first, past));
  if (base_records == 0) return CountOneByOne(first, past);
  uint64_t count = base_records;
  uint64_t questions_left = base_records / kStepsPerQuestion + 1;
  for (cursor_->Seek(first); cursor_->Valid() && cursor_->key() < past; cursor_->Next()) {
    if (questions_left-- == 0) return CountOneByOne(first, past);
    SIBYL_ASSIGN_OR_RETURN(const bool in_base, IsInBase(cursor_->key()));
    const bool is_value = cursor_->type() == RecordType::kValue;
    count += is_value && !in_base ? 1 : 0;
    count -= !is_value && in_base ? 1 : 0;
  }
  SIBYL_RETURN_IF_ERROR(cursor_->status());
  return count;
}

Result<std::optional<OwnedRecord>> RankReader::At(uint64_t rank) {
  SIBYL_RETURN_IF_ERROR(FindHidden(tree_begin_, tree_end_));
  // How many keys come on top of the base's, and how many of the base's do not count, so far.
  uint64_t added = 0;
  uint64_t hidden = 0;
  uint64_t questions_left = rank / kStepsPerQuestion + 1;
  for (cursor_->Seek(tree_begin_); cursor_->Valid() && cursor_->key() < tree_end_;
       cursor_->Next()) {
    if (questions_left-- == 0) return WalkTo(rank);
    SIBYL_ASSIGN_OR_RETURN(const uint64_t in_base_before, CountInBase(tree_begin_, cursor_->key()));
    const uint64_t before = in_base_before + added - hidden;
    if (rank < before) break;
    SIBYL_ASSIGN_OR_RETURN(const bool in_base, IsInBase(cursor_->key()));
    if (cursor_->type() == RecordType::kTombstone) {
      hidden += in_base ? 1 : 0;
      continue;
    }
    if (rank == before) {
      OwnedRecord record{std::string(UserKeyOf(cursor_->key())), std::string(cursor_->value())};
      SIBYL_RETURN_IF_ERROR(cursor_->status());
      return std::optional<OwnedRecord>(std::move(record));
    }
    added += in_base ? 0 : 1;
  }
  SIBYL_RETURN_IF_ERROR(cursor_->status());
  SIBYL_ASSIGN_OR_RETURN(const uint64_t base_records, CountInBase(tree_begin_, tree_end_));
  const uint64_t base_rank = rank + hidden - added;
  if (base_rank >= base_records) return std::optional<OwnedRecord>();
  SIBYL_ASSIGN_OR_RETURN(OwnedRecord record, ReadFromBase(base_rank));
  return std::optional<OwnedRecord>(std::move(record));
}

// Precondition: the tree has more than `rank` records in the base.
Result<OwnedRecord> RankReader::ReadFromBase(uint64_t rank) const {
  SIBYL_ASSIGN_OR_RETURN(const uint64_t tree_rank, RankIn(*base_, tree_begin_));
  const uint64_t rank_in_base = RankOfVisible(VisibleBefore(tree_rank) + rank);
  const size_t number = base_->SegmentOfRank(rank_in_base);
  const storage::Segment& segment = base_->segments()[number]->file();
  const uint64_t rank_in_segment = rank_in_base - base_->RecordsBefore(number);
  SIBYL_ASSIGN_OR_RETURN(const RankedBlock found, FindBlock(segment, rank_in_segment));
  const auto slot = static_cast<uint32_t>(rank_in_segment - found.rank);
  OwnedRecord record;
  found.block.view().KeyAt(slot, &record.key);
  record.key.erase(0, kTreePrefixBytes);
  std::string scratch;
  SIBYL_ASSIGN_OR_RETURN(const std::string_view value,
                         segment.ValueAt(found.block.view(), slot, &scratch));
  record.value = value;
  return record;
}

}  // namespace sibyl::engine
