#include "engine/entry_table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <new>
#include <utility>

#include "base/checksum.h"

namespace sibyl::engine {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kFirstGroups = 8;

// Slots are tried in groups whose tags are two words, and whose addresses are a cache line.
constexpr size_t kWordTags = 4;
constexpr size_t kGroupWords = 2;
constexpr size_t kGroupSlots = kGroupWords * kWordTags;

// At three quarters a key is in the group of its hash, or in the next, nearly always.
constexpr size_t kKeysPerGroup = kGroupSlots * 3 / 4;

// Once so much of its capacity is used, a table's successor is made, and with each new key so many
// slots go there: it is done when it is needed. Late, since a table that was made for the right
// number of keys needs none.
constexpr size_t kUsedEighths = 7;
constexpr size_t kSlotsPerKey = 12;

constexpr int kTagBits = 16;
constexpr uint64_t kEachTag = 0x0001'0001'0001'0001;
constexpr uint64_t kTagTops = 0x8000 * kEachTag;

// Never zero: that is the tag of a free slot.
uint64_t TagOf(uint64_t hash) { return std::max<uint64_t>(hash & 0xffff, 1); }

// The top bit of each tag of `word` that is zero.
uint64_t ZeroTags(uint64_t word) { return ~(((word & ~kTagTops) + ~kTagTops) | word) & kTagTops; }

size_t FirstTag(uint64_t tops) { return static_cast<size_t>(std::countr_zero(tops)) / kTagBits; }

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

void PrefetchLines(const void* object, size_t lines) {
  const char* const bytes = static_cast<const char*>(object);
  for (size_t i = 0; i < lines; ++i) __builtin_prefetch(bytes + i * kLineBytes);
}

}  // namespace

// An address is stored before its tag, and tags are stored with release.
struct EntryTable::Table {
  // Zeros that the system provides when they are touched: making a large table costs little.
  explicit Table(size_t group_count)
      : groups(group_count), memory(std::calloc(1, BytesFor(group_count))) {
    if (memory == nullptr) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(memory.get());
    entries = reinterpret_cast<Entry**>((address + kLineBytes - 1) & -kLineBytes);
    tags = reinterpret_cast<uint64_t*>(entries + groups * kGroupSlots);
  }

  static size_t BytesFor(size_t groups) {
    return groups * (kLineBytes + kGroupWords * sizeof(uint64_t)) + kLineBytes;
  }

  std::atomic_ref<uint64_t> Word(size_t index) const { return std::atomic_ref(tags[index]); }
  std::atomic_ref<Entry*> Slot(size_t index) const { return std::atomic_ref(entries[index]); }

  // Ascending hashes, by their upper halves, lie in ascending groups: filling a table from another
  // one goes through both in order.
  size_t GroupOf(uint64_t hash) const { return ((hash >> 32) * groups) >> 32; }
  size_t GroupAfter(size_t group) const { return group + 1 == groups ? 0 : group + 1; }

  // To the first free slot of its group, or of one after it. Returns the slot's index.
  size_t Add(uint64_t hash, Entry* entry) {
    for (size_t group = GroupOf(hash);; group = GroupAfter(group)) {
      for (size_t i = group * kGroupWords; i < (group + 1) * kGroupWords; ++i) {
        const uint64_t word = Word(i).load(std::memory_order_relaxed);
        const uint64_t free = ZeroTags(word);
        if (free == 0) continue;
        const size_t tag = FirstTag(free);
        Slot(i * kWordTags + tag).store(entry, std::memory_order_relaxed);
        Word(i).store(word | TagOf(hash) << (kTagBits * tag), std::memory_order_release);
        return i * kWordTags + tag;
      }
    }
  }

  // The entry in the slot; null: free. For the writer.
  Entry* At(size_t slot) const { return Slot(slot).load(std::memory_order_relaxed); }

  size_t slots() const { return groups * kGroupSlots; }
  size_t capacity_keys() const { return groups * kKeysPerGroup; }

  const size_t groups;
  const std::unique_ptr<void, Free> memory;
  Entry** entries;  // in memory, at a cache line
  uint64_t* tags;   // after them
};

EntryTable::EntryTable(size_t expected_keys) {
  const size_t capacity_keys = expected_keys / kUsedEighths * 8;
  filling_ = AddTable(std::max(kFirstGroups, capacity_keys / kKeysPerGroup + kUsedEighths));
  current_.store(filling_, std::memory_order_release);
}

EntryTable::~EntryTable() = default;

EntryTable::Entry* EntryTable::Find(std::string_view key, uint64_t hash) const {
  const Table& table = *current_.load(std::memory_order_acquire);
  const uint64_t wanted = TagOf(hash) * kEachTag;
  for (size_t group = table.GroupOf(hash);; group = table.GroupAfter(group)) {
    for (size_t i = group * kGroupWords; i < (group + 1) * kGroupWords; ++i) {
      const uint64_t word = table.Word(i).load(std::memory_order_acquire);
      for (uint64_t found = ZeroTags(word ^ wanted); found != 0; found &= found - 1) {
        const size_t slot = i * kWordTags + FirstTag(found);
        Entry* const entry = table.Slot(slot).load(std::memory_order_relaxed);
        PrefetchLines(entry, 3);
        if (entry->key() == key) return entry;
      }
      if (ZeroTags(word) != 0) return nullptr;
    }
  }
}

void EntryTable::Prefetch(uint64_t hash) const {
  const Table& table = *current_.load(std::memory_order_acquire);
  __builtin_prefetch(table.tags + table.GroupOf(hash) * kGroupWords);
}

void EntryTable::PrefetchAdd(uint64_t hash) const {
  const Table& table = *current_.load(std::memory_order_acquire);
  __builtin_prefetch(table.entries + table.GroupOf(hash) * kGroupSlots, 1);
}

void EntryTable::Add(uint64_t hash, Entry* entry) {
  const size_t count = size() + 1;
  if (next_ == nullptr && count > filling_->capacity_keys() / 8 * kUsedEighths) StartNext();
  const size_t slot = filling_->Add(hash, entry);
  if (next_ != nullptr) {
    if (slot < moved_slots_) next_->Add(hash, entry);  // else it is moved when its turn comes
    FillNext();
  }
  size_.store(count, std::memory_order_relaxed);
  if (count < filling_->capacity_keys()) return;
  assert(next_ != nullptr && moved_slots_ == filling_->slots());
  filling_ = std::exchange(next_, nullptr);
  current_.store(filling_, std::memory_order_release);
}

void EntryTable::StartNext() {
  next_ = AddTable(2 * filling_->groups);
  moved_slots_ = 0;
}

// Moves some slots, and asks for the entries of those that are next.
void EntryTable::FillNext() {
  const size_t until = std::min(moved_slots_ + kSlotsPerKey, filling_->slots());
  for (; moved_slots_ < until; ++moved_slots_) {
    Entry* const entry = filling_->At(moved_slots_);
    if (entry != nullptr) next_->Add(base::Checksum(entry->key()), entry);
  }
  const size_t soon = std::min(until + kSlotsPerKey, filling_->slots());
  for (size_t slot = until; slot < soon; ++slot) PrefetchLines(filling_->At(slot), 1);
}

EntryTable::Table* EntryTable::AddTable(size_t groups) {
  tables_.push_back(std::make_unique<Table>(groups));
  memory_bytes_.store(memory_bytes() + Table::BytesFor(groups), std::memory_order_relaxed);
  return tables_.back().get();
}

}  // namespace sibyl::engine
