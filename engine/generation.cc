#include "engine/generation.h"

#include <array>
#include <cassert>
#include <utility>

#include "engine/delta_ahead.h"

namespace sibyl::engine {
namespace {

class GenerationCursor final : public Cursor {
 public:
  GenerationCursor(const DeltaIndex& index, uint64_t max_sequence, RangeDeletionsPtr deletions)
      : position_(index), max_sequence_(max_sequence), deletions_(std::move(deletions)) {}

  bool Valid() const override { return version_ != nullptr; }

  void SeekToFirst() override {
    position_.SeekToFirst();
    SettleForward();
  }
  void SeekToLast() override {
    position_.SeekToLast();
    SettleBackward();
  }
  void Seek(std::string_view target) override {
    if (!std::exchange(is_prepared_, false)) position_.Seek(target);
    SettleForward();
  }
  // Only the entry is left to wait for.
  void PrepareSeek(std::string_view target) override {
    position_.Seek(target);
    is_prepared_ = true;
    if (position_.Valid()) __builtin_prefetch(&position_.entry());
  }
  void SeekForPrev(std::string_view target) override {
    is_prepared_ = false;
    position_.SeekForPrev(target);
    SettleBackward();
  }
  void Next() override {
    position_.Next();
    SettleForward();
  }
  void Prev() override {
    position_.Prev();
    SettleBackward();
  }

  std::string_view key() const override { return position_.entry().key(); }
  RecordType type() const override { return version_->type; }

  // Of the entries in the same leaf, all or none: a run of keys that nothing else interrupts.
  uint64_t StepsBelow(std::string_view key) const override {
    if (deletions_ != nullptr) return 0;
    const int ahead = position_.EntriesAhead();
    if (ahead == 0 || position_.EntryAhead(1).key() >= key) return 0;
    if (position_.EntryAhead(ahead).key() >= key) return 0;
    uint64_t steps = 0;
    for (int i = 1; i <= ahead; ++i) {
      steps += position_.EntryAhead(i).At(max_sequence_) != nullptr ? 1 : 0;
    }
    return steps;
  }
  size_t TakeBatch(std::string_view limit, size_t most_spans, CursorBatch* batch) override {
    batch->block = {};
    batch->version_counter = nullptr;
    batch->count = 0;
    while (Valid() && batch->count < most_spans) {
      if (!limit.empty() && key() >= limit) break;
      if (type() == RecordType::kValue) {
        batch->spans[batch->count++] = CursorBatch::Single(key(), value());
      } else if (type() != RecordType::kTombstone) {
        break;
      }
      Next();
    }
    return batch->count;
  }
  std::string_view value() override { return version_->value(); }
  size_t Ahead(size_t most, UpcomingRecord* records) override {
    if (deletions_ != nullptr) return 0;
    return RecordsAhead(position_, max_sequence_, most, records);
  }
  void MovePast(const UpcomingRecord& record) override {
    position_.Skip(static_cast<int>(record.steps) + 1);
    SettleForward();
  }
  Kept Keeps() const override { return Kept::kKeyAndValue; }
  Status status() const override { return Ok(); }

 private:
  bool Visible() {
    version_ = position_.entry().At(max_sequence_);
    if (version_ == nullptr || deletions_ == nullptr) return version_ != nullptr;
    return version_->sequence >= deletions_->NewestOf(position_.entry().key());
  }
  void SettleForward() {
    version_ = nullptr;
    while (position_.Valid() && !Visible()) position_.Next();
    if (!position_.Valid()) version_ = nullptr;
  }
  void SettleBackward() {
    version_ = nullptr;
    while (position_.Valid() && !Visible()) position_.Prev();
    if (!position_.Valid()) version_ = nullptr;
  }

