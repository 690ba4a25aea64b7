#include "index/table_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace sibyl::index {
namespace {

constexpr size_t kLinePairBytes = 128;
constexpr size_t kHugePageBytes = size_t{2} << 20;

size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Whole huge pages at a huge page's border: more is asked for, and what sticks out given back.
void* MapHugePages(size_t size_bytes) {
  const size_t mapped_bytes = size_bytes + kHugePageBytes;
  void* const mapping =
      mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<char*>(mapping);
  const auto address = reinterpret_cast<uintptr_t>(mapping);
  const size_t before = RoundUp(address, kHugePageBytes) - address;
  const size_t behind = mapped_bytes - before - size_bytes;
  if (before > 0) (void)munmap(begin, before);
  if (behind > 0) (void)munmap(begin + before + size_bytes, behind);
  // Advice: without huge pages lookups are slower, not wrong.
  (void)madvise(begin + before, size_bytes, MADV_HUGEPAGE);
  return begin + before;
}

}  // namespace

void* AllocateTable(size_t size_bytes) {
  if (size_bytes >= kHugePageBytes) return MapHugePages(RoundUp(size_bytes, kHugePageBytes));
  const size_t rounded = RoundUp(size_bytes, kLinePairBytes);
  void* memory = std::aligned_alloc(kLinePairBytes, rounded == 0 ? kLinePairBytes : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void FreeTable(void* memory, size_t size_bytes) noexcept {
  if (size_bytes >= kHugePageBytes) {
    (void)munmap(memory, RoundUp(size_bytes, kHugePageBytes));
  } else {
    std::free(memory);
  }
}

}  // namespace sibyl::index
