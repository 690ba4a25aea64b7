// The block cache of builds without RocksDB (the thread sanitizer's): keeps nothing.

#include <atomic>

#include "base/status_macros.h"
#include "storage/block_cache.h"

namespace sibyl::storage {
namespace {

class EmptyBlockCache final : public BlockCache {
 public:
  uint64_t NewOwnerId() override { return 0; }

  Result<CachedBlock> Get(uint64_t, uint32_t, size_t size_bytes,
                          const std::function<Status(char* out)>& fill) override {
    misses_.fetch_add(1, std::memory_order_relaxed);
    std::unique_ptr<char[]> bytes(new char[size_bytes]);
    SIBYL_RETURN_IF_ERROR(fill(bytes.get()));
    return CachedBlock::Own(std::move(bytes), size_bytes);
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