  DeltaIndex::Position position_;
  const uint64_t max_sequence_;
  const RangeDeletionsPtr deletions_;
  bool is_prepared_ = false;                      // position_ is where the next Seek goes
  const DeltaIndex::Version* version_ = nullptr;  // of the entry at position_, what we show
};

}  // namespace

Generation::Generation(uint64_t id, size_t expected_keys) : id_(id), table_(expected_keys) {}

void Generation::Add(std::string_view internal_key, uint64_t sequence, RecordType type,
                     std::string_view value) {
  const uint64_t hash = base::Checksum(internal_key);
  DeltaIndex::Entry* const entry = table_.Find(internal_key, hash);
  AddTo(entry != nullptr ? DeltaIndex::Inserted{entry, false} : index_.FindOrInsert(internal_key),
        hash, {sequence, type, value});
}

void Generation::PlanFor(std::span<const std::string_view> internal_keys, size_t new_bytes,
                         std::span<Plan> plans) {
  assert(internal_keys.size() == plans.size() && plans.size() <= kMostPlanned);
  for (size_t i = 0; i < plans.size(); ++i) {
    plans[i].hash = base::Checksum(internal_keys[i]);
    table_.Prefetch(plans[i].hash);
  }
  std::array<DeltaIndex::Search, kMostPlanned> searches;
  size_t count = 0;
  for (size_t i = 0; i < plans.size(); ++i) {
    plans[i].entry = table_.Find(internal_keys[i], plans[i].hash);
    if (plans[i].entry != nullptr) continue;
    table_.PrefetchAdd(plans[i].hash);
    searches[count++] = {internal_keys[i], &plans[i].place};
  }
  index_.Approach({searches.data(), count});
  arena_.Prefetch(new_bytes + plans.size() * sizeof(DeltaIndex::Version) +
                  count * sizeof(DeltaIndex::Entry));
}

void Generation::AddPlanned(const Plan& plan, std::string_view internal_key,
                            const VersionedRecord& record) {
  AddTo(plan.entry != nullptr ? DeltaIndex::Inserted{plan.entry, false}
                              : index_.FindOrInsertAt(plan.place, internal_key),
        plan.hash, record);
}

// An entry that is new to the index is new to the table.
void Generation::AddTo(DeltaIndex::Inserted to, uint64_t hash, const VersionedRecord& record) {
  assert(record.sequence > 0);
  assert(to.is_new || to.entry->newest.load()->sequence <= record.sequence);
  DeltaIndex::AddVersion(arena_, *to.entry, record.sequence, record.type, record.value);
  if (to.is_new) table_.Add(hash, to.entry);
  records_.store(records() + 1, std::memory_order_relaxed);
}

std::optional<VersionedRecord> Generation::Find(std::string_view internal_key, uint64_t hash,
                                                uint64_t max_sequence) const {
  const DeltaIndex::Entry* const entry = table_.Find(internal_key, hash);
  if (entry == nullptr) return std::nullopt;
  const DeltaIndex::Version* const version = entry->At(max_sequence);
  if (version == nullptr) return std::nullopt;
  return version->record();
}

uint64_t Generation::NewestSequence(std::string_view internal_key) const {
  const auto newest = Find(internal_key, UINT64_MAX);
  return newest ? newest->sequence : 0;
}

RangeDeletionsPtr Generation::range_deletions() const {
  const std::lock_guard lock(range_deletions_mutex_);
  return range_deletions_;
}

void Generation::NoteRangeDeletion(RangeDeletion deletion) {
  const uint64_t sequence = deletion.sequence;
  {
    const std::lock_guard lock(range_deletions_mutex_);
    range_deletions_ = WithDeletion(range_deletions_, std::move(deletion));
  }
  newest_range_deletion_.store(sequence, std::memory_order_release);
}

std::unique_ptr<Cursor> Generation::NewCursor(uint64_t max_sequence,
                                              RangeDeletionsPtr deletions) const {
  return std::make_unique<GenerationCursor>(index_, max_sequence, std::move(deletions));
}

}  // namespace sibyl::engine
