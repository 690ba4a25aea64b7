#include "engine/merging_cursor.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "engine/key_window.h"

namespace sibyl::engine {
namespace {

using storage::BlockView;

// While valid, `current_` stands at the smallest key (going backward: the largest) of all sources,
// and every other source strictly beyond it: older records of the same key are passed at once.
class MergingCursor final : public Cursor {
 public:
  MergingCursor(std::vector<std::unique_ptr<Cursor>> newest_first, const uint64_t* version)
      : version_(version) {
    for (auto& cursor : newest_first) sources_.push_back({std::move(cursor), {}, 0, false});
  }

  bool Valid() const override { return current_ != nullptr; }

  void SeekToFirst() override {
    Position(Direction::kForward, [](Cursor& cursor) { cursor.SeekToFirst(); });
  }
  void SeekToLast() override {
    Position(Direction::kBackward, [](Cursor& cursor) { cursor.SeekToLast(); });
  }
  void Seek(std::string_view target) override {
    PrepareSeek(target);
    Position(Direction::kForward, [target](Cursor& cursor) { cursor.Seek(target); });
  }
  void PrepareSeek(std::string_view target) override {
    for (const Source& source : sources_) source.cursor->PrepareSeek(target);
  }
  void SeekForPrev(std::string_view target) override {
    PrepareSeek(target);
    Position(Direction::kBackward, [target](Cursor& cursor) { cursor.SeekForPrev(target); });
  }
  void Next() override { Move(Direction::kForward); }
  void Prev() override { Move(Direction::kBackward); }

  std::string_view key() const override {
    if (key_passed_) {
      current_->key = current_->cursor->key();
      key_passed_ = false;
    }
    return current_->key;
  }
  uint64_t StepsBelow(std::string_view key) const override {
    if (direction_ == Direction::kBackward) return 0;
    const bool cut = runner_up_ != nullptr && runner_up_->key < key;
    return cut ? StepsBeforeRunnerUp() : current_->cursor->StepsBelow(key);
  }
  CursorRun Run() const override {
    CursorRun run = current_->cursor->Run();
    if (runner_up_ != nullptr && run.records > 1) {
      const uint64_t records = StepsBeforeRunnerUp() + 1;
      run.records = static_cast<uint32_t>(std::min<uint64_t>(run.records, records));
    }
    run.version_counter = version_;
    run.version = seen_version_;
    return run;
  }
  void Skip(uint32_t records) override {
    if (records == 0) return;
    if (runner_up_ != nullptr) *steps_before_runner_up_ -= records;
    current_->cursor->Skip(records);
    key_passed_ = true;
  }
  size_t TakeBatch(std::string_view limit, size_t most_spans, CursorBatch* batch) override {
    const bool changed = version_ != nullptr && *version_ != seen_version_;
    const bool alone = runner_up_ == nullptr && current_ == &sources_.back();
    if (direction_ == Direction::kBackward || alone || changed) return 0;
    batch->version_counter = version_;
    batch->version = seen_version_;
    batch->count = 0;
    batch->kept_bytes = 0;
    Source& base = sources_.back();
    if (current_ != &base) KnowCurrentKey();
    if (HasRunAhead()) return 0;
    const CursorRun run = base.valid ? base.cursor->Run() : CursorRun();
    // Unless the block lives anyway, one record of the run stays behind: with it the cursor stays.
    const bool stays = run.records > 0 && base.cursor->Keeps() == Kept::kNothing;
    uint32_t end = run.slot + run.records - (stays ? 1 : 0);
    if (!limit.empty() && end > run.slot && !run.block.EndsBefore(limit)) {
      end = std::min(end, LowerBoundFrom(run.block, run.slot, limit));
    }
    if (end <= run.slot) return TakeNewer(limit, most_spans, batch);
    batch->block = run.block;
    const uint32_t slot = FillBatch(run.slot, end, most_spans, batch);
    if (batch->count == 0) return 0;
    if (slot > run.slot) PassInBase(slot - run.slot, run.records);
    return batch->count;
  }
  // Not before: where the record that stayed behind has a newer one, the oldest source leaves the
  // block.
  void EndBatch() override { Choose(); }
  RecordType type() const override { return current_->cursor->type(); }
  std::string_view value() override {
    const std::string_view value = current_->cursor->value();
    if (!current_->cursor->Valid()) current_ = nullptr;
    return value;
  }

