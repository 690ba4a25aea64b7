// MemoryBudget: memory that all sessions of a server share for what may grow large: messages,
// prepared statements, parameters, results and rows that are kept.

#ifndef SIBYL_SQL_SERVER_MEMORY_BUDGET_H_
#define SIBYL_SQL_SERVER_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <utility>

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

// What one owner has of a budget; it goes back with the lease. One thread at a time.
class MemoryLease {
 public:
  MemoryLease() = default;  // of nothing: every size is granted
  explicit MemoryLease(MemoryBudget* budget) : budget_(budget) {}
  MemoryLease(MemoryLease&& other) noexcept
      : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryLease& operator=(MemoryLease&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MemoryLease() {
    if (bytes_ > 0) budget_->Give(bytes_);
  }

  // Holds `bytes` from now on. False: the budget does not have what this is more than before, and
  // nothing has changed.
  bool Resize(uint64_t bytes) {
    if (budget_ == nullptr || bytes == bytes_) return true;
    if (bytes > bytes_ && !budget_->TryTake(bytes - bytes_)) return false;
    if (bytes < bytes_) budget_->Give(bytes_ - bytes);
    bytes_ = bytes;
    return true;
  }

 private:
  MemoryBudget* budget_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_MEMORY_BUDGET_H_
