#include "engine/arena.h"

#include <algorithm>
#include <cassert>

#include "index/table_memory.h"

namespace sibyl::engine {
namespace {

constexpr size_t kChunkAlignment = 64;

// Chunks double from small, so that an idle database is small, to large, so that a busy one asks
// the system rarely.
constexpr size_t kSmallestChunkBytes = size_t{4} << 10;
constexpr size_t kLargeChunkBytes = size_t{1} << 20;

// An arena of so many bytes gets huge pages from then on: what is read in the order of keys lies
// anywhere, and on small pages each cache miss would be one of the TLB too. Not before: the system
// makes them anew each time, while an allocator has the others at hand.
constexpr uint64_t kManyBytes = uint64_t{8} << 20;
constexpr size_t kHugePageBytes = size_t{2} << 20;

constexpr size_t kCacheLineBytes = 64;
constexpr size_t kMostPrefetchedBytes = 8 * kCacheLineBytes;  // more stream in by themselves

size_t RoundUp(size_t bytes, size_t alignment) { return (bytes + alignment - 1) & -alignment; }

}  // namespace

void Arena::FreeChunk::operator()(char* bytes) const { index::FreeTable(bytes, size_bytes); }

void* Arena::Allocate(size_t size_bytes, size_t alignment) {
  assert(alignment != 0 && (alignment & (alignment - 1)) == 0);
  assert(alignment <= kChunkAlignment);
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
  const size_t end =
      std::min(used_bytes_ + std::min(size_bytes, kMostPrefetchedBytes), chunk.size_bytes);
  for (size_t at = used_bytes_; at < end; at += kCacheLineBytes) {
    __builtin_prefetch(chunk.bytes.get() + at, 1);
  }
}

void Arena::AddChunk(size_t least_bytes) {
  const size_t doubled = chunks_.empty() ? kSmallestChunkBytes : 2 * chunks_.back().size_bytes;
  const size_t usual =
      memory_bytes() < kManyBytes ? std::min(doubled, kLargeChunkBytes) : kHugePageBytes;
  const size_t size_bytes = std::max(least_bytes, usual);
  auto* const bytes = static_cast<char*>(index::AllocateTable(size_bytes));
  chunks_.push_back({std::unique_ptr<char, FreeChunk>(bytes, {size_bytes}), size_bytes});
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
