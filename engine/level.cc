#include "engine/level.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/internal_key.h"

namespace sibyl::engine {

namespace {

// Walks the segments of a level one after the other.
class LevelCursor final : public Cursor {
 public:
  LevelCursor(const Level& level, RangeDeletionsPtr deletions, Walk walk)
      : level_(level), segments_(level.segments()), deletions_(std::move(deletions)), walk_(walk) {}

  bool Valid() const override { return cursor_ != nullptr && cursor_->Valid(); }

  void SeekToFirst() override {
    Enter(0);
    if (cursor_ != nullptr) cursor_->SeekToFirst();
    SkipForward();
  }

  void SeekToLast() override {
    Enter(segments_.size() - 1);
    if (cursor_ != nullptr) cursor_->SeekToLast();
    SkipBackward();
  }

  // In the segment that begins at or before the target, or at the begin of the one after it.
  void Seek(std::string_view target) override {
    const size_t after = UpperBound(target);
    const bool inside = after > 0 && target <= segments_[after - 1]->largest_key();
    Enter(inside ? after - 1 : after);
    if (cursor_ != nullptr) cursor_->Seek(target);
    SkipForward();
  }

  void PrepareSeek(std::string_view target) override {
    prepared_ = level_.UpperBound(target);
    if (*prepared_ == 0) return;
    level_.PrefetchSegment(*prepared_ - 1);
    Enter(*prepared_ - 1);
    cursor_->PrepareSeek(target);
  }

  void SeekForPrev(std::string_view target) override {
    Enter(UpperBound(target) - 1);  // none: wraps to past the end
    if (cursor_ != nullptr) cursor_->SeekForPrev(target);
    SkipBackward();
  }

  void Next() override {
    cursor_->Next();
    if (clear_steps_ > 0) {
      --clear_steps_;
    } else {
      SkipForward();
    }
  }

  void Prev() override {
    cursor_->Prev();
    SkipBackward();
  }

  std::string_view key() const override { return cursor_->key(); }
  RecordType type() const override { return cursor_->type(); }
  uint64_t StepsBelow(std::string_view key) const override {
    const uint64_t steps = cursor_->StepsBelow(key);
    return may_be_hidden_ ? std::min(steps, clear_steps_) : steps;
  }
  CursorRun Run() const override {
    CursorRun run = cursor_->Run();
    if (may_be_hidden_ && run.records > clear_steps_ + 1) {
      run.records = static_cast<uint32_t>(clear_steps_ + 1);
    }
    return run;
  }
  void Skip(uint32_t records) override {
    cursor_->Skip(records);
    clear_steps_ -= std::min<uint64_t>(records, clear_steps_);
  }
  std::string_view value() override { return cursor_->value(); }
  Kept Keeps() const override { return cursor_->Keeps(); }  // the level outlives this cursor
  Status status() const override { return cursor_ == nullptr ? Ok() : cursor_->status(); }

 private:
  size_t UpperBound(std::string_view target) {
    const size_t after = prepared_ ? *prepared_ : level_.UpperBound(target);
    prepared_.reset();
    return after;
  }

  void Enter(size_t segment) {
    if (segment >= segments_.size()) {
      cursor_.reset();
      entered_ = segments_.size();
    } else if (cursor_ == nullptr || entered_ != segment) {
      cursor_ = segments_[segment]->NewCursor(walk_);
      entered_ = segment;
      const LearnedSegment& entered = *segments_[segment];
      may_be_hidden_ = deletions_ != nullptr &&
                       deletions_->MayHide(entered.smallest_key(), entered.largest_key(),
                                           entered.settled_sequence());
    }
  }

  // The piece of a deletion that hides the record at the cursor; null: none does.
  const RangeDeletions::Piece* Hiding() const {
    if (!may_be_hidden_) return nullptr;
    const RangeDeletions::Piece* const piece = deletions_->PieceAt(cursor_->key());
    const bool hides =
        piece != nullptr && piece->sequence > segments_[entered_]->settled_sequence();
    return hides ? piece : nullptr;
  }

  bool IsHiddenWhole(size_t segment) const {
    if (deletions_ == nullptr || segment >= segments_.size()) return false;
    const LearnedSegment& hidden = *segments_[segment];
    return deletions_->HidesAll(hidden.smallest_key(), hidden.largest_key(),
                                hidden.settled_sequence());
  }

