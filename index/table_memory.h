// Memory for the tables of an index: aligned to cache-line pairs, and on huge pages when large,
// since a lookup in a table of many 4 KiB pages pays a TLB miss on top of each cache miss. Large
// tables come from the system each time: memory that an allocator gives out again may lie on small
// pages for good, which made the same index a third slower in batches.

#ifndef SIBYL_INDEX_TABLE_MEMORY_H_
#define SIBYL_INDEX_TABLE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace sibyl::index {

// `size_bytes` rounded up, zeroed nowhere; throws std::bad_alloc. Free with FreeTable.
void* AllocateTable(size_t size_bytes);
void FreeTable(void* memory, size_t size_bytes) noexcept;

// A fixed-size array of plain records in such memory.
template <typename T>
class Table {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Table() = default;
  explicit Table(size_t size)
      : memory_(static_cast<T*>(AllocateTable(size * sizeof(T))), {size * sizeof(T)}),
        size_(size) {}
  explicit Table(std::span<const T> values) : Table(values.size()) {
    if (!values.empty()) std::memcpy(memory_.get(), values.data(), values.size_bytes());
  }

  T* data() { return memory_.get(); }
  const T* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  size_t size_bytes() const { return size_ * sizeof(T); }
  T& operator[](size_t i) { return memory_.get()[i]; }
  const T& operator[](size_t i) const { return memory_.get()[i]; }
  std::span<const T> span() const { return {memory_.get(), size_}; }

 private:
  struct Free {
    size_t size_bytes = 0;
    void operator()(T* memory) const { FreeTable(memory, size_bytes); }
  };
  std::unique_ptr<T, Free> memory_;
  size_t size_ = 0;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_TABLE_MEMORY_H_