  Status status() const override {
    for (const Source& source : sources_) SIBYL_RETURN_IF_ERROR(source.cursor->status());
    return Ok();
  }

 private:
  enum class Direction { kForward, kBackward };

  // For smaller batches one record after the other is sooner done.
  static constexpr size_t kSpansToLookAhead = 4;

  // So many records of a newer source's block, with none of another source between, are sooner
  // shown as a run than as spans of a batch.
  static constexpr uint64_t kStepsOfRun = 4;

  struct Source {
    std::unique_ptr<Cursor> cursor;
    std::string_view key;  // of the cursor, while valid
    KeyWindow window;      // of the key
    bool valid;
  };

  template <typename Seek>
  void Position(Direction direction, Seek seek) {
    direction_ = direction;
    failed_ = false;
    ForgetSteps();
    for (Source& source : sources_) {
      seek(*source.cursor);
      Refresh(source);
    }
    NoteVersion();
    Choose();
  }

  void Move(Direction direction) {
    assert(Valid());
    const bool changed = version_ != nullptr && *version_ != seen_version_;
    if (direction != direction_ || changed) {
      MoveAnew(direction);
    } else if (runner_up_ == nullptr) {
      Step(*current_);
      if (current_->valid) return;
    } else if (stays_in_front_ && StepsBeforeRunnerUp() > 0) {
      --*steps_before_runner_up_;
      current_->cursor->Next();
      key_passed_ = true;
      return;
    } else {
      ForgetSteps();
      Step(*current_);
      stays_in_front_ = current_->valid && Before(*current_, *runner_up_);
      if (stays_in_front_) return;
    }
    Choose();
  }

  // How many steps of the current source certainly need no comparison. Counted when first asked
  // for.
  uint64_t StepsBeforeRunnerUp() const {
    if (!steps_before_runner_up_) {
      const bool forward = direction_ == Direction::kForward;
      steps_before_runner_up_ = forward ? current_->cursor->StepsBelow(runner_up_->key) : 0;
    }
    return *steps_before_runner_up_;
  }

  void ForgetSteps() {
    steps_before_runner_up_.reset();
    stays_in_front_ = false;
    key_passed_ = false;
  }

  // Moves the current source, and after a turn every other one, past the current key. The first
  // source may have changed: it is moved in any case.
  void MoveAnew(Direction direction) {
    const bool turned = direction != direction_;
    direction_ = direction;
    from_.assign(key());
    ForgetSteps();
    for (Source& source : sources_) {
      if (&source == current_) {
        Step(source);
      } else if (turned || &source == &sources_.front()) {
        SeekBeyond(source, from_);
      }
    }
    NoteVersion();
  }

  void SeekBeyond(Source& source, std::string_view from) {
    if (direction_ == Direction::kForward) {
      source.cursor->Seek(from);
    } else {
      source.cursor->SeekForPrev(from);
    }
    Refresh(source);
    if (source.valid && source.key == from) Step(source);
  }

  // Finds the source to show and the one after it, and passes older records of the shown key.
  void Choose() {
    ForgetSteps();
    current_ = nullptr;
    runner_up_ = nullptr;
    for (Source& source : sources_) {
      if (source.valid && (current_ == nullptr || Before(source, *current_))) current_ = &source;
    }
    if (current_ == nullptr) return;
    for (Source& source : sources_) {
      if (&source == current_ || !source.valid) continue;
      if (source.window == current_->window && source.key == current_->key) Step(source);
      if (source.valid && (runner_up_ == nullptr || Before(source, *runner_up_))) {
        runner_up_ = &source;
      }
    }
    if (failed_) current_ = nullptr;
  }

  // Puts records of the block from `slot` to before `end` into the batch, and between them those of
  // newer sources, which move past them. Returns the slot that the oldest source has come to.
  uint32_t FillBatch(uint32_t slot, uint32_t end, size_t most_spans, CursorBatch* batch) {
    while (slot < end && batch->count < most_spans && !failed_) {
      Source* const newer = FirstOfNewer();
      if (newer != nullptr && FillFrom(newer, &slot, end, most_spans, batch)) continue;
      const BlockView::Place place =
          newer == nullptr ? BlockView::Place{end, false} : batch->block.FindFrom(slot, newer->key);
      slot = AppendBlock(slot, std::min(end, place.slot), batch);
      if (slot == end || batch->count == most_spans || !AppendNewer(*newer, batch)) break;
      if (place.found) ++slot;
      PassInNewer(*newer);
    }
    return slot;
  }

