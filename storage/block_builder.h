// Makes the bytes of one block from sorted records.

#ifndef SIBYL_STORAGE_BLOCK_BUILDER_H_
#define SIBYL_STORAGE_BLOCK_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/block.h"

namespace sibyl::storage {

// Reusable: after Clear it starts the next block in the same buffers. One thread at a time.
class BlockBuilder {
 public:
  // Adds a record after all others; `value` is the value's reference if it is out of line.
  // Precondition (the segment writer checks it): keys strictly increase and
  // SizeLimitBytes() + key.size() + value.size() stays below kMaxBlockBytes.
  void Add(std::string_view key, std::string_view value, RecordType type, bool out_of_line);

  bool empty() const { return records_.empty(); }
  uint32_t record_count() const { return static_cast<uint32_t>(records_.size()); }

  // Valid until the next Add or Clear. Precondition: !empty().
  std::string_view last_key() const {
    const uint32_t size = records_.back().key_bytes;
    return {keys_.data() + keys_.size() - size, size};
  }

  // An upper bound on the size of the block so far.
  uint64_t SizeLimitBytes() const;

  // The block, numbered `block` in its segment; `pack_windows`: with packed windows, if that makes it
  // smaller. Valid until the next call. Precondition: !empty().
  std::string_view Finish(uint32_t block, bool pack_windows = false);

  void Clear();

 private:
  struct Record {
    uint32_t key_bytes;
    uint32_t value_bytes;
    RecordType type;
    bool out_of_line;
  };
  // Where keys and values end in their buffers is the running sum of their sizes.
  std::vector<Record> records_;
  std::string keys_;
  std::string values_;

  // Only within Finish: what the columns are made from.
  void SplitKeys(size_t prefix_bytes);
  void AppendColumns(size_t prefix_bytes);
  std::vector<uint64_t> windows_;
  std::string packed_windows_;  // empty: they are not
  std::vector<uint8_t> tags_;
  std::vector<uint32_t> remainder_bytes_;
  std::vector<uint32_t> value_bytes_;
  std::string remainders_;
  std::string block_;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_BUILDER_H_
