// Arena: memory that is given out piece by piece and freed all at once.
//
// One thread allocates; other threads may read what was published to them, and memory_bytes().

#ifndef SIBYL_ENGINE_ARENA_H_
#define SIBYL_ENGINE_ARENA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace sibyl::engine {

class Arena {
 public:
  // A place to go back to: everything allocated after it was taken.
  struct Position {
    size_t chunks = 0;
    size_t used_bytes = 0;  // of the last of those chunks
  };

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size_bytes` of uninitialized memory, aligned to `alignment`: a power of two, at most 64. Lives
  // as long as the arena, or until a RewindTo an earlier position.
  void* Allocate(size_t size_bytes, size_t alignment = 8);

  // Asks for the memory that the next Allocate of about so many bytes will give, to be written.
  void Prefetch(size_t size_bytes) const;

  Position position() const { return {chunks_.size(), used_bytes_}; }

  // Frees everything allocated after `position` was taken. Positions taken since are void.
  void RewindTo(Position position);

  // Taken from the system: a little more than what was allocated. Any thread.
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  struct FreeChunk {
    size_t size_bytes = 0;
    void operator()(char* bytes) const;
  };
  struct Chunk {
    std::unique_ptr<char, FreeChunk> bytes;
    size_t size_bytes;
  };

  void AddChunk(size_t least_bytes);

  std::vector<Chunk> chunks_;
  size_t used_bytes_ = 0;  // of the last chunk
  std::atomic<uint64_t> memory_bytes_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_ARENA_H_
