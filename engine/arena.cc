#include "engine/arena.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace sibyl::engine {
namespace {

constexpr std::align_val_t kChunkAlignment{64};

// Chunks double from small, so that an idle database is small, to large, so that a busy one asks
// the system rarely.
constexpr size_t kSmallestChunkBytes = size_t{4} << 10;
constexpr size_t kLargestChunkBytes = size_t{1} << 20;

constexpr size_t kCacheLineBytes = 64;
constexpr size_t kMostPrefetchedBytes = 8 * kCacheLineBytes;  // more stream in by themselves

size_t RoundUp(size_t bytes, size_t alignment) { return (bytes + alignment - 1) & -alignment; }

}  // namespace

void Arena::FreeAligned::operator()(char* bytes) const {
  ::operator delete(bytes, kChunkAlignment);
}

void* Arena::Allocate(size_t size_bytes, size_t alignment) {
  assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
  assert(alignment <= static_cast<size_t>(kChunkAlignment));
  size_t start = RoundUp(used_bytes_, alignment);
  if (chunks_.empty() || start + size_bytes > chunks_.back().size_bytes) {
    AddChunk(size_bytes);
    start = 0;
  }
  used_bytes_ = start + size_bytes;
  return chunks_.back().bytes.get() + start;
}

void Arena::Prefetch(size_t size_bytes) const {
  if (chunks_.empty()) return;
  const Chunk& chunk = chunks_.back();
  const size_t end = std::min(used_bytes_ + std::min(size_bytes, kMostPrefetchedBytes), chunk.size_bytes);
  for (size_t at = used_bytes_; at < end; at += kCacheLineBytes) {
    __builtin_prefetch(chunk.bytes.get() + at, 1);
  }
}

void Arena::AddChunk(size_t least_bytes) {
  const size_t doubled = chunks_.empty() ? kSmallestChunkBytes : 2 * chunks_.back().size_bytes;
  const size_t size_bytes = std::max(least_bytes, std::min(doubled, kLargestChunkBytes));
  char* const bytes = static_cast<char*>(::operator new(size_bytes, kChunkAlignment));
  chunks_.push_back({std::unique_ptr<char, FreeAligned>(bytes), size_bytes});
  memory_bytes_.store(memory_bytes() + size_bytes, std::memory_order_relaxed);
}

void Arena::RewindTo(Position position) {
  assert(position.chunks <= chunks_.size());
  uint64_t freed_bytes = 0;
  while (chunks_.size() > position.chunks) {
    freed_bytes += chunks_.back().size_bytes;
    chunks_.pop_back();
  }
  used_bytes_ = position.used_bytes;
  memory_bytes_.store(memory_bytes() - freed_bytes, std::memory_order_relaxed);
}

}  // namespace sibyl::engine
