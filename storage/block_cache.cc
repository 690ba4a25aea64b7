#include "storage/block_cache.h"

#include <rocksdb/cache.h>

#include <atomic>
#include <cstring>

#include "base/status_macros.h"

namespace sibyl::storage {

// Named, not hidden: CachedBlock makes it its friend.
class RocksDbBlockCache final : public BlockCache {
 public:
  explicit RocksDbBlockCache(uint64_t capacity_bytes)
      : cache_(rocksdb::NewLRUCache(capacity_bytes, kShardsByCapacity, kStrictCapacity)) {}

  uint64_t NewOwnerId() override { return cache_->NewId(); }

  Result<CachedBlock> Get(uint64_t owner, uint32_t block,
                          const std::function<Result<OwnedBytes>()>& read) override {
    char key_bytes[sizeof(owner) + sizeof(block)];
    std::memcpy(key_bytes, &owner, sizeof(owner));
    std::memcpy(key_bytes + sizeof(owner), &block, sizeof(block));
    const rocksdb::Slice key(key_bytes, sizeof(key_bytes));
    rocksdb::Cache::Handle* handle = cache_->Lookup(key);
    if (handle != nullptr) {
      hits_.fetch_add(1, std::memory_order_relaxed);
      return Refer(handle);
    }
    misses_.fetch_add(1, std::memory_order_relaxed);
    SIBYL_ASSIGN_OR_RETURN(OwnedBytes bytes, read());
    const auto free = [](const rocksdb::Slice&, void* value) {
      delete[] static_cast<char*>(value);
    };
    if (!cache_->Insert(key, bytes.bytes.get(), bytes.size_bytes, free, &handle).ok()) {
      return CachedBlock::Own(std::move(bytes));
    }
    (void)bytes.bytes.release();  // the cache owns them now
    return Refer(handle);
  }

  uint64_t used_bytes() const override { return cache_->GetUsage(); }
  uint64_t hits() const override { return hits_.load(std::memory_order_relaxed); }
  uint64_t misses() const override { return misses_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kShardsByCapacity = -1;
  static constexpr bool kStrictCapacity = true;

  CachedBlock Refer(rocksdb::Cache::Handle* handle) {
    CachedBlock block;
    block.bytes_ = {static_cast<const char*>(cache_->Value(handle)), cache_->GetCharge(handle)};
    block.handle_ = handle;
    block.owner_ = cache_.get();
    block.release_ = [](void* cache, void* held) {
      static_cast<rocksdb::Cache*>(cache)->Release(static_cast<rocksdb::Cache::Handle*>(held));
    };
    return block;
  }

  const std::shared_ptr<rocksdb::Cache> cache_;
  std::atomic<uint64_t> hits_ = 0;
  std::atomic<uint64_t> misses_ = 0;
};

std::unique_ptr<BlockCache> BlockCache::Create(uint64_t capacity_bytes) {
  return std::make_unique<RocksDbBlockCache>(capacity_bytes);
}

}  // namespace sibyl::storage
