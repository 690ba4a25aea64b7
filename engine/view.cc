#include "engine/view.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "engine/merging_cursor.h"

namespace sibyl::engine {

namespace {

using storage::LookupOutcome;

// Keys in flight at once in MultiGet: enough to overlap their cache misses, few enough for the
// processor's miss queues and for the stack.
constexpr size_t kBatchKeys = 32;

// Levels that a Get looks at together; there are hardly ever more.
constexpr size_t kLevelsAtOnce = 32;

// What the sources seen so far say about one key of a batch.
enum class Answer : uint8_t { kOpen, kDecided };

// A key and, once somebody asks for it, its checksum.
class HashedKey {
 public:
  HashedKey() = default;
  explicit HashedKey(std::string_view internal_key) : key_(internal_key) {}
  std::string_view key() const { return key_; }
  uint64_t hash() {
    if (!known_) hash_ = base::Checksum(key_);
    known_ = true;
    return hash_;
  }

 private:
  std::string_view key_;
  uint64_t hash_ = 0;
  bool known_ = false;
};

// Asks for where the generations would have the key. Returns whether one may.
bool AskGenerations(const View& view, HashedKey* key) {
  bool any = false;
  for (const auto& generation : view.generations) {
    if (generation->empty()) continue;  // the active one of a database that is only read
    generation->Prefetch(key->hash());
    any = true;
  }
  return any;
}

Answer LookInGenerations(const View& view, HashedKey* key, uint64_t sequence,
                         uint64_t deleted_before, Value* value) {
  for (const auto& generation : view.generations) {
    if (generation->empty()) continue;
    if (const auto record = generation->Find(key->key(), key->hash(), sequence)) {
      // What is hidden decides too: everything older is hidden with it.
      const bool hidden = record->sequence < deleted_before;
      if (record->type == RecordType::kValue && !hidden) value->Assign(record->value);
      return Answer::kDecided;
    }
  }
  return Answer::kOpen;
}

// What a lookup in place has found becomes the answer; what it could not find out is looked up.
[[gnu::always_inline]] inline Result<LookupOutcome> Settle(const storage::Segment::InPlace& found,
                                                           const LearnedSegment& segment,
                                                           std::string_view key, Value* value) {
  if (found.outcome == LookupOutcome::kValue) [[likely]] {
    value->Assign(found.value_view());
    return LookupOutcome::kValue;
  }
  const bool settled = found.outcome == LookupOutcome::kTombstone ||
                       (found.outcome == LookupOutcome::kAbsent && !segment.IsSample(key));
  if (settled) return found.outcome;
  return segment.Lookup(key, value);
}

// Where one Get will look, in the order in which it will. All of it is asked for before any of it
// is looked at, so that the cache misses of all sources overlap: what is nearly always looked at
// last comes from farthest.
class PlannedGet {
 public:
  // By a thread whose gate was so before this read.
  PlannedGet(const View& view, HashedKey* key, uint64_t deleted_before, FilterGate gate)
      : view_(view), key_(key), deleted_before_(deleted_before), gate_(gate) {}

  // Asks for the filters of `levels`, at most kLevelsAtOnce of the view's, and for where the oldest
  // would have the key: that has most keys. `is_next`: nothing else is looked at before them.
  [[gnu::always_inline]] void AskLevels(std::span<const std::shared_ptr<const Level>> levels,
                                        bool is_next) {
    count_ = 0;
    for (const auto& level : levels) {
      const View::Candidate candidate =
          view_.FindCandidate(level, key_->key(), deleted_before_, gate_);
      if (candidate.segment == nullptr) continue;
      if (candidate.asks_filter) candidate.reader->filter().Prefetch(key_->hash());
      candidates_[count_++] = candidate;
    }
    if (count_ == 0 || gate_.expects_absent()) return;
    const SegmentReader& oldest = *candidates_[count_ - 1].reader;
    in_oldest_ = oldest.Predict(key_->key());
    // The lookup asks for the same, if it is the next thing.
    asked_oldest_ = count_ > 1 || !is_next;
    if (asked_oldest_) oldest.file().PrefetchRecord(in_oldest_.block, in_oldest_.fraction);
  }

