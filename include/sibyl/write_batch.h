// WriteBatch: writes that become visible and durable together.

#ifndef SIBYL_WRITE_BATCH_H_
#define SIBYL_WRITE_BATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sibyl/result.h"
#include "sibyl/tree.h"

namespace sibyl {

// Limits that every write is checked against.
inline constexpr size_t kMaxKeyBytes = 64 << 10;            // 65,536
inline constexpr size_t kMaxValueBytes = (1ull << 30);      // 1 GiB
inline constexpr size_t kMaxBatchBytes = (1ull << 31) - 1;  // encoded

// An ordered list of writes; of two writes to one key the later wins.
// Owns copies of its keys and values. Not thread-safe.
class WriteBatch {
 public:
  // Errors (all): kInvalidArgument past the limits above, naming key and size; the batch is then
  // unchanged.
  Status Put(Tree tree, std::string_view key, std::string_view value);
  Status Delete(Tree tree, std::string_view key);

  // Applies the tree's merge operator to what the key has and `operand`: see merge_operator.h. A
  // tree without one makes Write fail.
  Status Merge(Tree tree, std::string_view key, std::string_view operand);

  // Deletes every key with begin <= key < end that the tree has when the batch is written, what the
  // batch itself has put before included; no `end`: to the end of the tree. Costs what it deletes;
  // see Database::DeleteRange.
  Status DeleteRange(Tree tree, std::string_view begin, std::optional<std::string_view> end);

  Status Put(std::string_view key, std::string_view value) { return Put(kDefaultTree, key, value); }
  Status Delete(std::string_view key) { return Delete(kDefaultTree, key); }

  void Clear();
  uint32_t record_count() const { return record_count_; }
  bool empty() const { return record_count_ == 0; }

  // Whether a record is a DeleteRange, which only commits as what it deletes.
  bool has_ranges() const { return has_ranges_; }

  // The encoded records: of Put and Delete in the form that the commit log keeps
  // (docs/file-format.md, "Log records").
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
  uint32_t record_count_ = 0;
  bool has_ranges_ = false;
};

}  // namespace sibyl

#endif  // SIBYL_WRITE_BATCH_H_