  bool ExhaustedWithoutError() const {
    return cursor_ != nullptr && !cursor_->Valid() && cursor_->status().has_value();
  }

  void EnterAfter() {
    size_t segment = entered_ + 1;
    while (IsHiddenWhole(segment)) ++segment;
    Enter(segment);
    if (cursor_ != nullptr) cursor_->SeekToFirst();
  }

  void EnterBefore() {
    size_t segment = entered_ - 1;  // before the first: wraps to past the end
    while (IsHiddenWhole(segment)) --segment;
    Enter(segment);
    if (cursor_ != nullptr) cursor_->SeekToLast();
  }

  // How many steps forward lead to records that nothing hides, as far as can be told at once.
  uint64_t ClearSteps() const {
    if (!may_be_hidden_) return 0;
    const LearnedSegment& segment = *segments_[entered_];
    const std::string_view next = deletions_->NextAbove(segment.settled_sequence(), cursor_->key());
    return cursor_->StepsBelow(next.empty() ? segment.largest_key() : next);
  }

  void SkipForward() {
    clear_steps_ = 0;
    for (;;) {
      while (ExhaustedWithoutError()) EnterAfter();
      if (!Valid()) return;
      const RangeDeletions::Piece* const hiding = Hiding();
      if (hiding == nullptr) {
        clear_steps_ = ClearSteps();
        return;
      }
      if (hiding->end <= segments_[entered_]->largest_key()) {
        cursor_->Seek(hiding->end);
      } else {
        EnterAfter();
      }
    }
  }

  void SkipBackward() {
    clear_steps_ = 0;
    for (;;) {
      while (ExhaustedWithoutError()) EnterBefore();
      if (!Valid()) return;
      const RangeDeletions::Piece* const hiding = Hiding();
      if (hiding == nullptr) return;
      if (hiding->begin <= segments_[entered_]->smallest_key()) {
        EnterBefore();
        continue;
      }
      cursor_->SeekForPrev(hiding->begin);
      if (cursor_->Valid() && cursor_->key() == hiding->begin) cursor_->Prev();
    }
  }

