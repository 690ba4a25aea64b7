// Locks on keys, for transactions that would rather wait than run again: Transaction::GetForUpdate.

#ifndef SIBYL_ENGINE_LOCK_TABLE_H_
#define SIBYL_ENGINE_LOCK_TABLE_H_

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sibyl::engine {

// Thread-safe. Only locked keys take memory.
class LockTable {
 public:
  // Locks `key` for `owner`, waiting while another has it; at once if the owner has it already.
  // False if it is still another's after `timeout`: deadlocks end so.
  bool Lock(std::string_view key, const void* owner, std::chrono::nanoseconds timeout);

  // Precondition: the owner has locked it.
  void Unlock(std::string_view key);

 private:
  struct Shard {
    std::mutex mutex;
    std::condition_variable released;
    std::unordered_map<std::string, const void*> owners;  // guarded by mutex
  };
  Shard& ShardOf(std::string_view key) {
    return shards_[std::hash<std::string_view>()(key) % shards_.size()];
  }

  std::array<Shard, 64> shards_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LOCK_TABLE_H_