  // Looks for the key in the levels asked for last, newest first.
  [[gnu::always_inline]] Result<LookupOutcome> LookInLevels(Value* value) {
    for (size_t i = 0; i < count_; ++i) {
      const View::Candidate& candidate = candidates_[i];
      if (candidate.asks_filter && candidate.Denies(key_->hash())) continue;
      const auto found = LookInSegment(*candidate.reader, i + 1 == count_);
      SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                             Settle(found, *candidate.segment, key_->key(), value));
      if (outcome != LookupOutcome::kAbsent) return outcome;
    }
    return LookupOutcome::kAbsent;
  }

 private:
  [[gnu::always_inline]] storage::Segment::InPlace LookInSegment(const SegmentReader& segment,
                                                                 bool is_oldest) {
    const storage::Segment& file = segment.file();
    const std::string_view key = key_->key();
    if (gate_.expects_absent()) {
      const auto [block, fraction] = segment.Predict(key);
      file.PrefetchBlock(block, fraction);
      return file.LookupPrefetched(key, block, fraction);
    }
    const auto [block, fraction] = is_oldest ? in_oldest_ : segment.Predict(key);
    if (is_oldest && asked_oldest_) return file.LookupPrefetched(key, block, fraction);
    return file.LookupInPlace(key, block, fraction);
  }

  const View& view_;
  HashedKey* const key_;
  const uint64_t deleted_before_;
  const FilterGate gate_;
  std::array<View::Candidate, kLevelsAtOnce> candidates_;
  size_t count_ = 0;
  index::BlockPosition in_oldest_;  // unless the key is expected to be absent
  bool asked_oldest_ = false;       // whether its lines there are on their way
};

// One batch of MultiGet: the keys that no source has decided yet.
struct Batch {
  struct Item {
    HashedKey key;
    Value* value;
    uint64_t deleted_before;    // by a range deletion; 0: by none
    View::Candidate candidate;  // in this level; of no segment: it does not have the key
    index::BlockPosition position;
    storage::Segment::InPlace found;
  };
  std::array<Item, kBatchKeys> items;
  size_t count = 0;
};

// Looks for all keys in the generations and keeps those they do not decide.
void LookInGenerations(const View& view, uint64_t sequence, Batch* batch) {
  size_t open = 0;
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    if (LookInGenerations(view, &item.key, sequence, item.deleted_before, item.value) ==
        Answer::kOpen) {
      batch->items[open++] = item;
    }
  }
  batch->count = open;
}

// Finds the segment of each open key in one level, if its filter, where it is asked, lets the key
// pass.
void FindSegments(const View& view, const std::shared_ptr<const Level>& level,
                  const FilterGate& gate, Batch* batch) {
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    item.candidate = view.FindCandidate(level, item.key.key(), item.deleted_before, gate);
    if (item.candidate.asks_filter) item.candidate.reader->filter().Prefetch(item.key.hash());
  }
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    if (item.candidate.asks_filter && item.candidate.Denies(item.key.hash())) item.candidate = {};
  }
}

