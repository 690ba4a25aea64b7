#include "index/record_table.h"

#include <utility>
#include <vector>

namespace sibyl::index {

RecordTable::RecordTable(std::span<const uint64_t> keys, std::span<const uint64_t> values,
                         PointTable kind, uint64_t slots,
                         const std::function<uint64_t(uint64_t)>& slot_of) {
  std::vector<std::pair<uint32_t, uint32_t>> late;  // index of a key, and its slot, which is taken
  std::vector<bool> taken(slots);
  for (size_t i = 0; i < keys.size(); ++i) {
    const uint64_t slot = slot_of(keys[i]);
    if (taken[slot]) late.emplace_back(static_cast<uint32_t>(i), static_cast<uint32_t>(slot));
    taken[slot] = true;
  }
  conflicts_ = late.size();
  const bool chained = kind == PointTable::kChained;
  records_ = Table<Record>(slots + (chained ? late.size() : 0));
  std::uninitialized_fill_n(records_.data(), records_.size(), Record());

  // The late ones are in the order of `keys`: what is not the next of them comes first to its slot.
  size_t next_late = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (next_late < late.size() && late[next_late].first == i) {
      ++next_late;
    } else {
      records_[slot_of(keys[i])] = Record(keys[i], values[i], kEnd);
    }
  }
  uint64_t place = chained ? slots : 0;
  for (const auto& [i, slot] : late) {
    while (!chained && taken[place]) ++place;
    Record& head = records_[slot];
    records_[place] = Record(keys[i], values[i], head.next());
    head.set_next(static_cast<uint32_t>(place));
    ++place;
  }
}

// A record has at most one before it in its chain, so what is not reached from a record that has
// none lies on a ring.
std::optional<RecordTable> RecordTable::FromRecords(Table<Record> records, uint64_t slots) {
  std::vector<bool> follows(records.size());
  uint64_t filled = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const uint32_t next = records[i].next();
    if (next == kEmpty) continue;
    ++filled;
    if (next == kEnd) continue;
    if (next >= records.size() || follows[next] || records[next].next() == kEmpty) {
      return std::nullopt;
    }
    follows[next] = true;
  }
  uint64_t reached = 0;
  uint64_t heads = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    if (records[i].next() == kEmpty || follows[i]) continue;
    if (i >= slots) return std::nullopt;
    ++heads;
    for (uint32_t place = static_cast<uint32_t>(i); place != kEnd; place = records[place].next()) {
      ++reached;
    }
  }
  if (reached != filled) return std::nullopt;
  RecordTable table;
  table.records_ = std::move(records);
  table.conflicts_ = filled - heads;
  return table;
}

}  // namespace sibyl::index
