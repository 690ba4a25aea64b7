#include "engine/user_iterator.h"

#include <cassert>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "engine/internal_key.h"

namespace sibyl::engine {
namespace {

// The first internal key past those that the iterator may show; nullopt: there is none.
std::optional<std::string> EndOf(Tree tree, const IteratorOptions& bounds) {
  if (bounds.upper_bound) return EncodeInternalKey(tree, *bounds.upper_bound);
  if (tree.id == std::numeric_limits<uint32_t>::max()) return std::nullopt;
  return EncodeInternalKey(Tree{tree.id + 1}, {});
}

class UserIterator final : public Iterator {
 public:
  UserIterator(std::unique_ptr<Cursor> cursor, Tree tree, const IteratorOptions& bounds,
               std::shared_ptr<const void> pin)
      : pin_(std::move(pin)),
        cursor_(std::move(cursor)),
        begin_(EncodeInternalKey(tree, bounds.lower_bound ? *bounds.lower_bound : std::string())),
        end_(EndOf(tree, bounds)),
        target_(EncodeInternalKey(tree, {})) {}

  bool Valid() const override { return in_bounds_ && cursor_->Valid(); }

  void SeekToFirst() override {
    cursor_->Seek(begin_);
    steps_in_bounds_ = 0;
    SettleForward();
  }
  void SeekToLast() override {
    if (end_) {
      cursor_->SeekForPrev(*end_);
      if (cursor_->Valid() && cursor_->key() == *end_) cursor_->Prev();
    } else {
      cursor_->SeekToLast();
    }
    SettleBackward();
  }
  void Seek(std::string_view target) override {
    SetTarget(target);
    cursor_->Seek(target_ < begin_ ? begin_ : target_);
    steps_in_bounds_ = 0;
    SettleForward();
  }
  void SeekForPrev(std::string_view target) override {
    SetTarget(target);
    if (end_ && target_ >= *end_) return SeekToLast();
    cursor_->SeekForPrev(target_);
    SettleBackward();
  }
  void Next() override {
    assert(Valid());
    cursor_->Next();
    SettleForward();
  }
  void Prev() override {
    assert(Valid());
    cursor_->Prev();
    SettleBackward();
  }

  std::string_view key() const override { return UserKeyOf(cursor_->key()); }
  std::string_view value() const override { return cursor_->value(); }
  Status status() const override { return cursor_->status(); }

 private:
  void SetTarget(std::string_view user_key) {
    target_.resize(kTreePrefixBytes);
    target_.append(user_key);
  }
  // Goes on to the first record that is no tombstone; past the bound there is nothing to show.
  void SettleForward() {
    for (in_bounds_ = false; cursor_->Valid(); cursor_->Next()) {
      if (!BelowEnd()) return;
      if (cursor_->type() == RecordType::kTombstone) continue;
      in_bounds_ = true;
      return;
    }
  }
  // For the record that the cursor has just come to, going forward.
  bool BelowEnd() {
    if (!end_) return true;
    if (steps_in_bounds_ > 0) {
      --steps_in_bounds_;
      return true;
    }
    if (cursor_->key() >= *end_) return false;
    steps_in_bounds_ = cursor_->StepsBelow(*end_);
    return true;
  }
  void SettleBackward() {
    steps_in_bounds_ = 0;
    for (in_bounds_ = false; cursor_->Valid(); cursor_->Prev()) {
      if (cursor_->key() < begin_) return;
      if (cursor_->type() == RecordType::kTombstone) continue;
      in_bounds_ = true;
      return;
    }
  }

  const std::shared_ptr<const void> pin_;  // outlives cursor_
  const std::unique_ptr<Cursor> cursor_;
  const std::string begin_;               // first internal key that may be shown
  const std::optional<std::string> end_;  // first that may not; nullopt: all after begin_ may
  std::string target_;                    // the tree's prefix, then the key last sought
  bool in_bounds_ = false;
  uint64_t steps_in_bounds_ = 0;  // of Next that need no look at the key: see Cursor::StepsBelow
};

}  // namespace

std::unique_ptr<Iterator> NewUserIterator(std::unique_ptr<Cursor> cursor, Tree tree,
                                          const IteratorOptions& bounds,
                                          std::shared_ptr<const void> pin) {
  return std::make_unique<UserIterator>(std::move(cursor), tree, bounds, std::move(pin));
}

}  // namespace sibyl::engine