  static uint32_t AppendBlock(uint32_t slot, uint32_t end, CursorBatch* batch) {
    if (end > slot) batch->spans[batch->count++] = CursorBatch::OfBlock(slot, end - slot);
    return end;
  }

  // The same for the records that `newer`, the first of the newer sources, tells of at once, as far
  // as they come before those of all others. False: it tells of none.
  bool FillFrom(Source* newer, uint32_t* slot, uint32_t end, size_t most_spans,
                CursorBatch* batch) {
    if (most_spans < kSpansToLookAhead) return false;
    UpcomingRecord records[CursorBatch::kMostSpans];
    const size_t most = (most_spans - batch->count + 1) / 2;  // there is a span between two, mostly
    const size_t count = newer->cursor->Ahead(most, records);
    if (count == 0) return false;
    const Source* const other = FirstOfNewer(newer);
    const UpcomingRecord* passed = nullptr;
    const uint32_t from = *slot;
    for (size_t i = 0; i < count && *slot < end && batch->count < most_spans; ++i) {
      const UpcomingRecord& record = records[i];
      if (other != nullptr && !KeyBefore(record.key(), *other)) break;
      const BlockView::Place place = batch->block.FindFrom(*slot, record.key());
      *slot = AppendBlock(*slot, std::min(end, place.slot), batch);
      if (*slot == end || batch->count == most_spans || !Append(record, batch)) break;
      if (place.found) ++*slot;
      passed = &record;
    }
    if (passed != nullptr) {
      newer->cursor->MovePast(*passed);
      Refresh(*newer);
    }
    return passed != nullptr || *slot != from;
  }

  static bool KeyBefore(std::string_view key, const Source& other) {
    const KeyWindow window = KeyWindowOf(key);
    return window != other.window ? window < other.window : key < other.key;
  }

  // Puts the record into the batch, unless it is a tombstone. False: it cannot.
  static bool Append(const UpcomingRecord& record, CursorBatch* batch) {
    if (record.type == RecordType::kTombstone) return true;
    if (record.type != RecordType::kValue) return false;
    PrefetchValue(record.value());  // shown later, by then it is there
    batch->spans[batch->count++] = CursorBatch::Single(record.key(), record.value());
    return true;
  }

  // The records of newer sources before the limit and before the oldest source, which waits.
  size_t TakeNewer(std::string_view limit, size_t most_spans, CursorBatch* batch) {
    KnowCurrentKey();
    while (batch->count < most_spans && !failed_) {
      Source* const newer = FirstOfNewer();
      if (newer == nullptr || !IsBeforeAll(newer->key, limit, nullptr)) break;
      if (TakeFrom(newer, limit, most_spans, batch)) continue;
      if (!AppendNewer(*newer, batch)) break;
      PassInNewer(*newer);
    }
    return batch->count;
  }

  // The same for the records that `newer` tells of at once. False: it tells of none.
  bool TakeFrom(Source* newer, std::string_view limit, size_t most_spans, CursorBatch* batch) {
    if (most_spans < kSpansToLookAhead) return false;
    UpcomingRecord records[CursorBatch::kMostSpans];
    const size_t count = newer->cursor->Ahead(most_spans - batch->count, records);
    if (count == 0) return false;
    const Source* const other = FirstOfNewer(newer);
    const bool all = IsBeforeAll(records[count - 1].key(), limit, other);
    const UpcomingRecord* passed = nullptr;
    for (size_t i = 0; i < count; ++i) {
      const UpcomingRecord& record = records[i];
      if (!all && !IsBeforeAll(record.key(), limit, other)) break;
      if (!Append(record, batch)) break;
      passed = &record;
    }
    if (passed == nullptr) return false;
    newer->cursor->MovePast(*passed);
    Refresh(*newer);
    return true;
  }

  // Whether the key comes before the limit, the oldest source, and `other` if it is not null.
  bool IsBeforeAll(std::string_view key, std::string_view limit, const Source* other) const {
    const Source& base = sources_.back();
    return (!base.valid || KeyBefore(key, base)) && (limit.empty() || key < limit) &&
           (other == nullptr || KeyBefore(key, *other));
  }

