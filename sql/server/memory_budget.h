// MemoryBudget: memory that all sessions of a server share for what may grow large.

#ifndef SIBYL_SQL_SERVER_MEMORY_BUDGET_H_
#define SIBYL_SQL_SERVER_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace sibyl::sql::server {

// Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(uint64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // False, and nothing is taken, if there is not as much left.
  bool TryTake(uint64_t bytes) {
    if (taken_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_bytes_)
      return true;
    Give(bytes);
    return false;
  }
  void Give(uint64_t bytes) { taken_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  uint64_t taken_bytes() const { return taken_bytes_.load(std::memory_order_relaxed); }

 private:
  const uint64_t limit_bytes_;
  std::atomic<uint64_t> taken_bytes_{0};
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_MEMORY_BUDGET_H_