// Looks for all open keys in one level and keeps those it does not decide.
Status LookInLevel(const View& view, const std::shared_ptr<const Level>& level,
                   const FilterGate& gate, Batch* batch) {
  FindSegments(view, level, gate, batch);
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    const SegmentReader* const reader = item.candidate.reader;
    if (reader == nullptr) continue;
    item.position = reader->Predict(item.key.key());
    reader->file().PrefetchOffset(item.position.block);
  }
  for (size_t i = 0; i < batch->count; ++i) {
    const Batch::Item& item = batch->items[i];
    const SegmentReader* const reader = item.candidate.reader;
    if (reader == nullptr) continue;
    reader->file().PrefetchBlock(item.position.block, item.position.fraction);
  }
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    const SegmentReader* const reader = item.candidate.reader;
    if (reader == nullptr) continue;
    item.found = reader->file().LookupPrefetched(item.key.key(), item.position.block,
                                                 item.position.fraction);
  }
  size_t open = 0;
  for (size_t i = 0; i < batch->count; ++i) {
    const Batch::Item& item = batch->items[i];
    const LearnedSegment* const segment = item.candidate.segment;
    if (segment != nullptr) {
      SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                             Settle(item.found, *segment, item.key.key(), item.value));
      if (outcome != LookupOutcome::kAbsent) continue;
    }
    batch->items[open++] = item;
  }
  batch->count = open;
  return Ok();
}

}  // namespace

Result<bool> View::Get(std::string_view internal_key, uint64_t sequence, Value* value) const {
  value->Clear();
  HashedKey key(internal_key);
  const uint64_t deleted_before = NewestDeletion(range_deletions, internal_key);
  FilterGate& gate = FilterGate::OfThisThread();
  PlannedGet planned(*this, &key, deleted_before, gate);
  const auto levels_from = [this](size_t begin) {
    return std::span(levels).subspan(begin, std::min(levels.size() - begin, kLevelsAtOnce));
  };
  const bool in_generations = AskGenerations(*this, &key);
  const bool levels_first = !(in_generations && gate.expects_in_generation());
  if (levels_first) planned.AskLevels(levels_from(0), !in_generations);
  if (in_generations &&
      LookInGenerations(*this, &key, sequence, deleted_before, value) == Answer::kDecided) {
    gate.SawInGeneration();
    return value->found();
  }
  for (size_t begin = 0; begin < levels.size(); begin += kLevelsAtOnce) {
    if (begin > 0 || !levels_first) planned.AskLevels(levels_from(begin), true);
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome, planned.LookInLevels(value));
    if (outcome != LookupOutcome::kAbsent) {
      gate.SawPresent();
      return outcome == LookupOutcome::kValue;
    }
  }
  gate.SawAbsent();
  return false;
}

Status View::VisitRecords(std::string_view internal_key, uint64_t sequence,
                          const std::function<bool(RecordType, std::string_view)>& visit) const {
  const uint64_t hash = base::Checksum(internal_key);
  const uint64_t deleted_before = NewestDeletion(range_deletions, internal_key);
  for (const auto& generation : generations) {
    const auto record = generation->Find(internal_key, hash, sequence);
    if (!record) continue;
    if (record->sequence < deleted_before || !visit(record->type, record->value)) return Ok();
  }
  Value value;
  FilterGate& gate = FilterGate::OfThisThread();
  for (const auto& level : levels) {
    const Candidate candidate = FindCandidate(level, internal_key, deleted_before, gate);
    if (candidate.segment == nullptr || candidate.Denies(hash)) continue;
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                           candidate.segment->Lookup(internal_key, &value));
    if (outcome == LookupOutcome::kAbsent) continue;
    const bool is_value = outcome == LookupOutcome::kValue;
    if (!visit(is_value ? RecordType::kValue : RecordType::kTombstone,
               is_value ? value.view() : std::string_view())) {
      gate.SawPresent();
      return Ok();
    }
  }
  gate.SawAbsent();
  return Ok();
}

Status View::MultiGet(std::span<const std::string_view> internal_keys, uint64_t sequence,
                      std::span<Value> values) const {
  FilterGate& gate = FilterGate::OfThisThread();
  for (size_t begin = 0; begin < internal_keys.size(); begin += kBatchKeys) {
    const size_t end = std::min(internal_keys.size(), begin + kBatchKeys);
    Batch batch;
    for (size_t i = begin; i < end; ++i) {
      values[i].Clear();
      HashedKey key(internal_keys[i]);
      AskGenerations(*this, &key);
      const uint64_t deleted_before = NewestDeletion(range_deletions, internal_keys[i]);
      batch.items[batch.count++] = {key, &values[i], deleted_before, {}, {}, {}};
    }
    LookInGenerations(*this, sequence, &batch);
    for (const auto& level : levels) {
      if (batch.count == 0) break;
      if (level->empty()) continue;
      SIBYL_RETURN_IF_ERROR(LookInLevel(*this, level, gate, &batch));
    }
    batch.count == 0 ? gate.SawPresent() : gate.SawAbsent();
  }
  return Ok();
}

