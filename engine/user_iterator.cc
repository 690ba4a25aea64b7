#include "engine/user_iterator.h"

#include <algorithm>
#include <cassert>
#include <cstring>
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

  bool Valid() const override { return run_.records > 0 || (in_bounds_ && cursor_->Valid()); }

  void SeekToFirst() override {
    ForgetBatches();
    cursor_->Seek(begin_);
    steps_in_bounds_ = 0;
    SettleForward();
  }
  void SeekToLast() override {
    ForgetBatches();
    if (end_) {
      cursor_->SeekForPrev(*end_);
      if (cursor_->Valid() && cursor_->key() == *end_) cursor_->Prev();
    } else {
      cursor_->SeekToLast();
    }
    SettleBackward();
  }
  void Seek(std::string_view target) override {
    ForgetBatches();
    SetTarget(target);
    cursor_->Seek(target_ < begin_ ? begin_ : target_);
    steps_in_bounds_ = 0;
    SettleForward();
  }
  void SeekForPrev(std::string_view target) override {
    SetTarget(target);
    if (end_ && target_ >= *end_) return SeekToLast();
    ForgetBatches();
    cursor_->SeekForPrev(target_);
    SettleBackward();
  }
  void Next() override {
    assert(Valid());
    if (run_.records > 1 && RunHolds()) [[likely]] {
      ++run_.slot;
      --run_.records;
      ++lag_;
      run_key_known_ = false;
      return;
    }
    if (in_batch_ && RunHolds() && next_span_ < batch_.count) return EnterSpan();
    GoOn();
  }
  void Prev() override {
    assert(Valid());
    if (in_batch_) {
      NoteShown();
      ForgetRun();
      cursor_->SeekForPrev(shown_);
      if (cursor_->Valid() && cursor_->key() == shown_) cursor_->Prev();
    } else {
      LeaveRun();
      cursor_->Prev();
    }
    SettleBackward();
  }

  std::string_view key() const override {
    if (lag_ == 0) return UserKeyOf(cursor_->key());
    if (single_ != nullptr) return UserKeyOf(single_->key());
    if (!run_key_known_) run_.block.KeyAt(run_.slot, &run_key_);
    run_key_known_ = true;
    return UserKeyOf(run_key_);
  }
  std::string_view value() const override {
    if (single_ != nullptr) return single_->value();
    return run_.records > 0 ? values_.At(run_.slot) : cursor_->value();
  }
  Status status() const override { return cursor_->status(); }

 private:
  static constexpr size_t kFirstSpans = 2;

  // Within a run the cursor stays behind.
  bool RunHolds() const {
    return run_.version_counter == nullptr || *run_.version_counter == run_.version;
  }
  void ForgetRun() {
    run_.records = 0;
    lag_ = 0;
    in_batch_ = false;
    single_ = nullptr;
  }
  // A reader of few records should not pay for many: after each positioning batches grow anew.
  void ForgetBatches() {
    ForgetRun();
    batch_spans_ = kFirstSpans;
    may_take_batches_ = true;
  }
  // Brings the cursor to the record that is shown. Precondition: not in a batch.
  void LeaveRun() {
    if (lag_ > 0) {
      cursor_->Skip(lag_);
      steps_in_bounds_ -= std::min<uint64_t>(steps_in_bounds_, lag_);
    }
    ForgetRun();
  }
  void NoteShown() {
    shown_.resize(kTreePrefixBytes);
    std::memcpy(shown_.data(), target_.data(), kTreePrefixBytes);
    shown_.append(key());
  }
  // Past the end of what is known, or of what still holds.
  void GoOn() {
    if (in_batch_) {
      if (RunHolds()) {
        cursor_->EndBatch();
      } else {
        // Who writes while reading will go on doing so: a search for each record would be dear.
        may_take_batches_ = false;
        SeekPastShown();
      }
      ForgetRun();
      steps_in_bounds_ = 0;
    } else {
      LeaveRun();
      cursor_->Next();
    }
    SettleForward();
    TakeRun();
  }
  void SeekPastShown() {
    NoteShown();
    cursor_->Seek(shown_);
    if (cursor_->Valid() && cursor_->key() == shown_) cursor_->Next();
  }
  void EnterSpan() {
    const CursorBatch::Span& span = batch_.spans[next_span_++];
    run_key_known_ = false;
    single_ = span.records == 0 ? &span : nullptr;
    run_.slot = span.slot;
    run_.records = std::max<uint32_t>(span.records, 1);
  }
  bool TakeBatch() {
    if (!may_take_batches_) return false;
    const std::string_view limit = end_ ? std::string_view(*end_) : std::string_view();
    if (cursor_->TakeBatch(limit, batch_spans_, &batch_) == 0) return false;
    batch_spans_ = std::min(2 * batch_spans_, CursorBatch::kMostSpans);
    in_batch_ = true;
    lag_ = 1;  // the cursor is elsewhere
    run_.block = batch_.block;
    values_ = run_.block.Values();
    run_.version_counter = batch_.version_counter;
    run_.version = batch_.version;
    next_span_ = 0;
    EnterSpan();
    return true;
  }
  void TakeRun() {
    if (!in_bounds_ || TakeBatch()) return;
    if (end_ && steps_in_bounds_ == 0) steps_in_bounds_ = cursor_->StepsBelow(*end_);
    const CursorRun run = cursor_->Run();
    // Copying what has just been written in parts makes the processor wait: mostly there is no run.
    if (run.records == 0) return;
    run_ = run;
    values_ = run.block.Values();
    if (end_) {
      run_.records = static_cast<uint32_t>(std::min<uint64_t>(run_.records, steps_in_bounds_ + 1));
    }
  }

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
    return cursor_->key() < *end_;
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
  CursorRun run_;                 // from the record shown on; records == 0: not known
  uint32_t lag_ = 0;              // how far behind that record cursor_ stands; not 0 in a batch
  storage::StringColumn values_;  // of its block
  CursorBatch batch_;             // of which run_ shows a part; it has not ended yet for the cursor
  size_t next_span_ = 0;
  size_t batch_spans_ = kFirstSpans;           // how many the next batch may have
  bool may_take_batches_ = true;               // until the next positioning
  const CursorBatch::Span* single_ = nullptr;  // that is shown; null: what is shown is of the block
  bool in_batch_ = false;
  std::string shown_;            // an internal key, to go on from
  mutable std::string run_key_;  // internal, of the record shown
  mutable bool run_key_known_ = false;
};

}  // namespace

std::unique_ptr<Iterator> NewUserIterator(std::unique_ptr<Cursor> cursor, Tree tree,
                                          const IteratorOptions& bounds,
                                          std::shared_ptr<const void> pin) {
  return std::make_unique<UserIterator>(std::move(cursor), tree, bounds, std::move(pin));
}

}  // namespace sibyl::engine
