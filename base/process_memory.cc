#include "base/process_memory.h"

#include <malloc.h>

#include <cstddef>

// jemalloc's, where it is linked; null elsewhere. Libraries of ours never link it themselves.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, size_t* old_size, void* new_value,
                                     size_t new_size);

namespace sibyl::base {

namespace {

uint64_t AskJemalloc(const char* name) {
  size_t value = 0;
  size_t size = sizeof(value);
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

ProcessMemory ReadProcessMemory() {
  if (mallctl != nullptr) {
    uint64_t epoch = 1;  // writing it makes jemalloc count anew
    size_t size = sizeof(epoch);
    (void)mallctl("epoch", &epoch, &size, &epoch, size);
    return {AskJemalloc("stats.allocated"), AskJemalloc("stats.resident")};
  }
  const struct mallinfo2 info = mallinfo2();
  return {info.uordblks + info.hblkhd, info.arena + info.hblkhd};
}

}  // namespace sibyl::base
