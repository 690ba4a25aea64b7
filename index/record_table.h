// Records chained from slots: the table under a PointIndex, whatever the hash function.
//
// A key that finds its slot taken goes behind all slots (chained), or to a slot that no key's hash
// names (in place: the two passes of Kraska et al., SIGMOD 2018, appendix on in-place chained
// hashing), and is linked behind the slot's first record.

#ifndef SIBYL_INDEX_RECORD_TABLE_H_
#define SIBYL_INDEX_RECORD_TABLE_H_

#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>

#include "index/table_memory.h"
#include "sibyl/point_index.h"

namespace sibyl::index {

class RecordTable {
 public:
  // 20 bytes: no padding.
  class Record {
   public:
    Record() : Record(0, 0, kEmpty) {}
    Record(uint64_t key, uint64_t value, uint32_t next) : next_(next) {
      std::memcpy(key_, &key, sizeof key);
      std::memcpy(value_, &value, sizeof value);
    }
    uint64_t key() const { return Load(key_); }
    uint64_t value() const { return Load(value_); }
    uint32_t next() const { return next_; }
    void set_next(uint32_t next) { next_ = next; }

   private:
    static uint64_t Load(const uint32_t* words) {
      uint64_t value;
      std::memcpy(&value, words, sizeof value);
      return value;
    }
    uint32_t key_[2];
    uint32_t value_[2];
    uint32_t next_;  // the place of the next record of the chain, kEnd, or kEmpty
  };
  static_assert(sizeof(Record) == 20);

  static constexpr uint32_t kEnd = UINT32_MAX;
  static constexpr uint32_t kEmpty = UINT32_MAX - 1;

  RecordTable() = default;

  // Distinct keys; slot_of(key) < slots < kEmpty. In place: at least as many slots as keys.
  RecordTable(std::span<const uint64_t> keys, std::span<const uint64_t> values, PointTable kind,
              uint64_t slots, const std::function<uint64_t(uint64_t)>& slot_of);

  // Of records that nobody has checked yet: nothing unless every chain ends inside the table.
  static std::optional<RecordTable> FromRecords(Table<Record> records, uint64_t slots);

  std::optional<uint64_t> FindFrom(uint64_t slot, uint64_t key) const {
    for (uint64_t place = slot;;) {
      const Record& record = records_[place];
      if (record.next() == kEmpty) return std::nullopt;
      if (record.key() == key) return record.value();
      if (record.next() == kEnd) return std::nullopt;
      place = record.next();
    }
  }

  void Prefetch(uint64_t slot) const { __builtin_prefetch(&records_[slot]); }

  uint64_t conflicts() const { return conflicts_; }
  std::span<const Record> records() const { return records_.span(); }
  uint64_t memory_bytes() const { return records_.size_bytes(); }

 private:
  Table<Record> records_;  // slots, then chained records
  uint64_t conflicts_ = 0;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RECORD_TABLE_H_
