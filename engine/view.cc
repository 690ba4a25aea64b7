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

Answer LookInGenerations(const View& view, HashedKey* key, uint64_t sequence,
                         uint64_t deleted_before, Value* value) {
  if (view.generations.size() > 1) {
    for (const auto& generation : view.generations) generation->Prefetch(key->hash());
  }
  for (const auto& generation : view.generations) {
    if (generation->empty()) continue;  // the active one of a database that is only read
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

[[gnu::always_inline]] inline storage::Segment::InPlace LookInSegment(const storage::Segment& file,
                                                                      std::string_view key,
                                                                      index::BlockPosition position,
                                                                      bool expects_value) {
  if (expects_value) return file.LookupInPlace(key, position.block, position.fraction);
  // The same, but for asking for the value's lines.
  file.PrefetchBlock(position.block, position.fraction);
  return file.LookupPrefetched(key, position.block, position.fraction);
}

// Looks for the key in several levels of `view`, newest first, by a thread whose gate was so before
// this read. Their filters are asked for all at once, so that the cache misses of many runs
// overlap.
[[gnu::always_inline]] inline Result<LookupOutcome> LookInLevels(
    const View& view, std::span<const std::shared_ptr<const Level>> levels, FilterGate gate,
    HashedKey* key, uint64_t deleted_before, Value* value) {
  std::array<View::Candidate, kLevelsAtOnce> candidates;
  size_t count = 0;
  for (const auto& level : levels) {
    const View::Candidate candidate = view.FindCandidate(level, key->key(), deleted_before, gate);
    if (candidate.segment == nullptr) continue;
    if (candidate.asks_filter) candidate.segment->filter().Prefetch(key->hash());
    candidates[count++] = candidate;
  }
  for (size_t i = 0; i < count; ++i) {
    const auto& [segment, asks_filter] = candidates[i];
    // The oldest has most keys: it is asked where the key would be while its filter comes from
    // memory. The others hardly ever need to be.
    const bool is_likely = i + 1 == count && !gate.expects_absent();
    index::BlockPosition position;
    if (is_likely) position = segment->Predict(key->key());
    if (asks_filter && !segment->filter().MayContain(key->hash())) continue;
    if (!is_likely) position = segment->Predict(key->key());
    const auto found = LookInSegment(segment->file(), key->key(), position, !gate.expects_absent());
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome, Settle(found, *segment, key->key(), value));
    if (outcome != LookupOutcome::kAbsent) return outcome;
  }
  return LookupOutcome::kAbsent;
}

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

// Finds the segment of each open key in one level, if its filter, where it is asked, lets the key
// pass.
void FindSegments(const View& view, const std::shared_ptr<const Level>& level,
                  const FilterGate& gate, Batch* batch) {
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    item.candidate = view.FindCandidate(level, item.key.key(), item.deleted_before, gate);
    if (item.candidate.asks_filter) item.candidate.segment->filter().Prefetch(item.key.hash());
  }
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    if (!item.candidate.asks_filter) continue;
    if (!item.candidate.segment->filter().MayContain(item.key.hash())) item.candidate = {};
  }
}

// Looks for all open keys in one level and keeps those it does not decide.
Status LookInLevel(const View& view, const std::shared_ptr<const Level>& level,
                   const FilterGate& gate, Batch* batch) {
  FindSegments(view, level, gate, batch);
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    const LearnedSegment* const segment = item.candidate.segment;
    if (segment == nullptr) continue;
    item.position = segment->Predict(item.key.key());
    segment->file().PrefetchOffset(item.position.block);
  }
  for (size_t i = 0; i < batch->count; ++i) {
    const Batch::Item& item = batch->items[i];
    const LearnedSegment* const segment = item.candidate.segment;
    if (segment == nullptr) continue;
    segment->file().PrefetchBlock(item.position.block, item.position.fraction);
  }
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    const LearnedSegment* const segment = item.candidate.segment;
    if (segment == nullptr) continue;
    item.found = segment->file().LookupPrefetched(item.key.key(), item.position.block,
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
  if (LookInGenerations(*this, &key, sequence, deleted_before, value) == Answer::kDecided) {
    return value->found();
  }
  FilterGate& gate = FilterGate::OfThisThread();
  for (size_t begin = 0; begin < levels.size(); begin += kLevelsAtOnce) {
    const size_t count = std::min(levels.size() - begin, kLevelsAtOnce);
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                           LookInLevels(*this, std::span(levels).subspan(begin, count), gate, &key,
                                        deleted_before, value));
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
    const auto [segment, asks_filter] = FindCandidate(level, internal_key, deleted_before, gate);
    if (segment == nullptr || (asks_filter && !segment->filter().MayContain(hash))) continue;
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome, segment->Lookup(internal_key, &value));
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
      const uint64_t deleted_before = NewestDeletion(range_deletions, internal_keys[i]);
      if (LookInGenerations(*this, &key, sequence, deleted_before, &values[i]) == Answer::kOpen) {
        batch.items[batch.count++] = {key, &values[i], deleted_before, {}, {}, {}};
      }
    }
    for (const auto& level : levels) {
      if (batch.count == 0) break;
      if (level->empty()) continue;
      SIBYL_RETURN_IF_ERROR(LookInLevel(*this, level, gate, &batch));
    }
    batch.count == 0 ? gate.SawPresent() : gate.SawAbsent();
  }
  return Ok();
}

void View::AddSources(uint64_t sequence, std::vector<std::unique_ptr<Cursor>>* newest_first) const {
  for (const auto& generation : generations) {
    if (!generation->empty())
      newest_first->push_back(generation->NewCursor(sequence, range_deletions));
  }
  for (const auto& level : levels) {
    if (!level->empty()) newest_first->push_back(level->NewCursor(range_deletions));
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
  current_.store(next.get(), std::memory_order_seq_cst);
  retired_.push_back(std::exchange(current_owner_, std::move(next)));
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