  const Level& level_;
  const std::vector<SegmentPtr>& segments_;
  const RangeDeletionsPtr deletions_;
  const Walk walk_;
  std::unique_ptr<Cursor> cursor_;
  size_t entered_ = 0;
  std::optional<size_t> prepared_;  // how many segments begin at or before what is sought next
  bool may_be_hidden_ = false;      // some records of the segment that is entered
  uint64_t clear_steps_ = 0;  // so many Next() need no look at deletions, if some may be hidden
};

// The first 8 bytes of `key` as a number, zeros after its end: keys never order against it.
uint64_t WindowOf(std::string_view key) {
  if (key.size() >= sizeof(uint64_t)) [[likely]]
    return base::LoadBig64(key.data());
  char window[sizeof(uint64_t)] = {};
  if (!key.empty()) std::memcpy(window, key.data(), key.size());
  return base::LoadBig64(window);
}

// How many of `count` ascending integers are at most `limit`. Without branches, which would be
// mispredicted, since keys come in any order; at the end without a chain of loads.
size_t CountNotGreater(const uint64_t* integers, size_t count, uint64_t limit) {
  const uint64_t* first = integers;
  while (count > 4) {
    const size_t half = count / 2;
    first += half & -size_t{first[half - 1] <= limit};
    count -= half;
  }
  auto found = static_cast<size_t>(first - integers);
  for (size_t i = 0; i < count; ++i) found += first[i] <= limit;
  return found;
}

}  // namespace

Level::Level(std::vector<SegmentPtr> segments) : segments_(std::move(segments)) {
  windows_.reserve(segments_.size());
  records_before_.reserve(segments_.size());
  for (const SegmentPtr& segment : segments_) {
    const Tree tree = TreeOf(segment->smallest_key());
    if (trees_.empty() || trees_.back().tree < tree) {
      trees_.push_back({tree, windows_.size(), windows_.size()});
    }
    windows_.push_back(WindowOf(UserKeyOf(segment->smallest_key())));
    trees_.back().end = windows_.size();
    records_before_.push_back(records_);
    records_ += segment->properties().records;
    file_bytes_ += segment->file_bytes();
  }
  if (segments_.size() >= kManySegments) hot_places_ = std::vector<HotPlaces>(segments_.size());
}

// Threads that do so at once note the same.
void Level::NoteHotPlaces(size_t segment) const {
  std::vector<const void*> places = segments_[segment]->HotPlaces();
  places.resize(kHotPlaces);  // asking for nullptr does nothing; if all are, the next read tries
  for (size_t i = 0; i < kHotPlaces; ++i) {
    hot_places_[segment][i].store(places[i], std::memory_order_relaxed);
  }
}

size_t Level::UpperBound(std::string_view internal_key) const {
  const Tree tree = TreeOf(internal_key);
  const TreeRange* range = trees_.data();
  const TreeRange* const end = range + trees_.size();
  if (trees_.size() > 8) {
    range = std::lower_bound(
        range, end, tree, [](const TreeRange& begun, Tree wanted) { return begun.tree < wanted; });
  }
  while (range != end && range->tree < tree) ++range;
  if (range == end) return segments_.size();
  if (range->tree != tree) return range->begin;
  const uint64_t window = WindowOf(UserKeyOf(internal_key));
  const size_t at = range->begin + CountNotGreater(windows_.data() + range->begin,
                                                   range->end - range->begin, window);
  if (at == range->begin || windows_[at - 1] != window) [[likely]]
    return at;
  return UpperBoundOfEqualWindows(*range, at, internal_key);
}

// Segments that begin with the same window, the last of them before `end`: their whole keys decide.
size_t Level::UpperBoundOfEqualWindows(const TreeRange& range, size_t end,
                                       std::string_view internal_key) const {
  const auto windows = windows_.begin() + static_cast<ptrdiff_t>(range.begin);
  const auto windows_end = windows_.begin() + static_cast<ptrdiff_t>(end);
  const auto first = std::lower_bound(windows, windows_end, windows_[end - 1]) - windows_.begin();
  const auto found = std::partition_point(
      segments_.begin() + first, segments_.begin() + static_cast<ptrdiff_t>(end),
      [&](const SegmentPtr& segment) { return segment->smallest_key() <= internal_key; });
  return static_cast<size_t>(found - segments_.begin());
}

size_t Level::SegmentOfRank(uint64_t rank) const {
  const auto after = std::upper_bound(records_before_.begin(), records_before_.end(), rank);
  return static_cast<size_t>(after - records_before_.begin()) - 1;
}

Result<storage::LookupOutcome> Level::Lookup(std::string_view internal_key, uint64_t hash,
                                             Value* value) const {
  const LearnedSegment* const segment = FindSegment(internal_key);
  if (segment == nullptr) return storage::LookupOutcome::kAbsent;
  if (!segment->filter().empty() && !segment->filter().MayContain(hash)) {
    return storage::LookupOutcome::kAbsent;
  }
  return segment->Lookup(internal_key, value);
}

Level::Range Level::Overlapping(std::string_view smallest, std::string_view largest) const {
  const size_t end = UpperBound(largest);
  size_t begin = UpperBound(smallest);
  if (begin > 0 && segments_[begin - 1]->largest_key() >= smallest) --begin;
  return {begin, std::max(begin, end)};
}

std::unique_ptr<Cursor> Level::NewCursor(RangeDeletionsPtr deletions, Walk walk) const {
  return std::make_unique<LevelCursor>(*this, std::move(deletions), walk);
}

std::vector<SegmentPtr> SegmentsOf(const std::vector<std::shared_ptr<const Level>>& levels) {
  std::vector<SegmentPtr> segments;
  for (const auto& level : levels) {
    segments.insert(segments.end(), level->segments().begin(), level->segments().end());
  }
  return segments;
}

uint64_t FileBytesOf(const std::vector<std::shared_ptr<const Level>>& levels) {
  uint64_t bytes = 0;
  for (const auto& level : levels) bytes += level->file_bytes();
  return bytes;
}

bool Contains(const std::vector<SegmentPtr>& segments, const SegmentPtr& wanted) {
  return std::find(segments.begin(), segments.end(), wanted) != segments.end();
}

bool MayHold(const std::vector<std::shared_ptr<const Level>>& levels,
             std::string_view internal_key) {
  for (const auto& level : levels) {
    const LearnedSegment* segment = level->FindSegment(internal_key);
    if (segment != nullptr && internal_key <= segment->largest_key()) return true;
  }
  return false;
}

}  // namespace sibyl::engine