// Levels with fewer records than this part of the last one's have one here and there.
constexpr uint64_t kFewRecordsPart = 8;

void View::AddSources(uint64_t sequence, std::vector<std::unique_ptr<Cursor>>* newest_first) const {
  for (const auto& generation : generations) {
    if (!generation->empty())
      newest_first->push_back(generation->NewCursor(sequence, range_deletions));
  }
  for (const auto& level : levels) {
    if (level->empty()) continue;
    const bool few = level->records() < levels.back()->records() / kFewRecordsPart;
    const Walk walk = few ? Walk::kFewRecords : Walk::kEveryRecord;
    newest_first->push_back(level->NewCursor(range_deletions, walk));
  }
}

std::unique_ptr<Cursor> View::NewCursor(uint64_t sequence) const {
  std::vector<std::unique_ptr<Cursor>> newest_first;
  AddSources(sequence, &newest_first);
  return NewMergingCursor(std::move(newest_first));
}

ViewKeeper::ViewKeeper(std::shared_ptr<const View> first)
    : current_(first.get()), current_owner_(std::move(first)) {}

void ViewKeeper::ShortPin::PinByReference(ViewKeeper& keeper, uint64_t reads) {
  keeper.slotless_reads_.fetch_add(reads, std::memory_order_relaxed);
  reference_ = keeper.Current();
  view_ = reference_.get();
}

std::shared_ptr<const View> ViewKeeper::Current() const {
  const std::lock_guard lock(mutex_);
  return current_owner_;
}

void ViewKeeper::Update(const std::function<void(View&)>& change) {
  std::vector<std::shared_ptr<const View>> released;  // destroyed after the lock is
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<View>(*current_owner_);
  change(*next);
  retired_.emplace_back();  // what fails, fails before the change is seen
  current_.store(next.get(), std::memory_order_seq_cst);
  retired_.back() = std::exchange(current_owner_, std::move(next));
  released = TakeUnusedLocked();
}

void ViewKeeper::Read(const std::function<void(const std::shared_ptr<const View>&)>& read) const {
  const std::lock_guard lock(mutex_);
  read(current_owner_);
}

void ViewKeeper::ReleaseRetired() {
  std::vector<std::shared_ptr<const View>> released;  // destroyed after the lock is
  const std::lock_guard lock(mutex_);
  released = TakeUnusedLocked();
}

std::vector<std::shared_ptr<const View>> ViewKeeper::TakeUnusedLocked() {
  if (heavy_fence_ && !retired_.empty()) base::HeavyFence();
  const auto in_use = [this](const std::shared_ptr<const View>& view) {
    return std::any_of(slots_.begin(), slots_.end(), [&view](const Slot& slot) {
      return slot.view.load(std::memory_order_seq_cst) == view.get();
    });
  };
  const auto unused = std::partition(retired_.begin(), retired_.end(), in_use);
  std::vector<std::shared_ptr<const View>> taken(std::make_move_iterator(unused),
                                                 std::make_move_iterator(retired_.end()));
  retired_.erase(unused, retired_.end());
  return taken;
}

uint64_t ViewKeeper::reads() const {
  uint64_t total = slotless_reads_.load(std::memory_order_relaxed);
  for (const Slot& slot : slots_) total += slot.reads.load(std::memory_order_relaxed);
  return total;
}

bool ViewKeeper::has_retired() const {
  const std::lock_guard lock(mutex_);
  return !retired_.empty();
}

}  // namespace sibyl::engine
