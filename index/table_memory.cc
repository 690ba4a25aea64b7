#include "index/table_memory.h"

#include <sys/mman.h>

namespace sibyl::index {

void* AllocateTable(size_t size_bytes) {
  constexpr size_t kLinePairBytes = 128;
  constexpr size_t kHugePageBytes = size_t{2} << 20;
  const size_t alignment = size_bytes >= kHugePageBytes ? kHugePageBytes : kLinePairBytes;
  const size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  // Advice: without huge pages lookups are slower, not wrong.
  if (alignment == kHugePageBytes) (void)madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}

}  // namespace sibyl::index