  void KnowCurrentKey() {
    if (key_passed_) Refresh(*current_);
    key_passed_ = false;
  }

  // The same for the record at which `newer` stands.
  static bool AppendNewer(const Source& newer, CursorBatch* batch) {
    const RecordType type = newer.cursor->type();
    if (type != RecordType::kValue)
      return Append(UpcomingRecord::Of(newer.key, {}, type, 0), batch);
    std::string_view key = newer.key;
    const Kept kept = newer.cursor->Keeps();
    if (kept == Kept::kNothing || (kept == Kept::kValue && !batch->KeepKey(&key))) return false;
    return Append(UpcomingRecord::Of(key, newer.cursor->value(), type, 0), batch);
  }

  // Whether the records ahead are those of one block of a newer source. Precondition: the keys of
  // all sources are known.
  bool HasRunAhead() const {
    if (current_ == &sources_.back() || current_->cursor->Keeps() != Kept::kValue) return false;
    return runner_up_ == nullptr || StepsBeforeRunnerUp() >= kStepsOfRun;
  }

  static void PrefetchValue(std::string_view value) {
    constexpr size_t kLineBytes = 64;
    __builtin_prefetch(value.data());
    __builtin_prefetch(value.data() + kLineBytes);
  }

  static uint32_t LowerBoundFrom(const storage::BlockView& block, uint32_t slot,
                                 std::string_view key) {
    const auto fraction = static_cast<uint16_t>((uint64_t{slot} << 16) / block.record_count());
    return block.LowerBound(key, fraction);
  }

  // Of all sources but the oldest and `not_this`: the one with the smallest key, the newest of
  // several.
  Source* FirstOfNewer(const Source* not_this = nullptr) {
    Source* first = nullptr;
    for (Source* source = sources_.data(); source != &sources_.back(); ++source) {
      if (source == not_this) continue;
      if (source->valid && (first == nullptr || Before(*source, *first))) first = source;
    }
    return first;
  }

  // Moves all sources but the oldest past the key at which `newest` stands.
  void PassInNewer(Source& newest) {
    for (Source* source = &newest + 1; source < &sources_.back(); ++source) {
      if (source->valid && source->window == newest.window && source->key == newest.key) {
        Step(*source);
      }
    }
    Step(newest);
  }

  // Moves the oldest source past so many of the records of its run.
  void PassInBase(uint32_t passed, uint32_t run_records) {
    Source& base = sources_.back();
    const bool all = passed == run_records;
    base.cursor->Skip(all ? passed - 1 : passed);
    if (all) base.cursor->Next();
    Refresh(base);
  }

  // In the direction of travel. Equal keys are not before one another.
  bool Before(const Source& a, const Source& b) const {
    if (a.window != b.window) return (direction_ == Direction::kForward) == (a.window < b.window);
    return direction_ == Direction::kForward ? a.key < b.key : b.key < a.key;
  }

  void Step(Source& source) {
    if (direction_ == Direction::kForward) {
      source.cursor->Next();
    } else {
      source.cursor->Prev();
    }
    Refresh(source);
  }

  void Refresh(Source& source) {
    source.valid = source.cursor->Valid();
    if (source.valid) {
      source.key = source.cursor->key();
      source.window = KeyWindowOf(source.key);
    } else if (!source.cursor->status()) {
      failed_ = true;
    }
  }

  void NoteVersion() {
    if (version_ != nullptr) seen_version_ = *version_;
  }

  std::vector<Source> sources_;  // newest first
  Source* current_ = nullptr;
  Source* runner_up_ = nullptr;  // the next after current_; null: none
  mutable std::optional<uint64_t> steps_before_runner_up_;
  bool stays_in_front_ = false;      // for a step at least: counting how many more may pay
  mutable bool key_passed_ = false;  // current_->key is of an earlier record
  Direction direction_ = Direction::kForward;
  bool failed_ = false;
  std::string from_;  // the key that MoveAnew moves away from

  const uint64_t* const version_;  // null: no source changes
  uint64_t seen_version_ = 0;
};

}  // namespace

std::unique_ptr<Cursor> NewMergingCursor(std::vector<std::unique_ptr<Cursor>> newest_first,
                                         const uint64_t* version) {
  if (newest_first.size() == 1) return std::move(newest_first.front());
  return std::make_unique<MergingCursor>(std::move(newest_first), version);
}

}  // namespace sibyl::engine
