// The block cache of builds without RocksDB (the thread sanitizer's): keeps nothing.

#include <atomic>

#include "base/status_macros.h"
#include "storage/block_cache.h"

namespace sibyl::storage {
namespace {

class EmptyBlockCache final : public BlockCache {
 public:
  uint64_t NewOwnerId() override { return 0; }

  Result<CachedBlock> Get(uint64_t, uint32_t,
                          const std::function<Result<OwnedBytes>()>& read) override {
    misses_.fetch_add(1, std::memory_order_relaxed);
    SIBYL_ASSIGN_OR_RETURN(OwnedBytes bytes, read());
    return CachedBlock::Own(std::move(bytes));
  }

  uint64_t used_bytes() const override { return 0; }
  uint64_t hits() const override { return 0; }
  uint64_t misses() const override { return misses_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> misses_ = 0;
};

}  // namespace

std::unique_ptr<BlockCache> BlockCache::Create(uint64_t) {
  return std::make_unique<EmptyBlockCache>();
}

}  // namespace sibyl::storage
