// Goal: pieces of an arena are aligned, disjoint and lasting; rewinding frees exactly what came
// after. Method: fill every piece with its own byte and look at all of them at the end.

#include "engine/arena.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

namespace sibyl::engine {
namespace {

struct Piece {
  char* bytes;
  size_t size_bytes;
  char fill;
};

bool Intact(const Piece& piece) {
  return std::all_of(piece.bytes, piece.bytes + piece.size_bytes,
                     [&](char byte) { return byte == piece.fill; });
}

TEST_CASE("pieces are aligned and keep their bytes", "[engine][arena]") {
  std::mt19937_64 random(1);
  Arena arena;
  CHECK(arena.memory_bytes() == 0);
  std::vector<Piece> pieces;
  uint64_t total_bytes = 0;
  for (int i = 0; i < 2000; ++i) {
    const size_t alignment = size_t{1} << (random() % 7);
    const size_t size_bytes = i % 500 == 499 ? (size_t{3} << 20) : random() % 300;
    char* const bytes = static_cast<char*>(arena.Allocate(size_bytes, alignment));
    CHECK(reinterpret_cast<uintptr_t>(bytes) % alignment == 0);
    pieces.push_back({bytes, size_bytes, static_cast<char>(i)});
    std::memset(bytes, pieces.back().fill, size_bytes);
    total_bytes += size_bytes;
  }
  for (const Piece& piece : pieces) CHECK(Intact(piece));
  CHECK(arena.memory_bytes() >= total_bytes);
}

TEST_CASE("asking for memory ahead changes nothing", "[engine][arena]") {
  Arena arena;
  arena.Prefetch(1000);  // there is none yet
  CHECK(arena.memory_bytes() == 0);
  for (int i = 0; i < 200; ++i) {
    char* const piece = static_cast<char*>(arena.Allocate(100));
    std::memset(piece, i, 100);
    arena.Prefetch(size_t{1} << (i % 40));  // within the chunk, past its end, and absurd
    CHECK(Intact({piece, 100, static_cast<char>(i)}));
  }
}

TEST_CASE("rewinding frees what came after the position and nothing else", "[engine][arena]") {
  Arena arena;
  const Arena::Position start = arena.position();
  char* const kept = static_cast<char*>(arena.Allocate(1000));
  std::memset(kept, 'k', 1000);
  const Arena::Position mark = arena.position();
  const uint64_t mark_bytes = arena.memory_bytes();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) std::memset(arena.Allocate(5000), round, 5000);
    CHECK(arena.memory_bytes() > mark_bytes);
    arena.RewindTo(mark);
    CHECK(arena.memory_bytes() == mark_bytes);
    CHECK(Intact({kept, 1000, 'k'}));
  }
  arena.RewindTo(start);
  CHECK(arena.memory_bytes() == 0);
  CHECK(arena.Allocate(1) != nullptr);
}

}  // namespace
}  // namespace sibyl::engine
