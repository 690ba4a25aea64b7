// WriteBatch: writes that become visible and durable together.

#ifndef SIBYL_WRITE_BATCH_H_
#define SIBYL_WRITE_BATCH_H_

#include <cstdint>
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
  // Errors (both): kInvalidArgument past the limits above, naming key and size; the batch is then
  // unchanged.
  Status Put(Tree tree, std::string_view key, std::string_view value);
  Status Delete(Tree tree, std::string_view key);

  Status Put(std::string_view key, std::string_view value) { return Put(kDefaultTree, key, value); }
  Status Delete(std::string_view key) { return Delete(kDefaultTree, key); }

  void Clear();
  uint32_t record_count() const { return record_count_; }
  bool empty() const { return record_count_ == 0; }

  // The encoded records, in the form the commit log keeps (docs/file-format.md, "Log records").
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
  uint32_t record_count_ = 0;
};

}  // namespace sibyl

#endif  // SIBYL_WRITE_BATCH_H_
