#include "engine/level.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/internal_key.h"

namespace sibyl::engine {

namespace {

// Walks the segments of a level one after the other.
class LevelCursor final : public Cursor {
 public:
  explicit LevelCursor(const std::vector<SegmentPtr>& segments) : segments_(segments) {}

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

  void Seek(std::string_view target) override {
    const auto at = std::lower_bound(segments_.begin(), segments_.end(), target,
                                     [](const SegmentPtr& segment, std::string_view wanted) {
                                       return segment->largest_key() < wanted;
                                     });
    Enter(static_cast<size_t>(at - segments_.begin()));
    if (cursor_ != nullptr) cursor_->Seek(target);
    SkipForward();
  }

  void SeekForPrev(std::string_view target) override {
    const auto at = std::upper_bound(segments_.begin(), segments_.end(), target,
                                     [](std::string_view wanted, const SegmentPtr& segment) {
                                       return wanted < segment->smallest_key();
                                     });
    Enter(static_cast<size_t>(at - segments_.begin()) - 1);  // none: wraps to past the end
    if (cursor_ != nullptr) cursor_->SeekForPrev(target);
    SkipBackward();
  }

  void Next() override {
    cursor_->Next();
    SkipForward();
  }

  void Prev() override {
    cursor_->Prev();
    SkipBackward();
  }

  std::string_view key() const override { return cursor_->key(); }
  RecordType type() const override { return cursor_->type(); }
  uint64_t StepsBelow(std::string_view key) const override { return cursor_->StepsBelow(key); }
  std::string_view value() override { return cursor_->value(); }
  Status status() const override { return cursor_ == nullptr ? Ok() : cursor_->status(); }

 private:
  void Enter(size_t segment) {
    if (segment >= segments_.size()) {
      cursor_.reset();
      entered_ = segments_.size();
    } else if (cursor_ == nullptr || entered_ != segment) {
      cursor_ = segments_[segment]->NewCursor();
      entered_ = segment;
    }
  }

  bool ExhaustedWithoutError() const {
    return cursor_ != nullptr && !cursor_->Valid() && cursor_->status().has_value();
  }

  void SkipForward() {
    while (ExhaustedWithoutError()) {
      Enter(entered_ + 1);
      if (cursor_ != nullptr) cursor_->SeekToFirst();
    }
  }

  void SkipBackward() {
    while (ExhaustedWithoutError()) {
      Enter(entered_ - 1);  // before the first: wraps to past the end
      if (cursor_ != nullptr) cursor_->SeekToLast();
    }
  }

  const std::vector<SegmentPtr>& segments_;
  std::unique_ptr<Cursor> cursor_;
  size_t entered_ = 0;
};

}  // namespace

Level::Level(std::vector<SegmentPtr> segments) : segments_(std::move(segments)) {
  fences_.reserve(segments_.size());
  for (const SegmentPtr& segment : segments_) {
    fences_.push_back(FenceOf(segment->smallest_key()));
    file_bytes_ += segment->file().file_bytes();
  }
}

Level::Fence Level::FenceOf(std::string_view internal_key) {
  const std::string_view user_key = UserKeyOf(internal_key);
  const Fence tree = Fence{TreeOf(internal_key).id} << 64;
  if (user_key.size() >= sizeof(uint64_t)) return tree | base::LoadBig64(user_key.data());
  char window[sizeof(uint64_t)] = {};
  if (!user_key.empty()) std::memcpy(window, user_key.data(), user_key.size());
  return tree | base::LoadBig64(window);
}

size_t Level::UpperBound(std::string_view internal_key) const {
  const Fence fence = FenceOf(internal_key);
  // Binary search without branches, which would be mispredicted: keys come in any order.
  const Fence* fences = fences_.data();
  size_t at = 0;  // segments that begin at or before the key's fence
  for (size_t left = fences_.size(); left > 0;) {
    const size_t half = (left + 1) / 2;
    at += half & -size_t{fences[at + half - 1] <= fence};
    left -= half;
  }
  if (at == 0 || fences[at - 1] != fence) [[likely]]
    return at;
  // Segments that begin with the same window: their whole keys decide.
  const auto begin = static_cast<size_t>(std::lower_bound(fences, fences + at, fence) - fences);
  const auto first = segments_.begin() + static_cast<ptrdiff_t>(begin);
  const auto last = segments_.begin() + static_cast<ptrdiff_t>(at);
  return static_cast<size_t>(std::partition_point(first, last,
                                                  [&](const SegmentPtr& segment) {
                                                    return segment->smallest_key() <= internal_key;
                                                  }) -
                             segments_.begin());
}

const LearnedSegment* Level::FindSegment(std::string_view internal_key) const {
  const size_t at = UpperBound(internal_key);
  return at == 0 ? nullptr : segments_[at - 1].get();
}

Level::Range Level::Overlapping(std::string_view smallest, std::string_view largest) const {
  const size_t end = UpperBound(largest);
  size_t begin = UpperBound(smallest);
  if (begin > 0 && segments_[begin - 1]->largest_key() >= smallest) --begin;
  return {begin, std::max(begin, end)};
}

std::unique_ptr<Cursor> Level::NewCursor() const {
  return std::make_unique<LevelCursor>(segments_);
}

}  // namespace sibyl::engine
