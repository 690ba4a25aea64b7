#include "engine/view.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/checksum.h"
#include "base/status_macros.h"
#include "engine/filter_gate.h"
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

Answer LookInGenerations(const View& view, HashedKey* key, uint64_t sequence, Value* value) {
  if (view.generations.size() > 1) {
    for (const auto& generation : view.generations) generation->Prefetch(key->hash());
  }
  for (const auto& generation : view.generations) {
    if (generation->empty()) continue;  // the active one of a database that is only read
    if (const auto record = generation->Find(key->key(), key->hash(), sequence)) {
      if (record->type == RecordType::kValue) value->Assign(record->value);
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

// A segment that may hold the key that is looked for.
struct Candidate {
  const LearnedSegment* segment;
  bool asks_filter;
};

[[gnu::always_inline]] inline storage::Segment::InPlace LookInSegment(
    const storage::Segment& file, std::string_view key, index::BlockPosition position,
    bool expects_value) {
  if (expects_value) return file.LookupInPlace(key, position.block, position.fraction);
  // The same, but for asking for the value's lines.
  file.PrefetchBlock(position.block, position.fraction);
  return file.LookupPrefetched(key, position.block, position.fraction);
}

// Looks for the key in several levels, newest first. Their filters are asked for all at once, so
// that the cache misses of many runs overlap; that of the last of them only if the gate, as it was
// before this read, is open.
[[gnu::always_inline]] inline Result<LookupOutcome> LookInLevels(
    std::span<const std::shared_ptr<const Level>> levels, FilterGate gate, HashedKey* key,
    Value* value) {
  std::array<Candidate, kLevelsAtOnce> candidates;
  size_t count = 0;
  for (const auto& level : levels) {
    const LearnedSegment* segment = level->FindSegment(key->key());
    if (segment == nullptr) continue;
    const bool asks = !segment->filter().empty() && (gate.is_open() || &level != &levels.back());
    if (asks) segment->filter().Prefetch(key->hash());
    candidates[count++] = {segment, asks};
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
    const auto found =
        LookInSegment(segment->file(), key->key(), position, !gate.expects_absent());
    SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                           Settle(found, *segment, key->key(), value));
    if (outcome != LookupOutcome::kAbsent) return outcome;
  }
  return LookupOutcome::kAbsent;
}

// One batch of MultiGet: the keys that no source has decided yet.
struct Batch {
  struct Item {
    HashedKey key;
    Value* value;
    const LearnedSegment* segment;  // null: not in this level
    index::BlockPosition position;
    storage::Segment::InPlace found;
  };
  std::array<Item, kBatchKeys> items;
  size_t count = 0;
};

// Finds the segment of each open key in one level, if its filter, where it is asked, lets the key
// pass.
void FindSegments(const Level& level, bool asks_filters, Batch* batch) {
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    item.segment = level.FindSegment(item.key.key());
    if (!asks_filters || item.segment == nullptr || item.segment->filter().empty()) continue;
    item.segment->filter().Prefetch(item.key.hash());
  }
  if (!asks_filters) return;
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    if (item.segment == nullptr || item.segment->filter().empty()) continue;
    if (!item.segment->filter().MayContain(item.key.hash())) item.segment = nullptr;
  }
}

// Looks for all open keys in one level and keeps those it does not decide.
Status LookInLevel(const Level& level, bool asks_filters, Batch* batch) {
  FindSegments(level, asks_filters, batch);
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    if (item.segment == nullptr) continue;
    item.position = item.segment->Predict(item.key.key());
    item.segment->file().PrefetchOffset(item.position.block);
  }
  for (size_t i = 0; i < batch->count; ++i) {
    const Batch::Item& item = batch->items[i];
    if (item.segment == nullptr) continue;
    item.segment->file().PrefetchBlock(item.position.block, item.position.fraction);
  }
  for (size_t i = 0; i < batch->count; ++i) {
    Batch::Item& item = batch->items[i];
    if (item.segment == nullptr) continue;
    item.found = item.segment->file().LookupPrefetched(item.key.key(), item.position.block,
                                                       item.position.fraction);
  }
  size_t open = 0;
  for (size_t i = 0; i < batch->count; ++i) {
    const Batch::Item& item = batch->items[i];
    if (item.segment != nullptr) {
      SIBYL_ASSIGN_OR_RETURN(const LookupOutcome outcome,
                             Settle(item.found, *item.segment, item.key.key(), item.value));
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
  if (LookInGenerations(*this, &key, sequence, value) == Answer::kDecided) return value->found();
  FilterGate& gate = FilterGate::OfThisThread();
  for (size_t begin = 0; begin < levels.size(); begin += kLevelsAtOnce) {
    const size_t count = std::min(levels.size() - begin, kLevelsAtOnce);
    SIBYL_ASSIGN_OR_RETURN(
        const LookupOutcome outcome,
        LookInLevels(std::span(levels).subspan(begin, count), gate, &key, value));
    if (outcome != LookupOutcome::kAbsent) {
      gate.SawPresent();
      return outcome == LookupOutcome::kValue;
    }
  }
  gate.SawAbsent();
  return false;
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
      if (LookInGenerations(*this, &key, sequence, &values[i]) == Answer::kOpen) {
        batch.items[batch.count++] = {key, &values[i], nullptr, {}, {}};
      }
    }
    for (const auto& level : levels) {
      if (batch.count == 0) break;
      if (level->empty()) continue;
      const bool asks_filters = gate.is_open() || &level != &levels.back();
      SIBYL_RETURN_IF_ERROR(LookInLevel(*level, asks_filters, &batch));
    }
    batch.count == 0 ? gate.SawPresent() : gate.SawAbsent();
  }
  return Ok();
}

void View::AddSources(uint64_t sequence, std::vector<std::unique_ptr<Cursor>>* newest_first) const {
  for (const auto& generation : generations) {
    if (!generation->empty()) newest_first->push_back(generation->NewCursor(sequence));
  }
  for (const auto& level : levels) {
    if (!level->empty()) newest_first->push_back(level->NewCursor());
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
