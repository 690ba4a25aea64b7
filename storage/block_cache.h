// A cache of block bytes under a fixed memory limit, shared by the segments of a database.
//
// Stands on RocksDB's public Cache (sharded LRU with strict capacity accounting). A build without
// RocksDB has one that keeps nothing: every Get is a miss.

#ifndef SIBYL_STORAGE_BLOCK_CACHE_H_
#define SIBYL_STORAGE_BLOCK_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sibyl/result.h"
#include "storage/block_compression.h"

namespace sibyl::storage {

// A reference to cached bytes: they stay while any CachedBlock to them lives. Movable, not
// copyable.
class CachedBlock {
 public:
  CachedBlock() = default;

  // Bytes that no cache holds: they end with the object.
  static CachedBlock Own(OwnedBytes owned) {
    CachedBlock block;
    block.bytes_ = owned.view();
    block.handle_ = owned.bytes.release();
    block.release_ = [](void*, void* handle) { delete[] static_cast<char*>(handle); };
    return block;
  }

  CachedBlock(CachedBlock&& other) noexcept
      : bytes_(other.bytes_),
        release_(other.release_),
        handle_(other.handle_),
        owner_(other.owner_) {
    other.handle_ = nullptr;
    other.bytes_ = {};
  }
  CachedBlock& operator=(CachedBlock&& other) noexcept {
    // Walks through a mapping assign nothing but these, and swapping waits for what was just
    // stored.
    if (empty() && other.empty()) return *this;
    std::swap(bytes_, other.bytes_);
    std::swap(release_, other.release_);
    std::swap(handle_, other.handle_);
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~CachedBlock() {
    if (handle_ != nullptr) release_(owner_, handle_);
  }

  bool empty() const { return handle_ == nullptr; }
  std::string_view bytes() const { return bytes_; }

 private:
  friend class RocksDbBlockCache;
  std::string_view bytes_;
  void (*release_)(void* owner, void* handle) = nullptr;
  void* handle_ = nullptr;
  void* owner_ = nullptr;
};

// Thread-safe. Destroy after everything that was cached in it is released.
class BlockCache {
 public:
  static std::unique_ptr<BlockCache> Create(uint64_t capacity_bytes);
  virtual ~BlockCache() = default;

  // A number that no other user of this cache has: part of the key of its blocks. Never reused.
  virtual uint64_t NewOwnerId() = 0;

  // The block (owner, block), read with `read` if it is not cached. Where there is no room, because
  // what is in use fills the cache, the block is the caller's alone. Errors: those of `read`;
  // nothing is cached then.
  virtual Result<CachedBlock> Get(uint64_t owner, uint32_t block,
                                  const std::function<Result<OwnedBytes>()>& read) = 0;

  virtual uint64_t used_bytes() const = 0;
  virtual uint64_t hits() const = 0;
  virtual uint64_t misses() const = 0;  // each called `read`
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_BLOCK_CACHE_H_
